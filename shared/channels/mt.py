"""Text messages (문자): SMS, LMS and MMS. What a client may ask, and what holds for each recipient."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from shared.channels import acceptance
from shared.channels.acceptance import Acceptance
from shared.channels.common import AccountView, Channel, Fault, FileInfo, Hop, Refused, Size, Wants
from shared.channels.mt_payload import MtPayload
from shared.channels.mt_text import Line, ad_fault, listed, measure, render, too_long
from shared.channels.schema import Content, HopShared, Shared
from shared.domain import defaults, phone
from shared.domain import text as rules

__all__ = ["CHANNEL", "MtRequest", "accept", "accept_in_steps", "measure", "render"]

MAX_FILE_IDS = 10
MAX_TEXT = 10_000
"""Characters that are looked at at all; far beyond every type, so that a fault can still say how far."""
MAX_VARIABLES = 100
"""Different variables of one text; Kakao's templates end at 40."""


class MtContent(Content):
    """What a text message is made of; `sender` and `text` are required, which compile() checks."""

    sender: str | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    subject: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    type: Literal["auto", "sms", "lms", "mms"] = "auto"
    files: Annotated[list[str], Field(max_length=MAX_FILE_IDS)] | None = None
    on_unsupported: Literal["reject", "replace"] = "reject"
    international: bool = False


class MtRequest(Shared, MtContent):
    """The body of POST /v1/mt/messages."""

    model_config = ConfigDict(json_schema_extra={"required": ["sender", "text", "recipients"]})


class MtHop(HopShared, MtContent):
    """A text message as a further hop of any plan."""


class MtMessage:
    """A text message checked for all recipients; `type_for` checks what depends on one."""

    def __init__(self, content: MtContent, sender: str, body: Line, subject: Line | None, lane: str) -> None:
        self._body, self._subject = body, subject
        self.names = frozenset((*body.names, *(subject.names if subject else ())))
        self._open_title = subject is not None and subject.blank
        """Whether a subject is there only where a recipient's variables fill it."""
        self._open_ad = lane == "ad" and not content.international and ad_fault(body.text) is not None
        files = content.files or []
        kind = _type(content, None if self._open_title else subject, body.fixed or 0)
        if kind == "sms" and content.type == "auto" and self.names and not content.international:
            kind = "auto"
        self.content: dict[str, Any] = {
            "sender": sender,
            "text": body.text,
            "subject": subject.text if subject else None,
            "type": kind,
            "files": files,
            "international": content.international,
        }
        if self.names and content.on_unsupported == "replace":
            self.content["on_unsupported"] = "replace"

    def type_for(self, values: Mapping[str, str]) -> str:
        """The type for a recipient with these variables; raises Refused."""
        kind: str = self.content["type"]
        if not self.names:
            return kind
        if self.content["international"]:
            return self._foreign(values)
        size = self._body.size(values)
        text, title = self._seen(values)
        if self._body.blank and rules.blank(text):
            raise Refused("/variables", "1003", "with these variables the text is blank")
        if kind == "auto":
            kind = "sms" if size <= rules.SMS_BYTES and title is None else "lms"
        if size > rules.LIMITS[kind]:
            raise Refused("/variables", "1002", f"with these variables {too_long(size, kind)}")
        subject = None if self._open_title and title is None else self._subject
        if subject and (size := subject.size(values)) > rules.SUBJECT_BYTES:
            raise Refused("/variables", "1002", f"the subject has {size} bytes, at most {rules.SUBJECT_BYTES}")
        if self._open_ad and (wrong := ad_fault(render(self.content, values).text)):
            raise Refused("/variables", "1008", wrong)
        return kind

    def _seen(self, values: Mapping[str, str]) -> tuple[str, str | None]:
        """Text and subject of one recipient, filled in only where one of them may show nothing."""
        if not self._body.blank and not self._open_title:
            return "", None
        payload = render(self.content, values)
        return payload.text, payload.subject

    def _foreign(self, values: Mapping[str, str]) -> str:
        if wrong := _foreign_fault(render(self.content, values).text):
            raise Refused("/variables", *wrong)
        return "sms"


def _type(content: MtContent, subject: Line | None, size: int) -> str:
    return (
        "sms"
        if content.international
        else rules.choose_type(content.type, size, subject is not None, bool(content.files))
    )


def _sender(written: str | None, account: AccountView) -> tuple[str, tuple[str, str] | None]:
    """The registered number, or what is wrong with it."""
    if written in account.senders:
        return written, None
    if written is None:
        return "", ("required", "give the registered number that the message comes from")
    number = phone.sender(written)
    if number is None:
        return "", ("1001", phone.why_not_sender(written))
    known = number in account.senders
    return number, None if known else ("1004", "not registered for this account: register it first")


def _subject(line: Line) -> Line | None:
    """The subject; none where it shows nothing, whoever gets it."""
    return None if line.blank and not line.names else line


def _body_fault(body: Line, content: MtContent, subject: Line | None, lane: str) -> tuple[str, str] | None:
    if len(body.names) > MAX_VARIABLES:
        return "range", f"has {len(body.names)} variables, at most {MAX_VARIABLES}"
    if content.international:
        return None if body.names else _foreign_fault(body.text)
    if body.fixed is None:
        return "1003", listed(body.unsupported())
    kind = _type(content, subject, body.fixed)
    if body.fixed > rules.LIMITS[kind]:
        return "1002", too_long(body.fixed, kind)
    if lane == "ad" and not body.names and (wrong := ad_fault(body.text)):
        return "1008", wrong
    return (
        ("1003", "it is blank: nothing of it is seen, or is left after replacement")
        if body.blank and not body.names
        else None
    )


