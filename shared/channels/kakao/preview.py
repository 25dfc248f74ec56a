"""What a handset shows of an AlimTalk template: filled in, with the places where screens cut, and warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.channels.common import Refused
from shared.channels.kakao import limits, template
from shared.channels.kakao.parts import filled, too_long

CUTS = {"title": (23, 27), "subtitle": (18, 21)}
"""Characters after which an Android and an iPhone cut (NHN alimtalk guide)."""
_PARCEL = re.compile(
    r"(우체국택배|로젠택배|롯데택배|한진택배|경동택배|대신택배|일양로지스|합동택배|건영택배|천일택배|편의점택배)\D{0,12}"
    r"\d[\d-]{8,17}\d"
).search
"""Carriers whose numbers Kakao makes a tracking link of; CJ's no longer."""


def preview(content: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Raises Refused where a filled text is over its limit."""
    shown = filled(content, values)
    text = str(shown.get("text") or "")
    if "bubble" not in content and len(text) > (most := template.text_limit(content)):
        raise Refused("/variables", "1002", f"with these variables the text {too_long(text, most)}")
    kind = "brand" if "bubble" in content else "alimtalk"
    return {
        "content": shown,
        "type": kind,
        "length": len(text) + (template.fixed_length(content) if kind == "alimtalk" else 0),
        "cuts": {name: list(at) for name, at in CUTS.items() if len(str(shown.get(name) or "")) > at[0]},
        "warnings": list(_warnings(content, shown, values)),
    }


def _warnings(content: Mapping[str, Any], shown: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    text = str(shown.get("text") or "")
    if any(b.get("type") == "DS" for b in shown.get("buttons") or ()) and not _PARCEL(text):
        yield "no tracking button will show: the text has no carrier with a number that KakaoTalk knows"
    for name, value in values.items():
        if not value.strip():
            yield f"the variable {name} is empty"
    secret = any(word in text.lower() for word in limits.CODE_WORDS)
    if secret and not content.get("security") and content.get("emphasis") != "item_list":
        yield "it looks like a one-time password: set `security`, so that only the main phone shows it"
