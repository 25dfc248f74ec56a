"""A mail as it goes over the wire: seven-bit, no line over 76 characters, so that no relay has a reason to touch it and
signatures live (RFC 5322, 2045–2047, 2183, 2231).

The standard library's generators break at commas, blanks and long words; this one owns its folding. A value is never
read as syntax: whatever a text holds, it makes one header and one part.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from shared.channels.email.payload import EmailPayload, Part

LINE = 76
WORD = 75
"""Characters of an encoded word (RFC 2047 §2)."""
CRLF = "\r\n"
DAYS, MONTHS = "Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch
_LONG_WORD = re.compile(r"[!-~]{61,}").search
_SIMPLE = re.compile(r"[A-Za-z0-9 ._-]+").fullmatch

Headers = list[tuple[str, str]]
"""Names and values, folded, without the last line end."""


class Composed(NamedTuple):
    """A mail: its headers in order, and its body with CRLF line ends."""

    headers: Headers
    body: bytes

    def as_bytes(self, signatures: Iterable[tuple[str, str]] = ()) -> bytes:
        """The whole message, signatures first."""
        lines = "".join(f"{name}: {value}{CRLF}" for name, value in (*signatures, *self.headers))
        return lines.encode("ascii") + b"\r\n" + self.body


# --- headers ----------------------------------------------------------------------------------------------------------


def header(name: str, text: str) -> str:
    """An unstructured value: as it is where it is plain ASCII that folds, else in encoded words."""
    if _PLAIN(text) and "=?" not in text and not _LONG_WORD(text):
        return _folded(text, len(name) + 2)
    return _words(text, len(name) + 2)


def _folded(text: str, used: int) -> str:
    out: list[str] = []
    for word in text.split(" "):
        if out and used + 1 + len(word) > LINE:
            out.append(CRLF)
            used = 0
        if out:
            out.append(" ")
            used += 1
        out.append(word)
        used += len(word)
    return "".join(out)


def _words(text: str, used: int) -> str:
    """Encoded words, each of whole characters, on lines of their own."""
    words: list[str] = []
    piece, size, room = "", 0, min(WORD, LINE - used) if used < 40 else 0
    if not room:
        words.append("")
        room = WORD
    for char in text:
        width = len(char.encode())
        if piece and 12 + -(-(size + width) // 3) * 4 > room:
            words.append(_word(piece))
            piece, size, room = "", 0, WORD
        piece += char
        size += width
    words.append(_word(piece))
    return f"{CRLF} ".join(words).removeprefix(f"{CRLF} ") if words[0] else f"{CRLF} ".join(words)


def _word(text: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def written(name: str, address: str) -> str:
    """A mailbox: the name quoted, or in encoded words, so that no sign of it is syntax."""
    if not name:
        return address
    if _SIMPLE(name) and len(name) <= 60 and name == name.strip() and "  " not in name:
        return f'"{name}" <{address}>' if "." in name else f"{name} <{address}>"
    if name.isascii() and name.isprintable() and len(name) <= 50 and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_words(name, 10)}{CRLF} <{address}>"


def listed(boxes: Iterable[str]) -> str:
    """Mailboxes, one a line."""
    return f",{CRLF} ".join(boxes)


def date(ms: int) -> str:
    """RFC 5322's time, in UTC."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    day, month = DAYS.split()[at.weekday()], MONTHS.split()[at.month - 1]
    return f"{day}, {at.day:02d} {month} {at.year} {at:%H:%M:%S} +0000"


# --- parts ------------------------------------------------------------------------------------------------------------


class _Entity(NamedTuple):
    """A part: its own headers, and its body, encoded."""

    headers: Headers
    body: bytes


def _text(kind: str, text: str) -> _Entity:
    raw = text.encode("utf-8", "replace")
    foreign = sum(byte > 126 for byte in raw[:4000])
    if foreign * 5 > len(raw[:4000]):
        body, coding = _base64(raw.replace(b"\n", b"\r\n")), "base64"
    else:
        body, coding = _quoted(raw), "quoted-printable"
    return _Entity([("Content-Type", f"text/{kind}; charset=utf-8"), ("Content-Transfer-Encoding", coding)], body)


