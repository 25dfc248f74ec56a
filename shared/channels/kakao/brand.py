"""Brand Message (브랜드 메시지): advertisements on KakaoTalk, in eight forms, by a template of ours or free."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from shared.channels.common import AccountView, Fault, FileInfo, Refused, Template
from shared.channels.kakao import limits
from shared.channels.kakao.alimtalk import template_fault
from shared.channels.kakao.limits import BUBBLES, Bubble
from shared.channels.kakao.model import ALIMTALK_ONLY, Card, Commerce, Coupon, KakaoContent
from shared.channels.kakao.parts import (
    SCHEMES,
    URLS,
    Button,
    filled,
    filled_fault,
    length_fault,
    link_faults,
    name_faults,
    too_long,
    trimmed,
)
from shared.channels.kakao.payload import KakaoPayload
from shared.channels.kakao.template import names_of
from shared.channels.reading import escape, read_object
from shared.domain import variables

KIND = "brand"
FIELDS = (
    "text", "header", "image", "link", "items", "cards", "intro", "tail", "video", "commerce", "coupon", "buttons",
)  # fmt: skip
BUTTON_TYPES = ("AC", "WL", "AL", "BK", "MD", "BC", "BT", "BF")
SELLING_TYPES = ("WL", "AL")
"""Buttons of what sells, and of cards."""
SELLING = frozenset({"COMMERCE", "CAROUSEL_FEED", "CAROUSEL_COMMERCE"})
IMAGE_TYPES = ("image/jpeg", "image/png")
IMAGE_BYTES = 5 * 1024 * 1024
_COUPON = re.compile(
    r"(?P<won>[1-9]\d{0,7})원 할인 쿠폰|(?P<rate>\d{1,3})% 할인 쿠폰|배송비 할인 쿠폰|\S{1,7} 무료 쿠폰|\S{1,7} UP 쿠폰"
).fullmatch
_OPT_OUT = re.compile(r"080[- ]?\d{3,4}[- ]?\d{4}", re.ASCII).fullmatch
_VIDEO = re.compile(r"https://tv\.kakao\.com/\S+", re.ASCII).fullmatch


class Brand:
    """A Brand Message checked for all recipients."""

    def __init__(self, content: dict[str, Any], names: frozenset[str], bubble: Bubble) -> None:
        self.content, self.names, self._bubble = content, names, bubble
        rest = {name: part for name, part in content["parts"].items() if name != "text" or not bubble.text}
        self._open, self._links = bool(names_of(rest)), [link for link in _links(rest) if names_of(link)]

    def type_for(self, values: Mapping[str, str]) -> str:
        """Always brand; raises Refused where the filled text is over its form's limit."""
        text = self.content["parts"].get("text") or ""
        filled = variables.names(text)
        if filled and self._bubble.text:
            whole = variables.fill(text, values)
            if wrong := text_fault(whole, self._bubble):
                raise Refused("/variables", "1002", f"with these variables the text {wrong}")
        if self._open:
            self._check_parts(values)
        return KIND

    def _check_parts(self, values: Mapping[str, str]) -> None:
        """What stands beside the text holds its limits filled in, too."""
        for link in self._links:
            if wrong := filled_fault(link, values, limits.BRAND_URL):
                raise Refused(f"/variables/{escape(wrong[0])}", "format", wrong[1])
        shown = {**filled(self.content["parts"], values), "bubble": self.content["bubble"]}
        model, faults = read_object(KakaoContent, shown, "")
        faults += [f for f in bubble_faults(model) if f.code == "1002" or f.pointer.endswith("coupon/title")]
        for fault in faults[:1]:
            raise Refused("/variables", "1002", f"with these variables {fault.pointer} {fault.detail}")


def text_fault(text: str, bubble: Bubble) -> str | None:
    """How far a text is over the limits of its form."""
    if len(text) > bubble.text:
        return too_long(text, bubble.text)
    breaks = text.count("\n")
    return f"has {breaks} line breaks, at most {bubble.breaks}" if breaks > bubble.breaks else None


