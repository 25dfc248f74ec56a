"""What comes back to a return path: bounces (RFC 3464, and those of hosts that write their own), complaints (RFC 5965),
and answers of programs and people, which are neither.

The mark in the return path, the ENVID or the returned mail says which message it is about; whose address it is stands
in our own record, never in the bounce. Class 4, "delayed" and "relayed" are no ends.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator, Mapping
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from typing import Literal, NamedTuple

from shared.vendors.base import VendorResult
from shared.vendors.reading import result
from shared.vendors.smtp import replies
from shared.vendors.smtp.reference import find

MAX_TEXT = 64 * 1024
"""Characters of a bounce's own words that are looked at."""
MAX_PARTS = 50
ADDRESSED = ("x-ims-recipient", "delivered-to", "x-original-to", "envelope-to", "to", "x-postfix-sender")
"""Headers in which our return path may stand."""
COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other", "opt-out", "miscategorized"})
DAEMONS = re.compile(r"mailer-daemon|postmaster|mail delivery|mdaemon|maildelivery", re.IGNORECASE)
_QMAIL = re.compile(r"^Hi\. This is the .{1,80}program at", re.MULTILINE)
_SESSION = re.compile(r"(?<!\d)[45]\d\d[ -]")


class Told(NamedTuple):
    """What a bounce says: the IMS code, the raw code, its words."""

    ims: str
    raw: str
    words: str
    state: Literal["failed", "delivered"] = "failed"


