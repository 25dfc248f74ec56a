"""AlimTalk (알림톡): a message by an approved template, held against it before it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from shared.channels.common import AccountView, Fault, Refused, Template
from shared.channels.kakao import limits
from shared.channels.kakao.matching import difference, gaps, pasted
from shared.channels.kakao.model import BRAND_ONLY, KakaoContent
from shared.channels.kakao.parts import filled, filled_fault, too_long
from shared.channels.kakao.payload import KakaoPayload
from shared.channels.kakao.template import fixed_length, names_of, text_limit
from shared.channels.reading import escape
from shared.domain import variables

KIND = "alimtalk"
SENT = ("title", "subtitle", "header", "highlight", "items", "summary", "link", "buttons", "quick_replies", "extra")
"""What a sent message repeats of its template."""
STATES = {
    "draft": "it has not been handed in for review",
    "submitted": "it waits for review",
    "in_review": "it is in review",
    "rejected": "its review refused it",
    "blocked": "Kakao has blocked it",
    "asleep": "it sleeps after a year without use: wake it at the vendor",
    "gone": "it is gone at the vendor",
}


class AlimTalk:
    """A message by a template, checked for all recipients."""

    def __init__(self, sender_key: str, code: str, template: Template, text: str, restricted: bool) -> None:
        content = dict(template.content)
        parts = {name: content[name] for name in SENT if content.get(name) is not None}
        self._text, self._limit = text, text_limit(content)
        links = (*content.get("buttons", ()), *content.get("quick_replies", ()), content.get("link") or {})
        self._links = [link for link in links if names_of(link)]
        self._open = list(_open_texts(content))
        self._room = limits.NEW_PROFILE if restricted else None
        self.names = frozenset((*variables.names(text), *names_of(parts)))
        self.content: dict[str, Any] = {
            "type": KIND,
            "sender_key": sender_key,
            "template_code": code,
            "version": template.version,
            "text": text,
            "parts": parts,
            "open": bool(names_of(parts)),
            "fixed": fixed_length(content),
            "vendors": sorted(vendor for vendor, state in template.states.items() if state == "approved"),
            "names": sorted(self.names),
            "template": content["text"] if content["text"] != text else None,
        }

    def type_for(self, values: Mapping[str, str]) -> str:
        """Always alimtalk; raises Refused where the filled text is over a limit, or a link none any more."""
        if not self.names:
            return KIND
        text = variables.fill(self._text, values)
        if len(text) > self._limit:
            raise Refused("/variables", "1002", f"with these variables the text {too_long(text, self._limit)}")
        self._check_growth(text, values)
        self._check_fields(values)
        for button in self._links:
            if wrong := filled_fault(button, values):
                raise Refused(f"/variables/{escape(wrong[0])}", "format", wrong[1])
        return KIND

    def _check_growth(self, text: str, values: Mapping[str, str]) -> None:
        if self._room is None:
            return
        for name, value in values.items():
            if len(value) - len(f"#{{{name}}}") > self._room:
                detail = f"a new sender profile's variables may lengthen the text by {self._room} characters at most"
                raise Refused(f"/variables/{escape(name)}", "1002", detail)

    def _check_fields(self, values: Mapping[str, str]) -> None:
        for written, limit in self._open:
            names = variables.names(written)
            if len(whole := variables.fill(written, values)) > limit:
                raise Refused(f"/variables/{escape(names[0])}", "1002", f"with it {written!r} {too_long(whole, limit)}")


def _open_texts(content: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The texts beside the template's own that have variables, each with its most characters."""
    high = content.get("highlight") or {}
    title, description = limits.HIGHLIGHT_WITH_IMAGE if high.get("image") else limits.HIGHLIGHT
    texts = [(content.get("title"), limits.TITLE), (content.get("header"), limits.HEADER)]
    texts += [(high.get("title"), title), (high.get("description"), description)]
    texts += [(item.get("description"), limits.ITEM_DESCRIPTION) for item in content.get("items") or ()]
    texts += [((content.get("summary") or {}).get("description"), limits.SUMMARY_DESCRIPTION)]
    yield from ((text, most) for text, most in texts if text and variables.names(text))


