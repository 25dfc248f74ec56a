"""An AlimTalk template: every rule of Kakao's review that can be known before it (NHN alimtalk v2.3, template API)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.channels.common import Fault
from shared.channels.kakao import limits
from shared.channels.kakao.matching import too_loose
from shared.channels.kakao.parts import (
    Button,
    Highlight,
    Item,
    Link,
    Short,
    button_faults,
    length_fault,
    link_faults,
    name_faults,
    summary_fault,
    trimmed,
)
from shared.channels.reading import read_object
from shared.channels.schema import Content
from shared.domain import variables

MAX_LISTED = 50
TEXTS = ("text", "title", "subtitle", "header", "extra")


class AlimTalkTemplate(Content):
    """`content` of a template of the channel kakao."""

    sender_key: Short | None = None
    kind: Literal["BA", "EX", "AD", "MI"] = "BA"
    emphasis: Literal["none", "text", "image", "item_list"] = "none"
    text: Annotated[str, Field(max_length=10_000)] | None = None
    extra: Short | None = None
    title: Short | None = None
    subtitle: Short | None = None
    header: Short | None = None
    image: Short | None = None
    highlight: Highlight | None = None
    items: Annotated[list[Item], Field(max_length=MAX_LISTED)] | None = None
    summary: Item | None = None
    link: Link | None = None
    buttons: Annotated[list[Button], Field(max_length=MAX_LISTED)] | None = None
    quick_replies: Annotated[list[Button], Field(max_length=MAX_LISTED)] | None = None
    security: bool = False
    category: Annotated[str, Field(max_length=6)] | None = None


def read(content: Mapping[str, Any]) -> tuple[AlimTalkTemplate, list[Fault]]:
    """The content as a model; faulty fields are left out and named. Names of buttons lose blanks at their ends."""
    model, faults = read_object(AlimTalkTemplate, dict(content), "")
    changes = {
        field: [trimmed(button) for button in given]
        for field in ("buttons", "quick_replies")
        if (given := getattr(model, field)) is not None
    }
    return model.model_copy(update=changes), faults


def check(content: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
    """All that is wrong with a template's content, and the variables that recipients must give."""
    model, faults = read(content)
    broken = {fault.pointer.split("/")[1] for fault in faults if fault.pointer}
    faults += [f for f in _faults(model) if f.pointer.split("/")[1:2] == [] or f.pointer.split("/")[1] not in broken]
    names = names_of(model.model_dump(exclude_none=True))
    if len(names) > limits.VARIABLES:
        faults.append(Fault("/text", "range", f"has {len(names)} variables, at most {limits.VARIABLES}"))
    return faults, names


def names_of(value: Any) -> list[str]:
    """The variables of all texts of a content, in the order in which they come first."""
    if isinstance(value, str):
        return list(variables.names(value))
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return list(dict.fromkeys(name for part in parts for name in names_of(part)))


def fixed_length(content: Mapping[str, Any]) -> int:
    """The characters that Kakao counts beside the text: the additional part, and what it adds to AD and MI."""
    return len(content.get("extra") or "") + (limits.CHANNEL_ADDED if content.get("kind") in ("AD", "MI") else 0)


def text_limit(content: Mapping[str, Any]) -> int:
    """The characters that a text may have once it is filled in."""
    whole = limits.TEXT_OF_LIST if content.get("emphasis") == "item_list" else limits.TEXT
    return whole - fixed_length(content)


def _faults(model: AlimTalkTemplate) -> Iterator[Fault]:
    for field in TEXTS:
        text = getattr(model, field)
        if text is not None:
            yield from name_faults(text, f"/{field}")
    yield from _text_faults(model)
    yield from _kind_faults(model)
    yield from _emphasis_faults(model)
    yield from _list_faults(model)
    if model.link is not None:
        yield from link_faults(model.link, "/link")
    yield from button_faults(model.buttons or [], model.quick_replies or [], model.kind)


