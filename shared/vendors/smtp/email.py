"""E-mail by SMTP to a relay.

One recipient a mail, so that its return path names it. The relay's 250 after the final dot is the end (`sent`); what
comes back later extends the trail and the suppression list. `base_url` is smtp://host:port, or smtps:// for TLS from
the start. `settings`: username, password, tls (required, opportunistic, none), verify (no: any certificate), hello (our
own name), return_key (the secret of return paths).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from shared.channels.email.address import mailbox
from shared.channels.email.content import TYPE
from shared.channels.email.mime import compose
from shared.channels.email.payload import EmailPayload
from shared.domain.errors import Uncertain
from shared.domain.ids import accepted_ms, parse_reference
from shared.vendors.answers import UNREADABLE_BY, parsed
from shared.vendors.base import Adapter, Answer, BadReceipt, Call, CodeTable, Outbound, VendorAccount, VendorResult
from shared.vendors.reading import Moment, result, text
from shared.vendors.smtp import bounces, replies
from shared.vendors.smtp.reference import Forged, known_as, marked, return_path
from shared.vendors.smtp.session import Relay
from shared.vendors.smtp.transport import SmtpCall

PORT, TLS_PORT = 587, 465


class SmtpEmail:
    """The adapter; see shared/vendors/base.py."""

    name: str = "smtp"
    channel: str = "email"
    types: frozenset[str] = frozenset({TYPE})
    max_batch = 1
    max_files = 10
    same_content = False
    prices: Mapping[str, Decimal] = {TYPE: Decimal("0.30")}
    codes: CodeTable = replies.CODES

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """The mail; signatures and the link to unsubscribe need keys, so the transport adds them."""
        (one,) = batch
        payload: EmailPayload = one.payload
        reference = marked(one.reference, account.settings)
        build = partial(_built, one, account.settings, _date(one, now_ms))
        call = SmtpCall(
            relay(account),
            return_path(one.reference, payload.return_path, account.settings),
            (one.to, *(mailbox(_unfolded(copy)).address for copy in payload.cc)),
            reference,
            payload.account_id,
            payload.domain,
            now_ms,
            payload.unsubscribe,
            one.reference,
            build,
        )
        return call  # type: ignore[return-value]

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """The reply that decided, with its stage."""
        said = parsed(answer)
        try:
            words, stage = text(said.get("text")), text(said["stage"])
        except UNREADABLE_BY as error:
            raise Uncertain("an answer that is none") from error
        (one,) = batch
        if answer.status // 100 == 2 and stage == "end":
            note = text(said.get("note"))
            return [result(one.reference, "sent", "0000", str(answer.status), note, _queued(words), Moment(now_ms))]
        if answer.status // 100 not in (4, 5):
            raise Uncertain(f"{answer.status} {words}"[:300])
        found = replies.meaning(answer.status, words)
        said_whole = f"{answer.status} {words}"
        return [result(one.reference, "failed", found.ims, found.raw, said_whole, "", Moment(now_ms))]

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        """A bounce, complaint or answer as message/rfc822; the mark in it proves that it is about a mail of ours."""
        try:
            return bounces.read(body, account.settings, now_ms)
        except Forged as error:
            raise BadReceipt(str(error)) from error

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        """Any 2xx."""
        return 200, {"content-type": "application/json"}, b"{}"


def relay(account: VendorAccount) -> Relay:
    """Where an account's mails go."""
    url, given = urlsplit(account.base_url), account.settings
    implicit = url.scheme == "smtps"
    return Relay(
        url.hostname or "localhost",
        url.port or (TLS_PORT if implicit else PORT),
        given.get("username", ""),
        given.get("password", ""),
        given.get("tls", "opportunistic"),
        given.get("hello", "localhost"),
        given.get("verify", "yes") != "no",
        implicit,
    )


def _built(one: Outbound, settings: Mapping[str, str], date_ms: int, unsubscribe: str) -> Any:
    payload: EmailPayload = one.payload
    name = known_as(one.reference, one.lane)
    return compose(
        payload,
        one.to,
        one.files,
        message_id=f"{marked(name, settings)}@{payload.domain}",
        reference=marked(one.reference, settings),
        date_ms=date_ms,
        unsubscribe=unsubscribe,
    )


def _date(one: Outbound, now_ms: int) -> int:
    """Now; of a password, when it was accepted, so that a second copy of it is the same mail."""
    parsed_reference = parse_reference(one.reference)
    return now_ms if one.lane != "auth" or parsed_reference is None else accepted_ms(parsed_reference.message_id)


def _unfolded(box: str) -> str:
    return box.replace("\r\n", "")


def _queued(words: str) -> str:
    """The relay's own name for the mail: "2.0.0 Ok: queued as 4F2A…" (Postfix and others)."""
    _, found, name = words.partition("queued as ")
    return name.split()[0].rstrip(".") if found and name.split() else ""


ADAPTER: Adapter = SmtpEmail()
