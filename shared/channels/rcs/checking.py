"""Check an RCS content for all recipients: who speaks, in which form, and every limit that can be known by now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.channels.common import AccountView, Fault, FileInfo
from shared.channels.mt_text import ad_fault
from shared.channels.rcs import buttons as button_rules
from shared.channels.rcs import formats
from shared.channels.rcs.formats import FORMATS, Format
from shared.channels.rcs.model import RcsCard, RcsContent
from shared.domain import phone, variables
from shared.domain import text as rules

_OPTOUT = re.compile(r"080-?\d{3,4}-?\d{4}", re.ASCII).fullmatch
MAX_VARIABLES = 100
_TOP = ("title", "text", "media", "buttons")


class Checked(NamedTuple):
    """A content that has no faults: its form, and its cards as the plan carries them."""

    form: Format
    name: str
    cards: list[dict[str, Any]]
    chatbot: str
    footer: str


def optout(written: str) -> str | None:
    """The 080 number of an advertisement as carriers take it; None when it is none."""
    text = written.strip()
    return text if len(text) <= formats.FOOTER and _OPTOUT(text) else None


def chatbot(written: Any) -> str:
    """The stored form of a chatbot's number; empty when it is no number that one may have."""
    number = phone.sender(written) if isinstance(written, str) else None
    return number or ""


def speaker_faults(content: RcsContent, account: AccountView) -> Iterator[tuple[str, str, str]]:
    """Faults of brand and chatbot: (pointer, code, detail)."""
    brand, bot = content.brand_id, content.chatbot_id
    if not brand:
        yield "/brand_id", "required", "give the brand that the message comes from"
    elif (held := account.identities.get(("rcs", "brand", brand))) is None or held.state != "approved":
        yield "/brand_id", "2003", f"this account has no such brand{_state(held)}: register it first (/v1/identities)"
    if not bot:
        yield "/chatbot_id", "required", "give the chatbot (대화방): the number that the message comes from"
        return
    number = chatbot(bot)
    held = account.identities.get(("rcs", "chatbot", number))
    if number.startswith("010"):
        yield "/chatbot_id", "2003", "a chatbot is never an 010 number"
    elif held is None or held.state != "approved":
        yield "/chatbot_id", "2003", f"this account has no such chatbot{_state(held)}: register it first"
    elif brand and held.settings.get("brand_id", brand) != brand:
        yield "/chatbot_id", "2003", "this chatbot belongs to another brand"


def _state(held: Any) -> str:
    return "" if held is None else f" that is approved (it is {held.state})"


def form_faults(content: RcsContent) -> Iterator[tuple[str, str, str]]:
    """Faults of which parts a content of its format has."""
    if content.format is None and content.template_code is None:
        yield "/format", "required", f"give a format ({', '.join(list(FORMATS)[:4])} …) or a template_code"
    if content.format is not None and content.template_code is not None:
        yield "/template_code", "conflict", "give either `format` or `template_code`"
    if content.format is None:
        return
    form = FORMATS.get(content.format)
    if form is None:
        yield "/format", "range", f"no such format; known are: {', '.join(FORMATS)}"
        return
    if form.cards:
        for name in _TOP:
            if getattr(content, name) is not None:
                yield f"/{name}", "conflict", f"{content.format} has cards: say it in `cards`"
        count = len(content.cards or ())
        if count != form.cards:
            yield "/cards", "range", f"{content.format} has {form.cards} cards, not {count}"
    elif content.cards is not None:
        yield "/cards", "conflict", f"{content.format} has no cards: say it in `text`, `media` and `buttons`"
    if content.title is not None and not form.title and not form.cards:
        yield "/title", "conflict", f"{content.format} has no title"
    if content.media is not None and not form.media and not form.cards:
        yield "/media", "conflict", f"{content.format} has no media: use an MMS format"
    if form.unified and content.copy_allowed is not None:
        yield "/copy_allowed", "conflict", "unified RCS cannot say whether it may be copied"


