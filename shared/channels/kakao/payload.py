"""A KakaoTalk message as it goes out: what the adapters of its vendors get."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson


class KakaoPayload(NamedTuple):
    """One message. `parts` are the filled parts beside the text (title, buttons, cards …) as JSON, '' for none."""

    kind: str
    """alimtalk or brand"""
    sender_key: str
    template_code: str
    text: str
    parts: bytes = b""
    variables: tuple[tuple[str, str], ...] = ()
    """What fills the template, by name, for vendors that fill it themselves; only of an AlimTalk."""
    files: tuple[str, ...] = ()
    fixed: int = 0
    """Characters that Kakao counts beside the text."""

    def shared_key(self) -> tuple[Any, ...]:
        """AlimTalks of a template share a call; a Brand Message only with those whose content is the same."""
        return self[:3] if self.kind == "alimtalk" else self[:5]

    def part(self, name: str) -> Any:
        """One of the parts, None where it is not there."""
        return self.all_parts().get(name)

    def all_parts(self) -> dict[str, Any]:
        """The parts by name."""
        found: dict[str, Any] = orjson.loads(self.parts) if self.parts else {}
        return found
