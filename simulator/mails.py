"""What the mail server took from vendor accounts, as handsets' messages; and what comes back: `POST
/vendors/smtp/bounce` with `{"to", "kind"}` or `{"to", "raw"}` (a whole mail; `{envelope}` in it stands for the return
path of the last mail to that address); with `"via": "smtp"` by mail to its return path.

Kinds: hard, full, spam, delayed, delivered, qmail, exim, complaint, not_spam, auto_reply.
"""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import orjson

from shared.vendors.base import VendorAccount
from simulator.http import Reply, Request, json
from simulator.settings import SimulatorSettings
from simulator.smtp import MAGIC, Mail
from simulator.store import Record, Store

CONFIRMED_AFTER_S = 1.0
"""A mail that was taken without an answer is reported as delivered then."""
KEPT = 20_000
_REFERENCE = re.compile(r"([0-9a-f]{32})\.[0-9a-f]{16}")
STATUS = {
    "hard": ("failed", "5.1.1", "smtp; 550 5.1.1 no such mailbox"),
    "full": ("failed", "5.2.2", "smtp; 552 5.2.2 mailbox full"),
    "spam": ("failed", "5.7.1", "smtp; 550 5.7.1 likely unsolicited mail"),
    "delayed": ("delayed", "4.4.1", "smtp; 451 4.4.1 no answer"),
    "delivered": ("delivered", "2.0.0", "smtp; 250 2.0.0 ok"),
}
PostTo = Callable[[str, dict[str, str], bytes], Awaitable[int]]