def card_faults(
    card: dict[str, Any], form: Format, pointer: str, account: AccountView
) -> Iterator[tuple[str, str, str]]:
    """Faults of one card: texts, file, buttons."""
    text, title, media = card["text"], card["title"], card["media"]
    if not form.cards and rules.blank(text):
        yield f"{pointer}/text", "required", "give the text of the message"
    for name, value, most in (("text", text, form.text), ("title", title, form.title)):
        if not most:
            continue
        length = len(variables.compiled(value).literal if "#{" in value else value)
        if length > most:
            yield f"{pointer}/{name}", "1002", f"has {length} characters, at most {most}"
        if rules.has_control(value) or rules.HALF in value:
            yield f"{pointer}/{name}", "1003", "has characters that no handset shows"
    if form.media and not media:
        yield f"{pointer}/media", "required", "give the id of an uploaded image (POST /v1/files)"
    if media and (wrong := file_fault(account.files.get(media), form)):
        yield f"{pointer}/media", *wrong


def file_fault(file: FileInfo | None, form: Format) -> tuple[str, str] | None:
    """Why a file cannot be the image of a message."""
    if file is None:
        return "not_found", "no such file of this account: upload it first (POST /v1/files)"
    if file.media_type not in formats.MEDIA_TYPES or (form.unified and file.media_type == "image/gif"):
        return "4004", "RCS takes JPEG, PNG, BMP and (but unified RCS) GIF images"
    if file.size > formats.MEDIA_BYTES:
        return "1002", f"{file.size} bytes, at most {formats.MEDIA_BYTES}"
    return None


def button_faults(given: list[Any], form: Format, pointer: str) -> Iterator[Fault]:
    """Faults of a card's buttons."""
    if len(given) > form.buttons:
        yield Fault(f"{pointer}/buttons", "range", f"has {len(given)} buttons, at most {form.buttons}")
    for i, button in enumerate(given):
        yield from button_rules.faults(button, form, f"{pointer}/buttons/{i}")


def ad_faults(content: RcsContent, form: Format | None, lane: str, image: bool) -> Iterator[tuple[str, str, str]]:
    """Faults of an advertisement's form; `image`: whether a template may carry one."""
    if lane != "ad":
        if content.ad is not None:
            yield "/ad", "conflict", "advertisements go in the lane ad"
        return
    if content.template_code is not None and not image:
        yield "/template_code", "1008", "text templates carry no advertisements (NHN -4023)"
    if form is not None and form.unified:
        text = rules.tidy(content.text or "")
        if "#{" not in text and (wrong := ad_fault(text)):
            yield "/text", "1008", f"{wrong}: unified RCS has no header and no footer for it"
        return
    if content.ad is None:
        yield "/ad", "1008", 'an advertisement names its free opt-out number: {"optout": "0801234567"}'
    elif optout(content.ad.optout) is None:
        yield "/ad/optout", "1008", f"must be an 080 number of at most {formats.FOOTER} digits and hyphens"


def cards_of(content: RcsContent) -> list[RcsCard]:
    """The cards of a content; one of its own parts where the format has none."""
    if content.cards is not None:
        return content.cards
    return [RcsCard(title=content.title, text=content.text, media=content.media, buttons=content.buttons)]


def plain(card: RcsCard) -> dict[str, Any]:
    """A card as the plan carries it, tidied."""
    media = card.media[0] if isinstance(card.media, list) and card.media else card.media
    return {
        "title": rules.tidy(card.title or ""),
        "text": rules.tidy(card.text or ""),
        "media": media or "",
        "buttons": [
            {name: rules.tidy(value) for name, value in button_rules.plain(b).items()} for b in card.buttons or ()
        ],
    }


def template_cards(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cards of an approved template."""
    cards = content.get("cards")
    found = cards if isinstance(cards, list) else [content]
    return [
        {
            "title": str(card.get("title") or ""),
            "text": str(card.get("text") or ""),
            "media": "",
            "buttons": [{k: str(v) for k, v in b.items()} for b in card.get("buttons") or ()],
        }
        for card in found
    ]