def compile_brand(
    content: KakaoContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
) -> tuple[Brand | None, list[Fault]]:
    """Check what holds for all recipients."""
    faults = [
        Fault(f"{pointer}/{field}", "conflict", "belongs to an AlimTalk")
        for field in ALIMTALK_ONLY
        if getattr(content, field) is not None
    ]
    if lane != "ad":
        faults.append(Fault("/lane", "conflict", "a Brand Message is an advertisement: send it in lane ad"))
    if content.template_code:
        template = account.templates.get(("kakao", content.template_code.strip()))
        if wrong := template_fault(template, content.sender_key or ""):
            return None, [*faults, Fault(f"{pointer}/template_code", *wrong)]
        content = _with_template(content, template)
    if content.bubble is None:
        if "bubble" not in broken:
            faults.append(Fault(f"{pointer}/bubble", "required", f"one of {', '.join(BUBBLES)}, or a template_code"))
        return None, faults
    faults += [Fault(f"{pointer}{f.pointer}", f.code, f.detail) for f in bubble_faults(content, account.files)]
    faults += [Fault(f"{pointer}/{p}", c, d) for p, c, d in _targeting_faults(content, account)]
    if faults:
        return None, faults
    parts = content.model_dump(include=set(FIELDS), exclude_none=True)
    if content.buttons:
        parts["buttons"] = [trimmed(b).model_dump(exclude_none=True) for b in content.buttons]
    made = {
        "type": KIND,
        "sender_key": content.sender_key,
        "template_code": content.template_code or "",
        "parts": parts,
        "bubble": content.bubble,
        "targeting": content.targeting or "I",
        "optout": content.optout,
        "files": images(parts),
    }
    return Brand(made, frozenset(names_of(parts)), BUBBLES[content.bubble]), faults


def _with_template(content: KakaoContent, template: Template | None) -> KakaoContent:
    known = {k: v for k, v in (template.content if template else {}).items() if k in (*FIELDS, "bubble")}
    model, _ = read_object(KakaoContent, known, "")
    given = content.model_dump(exclude_none=True, include={*FIELDS, "bubble"})
    return model.model_copy(
        update={
            **{name: getattr(content, name) for name in given},
            **{name: getattr(content, name) for name in ("type", "sender_key", "template_code", "targeting", "optout")},
        }
    )


def _targeting_faults(content: KakaoContent, account: AccountView) -> Iterator[tuple[str, str, str]]:
    identity = account.identities.get(("kakao", "profile", content.sender_key or ""))
    settings = identity.settings if identity else {}
    if content.targeting in ("M", "N") and not settings.get("marketing_agreement"):
        detail = "this sender profile has no right to reach others than its friends (50,000 friends and an application)"
        yield "targeting", "2003", detail
    if content.targeting in ("M", "N") and not (content.optout or settings.get("optout")):
        yield "optout", "required", "targeting M and N needs an 080 number at which recipients opt out"
    if content.optout is not None and not _OPT_OUT(content.optout):
        yield "optout", "format", "must be an 080 number, like 080-123-4567"


def bubble_faults(content: KakaoContent, files: Mapping[str, FileInfo] | None = None) -> Iterator[Fault]:
    """What is wrong with a message of its form; pointers from the content's root. Without `files` those are known."""
    bubble = BUBBLES[content.bubble or "TEXT"]
    may = {*bubble.needs, *bubble.takes, "buttons"}
    for field in FIELDS:
        value = getattr(content, field)
        if value is None and field in bubble.needs:
            yield Fault(f"/{field}", "required", f"{content.bubble} has a {field}")
        elif value is not None and field not in may:
            yield Fault(f"/{field}", "conflict", f"{content.bubble} has no {field}")
    for pointer, text in _texts(content):
        yield from name_faults(text, pointer)
    yield from _text_faults(content, bubble)
    yield from _button_faults(content.buttons or [], bubble.buttons, bubble, content.bubble or "", "/buttons")
    if content.link is not None:
        yield from link_faults(content.link, "/link", limits.BRAND_URL)
    if content.tail is not None:
        yield from link_faults(content.tail, "/tail", limits.BRAND_URL)
    if content.coupon is not None:
        yield from _coupon_faults(content.coupon, bubble.coupon, "/coupon")
    if content.commerce is not None:
        yield from _commerce_faults(content.commerce, "/commerce")
    if content.video is not None and not _VIDEO(content.video.url):
        yield Fault("/video/url", "format", "must be a video's address at https://tv.kakao.com/")
    yield from _item_faults(content)
    yield from _card_faults(content, bubble)
    if files is not None:
        yield from _image_faults(content, files)


def _links(part: Any) -> Iterator[Mapping[str, Any]]:
    """Everything in a content that leads somewhere."""
    if isinstance(part, Mapping):
        if part.keys() & {*URLS, *SCHEMES}:
            yield part
        part = part.values()
    if not isinstance(part, str | int):
        for inner in part:
            yield from _links(inner)