class Mails:
    """The mails of vendor accounts, by the record that `/received` shows."""

    def __init__(
        self, accounts: Iterable[VendorAccount], store: Store, post: PostTo, settings: SimulatorSettings
    ) -> None:
        self._accounts = {a.settings["username"]: a for a in accounts}
        self._store, self._post, self._settings = store, post, settings
        self._extras: dict[int, dict[str, Any]] = {}
        self._last: dict[str, tuple[Mail, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def may_log_in(self, user: str, password: str) -> bool:
        """A vendor account by its password; anybody else is as good as any."""
        account = self._accounts.get(user)
        return account is None or hmac.compare_digest(account.settings["password"].encode(), password.encode())

    async def taken(self, mail: Mail) -> None:
        """Remember a mail of a vendor account."""
        account = self._accounts.get(mail.user)
        if account is None:
            return
        message = email.message_from_bytes(mail.text, policy=email.policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 - the policy's own class
        body = message.get_body(("plain", "html"))
        found = _REFERENCE.search(str(message.get("x-ims-ref", "")))
        self._store.serial += 1
        serial, reference = self._store.serial, found[1] if found else ""
        name = f"SIM{mail.at:X}"
        sender = str(message.get("from", ""))
        text = body.get_content().replace("\r\n", "\n").removesuffix("\n") if body else ""
        self._store.add([
            Record(serial, "smtp", account.account, "email", mail.to, sender, "email", text, reference, name, name, 1,
                   "smtp", "250", False, True, mail.at, mail.at)
        ])  # fmt: skip
        html = message.get_body(("html",))
        self._extras[serial] = {
            "title": str(message.get("subject", "")),
            "html": html.get_content() if html else None,
            "raw": base64.b64encode(mail.text).decode(),
            "envelope": {"from": mail.sender, "to": list(mail.all_to), "encrypted": mail.encrypted},
        }
        self._last[mail.to.lower()] = mail, account.account
        _trim(self._extras)
        _trim(self._last)
        if mail.to.lower() == f"0300{MAGIC}":
            task = asyncio.create_task(self._confirm(mail, account.account))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _confirm(self, mail: Mail, account: str) -> None:
        await asyncio.sleep(CONFIRMED_AFTER_S)
        await self._send(account, _made("delivered", mail))

    def shown(self, record: Record, view: dict[str, Any]) -> dict[str, Any]:
        """A received message with what only a mail has."""
        return view | self._extras[record.serial] if record.serial in self._extras else view

    async def answer(self, request: Request) -> Reply:
        """`POST /vendors/smtp/bounce`."""
        if (request.method, request.path) != ("POST", "/bounce"):
            return json(404, {"detail": "only POST /vendors/smtp/bounce"})
        try:
            wish = orjson.loads(request.body)
            to, kind, raw = str(wish["to"]), wish.get("kind", "hard"), wish.get("raw")
            by_smtp = wish.get("via") == "smtp"
        except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError):
            return json(422, {"detail": 'give {"to", "kind" or "raw", "via"?: "smtp"}'})
        if to.lower() not in self._last:
            return json(404, {"detail": f"no mail went to {to}"})
        if raw is None and kind not in KINDS:
            return json(422, {"detail": f"kind is one of {', '.join(KINDS)}"})
        mail, account = self._last[to.lower()]
        body = raw.replace("{envelope}", mail.sender).encode() if isinstance(raw, str) else _made(kind, mail)
        status = await (self._mail(mail.sender, body) if by_smtp else self._send(account, body))
        return json(200 if 200 <= status < 300 else 502, {"status": status, "to": mail.sender})

    async def _mail(self, return_path: str, body: bytes) -> int:
        """By SMTP, as a host of the world would: with the null sender."""
        host, port = self._settings.return_host, self._settings.return_port
        try:
            async with aiosmtplib.SMTP(hostname=host, port=port, timeout=30, start_tls=False, use_tls=False) as client:
                await client.sendmail("", [return_path], body)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return refused.recipients[0].code
        except aiosmtplib.SMTPResponseException as refused:
            return int(refused.code)
        return 250

    async def _send(self, account: str, body: bytes) -> int:
        url = self._settings.receipt_url.format(vendor="smtp", account=account)
        return await self._post(url, {"content-type": "message/rfc822"}, body)


def _trim(kept: dict[Any, Any]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def _made(kind: str, mail: Mail) -> bytes:
    """A mail that comes back, as hosts write them."""
    return KINDS[kind](kind, mail)


def _head(mail: Mail, **more: str) -> str:
    given = {"From": "MAILER-DAEMON@mx.client.example (Mail Delivery System)", "To": mail.sender,
             "Subject": "Undelivered Mail Returned to Sender", "MIME-Version": "1.0", **more}  # fmt: skip
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items())


def _returned(mail: Mail) -> str:
    """The headers of the mail."""
    return mail.text.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")


def _report(kind: str, mail: Mail) -> bytes:
    action, status, diagnostic = STATUS[kind]
    head = _head(mail, Auto_Submitted="auto-replied",
                 Content_Type='multipart/report; report-type=delivery-status; boundary="b1"')  # fmt: skip
    return (
        f"{head}\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThis is the mail system.\r\n\r\n"
        "--b1\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.client.example\r\n\r\n"
        f"Final-Recipient: rfc822; {mail.to}\r\nOriginal-Recipient: rfc822;{mail.to}\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {diagnostic}\r\n\r\n"
        f"--b1\r\nContent-Type: text/rfc822-headers\r\n\r\n{_returned(mail)}\r\n\r\n--b1--\r\n"
    ).encode()


def _qmail(kind: str, mail: Mail) -> bytes:
    words = (
        "Hi. This is the qmail-send program at mx.client.example.\r\n"
        "I'm afraid I wasn't able to deliver your message.\r\n"
        f"\r\n<{mail.to}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n"
    )
    return f"{_head(mail, Subject='failure notice')}\r\n{words}".encode()


def _exim(kind: str, mail: Mail) -> bytes:
    head = _head(mail, Subject="Mail delivery failed: returning message to sender", X_Failed_Recipients=mail.to)
    words = f"A message that you sent could not be delivered.\r\n\r\n  {mail.to}\r\n    Unrouteable address\r\n"
    return f"{head}\r\n{words}    user unknown\r\n".encode()


def _complaint(kind: str, mail: Mail) -> bytes:
    head = _head(mail, From="complaints@mx.client.example", Subject="complaint",
                 Content_Type='multipart/report; report-type=feedback-report; boundary="b1"')  # fmt: skip
    word = "not-spam" if kind == "not_spam" else "abuse"
    return (
        (
            f"{head}\r\n--b1\r\nContent-Type: text/plain\r\n\r\nThis is a complaint.\r\n\r\n"
            f"--b1\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {word}\r\nUser-Agent: sim/1\r\n"
            "Version: 1\r\n\r\n"
        ).encode()
        + b"--b1\r\nContent-Type: message/rfc822\r\n\r\n"
        + mail.text
        + b"\r\n--b1--\r\n"
    )


def _auto_reply(kind: str, mail: Mail) -> bytes:
    head = _head(
        mail, From=mail.to, Subject="=?UTF-8?B?67aA7J6s7KSRIOyekOuPmeydkeuLtQ==?=", Auto_Submitted="auto-replied"
    )
    return f"{head}\r\nI am away until Monday; call 550 1234.\r\n".encode()


KINDS: dict[str, Callable[[str, Mail], bytes]] = {
    **dict.fromkeys(STATUS, _report),
    "qmail": _qmail,
    "exim": _exim,
    "complaint": _complaint,
    "not_spam": _complaint,
    "auto_reply": _auto_reply,
}