def compile_alimtalk(
    content: KakaoContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
) -> tuple[AlimTalk | None, list[Fault]]:
    """Check what holds for all recipients."""
    faults = [
        Fault(f"{pointer}/{field}", "conflict", "belongs to a Brand Message; an AlimTalk's parts are its template's")
        for field in BRAND_ONLY
        if getattr(content, field) is not None
    ]
    if lane == "ad":
        faults.append(Fault("/lane", "conflict", "an AlimTalk carries information only, never advertisements"))
    template = None
    code = (content.template_code or "").strip()
    if not code:
        if "template_code" not in broken:
            faults.append(Fault(f"{pointer}/template_code", "required", "the code of an approved template"))
    else:
        template = account.templates.get(("kakao", code))
        if wrong := template_fault(template, content.sender_key or ""):
            faults.append(Fault(f"{pointer}/template_code", *wrong))
            template = None
    if template is None:
        return None, faults
    faults += [Fault(f"{pointer}{p}", c, d) for p, c, d in _differences(content, template.content)]
    if faults:
        return None, faults
    identity = account.identities.get(("kakao", "profile", content.sender_key or ""))
    restricted = bool(identity and identity.settings.get("initial_user_restriction"))
    text = content.text if content.text is not None else str(template.content.get("text", ""))
    return AlimTalk(content.sender_key or "", code, template, text, restricted), faults


def template_fault(template: Template | None, sender_key: str) -> tuple[str, str] | None:
    """Why a template cannot be used, or None."""
    if template is None or template.content.get("sender_key") not in (None, sender_key):
        return "2001", "no such template of this sender profile"
    if template.state != "approved":
        return "2001", f"cannot be used now: {STATES.get(template.state, template.state)}"
    return None


def _differences(content: KakaoContent, template: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Where what the client wrote is not what the template says."""
    for field in ("text", "title"):
        given, wanted = getattr(content, field), template.get(field)
        if given is None:
            continue
        if not wanted:
            yield f"/{field}", "2002", f"the template has no {field}"
        elif found := difference(wanted, given) or pasted(wanted, given):
            yield f"/{field}", "2002", str(found)
    for field in ("buttons", "quick_replies"):
        given = getattr(content, field)
        if given is not None:
            made = [button.model_dump(exclude_none=True) for button in given]
            yield from _button_differences(field, made, template.get(field) or [])


def _button_differences(
    field: str, given: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    if len(given) != len(wanted):
        yield f"/{field}", "2002", f"has {len(given)}, the template {len(wanted)}: all of them, in its order"
        return
    for i, (one, other) in enumerate(zip(given, wanted, strict=True)):
        for name in sorted({*one, *other}):
            mine, its = one.get(name), other.get(name)
            if mine is None and name not in ("type", "name"):
                continue
            if not its:
                yield f"/{field}/{i}/{name}", "2002", f"the template's has no {name}"
            elif found := difference(str(its), str(mine)):
                yield f"/{field}/{i}/{name}", "2002", str(found)


def render_alimtalk(content: Mapping[str, Any], values: Mapping[str, str] | None) -> KakaoPayload:
    """One recipient's message."""
    parts = content["parts"]
    if content["open"]:
        parts = filled(parts, values or {})
    given = values or {}
    text = variables.fill(content["text"], given)
    named = {name: given[name] for name in content["names"]}
    if content.get("template"):  # written by the client, perhaps with names of its own
        named |= {name: text[begin:end] for name, begin, end in gaps(content["template"], text)}
    return KakaoPayload(
        KIND,
        content["sender_key"],
        content["template_code"],
        text,
        orjson.dumps(parts) if parts else b"",
        tuple(sorted(named.items())),
        (),
        content["fixed"],
    )