def read(body: bytes, settings: Mapping[str, str], now_ms: int) -> list[VendorResult]:
    """One result of the message that it is about; none where it says nothing of an end.

    Raises Forged for a mark that is none of ours, ValueError for a bounce or complaint that names no message.
    """
    try:
        mail = email.message_from_bytes(body)
        parts = _parts(mail)
        told = _told(mail, parts)
        if told is None:
            return []
        reference = _reference(mail, parts, settings)
    except (MessageError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a mail: {type(error).__name__}") from error
    if reference is None:
        raise ValueError("a bounce or complaint that names no mail of ours")
    return [result(reference, told.state, told.ims, told.raw, told.words)]


def _parts(mail: Message) -> list[Message]:
    found = []
    for part in mail.walk():
        found.append(part)
        if len(found) >= MAX_PARTS:
            break
    return found


# --- what it says -----------------------------------------------------------------------------------------------------


def _told(mail: Message, parts: list[Message]) -> Told | None:
    kinds = {part.get_content_type() for part in parts}
    if "message/feedback-report" in kinds:
        return _complaint(parts)
    if "message/disposition-notification" in kinds:
        return None
    if "message/delivery-status" in kinds or "message/global-delivery-status" in kinds:
        return _delivery(mail, parts)
    return _plain(mail, parts)


def _complaint(parts: list[Message]) -> Told | None:
    report = next(p for p in parts if p.get_content_type() == "message/feedback-report")
    kind = _fields(report).get("feedback-type", "").lower()
    return Told("5002", "complaint", f"the recipient has complained ({kind})") if kind in COMPLAINTS else None


def _delivery(mail: Message, parts: list[Message]) -> Told | None:
    report = next(p for p in parts if p.get_content_type().endswith("delivery-status"))
    ours = _our_recipient(parts)
    for group in _groups(report):
        who = (group.get("original-recipient") or group.get("final-recipient", "")).rpartition(";")[2].strip().lower()
        action = group.get("action", "").lower()
        if ours and who and who != ours:
            continue
        if action in ("delivered", "relayed"):
            return Told("0000", group.get("status", "") or action, action, "delivered")
        if action != "failed":
            continue
        diagnostic = " ".join(
            group[name] for name in ("diagnostic-code", "x-supplementary-info") if name in group
        ).partition(";")
        words = " ".join((diagnostic[2] or diagnostic[0]).split())
        return _judged(group.get("status", ""), words or _words(parts))
    return None


def _judged(status: str, words: str) -> Told:
    """By the status that was given; where it says nothing (5.0.0), by a code in the words, then by the words."""
    given = replies.ENHANCED.search(status)
    code = given[1] if given else ""
    if not code or code.endswith(".0.0"):
        found = replies.enhanced(words)
        code = found if found and not found.endswith(".0.0") else code
    if code and not code.endswith(".0.0"):
        return Told(replies.of_status(code), code, words)
    word = replies.worded(words) or "bounce"
    return Told(replies.CODES[word].ims, code or word, words)


def _plain(mail: Message, parts: list[Message]) -> Told | None:
    """A bounce in words only, if it is one: from a mail daemon, or marked as such."""
    words = _words(parts)
    failed = mail.get("x-failed-recipients")
    sender = _header(mail, "from")
    if not (failed or _QMAIL.search(words) or DAEMONS.search(sender)):
        return None
    if not failed and re.search(r"delay|warning|지연", _header(mail, "subject"), re.IGNORECASE):
        return None
    text = " ".join(words.split())
    code = replies.ENHANCED.search(text)
    if code is None and not failed and not _SESSION.search(text) and replies.worded(text) is None:
        return Told("3003", "bounce", text[:1000])
    return _judged(code[1] if code else "", text[:2000])


# --- whom it is about -------------------------------------------------------------------------------------------------


def _reference(mail: Message, parts: list[Message], settings: Mapping[str, str]) -> str | None:
    """The first mark that is ours: of the envelope, of the report, of the returned mail."""
    wrong: ValueError | None = None
    for text in _marks(mail, parts):
        try:
            if found := find(text, settings):
                return found
        except ValueError as error:
            wrong = wrong or error
    if wrong is not None:
        raise wrong
    return None


def _marks(mail: Message, parts: list[Message]) -> Iterator[str]:
    for name in ADDRESSED:
        yield " ".join(map(str, mail.get_all(name, [])))
    for part in parts:
        kind = part.get_content_type()
        if kind.endswith("delivery-status"):
            yield " ".join(
                f"{g.get('original-envelope-id', '')} {g.get('x-postfix-sender', '')}" for g in _groups(part)
            )
        elif kind == "message/feedback-report":
            yield _fields(part).get("original-mail-from", "")
    for part in parts[1:]:
        for name in ("x-ims-ref", "message-id"):
            yield str(part.get(name, ""))
        if part.get_content_type() in ("text/rfc822-headers", "text/plain", "text/html"):
            yield "\n".join(re.findall(r"(?im)^(?:x-ims-ref|message-id):.*(?:\r?\n[ \t].*)?$", _text(part)))
    if len(parts) == 1:
        yield _text(mail)
    yield " ".join(map(str, (*mail.get_all("in-reply-to", []), *mail.get_all("references", []))))


def _our_recipient(parts: list[Message]) -> str:
    """The `To` of the returned mail: a copy's bounce is not its own."""
    for part in parts[1:]:
        kind = part.get_content_type()
        if part.get("x-ims-ref"):
            return str(part.get("to", "")).strip().lower()
        if kind == "text/rfc822-headers":
            returned = email.message_from_string(_text(part))
            if returned.get("x-ims-ref"):
                return str(returned.get("to", "")).strip().lower()
    return ""


# --- pieces -----------------------------------------------------------------------------------------------------------


def _groups(report: Message) -> list[dict[str, str]]:
    """The fields of a delivery report, a group a recipient; the first group is the report's own."""
    payload = report.get_payload()
    if isinstance(payload, list):
        return [
            {name.lower(): str(value) for name, value in part.items()} for part in payload if isinstance(part, Message)
        ]
    return [_fields_of(block) for block in re.split(r"\r?\n\r?\n", _text(report))]


def _fields(part: Message) -> dict[str, str]:
    payload = part.get_payload()
    if isinstance(payload, list):
        return {name.lower(): str(value) for one in payload if isinstance(one, Message) for name, value in one.items()}
    return _fields_of(_text(part))


def _fields_of(text: str) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in email.message_from_string(text.lstrip()).items()}


def _header(mail: Message, name: str) -> str:
    written = str(mail.get(name, ""))
    try:
        return str(make_header(decode_header(written)))
    except (MessageError, ValueError, LookupError):
        return written


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return str(part.get_payload()) if isinstance(part.get_payload(), str) else ""
    try:
        return raw[:MAX_TEXT].decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return raw[:MAX_TEXT].decode("utf-8", "replace")


def _words(parts: list[Message]) -> str:
    """What it says to people, without markup."""
    texts = [_text(p) for p in parts if p.get_content_type() in ("text/plain", "text/html")][:2]
    return re.sub(r"<[^<>@]{1,500}>", " ", "\n".join(texts))[:MAX_TEXT]
