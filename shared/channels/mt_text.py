"""The lines of a text message, for one recipient or for all: filled in, replaced, measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.channels.common import Refused, Size
from shared.channels.mt_payload import MtPayload
from shared.channels.reading import escape
from shared.domain import text as rules
from shared.domain import variables

_OPT_OUT = re.compile(r"무료\s?(?:수신)?\s?거부[^0-9]{0,10}080[- ]?\d{3,4}[- ]?\d{4}", re.ASCII).search
LISTED = 10
"""Bad characters that a fault names one by one."""


def ad_fault(text: str) -> str | None:
    """Why a text is no lawful advertisement (정보통신망법 제50조), or None."""
    if not text.startswith("(광고)"):
        return "an advertisement must begin with (광고) and the sender's name"
    return None if _OPT_OUT(text) else "an advertisement must offer a free opt-out, like 무료수신거부 080-123-4567"


def listed(bad: list[tuple[int, str]]) -> str:
    """The characters that cannot be sent, with their positions, and the way out."""
    shown = ", ".join(f"{char!r} (U+{ord(char):04X}) at {place}" for place, char in bad[:LISTED])
    more = " and more" if len(bad) > LISTED else ""
    return f"cannot be shown on handsets: {shown}{more}; take them out or set on_unsupported to replace"


def too_long(size: int, kind: str) -> str:
    """How far a text is over the limit of its type."""
    way = "; shorten it or use type auto or lms" if kind == "sms" else "; shorten it"
    return f"{size} bytes (EUC-KR), {kind.upper()} carries {rules.LIMITS[kind]}{way}"


class Line:
    """A text or subject whose fixed part is measured once, so that a recipient costs only its variables."""

    def __init__(self, source: str, replace: bool) -> None:
        source = rules.tidy(source)
        self.text = variables.map_literals(source, rules.replace_unsupported) if replace else source
        self.names = variables.names(self.text)
        self._counts = variables.compiled(self.text).counts if self.names else {}
        self._replace = replace
        literal = variables.compiled(self.text).literal if self.names else self.text
        self.fixed = rules.measure(literal)
        """Bytes of all that is the same for everybody; None when a character of it cannot be sent."""
        self.blank = rules.blank(literal)
        """Whether all that is the same for everybody shows nothing."""

    def unsupported(self) -> list[tuple[int, str]]:
        """What cannot be sent of the part that is the same for everybody."""
        return [] if self.fixed is not None else rules.unsupported(self.text, LISTED + 1)

    def size(self, values: Mapping[str, str]) -> int:
        """Bytes for one recipient; raises Refused when a variable has a character that cannot be sent."""
        size = self.fixed or 0
        for name, count in self._counts.items():
            value = rules.replace_unsupported(values[name]) if self._replace else values[name]
            length = rules.measure(value)
            if length is None:
                raise Refused(f"/variables/{escape(name)}", "1003", listed(rules.unsupported(value, LISTED + 1)))
            size += length * count
        return size


def render(content: Mapping[str, Any], values: Mapping[str, str] | None) -> MtPayload:
    """One message as the vendor gets it: variables filled in, characters replaced if so asked.

    A subject that shows nothing is none.
    """
    if values and content.get("on_unsupported") == "replace":
        values = {name: rules.replace_unsupported(value) for name, value in values.items()}
    subject = variables.fill(content.get("subject") or "", values)
    return MtPayload(
        content.get("sender", ""),
        variables.fill(content["text"], values),
        None if rules.blank(subject) else subject,
        tuple(content.get("files") or ()),
        content.get("type", "auto"),
        bool(content.get("international")),
    )


def measure(payload: MtPayload) -> Size:
    """Type, length in bytes (EUC-KR) and charged parts of a message."""
    size = len(payload.text.encode("cp949", "replace"))
    if payload.international:
        return Size("sms", size, rules.parts(payload.text))
    return Size(rules.choose_type(payload.kind, size, bool(payload.subject), bool(payload.files)), size)
