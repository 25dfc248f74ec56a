"""What a client may ask of a mail, and what is checked of it for all recipients at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, JsonValue

from shared.channels.common import AccountView, Fault, FileInfo, Refused
from shared.channels.email import address, limits, markup
from shared.channels.email.address import Mailbox, NoAddress
from shared.channels.reading import escape
from shared.channels.schema import Content, HopShared, Shared
from shared.domain import text as rules
from shared.domain import variables

TYPE = "email"
OURS = "ours"
"""`unsubscribe` where the link is the one that IMS serves."""
UNSUBSCRIBABLE = ("ad", "bulk")
"""Lanes whose mails carry a way to unsubscribe unless the client says otherwise."""
FOREIGN = "is no approved domain of this account: register it first (POST /v1/identities)"

_HEADER = re.compile(r"x-[!-9;-~]+|in-reply-to|references", re.IGNORECASE).fullmatch
_CONTENT_ID = re.compile(r"[A-Za-z0-9._+@-]{1,100}").fullmatch
_HTTPS = re.compile(r"https://[A-Za-z0-9\[][!-~]*").fullmatch


class Attachment(Content):
    """An uploaded file; `inline` is the content id by which the HTML shows it (`cid:…`)."""

    file: str
    name: Annotated[str, Field(min_length=1, max_length=limits.FILE_NAME)] | None = None
    inline: Annotated[str, Field(max_length=limits.CONTENT_ID)] | None = None


class EmailContent(Content):
    """What a mail is made of; `from`, `subject`, and `text` or `html` are required, which compile() checks."""

    sender: Annotated[str, Field(max_length=1000)] | None = Field(None, alias="from")
    subject: Annotated[str, Field(max_length=limits.TEXT)] | None = None
    text: Annotated[str, Field(max_length=limits.TEXT)] | None = None
    html: Annotated[str, Field(max_length=limits.TEXT)] | None = None
    reply_to: Annotated[str, Field(max_length=1000)] | None = None
    cc: Annotated[list[str], Field(max_length=limits.CC)] | None = None
    attachments: Annotated[list[Attachment | str], Field(max_length=limits.ATTACHMENTS)] | None = None
    headers: dict[str, JsonValue] | None = None
    unsubscribe: bool | str | None = None


class EmailRequest(Shared, EmailContent):
    """The body of POST /v1/email/messages."""

    model_config = ConfigDict(json_schema_extra={"required": ["from", "subject", "recipients"]})


class EmailHop(HopShared, EmailContent):
    """A mail as a further hop of any plan."""


class Piece(NamedTuple):
    """An attachment as it is asked for: its file, name in the mail, content id, and its place in the request."""

    file: str
    name: str
    inline: str
    at: int


class Mail:
    """A mail checked for all recipients; `type_for` checks what depends on one."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self._head = [content["subject"], content["name"], *(value for _, value in content.get("headers", ()))]
        self._head_names = {name for line in self._head for name in variables.names(line)}
        body = (content["text"], content.get("html", ""))
        self.names = frozenset(self._head_names.union(*map(variables.names, body)))

    def type_for(self, values: Mapping[str, str]) -> str:
        """Always `email`; raises Refused for values that no header, link or subject can carry."""
        for name in self._head_names:
            if bad := next((c for c in values[name] if address.unhappy(c)), ""):
                detail = f"stands in a header, which cannot carry U+{ord(bad):04X}"
                raise Refused(f"/variables/{escape(name)}", "1003", detail)
        subject = variables.fill(self.content["subject"], values)
        if len(subject) > limits.SUBJECT:
            detail = f"with these variables the subject has {len(subject)} characters, at most {limits.SUBJECT}"
            raise Refused("/variables", "1002", detail)
        for line in self._head[1:]:
            if len(variables.fill(line, values)) > limits.HEADER_VALUE:
                raise Refused("/variables", "1002", "with these variables a header is too long")
        html = self.content.get("html")
        if html and self.names and (link := markup.unsafe(html, values)):
            detail = "stands where the HTML has a link, so it must be an http, https, mailto or tel URL"
            raise Refused(f"/variables/{escape(link)}", "1003", detail)
        return TYPE


