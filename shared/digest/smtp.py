"""One mail to the mail server. Blocking: called in a thread.

Where it breaks off says what is known: before the message was handed over it has not been sent; while the server's last
answer is awaited nobody knows.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.message import EmailMessage
from functools import lru_cache

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.runtime.settings import MailSettings

REFUSED, PERMANENT = 400, 500
"""RFC 5321 §4.2.1: 5yz means that the same again is refused again."""
OURS = frozenset({530, 534, 535, 538})
"""RFC 4954 §6: the server wants a login, another one or an encrypted one; no address is at fault."""


@lru_cache(maxsize=4)
def _tls(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def send(settings: MailSettings, mail: EmailMessage, to: str, until: float) -> None:
    """Hand a mail over; `until` (time.monotonic) is when at the latest its text may be begun.

    Rejected: refused for good. Unavailable: not sent, perhaps later. Uncertain: it may have been sent.
    """
    with _session(settings) as server:
        _envelope(server, settings.smtp_from, to)
        if time.monotonic() > until:
            raise Unavailable("the mail server was too slow")
        said: bytes | str
        try:
            code, said = server.data(mail.as_bytes())
        except smtplib.SMTPDataError as error:
            code, said = error.smtp_code, error.smtp_error
        except (OSError, smtplib.SMTPException) as error:
            raise Uncertain(f"the mail server broke off: {_words(error)}") from error
        _check(code, said)


@contextmanager
def _session(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """Connected, encrypted and logged in as the settings say; whatever fails here, nothing was sent."""
    host, port, patience = settings.smtp_host, settings.smtp_port, settings.smtp_timeout_seconds
    with ExitStack() as stack:
        try:
            server = smtplib.SMTP(host, port, timeout=patience, local_hostname=_our_name())
            stack.callback(_hang_up, server)
            if settings.smtp_starttls:
                server.starttls(context=_tls(settings.smtp_ca))
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Unavailable(f"mail server: {_words(error)}") from error
        yield server


def _hang_up(server: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()


def _envelope(server: smtplib.SMTP, sender: str, to: str) -> None:
    try:
        server.ehlo_or_helo_if_needed()
        code, said = server.mail(sender)
        if code >= REFUSED:
            raise Unavailable(f"the mail server refuses our sender: {_said(code, said)}")
        code, said = server.rcpt(to)
        if code >= REFUSED and _will_not_relay(code, said):
            raise Unavailable(f"the mail server does not relay for us: {_said(code, said)}")
        _check(code, said)
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(f"mail server: {_words(error)}") from error


def _will_not_relay(code: int, said: bytes) -> bool:
    """Whether it is us who are refused at RCPT, not the recipient: as Postfix, Exim and Exchange say it."""
    return code in OURS or (code == 554 and said.startswith(b"5.7.1")) or b"relay" in said.lower()


def _check(code: int, said: bytes | str) -> None:
    if code < REFUSED:
        return
    words = _said(code, said)
    if code >= PERMANENT:
        raise Rejected("5002", words)
    raise Unavailable(f"the mail server said {words}")


def _said(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"[:200]


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


def _our_name() -> str:
    """What to say in EHLO, without asking the DNS."""
    name = socket.gethostname()
    return name if name.isascii() and name.strip() else "localhost"
