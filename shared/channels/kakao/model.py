"""The body of POST /v1/kakao/messages: AlimTalk (알림톡) and Brand Message (브랜드 메시지)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.channels.kakao.parts import Button, Link, Short
from shared.channels.schema import Content, HopShared, Shared

MAX_TEXT = 10_000
MAX_LISTED = 50
Buttons = Annotated[list[Button], Field(max_length=MAX_LISTED)]


class WideItem(Content):
    """A line of WIDE_ITEM_LIST: an image, what it is, and where it leads."""

    title: Short | None = None
    image: Short
    link: Link


class Commerce(Content):
    """What is sold, and for how much (KRW)."""

    title: Short
    regular_price: int
    discount_price: int | None = None
    discount_rate: int | None = None
    discount_fixed: int | None = None


class Coupon(Link):
    """One of Kakao's five coupon titles, with a description."""

    title: Short
    description: Short


class Video(Content):
    """A video of KakaoTV."""

    url: Short
    thumbnail: Short | None = None


class Card(Content):
    """One card of a carousel."""

    header: Short | None = None
    text: Short | None = None
    image: Short
    link: Link | None = None
    commerce: Commerce | None = None
    coupon: Coupon | None = None
    buttons: Buttons | None = None


class Intro(Link):
    """The card before the others of CAROUSEL_COMMERCE."""

    header: Short
    text: Short
    image: Short


class KakaoContent(Content):
    """What a message of KakaoTalk is made of; what must be there depends on `type` and `bubble` (compile)."""

    type: Literal["alimtalk", "brand"] | None = None
    sender_key: Short | None = None
    template_code: Short | None = None
    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    title: Short | None = None
    buttons: Buttons | None = None
    quick_replies: Buttons | None = None
    targeting: Literal["I", "M", "N"] | None = None
    bubble: (
        Literal[
            "TEXT", "IMAGE", "WIDE", "WIDE_ITEM_LIST", "CAROUSEL_FEED", "PREMIUM_VIDEO", "COMMERCE", "CAROUSEL_COMMERCE"
        ]
        | None
    ) = None
    header: Short | None = None
    image: Short | None = None
    link: Link | None = None
    items: Annotated[list[WideItem], Field(max_length=MAX_LISTED)] | None = None
    cards: Annotated[list[Card], Field(max_length=MAX_LISTED)] | None = None
    intro: Intro | None = None
    tail: Link | None = None
    video: Video | None = None
    commerce: Commerce | None = None
    coupon: Coupon | None = None
    optout: Short | None = None
    """The 080 number at which recipients opt out; else the sender profile's."""


class KakaoRequest(Shared, KakaoContent):
    """The body of POST /v1/kakao/messages."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "sender_key", "recipients"]})


class KakaoHop(HopShared, KakaoContent):
    """A KakaoTalk message as a further hop of any plan."""


ALIMTALK_ONLY = ("title", "quick_replies")
BRAND_ONLY = (
    "targeting", "bubble", "header", "image", "link", "items", "cards", "intro", "tail", "video", "commerce", "coupon",
    "optout",
)  # fmt: skip
