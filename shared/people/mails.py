"""What people are told by mail: invitations, links to a new password, and what happened to their sign-in.

Nothing that a caller sends stands in a link: links begin with IMS_CONSOLE_URL. A mail is sent once, without a retry:
who gets none asks again. What could not be sent is in the log, without its link.
"""

from __future__ import annotations

import asyncio
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from functools import lru_cache

from shared.digest import smtp
from shared.domain.errors import ImsError
from shared.edge.cookies import console_url
from shared.runtime import logs
from shared.runtime.scope import Threads
from shared.runtime.settings import MailSettings, load

WITHIN_S = 20.0
WORDS: dict[str, tuple[str, str]] = {
    "invitation": (
        "[IMS] {account} 초대 / You are invited to {account}",
        "{by} 님이 {account} 계정에 초대했습니다. {days}일 안에 아래 주소에서 이름과 비밀번호를 정하십시오.\n"
        "{by} invites you to {account}. Choose a name and a password within {days} days:\n\n{link}\n\n"
        "모르는 일이면 이 메일을 지우십시오. If you do not know of this, delete this mail.\n",
    ),
    "reset": (
        "[IMS] 비밀번호 재설정 / A new password",
        "비밀번호 재설정을 요청받았습니다. {minutes}분 안에 아래 주소에서 새 비밀번호를 정하십시오.\n"
        "A new password was asked for. Choose it within {minutes} minutes:\n\n{link}\n\n"
        "요청하지 않았으면 아무것도 하지 마십시오. If it was not you, do nothing: nothing has changed.\n",
    ),
    "locked": (
        "[IMS] 로그인 시도 / Attempts to sign in",
        "{address} 에서 잘못된 비밀번호로 여러 번 로그인을 시도했습니다.\n"
        "본인이 쓰던 브라우저는 계속 로그인할 수 있습니다.\n"
        "Somebody at {address} has tried wrong passwords. The browsers that you use can still sign in.\n"
        "본인이 잊었다면 / If you forgot it: {link}\n",
    ),
    "changed": (
        "[IMS] 로그인 설정이 바뀌었습니다 / Your sign-in was changed",
        "{what} ({address}, {at}).\n"
        "본인이 한 일이 아니면 비밀번호를 재설정하십시오. If it was not you, set a new password: {link}\n",
    ),
}


@lru_cache(maxsize=1)
def _threads() -> Threads:
    return Threads(2, thread_name_prefix="mails")


def made(kind: str, to: str, **values: object) -> EmailMessage:
    """A mail; `values` fill its words."""
    settings = load(MailSettings)
    subject, text = WORDS[kind]
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = settings.smtp_from, to
    mail["Subject"] = " ".join(subject.format(**values).split())
    mail["Date"], mail["Message-ID"] = (
        format_datetime(localtime()),
        make_msgid(domain=settings.smtp_from.partition("@")[2]),
    )
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.format(**values), cte="base64")
    return mail


async def send(kind: str, to: str, **values: object) -> bool:
    """Send one; whether the mail server took it."""
    settings = load(MailSettings)
    if not settings.smtp_host:
        logs.get(__name__).warning("no mail server is set (IMS_SMTP_HOST), so a mail was not sent", kind=kind)
        return False
    until = time.monotonic() + WITHIN_S
    mail = made(kind, to, **values)
    try:
        await asyncio.get_running_loop().run_in_executor(_threads(), smtp.send, settings, mail, to, until)
    except ImsError as error:
        logs.get(__name__).warning("a mail was not sent", kind=kind, error=str(error)[:200])
        return False
    return True


_under_way: set[asyncio.Task[bool]] = set()


def later(kind: str, to: str, **values: object) -> None:
    """Send one without waiting: the answer, and its time, tell nobody whether there was one to send."""
    task = asyncio.get_running_loop().create_task(send(kind, to, **values))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


def link(kind: str, token: str = "") -> str:
    """A page of the console."""
    return f"{console_url()}/{kind}/{token}" if token else f"{console_url()}/{kind}"
