"""Every limit of every channel as data: a body as long as it says, the most it may be, and the field to name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from shared.channels.common import AccountView, FileInfo, Identity
from shared.channels.email import limits as email
from shared.channels.mt import MAX_VARIABLES
from shared.channels.push import model as push
from shared.channels.rcs import buttons as rcs_buttons
from shared.channels.rcs import formats as rcs
from shared.channels.schema import MAX_AHEAD_S, MAX_FALLBACK, MAX_RECIPIENTS, MAX_REF, MAX_URI, MAX_WAIT_S
from shared.domain import text as mt

Json = dict[str, Any]
KEY, WEB = "demo" + "0" * 36, "https://c.example/"
TO = {"email": "kim@client.example", "push": "fcm:f3zLDZa2:APA91bHe-_x"}
APP = "a" * 64


class Files(dict[str, FileInfo]):
    """Files of an account that has any: `image/jpeg 1000 640`, the id, says its type, bytes and pixels."""

    def get(self, name: str, default: Any = None) -> Any:
        """What the id says."""
        kind, size, pixels = name.split()[:3]
        return FileInfo(kind, int(size), int(pixels), int(pixels), name="a.bin")


ACCOUNT = AccountView(
    7, "demo", frozenset({"0215441234"}), files=Files(),
    identities={
        ("kakao", "profile", KEY): Identity("approved", {"optout": "0801234567", "marketing_agreement": True}),
        ("email", "domain", "demo.example"): Identity("approved"),
        ("push", "app", "demo-app"): Identity("approved"), ("push", "app", APP): Identity("approved"),
        ("rcs", "brand", "demo-brand"): Identity("approved"), ("rcs", "chatbot", "0215441234"): Identity("approved"),
    },
)  # fmt: skip
BASES: dict[str, Json] = {
    "mt": {"sender": "0215441234", "text": "안녕하세요"},
    "kakao": {"type": "brand", "lane": "ad", "sender_key": KEY, "bubble": "TEXT", "text": "봄 할인"},
    "email": {"from": "news@demo.example", "subject": "주문 안내", "text": "안녕하세요"},
    "push": {"app": "demo-app", "body": "배송"},
    "rcs": {"brand_id": "demo-brand", "chatbot_id": "0215441234", "format": "SS000000", "text": "안녕하세요"},
}


class Limit(NamedTuple):
    """`fields(n)` stand over the channel's plain body and are n long; over `most` they are a fault at `pointer`."""

    channel: str
    pointer: str
    most: int
    fields: Callable[[int], Json]
    about: str = ""

    def body(self, n: int) -> Json:
        """The whole body."""
        person = {"to": TO.get(self.channel, "01023456789")}
        return {**BASES[self.channel], "recipients": [person], **self.fields(n)}


def _text(name: str, sign: Any = "a", **more: Any) -> Callable[[int], Json]:
    return lambda n: {**more, name: sign * n}


def _many(name: str, one: Callable[[int], Any], **more: Any) -> Callable[[int], Json]:
    return lambda n: {**more, name: [one(i) for i in range(n)]}


def _named(n: int) -> Json:
    return {f"X-{i}": "v" for i in range(n)}


def _url(n: int) -> str:
    return WEB + "u" * (n - len(WEB))


def _variables(name: str) -> Callable[[int], Json]:
    def made(n: int) -> Json:
        names = [f"v{i}" for i in range(n)]
        people = [{"to": TO.get(name, "01023456789"), "variables": dict.fromkeys(names, "x")}]
        return {"text": "".join(f"#{{{one}}}" for one in names), "recipients": people}

    return made


def shared(name: str) -> Iterator[Limit]:
    """What holds on every channel."""
    to = TO.get(name, "01023456789")
    yield Limit(name, "/recipients", MAX_RECIPIENTS, _many("recipients", lambda _: {"to": to}))
    yield Limit(name, "/request_ref", MAX_REF, _text("request_ref"))
    yield Limit(name, "/callback_uri", MAX_URI, lambda n: {"callback_uri": _url(n)})
    yield Limit(name, "/ttl", MAX_AHEAD_S, lambda n: {"ttl": n})
    yield Limit(name, "/wait", MAX_WAIT_S, lambda n: {"wait": n, "fallback": [hop(name)]})
    yield Limit(name, "/fallback", MAX_FALLBACK, _many("fallback", lambda _: hop(name)))
    yield Limit(name, "/fallback/0/wait", MAX_WAIT_S, lambda n: {"fallback": [{**hop(name), "wait": n}]})
    yield Limit(name, "/recipients/0/ref", MAX_REF, lambda n: {"recipients": [{"to": to, "ref": "r" * n}]})


