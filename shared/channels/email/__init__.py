"""E-mail. What a client may ask of it, and what holds for each recipient.

content.py   the request, what is checked of it          address.py   addresses and mailboxes
markup.py    HTML: values in it, the text made of it     mime.py      the mail as it goes over the wire
payload.py   what a vendor gets                          limits.py    limits with their sources
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.channels.common import AccountView, Channel, Fault, Hop, Refused, Size, Wants
from shared.channels.email import address, limits, markup
from shared.channels.email.address import NoAddress
from shared.channels.email.content import TYPE, Checker, EmailContent, EmailHop, EmailRequest
from shared.channels.email.payload import EmailPayload, Part
from shared.domain import defaults, variables

__all__ = ["CHANNEL"]


class Email(Channel):
    """The channel `email`."""

    name = "email"
    request = EmailRequest
    hop = EmailHop
    final_on = "sent"
    suppresses = True
    receipt_s = defaults.RECEIPT_TIMEOUT_S

    def wants(self, hop: Mapping[str, Any], recipients: Sequence[Any]) -> Wants:
        """The sender's domain and the attached files."""
        given = hop.get("attachments")
        named = given[: limits.ATTACHMENTS] if isinstance(given, list) else ()
        files = (one.get("file") if isinstance(one, dict) else one for one in named)
        return Wants(frozenset(f for f in files if isinstance(f, str)), _domains(hop.get("from")))

    def compile(
        self, content: EmailContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        checker = Checker(content, account, lane, pointer, broken)
        mail = checker.run()
        return mail, checker.faults

    def address(self, content: EmailContent | None, to: str) -> str:
        """The address with its domain in ASCII; raises Refused."""
        try:
            return address.read(to)
        except NoAddress as wrong:
            raise Refused("/to", "1001", str(wrong)) from None

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> EmailPayload:
        """The mail of one recipient, as it will go out."""
        fill = variables.fill
        return EmailPayload(
            content["sender"],
            fill(content["name"], values),
            fill(content["subject"], values),
            fill(content["text"], values),
            markup.fill(content.get("html", ""), values),
            _written(content.get("reply_to")),
            tuple(map(_written, content.get("cc", ()))),
            tuple((name, fill(value, values)) for name, value in content.get("headers", ())),
            tuple(Part(*part) for part in content.get("parts", ())),
            tuple(content.get("files", ())),
            content.get("unsubscribe", ""),
            content["account_id"],
            content["domain"],
            content["return_path"],
        )

    def measure(self, payload: EmailPayload) -> Size:
        """Its length in bytes of text and HTML; a mail is one unit."""
        return Size(TYPE, len(payload.text.encode()) + len(payload.html.encode()))

    def type_of(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> str:
        """There is only one."""
        return TYPE

    def files(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """The attachments."""
        return tuple(content.get("files", ()))


def _domains(sender: Any) -> frozenset[tuple[str, str]]:
    if not isinstance(sender, str):
        return frozenset()
    try:
        return frozenset({("domain", address.host(address.mailbox(sender).address))})
    except NoAddress:
        return frozenset()


def _written(box: Sequence[str] | None) -> str:
    """A mailbox with its name ready for a header."""
    from shared.channels.email.mime import written

    return written(*box) if box else ""


CHANNEL: Channel = Email()