def _text_faults(model: AlimTalkTemplate) -> Iterator[Fault]:
    if not model.text or not model.text.strip():
        yield Fault("/text", "required", "the text that Kakao reviews")
        return
    if too_loose(model.text):
        yield Fault("/text", "format", "nothing but variables: it would match any text, and Kakao refuses it")
    if model.text.endswith("\\s"):
        yield Fault("/text", "format", r"\s belongs to a title when it is sent, not into a template")
    known = model.model_dump(include={"extra", "kind", "emphasis"}, exclude_none=True)
    yield from length_fault(model.text, text_limit(known), "/text")


def _kind_faults(model: AlimTalkTemplate) -> Iterator[Fault]:
    if model.kind in ("EX", "MI"):
        if not model.extra:
            yield Fault("/extra", "required", f"kind {model.kind} has an additional part")
        elif "#{" in model.extra:
            yield Fault("/extra", "format", "the additional part has no variables")
    elif model.extra is not None:
        yield Fault("/extra", "conflict", f"kind {model.kind} has no additional part: use EX or MI")
    yield from length_fault(model.extra, limits.EXTRA, "/extra")


def _emphasis_faults(model: AlimTalkTemplate) -> Iterator[Fault]:
    if model.emphasis == "text":
        for field in ("title", "subtitle"):
            if not getattr(model, field):
                yield Fault(f"/{field}", "required", "emphasis text has a title and a subtitle")
        if "#{" in (model.subtitle or ""):
            yield Fault("/subtitle", "format", "a subtitle has no variables")
    else:
        for field in ("title", "subtitle"):
            if getattr(model, field) is not None:
                yield Fault(f"/{field}", "conflict", "only emphasis text has a title and a subtitle")
    yield from length_fault(model.title, limits.TITLE, "/title")
    yield from length_fault(model.subtitle, limits.SUBTITLE, "/subtitle")
    if model.emphasis == "image" and not model.image:
        yield Fault("/image", "required", "emphasis image has an image: the id of an uploaded file")
    if model.emphasis not in ("image", "item_list") and model.image is not None:
        yield Fault("/image", "conflict", "only emphasis image and item_list have an image")


def _list_faults(model: AlimTalkTemplate) -> Iterator[Fault]:
    parts = {"header": model.header, "highlight": model.highlight, "items": model.items, "summary": model.summary}
    if model.emphasis != "item_list":
        for field, value in parts.items():
            if value is not None:
                yield Fault(f"/{field}", "conflict", "only emphasis item_list has this part")
        return
    if not (model.image or model.header or model.items or model.highlight):
        yield Fault("/items", "required", "emphasis item_list needs an image, a header, items or a highlight")
    if model.security:
        yield Fault("/security", "conflict", "a list cannot be hidden on other devices")
    yield from length_fault(model.header, limits.HEADER, "/header")
    if model.items is not None:
        low, high = limits.ITEMS
        if not low <= len(model.items) <= high:
            yield Fault("/items", "range", f"has {len(model.items)} items, {low} to {high}")
        for i, item in enumerate(model.items):
            yield from _item_faults(item, f"/items/{i}", limits.ITEM_TITLE, limits.ITEM_DESCRIPTION)
    if model.summary is not None:
        yield from _item_faults(model.summary, "/summary", limits.SUMMARY_TITLE, limits.SUMMARY_DESCRIPTION)
        if model.items is None:
            yield Fault("/summary", "conflict", "a summary stands below items")
        if summary_fault(model.summary.description):
            detail = "may have variables, currency marks, digits, commas and points only"
            yield Fault("/summary/description", "format", detail)
    if model.highlight is not None:
        first, second = limits.HIGHLIGHT_WITH_IMAGE if model.highlight.image else limits.HIGHLIGHT
        yield from length_fault(model.highlight.title, first, "/highlight/title")
        yield from length_fault(model.highlight.description, second, "/highlight/description")


def _item_faults(item: Item, pointer: str, title: int, description: int) -> Iterator[Fault]:
    if "#{" in item.title:
        yield Fault(f"{pointer}/title", "format", "an item's title has no variables")
    yield from length_fault(item.title, title, f"{pointer}/title")
    if "#{" not in item.description:
        yield from length_fault(item.description, description, f"{pointer}/description")
    yield from name_faults(item.description, f"{pointer}/description")
