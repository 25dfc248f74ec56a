"""KakaoTalk's limits, in characters: NHN's alimtalk v2.3 and brand-message v1.0, Solapi's SDK where it is narrower."""

from __future__ import annotations

from typing import NamedTuple

SENDER_KEY = 40
TEMPLATE_CODE = 20
TEXT = 1000
"""Of a filled text with its fixed parts: NHN takes 1,300 since 2025-10, the other vendors 1,000."""
TEXT_OF_LIST = 700
"""Of emphasis item_list (NHN -2037)."""
CHANNEL_ADDED = 40
"""What Kakao adds itself to messages of the kinds AD and MI."""
VARIABLES = 40
NEW_PROFILE = 14
"""Characters by which a variable of a first-time sender may lengthen the text (-1028, 3025)."""
TITLE, SUBTITLE, HEADER = 50, 50, 16
ITEMS = (2, 10)
ITEM_TITLE, ITEM_DESCRIPTION = 6, 23
SUMMARY_TITLE, SUMMARY_DESCRIPTION = 6, 14
HIGHLIGHT = (30, 19)
HIGHLIGHT_WITH_IMAGE = (21, 13)
BUTTONS, BUTTONS_WITH_REPLIES, QUICK_REPLIES = 5, 2, 5
BUTTON_NAME = 14
URL = 500
CHAT_EXTRA, CHAT_EVENT = 50, 50
PHONE = 14
NAME = 150
EXTRA = 500
ADD_CHANNEL = "채널 추가"
PHONE_NAMES = ("전화 연결", "고객센터 연결", "상담원 연결")
FORM_NAMES = ("톡에서 예약하기", "톡에서 설문하기", "톡에서 응모하기")
BUTTON_TYPES = ("WL", "AL", "DS", "BK", "MD", "BC", "BT", "AC", "BF", "P1", "P2", "P3", "TN")
REPLY_TYPES = ("WL", "AL", "BK", "BC", "BT", "BF")
KINDS = ("BA", "EX", "AD", "MI")
EMPHASES = ("none", "text", "image", "item_list")
CODE_WORDS = ("auth", "password", "verif", "にんしょう", "認証", "비밀번호", "인증")
"""The path for one-time passwords takes only texts with one of these (NHN -8006); Latin ones in any case."""


class Bubble(NamedTuple):
    """One form of a Brand Message. `text` and `breaks`: characters and line breaks; `needs`: fields that must be there,
    `takes`: fields that may."""

    text: int
    breaks: int
    buttons: tuple[int, int]
    button_name: int
    coupon: int
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    header: int = 0
    cards: tuple[int, int] = (0, 0)


BUBBLES: dict[str, Bubble] = {
    "TEXT": Bubble(1300, 99, (0, 5), 14, 12, ("text",), ("coupon",)),
    "IMAGE": Bubble(1300, 99, (0, 5), 14, 12, ("text", "image"), ("coupon", "link")),
    "WIDE": Bubble(76, 5, (0, 2), 8, 18, ("text", "image"), ("coupon", "link")),
    "WIDE_ITEM_LIST": Bubble(0, 0, (0, 2), 8, 18, ("header", "items"), ("coupon",), header=20),
    "CAROUSEL_FEED": Bubble(0, 0, (0, 0), 8, 12, ("cards",), ("tail",), header=20, cards=(2, 6)),
    "PREMIUM_VIDEO": Bubble(76, 5, (0, 1), 8, 12, ("video",), ("text", "header", "coupon"), header=20),
    "COMMERCE": Bubble(0, 0, (1, 2), 8, 12, ("image", "commerce"), ("coupon", "text")),
    "CAROUSEL_COMMERCE": Bubble(0, 0, (0, 0), 8, 12, ("cards",), ("intro", "tail"), header=20, cards=(2, 6)),
}
"""NHN's guide of bubbles, narrowed by Solapi's SDK (a video's coupon text has 12 there)."""
ADDITIONAL = 34
COMMERCE_TITLE = 30
INTRO_HEADER, INTRO_TEXT = 20, 50
CARD_HEADER, CARD_TEXT = 20, 180
WIDE_ITEMS = (3, 4)
WIDE_FIRST_TITLE, WIDE_TITLE = 25, 30
BRAND_URL = 1000
PRICE = 99_999_999