def _texts(content: KakaoContent) -> Iterator[tuple[str, str]]:
    for field in ("text", "header"):
        if (text := getattr(content, field)) is not None:
            yield f"/{field}", text


def _text_faults(content: KakaoContent, bubble: Bubble) -> Iterator[Fault]:
    if content.text is not None and content.bubble == "COMMERCE":
        yield from length_fault(content.text, limits.ADDITIONAL, "/text")
    elif content.text is not None and bubble.text:
        if not content.text.strip():
            yield Fault("/text", "1003", "it is blank")
        if wrong := text_fault(content.text, bubble):
            yield Fault("/text", "1002", wrong)
    if bubble.header:
        yield from length_fault(content.header, bubble.header, "/header")


def _button_faults(
    buttons: list[Button], count: tuple[int, int], bubble: Bubble, name: str, pointer: str
) -> Iterator[Fault]:
    low, high = count
    if not low <= len(buttons) <= high:
        yield Fault(pointer, "range", f"has {len(buttons)} buttons, {low} to {high}")
    types = SELLING_TYPES if name in SELLING else BUTTON_TYPES
    for i, button in enumerate(buttons):
        at = f"{pointer}/{i}"
        if button.type not in types:
            yield Fault(f"{at}/type", "range", f"must be one of {', '.join(types)} in {name}")
        yield from length_fault(button.name.strip(), bubble.button_name, f"{at}/name")
        if "#{" in button.name:
            yield Fault(f"{at}/name", "format", "a button's name has no variables")
        if button.type == "AC" and i != (0 if name in ("TEXT", "IMAGE") else len(buttons) - 1):
            where = "first" if name in ("TEXT", "IMAGE") else "last"
            yield Fault(f"{at}/type", "conflict", f"AC must be the {where} button")
        if button.type == "WL" and not button.mobile:
            yield Fault(f"{at}/mobile", "required", "a web link needs its mobile address")
        if button.type == "AL" and sum(bool(x) for x in (button.mobile, button.ios, button.android)) < 2:
            yield Fault(at, "required", "an app link needs two of mobile, ios and android")
        yield from link_faults(button, at, limits.BRAND_URL)


def _coupon_faults(coupon: Coupon, limit: int, pointer: str) -> Iterator[Fault]:
    found = _COUPON(coupon.title)
    rate = int(found["rate"]) if found and found["rate"] else 1
    if not found or not 1 <= rate <= 100:
        detail = "must be N원 할인 쿠폰, N% 할인 쿠폰, 배송비 할인 쿠폰, X 무료 쿠폰 or X UP 쿠폰"
        yield Fault(f"{pointer}/title", "format", detail)
    yield from length_fault(coupon.description, limit, f"{pointer}/description")
    if not (coupon.mobile or (coupon.ios or coupon.android or "").startswith("alimtalk=coupon://")):
        yield Fault(f"{pointer}/mobile", "required", "a coupon leads to a mobile address")
    if coupon.mobile:
        yield from link_faults(coupon.model_copy(update={"ios": None, "android": None}), pointer, limits.BRAND_URL)


def _commerce_faults(commerce: Commerce, pointer: str) -> Iterator[Fault]:
    yield from length_fault(commerce.title, limits.COMMERCE_TITLE, f"{pointer}/title")
    for field in ("regular_price", "discount_price", "discount_fixed"):
        price = getattr(commerce, field)
        if price is not None and not 0 <= price <= limits.PRICE:
            yield Fault(f"{pointer}/{field}", "range", f"from 0 to {limits.PRICE:,}")
    rate, fixed = commerce.discount_rate, commerce.discount_fixed
    if rate is not None and not 1 <= rate <= 100:
        yield Fault(f"{pointer}/discount_rate", "range", "from 1 to 100")
    if (commerce.discount_price is None) != (rate is None and fixed is None) or None not in (rate, fixed):
        detail = "a discount has its price and either its rate or its fixed amount"
        yield Fault(f"{pointer}/discount_price", "conflict", detail)