def _quoted(raw: bytes) -> bytes:
    """Quoted-printable of UTF-8 with LF line ends; blanks at line ends and signs that mail hosts change are coded."""
    lines = binascii.b2a_qp(raw, istext=True).split(b"\n")
    body = b"\r\n".join(b"=46rom" + line[4:] if line.startswith(b"From ") else line for line in lines)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def _base64(raw: bytes) -> bytes:
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _attached(part: Part, content: bytes) -> _Entity:
    kind = part.media_type if re.fullmatch(r"[a-z]+/[A-Za-z0-9.+-]+", part.media_type) else "application/octet-stream"
    headers = [
        ("Content-Type", f"{kind};{CRLF} {_name_word(part.name)}"),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Disposition", f"{'inline' if part.inline else 'attachment'};{CRLF} {_file_name(part.name)}"),
    ]
    if part.inline:
        headers.append(("Content-ID", f"<{part.inline}>"))
    return _Entity(headers, _base64(content))


def _name_word(name: str) -> str:
    """For programs that read `name` only, as encoded words (what Outlook writes and webmails read)."""
    if _SIMPLE(name) and len(name) <= 60:
        return f'name="{name}"'
    return f'name="{_words(name, 9)}"'


def _file_name(name: str) -> str:
    """RFC 2231: percent-encoded UTF-8, cut between characters."""
    if _SIMPLE(name) and len(name) <= 60:
        return f'filename="{name}"'
    pieces, piece = [], ""
    for char in name:
        coded = quote(char, safe="")
        if piece and len(piece) + len(coded) > 50:
            pieces.append(piece)
            piece = ""
        piece += coded
    pieces.append(piece)
    if len(pieces) == 1:
        return f"filename*=UTF-8''{pieces[0]}"
    marked = (f"filename*{i}*={'' if i else chr(85) + 'TF-8' + chr(39) * 2}{piece}" for i, piece in enumerate(pieces))
    return f";{CRLF} ".join(marked)


def _multipart(kind: str, entities: Sequence[_Entity], boundary: str, extra: str = "") -> _Entity:
    if len(entities) == 1:
        return entities[0]
    out: list[bytes] = []
    for entity in entities:
        lines = "".join(f"{name}: {value}{CRLF}" for name, value in entity.headers)
        out += [f"--{boundary}{CRLF}{lines}{CRLF}".encode("ascii"), entity.body]
        if not entity.body.endswith(b"\r\n"):
            out.append(b"\r\n")
    out.append(f"--{boundary}--{CRLF}".encode("ascii"))
    return _Entity([("Content-Type", f'multipart/{kind};{extra}{CRLF} boundary="{boundary}"')], b"".join(out))


def body_of(payload: EmailPayload, files: Sequence[bytes], mark: str) -> _Entity:
    """The body: text, or text and HTML with its pictures, beside attachments. `mark` makes boundaries, which no encoded
    part can hold ("=_" stands in neither encoding)."""
    attached = [(part, _attached(part, content)) for part, content in zip(payload.parts, files, strict=True)]
    shown = [entity for part, entity in attached if part.inline]
    beside = [entity for part, entity in attached if not part.inline]
    bodies = [_text("plain", payload.text)]
    if payload.html:
        html = _multipart("related", [_text("html", payload.html), *shown], f"=_{mark}.r", ' type="text/html";')
        bodies.append(html)
    whole = _multipart("alternative", bodies, f"=_{mark}.a")
    return _multipart("mixed", [whole, *beside], f"=_{mark}.m")


def compose(
    payload: EmailPayload,
    to: str,
    files: Sequence[bytes],
    *,
    message_id: str,
    reference: str,
    date_ms: int,
    unsubscribe: str = "",
) -> Composed:
    """A mail to one recipient; `message_id` without brackets, `unsubscribe` a URL or nothing."""
    entity = body_of(payload, files, message_id.partition("@")[0].replace(".", "_")[:40])
    headers: Headers = [
        ("Date", date(date_ms)),
        ("From", written(payload.name, payload.sender)),
        ("To", to),
        *([("Cc", listed(payload.cc))] if payload.cc else []),
        *([("Reply-To", payload.reply_to)] if payload.reply_to else []),
        ("Subject", header("Subject", payload.subject)),
        ("Message-ID", f"<{message_id}>" if len(message_id) < 60 else f"{CRLF} <{message_id}>"),
        ("X-IMS-Ref", reference),
        *((name, header(name, value)) for name, value in payload.headers),
    ]
    if unsubscribe:
        headers += [
            ("List-Unsubscribe", f"{CRLF} <{unsubscribe}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    headers.append(("MIME-Version", "1.0"))
    return Composed([*headers, *entity.headers], entity.body)