def _foreign_fault(text: str) -> tuple[str, str] | None:
    if rules.has_control(text):
        return "1003", "has control characters"
    if rules.blank(text):
        return "1003", "it is blank: nothing of it is seen"
    if rules.HALF in text:
        return "1003", listed([(text.index(rules.HALF), rules.HALF)])
    parts = rules.parts(text)
    if parts > rules.INTERNATIONAL_PARTS:
        return "1002", f"takes {parts} short messages, at most {rules.INTERNATIONAL_PARTS}"
    return None


def _subject_faults(subject: Line, content: MtContent) -> Iterator[tuple[str, str, str]]:
    if content.international or content.type == "sms":
        yield "/subject", "conflict", "SMS has no subject: leave it out or use type auto or lms"
    if len(subject.names) > MAX_VARIABLES:
        yield "/subject", "range", f"has {len(subject.names)} variables, at most {MAX_VARIABLES}"
    if subject.fixed is None:
        yield "/subject", "1003", listed(subject.unsupported())
    elif subject.fixed > rules.SUBJECT_BYTES:
        yield "/subject", "1002", f"{subject.fixed} bytes (EUC-KR), at most {rules.SUBJECT_BYTES}"


def _file_faults(content: MtContent, account: AccountView) -> Iterator[tuple[str, str, str]]:
    files = content.files or []
    if files and (content.international or content.type in ("sms", "lms")):
        kind = "international SMS" if content.international else content.type.upper()
        yield "/files", "conflict", f"{kind} carries no files: leave them out or use type auto or mms"
    if len(files) > rules.MMS_FILES:
        yield "/files", "range", f"at most {rules.MMS_FILES} files"
    for place, file_id in enumerate(files):
        if wrong := _file_fault(account.files.get(file_id)):
            yield f"/files/{place}", *wrong


def _file_fault(file: FileInfo | None) -> tuple[str, str] | None:
    if file is None:
        return "not_found", "no such file of this account: upload it first (POST /v1/files)"
    if file.media_type not in ("image/jpeg", "image/jpg"):
        return "4004", "MMS takes JPEG images only"
    if file.size > rules.MMS_FILE_BYTES:
        return "1002", f"{file.size} bytes, at most {rules.MMS_FILE_BYTES}"
    if max(file.width or 0, file.height or 0) > rules.MMS_PIXELS:
        return "1002", f"{file.width}×{file.height} pixels, at most {rules.MMS_PIXELS}×{rules.MMS_PIXELS}"
    return None


class Mt(Channel):
    """The channel `mt`."""

    name = "mt"
    request = MtRequest
    hop = MtHop
    phone = True
    receipt_s = defaults.RECEIPT_TIMEOUT_S
    hints = (b'"files"',)

    def wants(self, hop: Mapping[str, Any], recipients: Sequence[Any]) -> Wants:
        """The files that it names."""
        files = hop.get("files")
        named = files[:MAX_FILE_IDS] if isinstance(files, list) else ()
        return Wants(files=frozenset(f for f in named if isinstance(f, str)))

    def compile(
        self, content: MtContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        replace = content.on_unsupported == "replace" and not content.international
        faults: list[Fault] = []
        body = subject = None
        sender, wrong = _sender(content.sender, account)
        if wrong and "sender" not in broken:
            faults.append(Fault(f"{pointer}/sender", *wrong))
        if content.subject:
            subject = _subject(Line(content.subject, replace))
        if subject is not None:
            faults += [Fault(pointer + p, c, d) for p, c, d in _subject_faults(subject, content)]
        if content.files:
            faults += [Fault(pointer + p, c, d) for p, c, d in _file_faults(content, account)]
        if content.text:
            halves = content.international and content.on_unsupported == "replace"
            body = Line(content.text.replace(rules.HALF, "") if halves else content.text, replace)
            if wrong := _body_fault(body, content, subject, lane):
                faults.append(Fault(f"{pointer}/text", *wrong))
        elif "text" not in broken:
            faults.append(Fault(f"{pointer}/text", "required", "give the text of the message"))
        if faults or broken or body is None:
            return None, faults
        return MtMessage(content, sender, body, subject, lane), faults

    def address(self, content: MtContent | None, to: str) -> str:
        """The 0-form of a Korean number, or E.164 of a foreign one; raises Refused."""
        international = content is not None and content.international
        number = phone.foreign(to) if international else phone.recipient(to)
        if number is None:
            raise Refused("/to", "1001", phone.why_not_recipient(to, international))
        return number

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> MtPayload:
        """The message of one recipient, as it will go out."""
        return render(content, values)

    def measure(self, payload: MtPayload) -> Size:
        """Its type, bytes and parts."""
        return measure(payload)

    def by_units(self, content: Mapping[str, Any]) -> bool:
        """Foreign texts are charged by their parts."""
        return bool(content.get("international"))

    def type_of(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> str:
        """Only a text whose type is open needs measuring."""
        kind: str = content["type"]
        return kind if kind != "auto" else measure(render(content, values)).type

    def files(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """The images of an MMS."""
        return tuple(content.get("files") or ())


CHANNEL: Channel = Mt()


def accept(body: bytes, *, account: AccountView, now_ms: int, request_id: UUID, test: bool) -> Acceptance:
    """Accept the body of POST /v1/mt/messages; raises InvalidRequest with every fault."""
    return acceptance.accept(CHANNEL, body, account=account, now_ms=now_ms, request_id=request_id, test=test)


def accept_in_steps(
    body: bytes, *, account: AccountView, now_ms: int, request_id: UUID, test: bool
) -> Generator[None, None, Acceptance]:
    """The same, giving way after every 500 recipients."""
    return acceptance.accept_in_steps(CHANNEL, body, account=account, now_ms=now_ms, request_id=request_id, test=test)