def hop(name: str) -> Json:
    """A further hop of the same channel."""
    return {"channel": name, **{k: v for k, v in BASES[name].items() if k != "lane"}}


def mt_limits() -> Iterator[Limit]:
    """Texts, in bytes of EUC-KR; images."""
    for kind, most in mt.LIMITS.items():
        more: Json = {"type": kind, **({"files": ["image/jpeg 1000 640"]} if kind == "mms" else {})}
        yield Limit("mt", "/text", most, _text("text", **more), kind)
    yield Limit("mt", "/text", mt.LMS_BYTES // 2 * 2, lambda n: {"text": "가" * (n // 2) + "a" * (n % 2)}, "auto")
    yield Limit("mt", "/text", 153 * mt.INTERNATIONAL_PARTS, abroad)
    yield Limit("mt", "/subject", mt.SUBJECT_BYTES, _text("subject"))
    yield Limit("mt", "/files", mt.MMS_FILES, _many("files", lambda i: f"image/jpeg 1000 640 {i}"))
    yield Limit("mt", "/files/0", mt.MMS_FILE_BYTES, lambda n: {"files": [f"image/jpeg {n} 640"]})
    yield Limit("mt", "/files/0", mt.MMS_PIXELS, lambda n: {"files": [f"image/jpeg 1000 {n}"]})
    yield Limit("mt", "/text", MAX_VARIABLES, _variables("mt"), "variables")


def abroad(n: int) -> Json:
    """A text to another country, in signs of GSM 03.38."""
    return {"text": "a" * n, "international": True, "recipients": [{"to": "+14155550123"}]}


def email_limits() -> Iterator[Limit]:
    """Mails, in characters and bytes."""
    pdf = "application/pdf 1000 0"
    yield Limit("email", "/subject", email.SUBJECT, _text("subject", "가"))
    yield Limit("email", "/text", email.TEXT, _text("text"))
    yield Limit("email", "/html", email.TEXT, _text("html"))
    yield Limit("email", "/cc", email.CC, _many("cc", lambda i: f"a{i}@b.example"))
    yield Limit("email", "/attachments", email.ATTACHMENTS, _many("attachments", lambda i: f"{pdf} {i}"))
    yield Limit("email", "/headers", email.HEADERS, lambda n: {"headers": _named(n)})
    name = "X-" + "a" * (email.HEADER_NAME - 2)
    yield Limit("email", f"/headers/{name}a", email.HEADER_NAME, lambda n: {"headers": {"X-" + "a" * (n - 2): "v"}})
    yield Limit("email", "/headers/X-A", email.HEADER_VALUE, lambda n: {"headers": {"X-A": "v" * n}})
    yield Limit("email", "/unsubscribe", email.URL, lambda n: {"unsubscribe": _url(n)})
    yield Limit("email", "/text", email.VARIABLES, _variables("email"), "variables")
    at = "/attachments/0"
    piece = {"file": pdf}
    yield Limit("email", f"{at}/name", email.FILE_NAME, lambda n: {"attachments": [{**piece, "name": "n" * n}]})
    yield Limit("email", f"{at}/inline", email.CONTENT_ID, lambda n: {"attachments": [{**piece, "inline": "i" * n}]})
    room = (email.SIZE - 8192) // 78 * 57  # bytes that base64's lines leave beside the heads
    yield Limit("email", "/attachments", room, lambda n: {"attachments": [f"application/pdf {n} 0"]}, "bytes")


def push_limits() -> Iterator[Limit]:
    """Push messages: each field, and the 4,096 bytes of all."""
    yield Limit("push", "/app", len(APP), _text("app"))
    yield Limit("push", "/data", push.MAX_DATA, lambda n: {"data": {f"k{i}": "v" for i in range(n)}})
    key = "k" * (push.MAX_KEY + 1)
    yield Limit("push", f"/data/{key}", push.MAX_KEY, lambda n: {"data": {"k" * n: "v"}})
    yield Limit("push", "/image", push.MAX_URL, lambda n: {"image": _url(n)})
    yield Limit("push", "/link", push.MAX_URL, lambda n: {"link": _url(n)})
    yield Limit("push", "/badge", push.MAX_BADGE, lambda n: {"badge": n})
    yield Limit("push", "/sound", 64, _text("sound"))
    yield Limit("push", "/collapse_key", push.MAX_COLLAPSE, _text("collapse_key"))
    texts = {"body": "b"}
    yield Limit(
        "push", "/localized", push.MAX_LANGUAGES, lambda n: {"localized": {f"a{chr(97 + i)}": texts for i in range(n)}}
    )
    room = 4096 - len('{"notification":{"body":""}}')
    yield Limit("push", "/body", room, _text("body"), "bytes")


BUTTON_OF: Mapping[str, Json] = {
    "URL": {"url": WEB}, "DIALER": {"phone": "0215441234"}, "COMPOSE": {"phone": "0215441234", "text": "t"},
    "CLIPBOARD": {"text": "t"}, "MAP_SHOW": {"latitude": "37.5", "longitude": "127"}, "MAP_QUERY": {"query": "q"},
    "MAP_SHARE": {},
    "CALENDAR": {"start": "2030-01-31T09:00:00+09:00", "end": "2030-01-31T10:00:00+09:00", "title": "t"},
}  # fmt: skip
COUNTED = ("text", "label", "query", "title", "description", "url")
"""Fields of buttons that are free texts; the others are numbers and times."""


def rcs_limits() -> Iterator[Limit]:
    """RCS: each format, each kind of button."""
    for name, form in rcs.FORMATS.items():
        yield from _of_form(name, form)
    for kind, fields in rcs_buttons.FIELDS.items():
        for field, (most, _) in fields.items():
            if field in COUNTED:
                yield Limit("rcs", f"/buttons/0/{field}", most, _rcs_button(kind, field), kind)


def _rcs_button(kind: str, field: str) -> Callable[[int], Json]:
    def made(n: int) -> Json:
        value = _url(n) if field == "url" else "x" * n
        return {"format": "SL000000", "buttons": [{"type": kind, "name": "n", **BUTTON_OF[kind], field: value}]}

    return made


def _of_form(name: str, form: rcs.Format) -> Iterator[Limit]:
    def card(**more: Any) -> Json:
        return {"text": "t", **({"media": "image/png 1000 640"} if form.media else {}), **more}

    def made(**more: Any) -> Json:
        if not form.cards:
            return {"format": name, **card(**more)}
        cards = [card(**more), *(card(text="") for _ in range(form.cards - 1))]
        return {"format": name, "cards": cards, "text": None}

    def buttons(n: int, length: int = 1) -> Json:
        return made(buttons=[{"type": "MAP_SHARE", "name": "n" * length}] * n)

    at = "/cards/0" if form.cards else ""
    if not form.cards:
        yield Limit("rcs", "/text", form.text, lambda n: made(text="t" * n), name)
    if form.title:
        yield Limit("rcs", f"{at}/title", form.title, lambda n: made(title="t" * n), name)
    yield Limit("rcs", f"{at}/buttons", form.buttons, buttons, name)
    yield Limit("rcs", f"{at}/buttons/0/name", form.name, lambda n: buttons(1, n), name)
    if form.media:
        yield Limit("rcs", f"{at}/media", rcs.MEDIA_BYTES, lambda n: made(media=f"image/png {n} 640"), name)
    if form.cards:

        def together(n: int) -> Json:
            half = rcs.CARD_TEXTS // 2
            cards = [card(text="t" * half), card(text="t" * (n - half)), *[card(text="")] * (form.cards - 2)]
            return {"format": name, "text": None, "cards": cards}

        yield Limit("rcs", "/cards", rcs.CARD_TEXTS, together, name)