class Checker:
    """Checks one content; `faults` are what was found, `compiled` what travels on."""

    def __init__(
        self, content: EmailContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> None:
        self.content, self.account, self.lane, self.pointer, self.broken = content, account, lane, pointer, broken
        self.faults: list[Fault] = []
        self.compiled: dict[str, Any] = {}

    def run(self) -> Mail | None:
        """The mail, when nothing is wrong with it."""
        for check in (
            self._from, self._subject, self._bodies, self._copies, self._attachments, self._headers, self._unsubscribe,
        ):  # fmt: skip
            check()
        if self.faults or self.broken:
            return None
        mail = Mail(self.compiled)
        if len(mail.names) > limits.VARIABLES:
            self._fault("/text", "range", f"the mail has {len(mail.names)} variables, at most {limits.VARIABLES}")
            return None
        return mail

    def _fault(self, pointer: str, code: str, detail: str) -> None:
        self.faults.append(Fault(f"{self.pointer}{pointer}", code, detail))

    def _mailbox(self, pointer: str, written: str) -> Mailbox | None:
        try:
            return address.mailbox(rules.tidy(written))
        except NoAddress as wrong:
            self._fault(pointer, "format", str(wrong))
            return None

    def _from(self) -> None:
        if not self.content.sender:
            if "from" not in self.broken:
                self._fault("/from", "required", "give the address that the mail comes from, as `Name <a@b>` or `a@b`")
            return
        box = self._mailbox("/from", self.content.sender)
        if box is None:
            return
        domain = address.host(box.address)
        identity = self.account.identities.get(("email", "domain", domain))
        if identity is None or identity.state != "approved":
            self._fault("/from", "1004", f"{domain} {FOREIGN}")
            return
        path = identity.settings.get("return_path") or f"bounce.{domain}"
        self.compiled |= {"sender": box.address, "name": box.name, "domain": domain, "return_path": path}
        self.compiled["account_id"] = self.account.account_id

    def _subject(self) -> None:
        if self.content.subject is None:
            if "subject" not in self.broken:
                self._fault("/subject", "required", "give the mail's subject")
            return
        line = rules.tidy(self.content.subject)
        if self.lane == "ad" and not line.startswith("(광고)"):
            self._fault("/subject", "1008", "an advertisement's subject must begin with (광고)")
        if rules.blank(line):
            self._fault("/subject", "1003", "shows nothing")
        self._header("/subject", line, limits.SUBJECT)
        self.compiled["subject"] = line

    def _header(self, pointer: str, line: str, limit: int) -> None:
        if bad := next((c for c in line if address.unhappy(c)), ""):
            self._fault(pointer, "format", f"has a sign that cannot stand in a header: U+{ord(bad):04X}")
        literal = variables.compiled(line).literal
        if len(literal) > limit:
            self._fault(pointer, "1002", f"has {len(literal)} characters, at most {limit}")

    def _bodies(self) -> None:
        text, html = (rules.tidy(body) if body else "" for body in (self.content.text, self.content.html))
        if not text and not html and not self.broken & {"text", "html"}:
            self._fault("/text", "required", "give `text`, `html` or both")
        for pointer, body in (("/text", text), ("/html", html)):
            if bad := next((c for c in body if c in "\0" or 0xD800 <= ord(c) <= 0xDFFF), ""):
                self._fault(pointer, "1003", f"has a sign that no mail carries: U+{ord(bad):04X}")
        if html:
            for name, place in markup.places(html):
                if place == "bare":
                    detail = f'#{{{name}}} stands in a tag without quotes around it: write attributes as name="…"'
                    self._fault("/html", "format", detail)
            self.compiled["html"] = html
        self.compiled["text"] = text or markup.as_text(html)

    def _copies(self) -> None:
        if self.content.reply_to is not None:
            box = self._mailbox("/reply_to", self.content.reply_to)
            if box is not None:
                self.compiled["reply_to"] = [box.name, box.address]
        boxes = [self._mailbox(f"/cc/{i}", one) for i, one in enumerate(self.content.cc or ())]
        if not boxes:
            return
        people = getattr(self.content, "recipients", None)
        if self.pointer or (isinstance(people, list) and len(people) > 1):
            self._fault("/cc", "conflict", "only with one recipient, and not in a fallback: each mail would be copied")
        self.compiled["cc"] = [[box.name, box.address] for box in boxes if box is not None]

    def _attachments(self) -> None:
        pieces = [_piece(one, i) for i, one in enumerate(self.content.attachments or ())]
        shown = markup.content_ids(self.content.html or "")
        named = [piece.inline for piece in pieces if piece.inline]
        if not self.broken & {"attachments", "html"}:
            for missing in sorted(shown - set(named)):
                self._fault("/html", "not_found", f"shows cid:{missing}, and no attachment has that `inline` id")
        parts: list[list[str]] = []
        total = len(rules.tidy(self.content.html or "").encode("utf-8", "replace")) * 2 + 8192
        for piece in pieces:
            file = self.account.files.get(piece.file)
            for where, code, detail in _piece_faults(piece, file, named):
                self._fault(f"/attachments/{piece.at}{where}", code, detail)
            if file is not None:
                total += limits.encoded(file.size)
                inline = piece.inline if piece.inline in shown else ""
                parts.append([_named(piece, file), file.media_type, inline])
        if pieces and total > limits.SIZE:
            self._fault("/attachments", "1002", f"the mail would have {total} bytes as sent, at most {limits.SIZE}")
        if pieces:
            self.compiled |= {"files": [piece.file for piece in pieces], "parts": parts}

    def _headers(self) -> None:
        given = self.content.headers or {}
        if len(given) > limits.HEADERS:
            self._fault("/headers", "range", f"at most {limits.HEADERS} headers")
        kept: list[list[str]] = []
        for name, value in given.items():
            pointer = f"/headers/{escape(name)}"
            if not _HEADER(name) or name.lower().startswith("x-ims-") or len(name) > limits.HEADER_NAME:
                self._fault(pointer, "unknown_field", "only X-… (but X-IMS-…), In-Reply-To and References may be given")
            elif not isinstance(value, str):
                self._fault(pointer, "type", "must be a string")
            elif name.lower() in {other.lower() for other, _ in kept}:
                self._fault(pointer, "conflict", "is given twice")
            else:
                line = rules.tidy(value)
                self._header(pointer, line, limits.HEADER_VALUE)
                kept.append([name, line])
        if kept:
            self.compiled["headers"] = kept

    def _unsubscribe(self) -> None:
        wish = self.content.unsubscribe
        if wish is None:
            wish = self.lane in UNSUBSCRIBABLE
        if self.lane == "auth" and wish:
            self._fault("/unsubscribe", "conflict", "never in lane auth")
        if isinstance(wish, str):
            if not _HTTPS(wish) or len(wish) > limits.URL:
                self._fault("/unsubscribe", "format", f"must be true, false or an https URL of at most {limits.URL}")
            self.compiled["unsubscribe"] = wish
        elif wish:
            self.compiled["unsubscribe"] = OURS


def _piece(one: Attachment | str, at: int) -> Piece:
    if isinstance(one, str):
        return Piece(one, "", "", at)
    return Piece(one.file, rules.tidy(one.name or ""), one.inline or "", at)


def _named(piece: Piece, file: FileInfo) -> str:
    return piece.name or file.name or f"file-{piece.at + 1}"


def _piece_faults(piece: Piece, file: FileInfo | None, named: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    if file is None:
        yield "/file", "not_found", "no such file of this account: upload it first (POST /v1/files)"
        return
    name = _named(piece, file)
    if any(address.unhappy(c) for c in name) or "/" in name or "\\" in name:
        yield "/name", "format", "a file's name has no line breaks, controls or slashes"
    if name.rpartition(".")[2].lower() in limits.BLOCKED:
        yield "/name", "4004", "programs are refused by the hosts that get them"
    if piece.inline and not _CONTENT_ID(piece.inline):
        yield "/inline", "format", f"{piece.inline!r} is no content id: letters, digits and . _ + @ -, without brackets"
    elif piece.inline and list(named).count(piece.inline) > 1:
        yield "/inline", "conflict", f"{piece.inline!r} is given twice"
