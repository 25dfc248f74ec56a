"""The limits of KakaoTalk as data: each bubble of a Brand Message, and each part of an AlimTalk template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from shared.channels.kakao import limits
from shared.channels.kakao.brand import IMAGE_BYTES
from shared.channels.kakao.limits import BUBBLES, Bubble
from tests.limits import WEB, Json, Limit

IMAGE = "image/jpeg 1000 800"
LINK = {"mobile": WEB}
BUTTON = {"type": "WL", "name": "n", "mobile": WEB}
COUPON = {"title": "배송비 할인 쿠폰", "description": "d", "mobile": WEB}
COMMERCE = {"title": "t", "regular_price": 1000}
ITEM = {"title": "t", "image": IMAGE, "link": LINK}
PARTS: Json = {
    "text": "t", "image": IMAGE, "header": "h", "items": [ITEM] * 3, "video": {"url": "https://tv.kakao.com/v/1"},
    "commerce": COMMERCE,
}  # fmt: skip


def card(name: str, **more: Any) -> Json:
    """A card of a carousel."""
    says = {"commerce": COMMERCE} if name == "CAROUSEL_COMMERCE" else {"header": "h", "text": "t"}
    return {"image": IMAGE, "buttons": [BUTTON], **says, **more}


def bubble(name: str, **more: Any) -> Json:
    """A message of a form with what it must have."""
    form = BUBBLES[name]
    parts = {**PARTS, "cards": [card(name), card(name)]}
    shown = {field: parts[field] for field in form.needs}
    if form.buttons[0]:
        shown["buttons"] = [BUTTON] * form.buttons[0]
    return {"bubble": name, "text": None, **shown, **more}


def _at(name: str, field: str, made: Callable[[int], Any]) -> Callable[[int], Json]:
    return lambda n: bubble(name, **{field: made(n)})


def _first(name: str, made: Callable[[int], Json]) -> Callable[[int], Json]:
    return _at(name, "cards", lambda n: [card(name, **made(n)), card(name)])


def _url(n: int) -> str:
    return WEB + "u" * (n - len(WEB))


def brand() -> Iterator[Limit]:
    """Every form, every field of it."""
    for name, form in BUBBLES.items():
        for pointer, most, fields in (*_texts(name, form), *_lists(name, form), *_sold(name, form)):
            yield Limit("kakao", pointer, most, fields, name)


Row = tuple[str, int, Callable[[int], Json]]


def _texts(name: str, form: Bubble) -> Iterator[Row]:
    if form.text:
        yield "/text", form.text, _at(name, "text", lambda n: "t" * n)
        yield "/text", form.breaks, _at(name, "text", lambda n: "t" + "\n" * n + "t")
    if "header" in (*form.needs, *form.takes):
        yield "/header", form.header, _at(name, "header", lambda n: "h" * n)
    if "coupon" in form.takes:
        yield "/coupon/description", form.coupon, _at(name, "coupon", lambda n: {**COUPON, "description": "d" * n})
    if "image" in form.needs:
        yield "/image", IMAGE_BYTES, _at(name, "image", lambda n: f"image/png {n} 800")


def _lists(name: str, form: Bubble) -> Iterator[Row]:
    if form.buttons[1]:
        yield "/buttons", form.buttons[1], _at(name, "buttons", lambda n: [BUTTON] * n)
        yield "/buttons/0/name", form.button_name, _at(name, "buttons", lambda n: [{**BUTTON, "name": "n" * n}])
        url = _at(name, "buttons", lambda n: [{**BUTTON, "mobile": _url(n)}])
        yield "/buttons/0/mobile", limits.BRAND_URL, url
    if "items" in form.needs:
        yield "/items", limits.WIDE_ITEMS[1], _at(name, "items", lambda n: [ITEM] * n)
        for place, most in ((0, limits.WIDE_FIRST_TITLE), (1, limits.WIDE_TITLE)):
            made = _item(name, place)
            yield f"/items/{place}/title", most, made
    if form.cards[1]:
        yield "/cards", form.cards[1], _at(name, "cards", lambda n: [card(name)] * n)
        yield "/cards/0/buttons", 2, _first(name, lambda n: {"buttons": [BUTTON] * n})
        yield (
            "/cards/0/buttons/0/name",
            form.button_name,
            _first(name, lambda n: {"buttons": [{**BUTTON, "name": "n" * n}]}),
        )
        coupon = _first(name, lambda n: {"coupon": {**COUPON, "description": "d" * n}})
        yield "/cards/0/coupon/description", form.coupon, coupon


def _item(name: str, place: int) -> Callable[[int], Json]:
    def made(n: int) -> list[Json]:
        return [{**ITEM, "title": "t" * n} if i == place else ITEM for i in range(3)]

    return _at(name, "items", made)


def _sold(name: str, form: Bubble) -> Iterator[Row]:
    if "commerce" in form.needs:
        yield "/text", limits.ADDITIONAL, _at(name, "text", lambda n: "t" * n)
        yield "/commerce/title", limits.COMMERCE_TITLE, _at(name, "commerce", lambda n: {**COMMERCE, "title": "t" * n})
        yield "/commerce/regular_price", limits.PRICE, _at(name, "commerce", lambda n: {**COMMERCE, "regular_price": n})
    if name == "CAROUSEL_COMMERCE":
        yield "/cards/0/text", limits.ADDITIONAL, _first(name, lambda n: {"text": "t" * n})
        title = _first(name, lambda n: {"commerce": {**COMMERCE, "title": "t" * n}})
        yield "/cards/0/commerce/title", limits.COMMERCE_TITLE, title
        intro = {"header": "h", "text": "t", "image": IMAGE, "mobile": WEB}
        yield "/intro/header", limits.INTRO_HEADER, _at(name, "intro", lambda n: {**intro, "header": "h" * n})
        yield "/intro/text", limits.INTRO_TEXT, _at(name, "intro", lambda n: {**intro, "text": "t" * n})
    if name == "CAROUSEL_FEED":
        yield "/cards/0/header", limits.CARD_HEADER, _first(name, lambda n: {"header": "h" * n})
        yield "/cards/0/text", limits.CARD_TEXT, _first(name, lambda n: {"text": "t" * n})


def _listed(**more: Any) -> Json:
    return {"emphasis": "item_list", "items": [{"title": "t", "description": "d"}] * 2, **more}


def _entry(field: str) -> Callable[[int], Json]:
    return lambda n: _listed(
        items=[{"title": "t", "description": "d", field: "x" * n}, {"title": "t", "description": "d"}]
    )


def _sum(field: str) -> Callable[[int], Json]:
    return lambda n: _listed(summary={"title": "t", "description": "1", field: "1" * n})


def _high(image: bool, field: str) -> Callable[[int], Json]:
    more = {"image": IMAGE} if image else {}
    return lambda n: _listed(highlight={"title": "t", "description": "d", **more, field: "x" * n})


def _button(**more: Callable[[int], str]) -> Callable[[int], Json]:
    return lambda n: {"buttons": [{**BUTTON, **{name: made(n) for name, made in more.items()}}]}


def _x(n: int) -> str:
    return "x" * n


CHAT = {"type": "BC", "name": "n"}
REPLY = {"type": "BK", "name": "n"}
ADD = {"type": "AC", "name": limits.ADD_CHANNEL}
CALL = {"type": "TN", "name": limits.PHONE_NAMES[0]}
PICTURE = {"title": "t", "image": IMAGE}
TEMPLATE: tuple[Row, ...] = (
    ("/text", limits.TEXT, lambda n: {"text": "t" * n}),
    ("/text", limits.TEXT - limits.CHANNEL_ADDED, lambda n: {"kind": "AD", "text": "t" * n, "buttons": [ADD]}),
    ("/text", limits.TEXT_OF_LIST, lambda n: _listed(text="t" * n)),
    ("/text", limits.VARIABLES, lambda n: {"text": "t" + "".join(f"#{{{i}}}" for i in range(n))}),
    ("/extra", limits.EXTRA, lambda n: {"kind": "EX", "extra": "x" * n}),
    ("/title", limits.TITLE, lambda n: {"emphasis": "text", "title": "t" * n, "subtitle": "s"}),
    ("/subtitle", limits.SUBTITLE, lambda n: {"emphasis": "text", "title": "t", "subtitle": "s" * n}),
    ("/header", limits.HEADER, lambda n: _listed(header="h" * n)),
    ("/items", limits.ITEMS[1], lambda n: _listed(items=[{"title": "t", "description": "d"}] * n)),
    ("/items/0/title", limits.ITEM_TITLE, _entry("title")),
    ("/items/0/description", limits.ITEM_DESCRIPTION, _entry("description")),
    ("/summary/title", limits.SUMMARY_TITLE, _sum("title")),
    ("/summary/description", limits.SUMMARY_DESCRIPTION, _sum("description")),
    ("/highlight/title", limits.HIGHLIGHT[0], _high(False, "title")),
    ("/highlight/description", limits.HIGHLIGHT[1], _high(False, "description")),
    ("/highlight/title", limits.HIGHLIGHT_WITH_IMAGE[0], _high(True, "title")),
    ("/highlight/description", limits.HIGHLIGHT_WITH_IMAGE[1], _high(True, "description")),
    ("/buttons", limits.BUTTONS, lambda n: {"buttons": [BUTTON] * n}),
    ("/buttons", limits.BUTTONS_WITH_REPLIES, lambda n: {"buttons": [BUTTON] * n, "quick_replies": [REPLY]}),
    ("/quick_replies", limits.QUICK_REPLIES, lambda n: {"quick_replies": [REPLY] * n}),
    ("/quick_replies/0/name", limits.BUTTON_NAME, lambda n: {"quick_replies": [{**REPLY, "name": "n" * n}]}),
    ("/buttons/0/name", limits.BUTTON_NAME, _button(name=_x)),
    ("/buttons/0/mobile", limits.URL, _button(mobile=_url)),
    ("/buttons/0/pc", limits.URL, _button(pc=_url)),
    ("/buttons/0/ios", limits.URL, _button(ios=_url)),
    ("/buttons/0/extra", limits.CHAT_EXTRA, lambda n: {"buttons": [{**CHAT, "extra": "x" * n}]}),
    ("/buttons/0/event", limits.CHAT_EVENT, lambda n: {"buttons": [{**CHAT, "event": "x" * n}]}),
    ("/buttons/0/phone", limits.PHONE, lambda n: {"buttons": [{**CALL, "phone": "0" * n}]}),
    ("/link/mobile", limits.URL, lambda n: {"link": {"mobile": _url(n)}}),
)  # fmt: skip
"""(field, most, content) of templates; texts that the rows leave out are short."""

FILLED: tuple[Row, ...] = (
    ("text", limits.TEXT, lambda n: {"text": "t#{v}"}),
    ("title", limits.TITLE, lambda n: {"emphasis": "text", "title": "t#{v}", "subtitle": "s"}),
    ("header", limits.HEADER, lambda n: _listed(header="t#{v}")),
    ("highlight", limits.HIGHLIGHT[0], lambda n: _listed(highlight={"title": "t#{v}"})),
    ("highlight", limits.HIGHLIGHT[1], lambda n: _listed(highlight={"title": "t", "description": "t#{v}"})),
    ("highlight", limits.HIGHLIGHT_WITH_IMAGE[1], lambda n: _listed(highlight={**PICTURE, "description": "t#{v}"})),
    ("items", limits.ITEM_DESCRIPTION, lambda n: _listed(items=[{"title": "t", "description": "t#{v}"}] * 2)),
    ("summary", limits.SUMMARY_DESCRIPTION, lambda n: _listed(summary={"title": "t", "description": "1#{v}"})),
    ("buttons", limits.URL, lambda n: {"buttons": [{**BUTTON, "mobile": WEB + "#{v}"}]}),
    ("buttons", limits.URL, lambda n: {"buttons": [{**BUTTON, "ios": "shop://#{v}"}]}),
    ("link", limits.URL, lambda n: {"link": {"mobile": WEB + "#{v}"}}),
)  # fmt: skip
"""Parts of templates whose limits hold after filling: (part, most, content with one variable v)."""

BRAND_FILLED: tuple[tuple[str, str, int, Json], ...] = (
    ("TEXT", "/text", BUBBLES["TEXT"].text, {"text": "t#{v}"}),
    ("TEXT", "/buttons/0/mobile", limits.BRAND_URL, {"buttons": [{**BUTTON, "mobile": WEB + "#{v}"}]}),
    ("TEXT", "/coupon/description", BUBBLES["TEXT"].coupon, {"coupon": {**COUPON, "description": "t#{v}"}}),
    ("IMAGE", "/link/mobile", limits.BRAND_URL, {"link": {"mobile": WEB + "#{v}"}}),
    ("WIDE_ITEM_LIST", "/header", BUBBLES["WIDE_ITEM_LIST"].header, {"header": "t#{v}"}),
    ("WIDE_ITEM_LIST", "/items/1/title", limits.WIDE_TITLE, {"items": [ITEM, {**ITEM, "title": "t#{v}"}, ITEM]}),
    ("COMMERCE", "/text", limits.ADDITIONAL, {"text": "t#{v}"}),
    ("COMMERCE", "/commerce/title", limits.COMMERCE_TITLE, {"commerce": {**COMMERCE, "title": "t#{v}"}}),
    ("CAROUSEL_FEED", "/cards/0/text", limits.CARD_TEXT,
     {"cards": [card("CAROUSEL_FEED", text="t#{v}"), card("CAROUSEL_FEED")]}),
)  # fmt: skip
"""Parts of Brand Messages whose limits hold after filling: (bubble, field, most, fields with one variable v)."""