def _item_faults(content: KakaoContent) -> Iterator[Fault]:
    if content.items is None:
        return
    low, high = limits.WIDE_ITEMS
    if not low <= len(content.items) <= high:
        yield Fault("/items", "range", f"has {len(content.items)} items, {low} to {high}")
    for i, item in enumerate(content.items):
        limit = limits.WIDE_TITLE if i else limits.WIDE_FIRST_TITLE
        if i and not item.title:
            yield Fault(f"/items/{i}/title", "required", "all but the first item need a title")
        yield from length_fault(item.title, limit, f"/items/{i}/title")
        if (item.title or "").count("\n") > 1:
            yield Fault(f"/items/{i}/title", "1002", "has more than one line break")
        if not item.link.mobile:
            yield Fault(f"/items/{i}/link/mobile", "required", "an item leads to a mobile address")
        yield from link_faults(item.link, f"/items/{i}/link", limits.BRAND_URL)


def _card_faults(content: KakaoContent, bubble: Bubble) -> Iterator[Fault]:
    if content.cards is None or not bubble.cards[1]:
        return
    low, high = (1, 5) if content.intro else bubble.cards
    if not low <= len(content.cards) <= high:
        yield Fault("/cards", "range", f"has {len(content.cards)} cards, {low} to {high}")
    if content.intro is not None:
        yield from length_fault(content.intro.header, limits.INTRO_HEADER, "/intro/header")
        yield from length_fault(content.intro.text, limits.INTRO_TEXT, "/intro/text")
    for i, card in enumerate(content.cards):
        yield from _one_card(card, bubble, content.bubble or "", f"/cards/{i}")


def _one_card(card: Card, bubble: Bubble, name: str, pointer: str) -> Iterator[Fault]:
    selling = name == "CAROUSEL_COMMERCE"
    for field in ("header", "text") if not selling else ("commerce",):
        if getattr(card, field) is None:
            yield Fault(f"{pointer}/{field}", "required", f"a card of {name} has a {field}")
    if selling:
        yield from length_fault(card.text, limits.ADDITIONAL, f"{pointer}/text")
        if card.header is not None:
            yield Fault(f"{pointer}/header", "conflict", f"a card of {name} has no header")
    else:
        yield from length_fault(card.header, limits.CARD_HEADER, f"{pointer}/header")
        yield from length_fault(card.text, limits.CARD_TEXT, f"{pointer}/text")
        if card.commerce is not None:
            yield Fault(f"{pointer}/commerce", "conflict", f"a card of {name} sells nothing")
    if card.commerce is not None:
        yield from _commerce_faults(card.commerce, f"{pointer}/commerce")
    if card.coupon is not None:
        yield from _coupon_faults(card.coupon, bubble.coupon, f"{pointer}/coupon")
    yield from _button_faults(card.buttons or [], (1, 2), bubble, name, f"{pointer}/buttons")


def images(parts: Mapping[str, Any]) -> list[str]:
    """The file ids of a message, in the order in which its parts carry them."""
    found = [parts.get("image"), (parts.get("intro") or {}).get("image")]
    found += [part.get("image") for name in ("items", "cards") for part in parts.get(name) or ()]
    return [name for name in found if name]


def _image_faults(content: KakaoContent, files: Mapping[str, FileInfo]) -> Iterator[Fault]:
    places = [("/image", content.image), ("/intro/image", content.intro.image if content.intro else None)]
    places += [(f"/items/{i}/image", item.image) for i, item in enumerate(content.items or ())]
    places += [(f"/cards/{i}/image", card.image) for i, card in enumerate(content.cards or ())]
    for pointer, name in places:
        if name is not None and (wrong := _image_fault(files.get(name))):
            yield Fault(pointer, *wrong)


def _image_fault(file: FileInfo | None) -> tuple[str, str] | None:
    if file is None:
        return "not_found", "no such file of this account: upload it first (POST /v1/files)"
    if file.media_type not in IMAGE_TYPES:
        return "4004", "KakaoTalk takes JPEG and PNG images"
    if file.size > IMAGE_BYTES:
        return "1002", f"{file.size} bytes, at most {IMAGE_BYTES}"
    if file.width is not None and file.width < 500:
        return "1002", f"{file.width} pixels wide, at least 500"
    return None


def render_brand(content: Mapping[str, Any], values: Mapping[str, str] | None) -> KakaoPayload:
    """One recipient's message."""
    parts = filled(content["parts"], values or {})
    shown = {k: content[k] for k in ("bubble", "targeting", "optout") if content.get(k)}
    return KakaoPayload(
        KIND,
        content["sender_key"],
        content["template_code"],
        parts.pop("text", ""),
        orjson.dumps({**parts, **shown}),
        (),
        tuple(content["files"]),
    )
