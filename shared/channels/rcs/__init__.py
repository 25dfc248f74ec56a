"""RCS (Rich Communication Suite): texts, cards and carousels with buttons, by the carriers' formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from shared.channels.common import AccountView, Channel, Fault, Hop, Refused, Size, Wants
from shared.channels.mt_text import ad_fault
from shared.channels.rcs import buttons as button_rules
from shared.channels.rcs import checking, formats
from shared.channels.rcs.formats import FORMATS, Format
from shared.channels.rcs.model import MAX_CARDS, RcsContent, RcsHop, RcsRequest
from shared.channels.rcs.payload import Button, Card, RcsPayload
from shared.domain import phone, variables
from shared.domain import text as rules
from shared.domain.variables import fill

__all__ = ["CHANNEL", "RcsPayload"]


class RcsMessage:
    """An RCS message checked for all recipients; `type_for` checks what depends on one."""

    def __init__(self, content: dict[str, Any], form: Format, names: frozenset[str]) -> None:
        self.content, self.names = content, names
        self._form = form
        self._type = _type(content)

    def type_for(self, values: Mapping[str, str]) -> str:
        """The type for a recipient with these variables; raises Refused."""
        if not self.names:
            return self._type
        payload = render(self.content, values)
        for card in payload.cards:
            self._check(card)
        if self._form.cards and (size := sum(len(c.text) for c in payload.cards)) > formats.CARD_TEXTS:
            raise Refused(
                "/variables", "1002", f"the cards have {size} characters, at most {formats.CARD_TEXTS} together"
            )
        if self.content.get("open_ad") and (wrong := ad_fault(payload.text)):
            raise Refused("/variables", "1008", wrong)
        for card in self.content["cards"]:
            for button in card["buttons"]:
                if wrong_button := button_rules.filled_fault(button, self._form.name, values):
                    raise Refused("/variables", *wrong_button)
        return payload.type

    def _check(self, card: Card) -> None:
        form = self._form
        for name, text, most in (("text", card.text, form.text), ("title", card.title, form.title)):
            if most and len(text) > most:
                detail = f"with these variables the {name} has {len(text)} characters, at most {most}"
                raise Refused("/variables", "1002", detail)
            if rules.has_control(text) or rules.HALF in text:
                raise Refused(
                    "/variables", "1003", f"with these variables the {name} has characters that no handset shows"
                )
        if not form.cards and rules.blank(card.text):
            raise Refused("/variables", "1003", "with these variables the text is blank")


def _type(content: Mapping[str, Any]) -> str:
    """The type of a message without variables, or of one whose type does not depend on them."""
    return render(content, None).type if content["type"] == "rcs_cards" and not content["names"] else content["type"]


def render(content: Mapping[str, Any], values: Mapping[str, str] | None) -> RcsPayload:
    """The message of one recipient, as it will go out."""
    names: list[str] = content["names"]
    given = values or {}
    cards = tuple(_card(card, given) for card in content["cards"])
    kind: str = content["type"]
    if kind == "rcs_cards":
        most = FORMATS[content["format"]].card_text
        if len(cards) < formats.FEW_CARDS or any(len(card.text) > most for card in cards):
            kind = formats.LONG_CARDS
    params = tuple((name, given[name]) for name in names) if "template_code" in content else None
    return RcsPayload(
        kind,
        content["brand_id"],
        content["chatbot_id"],
        content.get("template_code") or content["format"],
        cards,
        tuple(card.media for card in cards if card.media),
        content.get("footer", ""),
        content.get("copy_allowed", True),
        content["expiry"],
        params,
    )


def _card(card: Mapping[str, Any], values: Mapping[str, str]) -> Card:
    buttons = tuple(
        Button(
            b["type"],
            fill(b["name"], values),
            tuple((name, fill(value, values)) for name, value in b.items() if name not in ("type", "name")),
        )
        for b in card["buttons"]
    )
    return Card(fill(card["title"], values), fill(card["text"], values), card["media"], buttons)


class Rcs(Channel):
    """The channel `rcs`."""

    name = "rcs"
    request = RcsRequest
    hop = RcsHop
    phone = True

    def wants(self, hop: Mapping[str, Any], recipients: Sequence[Any]) -> Wants:
        """Its brand and chatbot, its template, the files of its cards."""
        identities = set()
        if isinstance(brand := hop.get("brand_id"), str):
            identities.add(("brand", brand))
        if number := checking.chatbot(hop.get("chatbot_id")):
            identities.add(("chatbot", number))
        cards = hop.get("cards")
        parts = [hop, *(c for c in (cards[:MAX_CARDS] if isinstance(cards, list) else ()) if isinstance(c, dict))]
        files = {f for part in parts for f in _listed(part.get("media"))}
        code = hop.get("template_code")
        return Wants(frozenset(files), frozenset(identities), frozenset([code] if isinstance(code, str) else ()))

    def compile(
        self, content: RcsContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        found = [*checking.speaker_faults(content, account), *checking.form_faults(content)]
        form = FORMATS.get(content.format or "")
        image = False
        cards: list[dict[str, Any]] = []
        if content.template_code is not None:
            form, cards, image, wrong = _template(content, account)
            found += wrong
        found += checking.ad_faults(content, form, lane, image)
        faults = [Fault(pointer + where, code, detail) for where, code, detail in found]
        if form is not None and content.template_code is None and (content.cards is not None) == bool(form.cards):
            cards = [checking.plain(card) for card in checking.cards_of(content)]
            faults += self._cards(content, cards, form, account, pointer)
        names = _names(cards)
        if len(names) > checking.MAX_VARIABLES:
            faults.append(
                Fault(f"{pointer}/text", "range", f"has {len(names)} variables, at most {checking.MAX_VARIABLES}")
            )
        faults = [f for f in faults if f.pointer[len(pointer) + 1 :].split("/")[0] not in broken]
        if faults or broken or form is None:
            return None, faults
        return RcsMessage(_content(content, form, cards, names, lane), form, frozenset(names)), faults

    def _cards(
        self, content: RcsContent, cards: list[dict[str, Any]], form: Format, account: AccountView, pointer: str
    ) -> list[Fault]:
        faults: list[Fault] = []
        for place, (card, written) in enumerate(zip(cards, checking.cards_of(content), strict=True)):
            at = f"{pointer}/cards/{place}" if content.cards is not None else pointer
            faults += [Fault(*wrong) for wrong in checking.card_faults(card, form, at, account)]
            if isinstance(written.media, list) and len(written.media) > 1:
                faults.append(Fault(f"{at}/media", "range", "one image a card"))
            faults += checking.button_faults(written.buttons or [], form, at)
        whole = sum(len(variables.compiled(card["text"]).literal) for card in cards)
        if form.cards and whole > formats.CARD_TEXTS:
            detail = f"the cards have {whole} characters, at most {formats.CARD_TEXTS} together"
            faults.append(Fault(f"{pointer}/cards", "1002", detail))
        return faults

    def address(self, content: RcsContent | None, to: str) -> str:
        """The 0-form of a Korean number; raises Refused."""
        number = phone.recipient(to)
        if number is None:
            raise Refused("/to", "1001", phone.why_not_recipient(to))
        return number

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> RcsPayload:
        """The message of one recipient, as it will go out."""
        return render(content, values)

    def measure(self, payload: RcsPayload) -> Size:
        """Its type and the characters of its texts."""
        return Size(payload.type, sum(len(card.text) for card in payload.cards))

    def type_of(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> str:
        """Only a carousel's type depends on what its cards say."""
        return render(content, values).type if content["type"] == "rcs_cards" else cast(str, content["type"])

    def files(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """The images of its cards."""
        return tuple(card["media"] for card in content["cards"] if card["media"])


def _listed(media: Any) -> list[str]:
    found = media[:MAX_CARDS] if isinstance(media, list) else [media]
    return [name for name in found if isinstance(name, str)]


def _names(cards: Sequence[Mapping[str, Any]]) -> list[str]:
    texts = [text for card in cards for text in (card["title"], card["text"])]
    found = [name for text in texts for name in variables.names(text)]
    for card in cards:
        found += button_rules.names_of(card["buttons"])
    return list(dict.fromkeys(found))


def _template(
    content: RcsContent, account: AccountView
) -> tuple[Format | None, list[dict[str, Any]], bool, list[tuple[str, str, str]]]:
    """The form and cards of a template, whether it may carry advertisements, and what is wrong."""
    known = account.templates.get(("rcs", content.template_code or ""))
    wrong: list[tuple[str, str, str]] = [
        (f"/{name}", "conflict", "a template has its own")
        for name in ("title", "cards", "media", "buttons")
        if getattr(content, name) is not None
    ]
    if known is None or known.state != "approved":
        state = "" if known is None else f" that is approved (it is {known.state})"
        return None, [], True, [*wrong, ("/template_code", "2001", f"this account has no such template{state}")]
    form_name = str(known.content.get("format") or "")
    image = form_name not in formats.TEXT_TEMPLATES
    most = formats.IMAGE_TEMPLATE if image else formats.TEXT_TEMPLATE
    form = Format(formats.TEMPLATE, most, formats.TITLE, formats.TEMPLATE_BUTTONS, formats.TEMPLATE_BUTTON_NAME)
    cards = checking.template_cards(known.content)
    if content.text is not None and form_name == "free":
        cards[0]["text"] = rules.tidy(content.text)
        if len(variables.compiled(cards[0]["text"]).literal) > most:
            wrong.append(("/text", "1002", f"at most {most} characters"))
    elif content.text is not None and rules.tidy(content.text) != cards[0]["text"]:
        wrong.append(("/text", "2002", "is not the approved template's text"))
    brand = known.content.get("brand_id")
    if brand and content.brand_id and brand != content.brand_id:
        wrong.append(("/template_code", "2003", "this template belongs to another brand"))
    return form, cards, image, wrong


def _content(
    content: RcsContent, form: Format, cards: list[dict[str, Any]], names: list[str], lane: str
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": form.type,
        "brand_id": content.brand_id,
        "chatbot_id": checking.chatbot(content.chatbot_id),
        "cards": cards,
        "names": names,
        "expiry": formats.EXPIRY.get(lane, formats.EXPIRY_OTHERS),
    }
    if content.template_code is not None:
        made["template_code"] = content.template_code
    else:
        made["format"] = content.format
    if form.unified:
        made["copy_allowed"] = False
        if lane == "ad" and "#{" in cards[0]["text"]:
            made["open_ad"] = True
    else:
        made["copy_allowed"] = content.copy_allowed is not False
    if lane == "ad" and content.ad is not None and not form.unified:
        made["footer"] = checking.optout(content.ad.optout)
    return made


CHANNEL: Channel = Rcs()
