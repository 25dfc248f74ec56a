"""KakaoTalk (카카오톡): AlimTalk by approved templates, Brand Messages as advertisements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.channels.common import AccountView, Channel, Fault, Hop, Refused, Size, Wants
from shared.channels.kakao import limits, template
from shared.channels.kakao.alimtalk import KIND as ALIMTALK
from shared.channels.kakao.alimtalk import compile_alimtalk, render_alimtalk
from shared.channels.kakao.brand import KIND as BRAND
from shared.channels.kakao.brand import bubble_faults, compile_brand, images, render_brand
from shared.channels.kakao.model import KakaoContent, KakaoHop, KakaoRequest
from shared.channels.kakao.payload import KakaoPayload
from shared.channels.kakao.preview import preview
from shared.channels.reading import read_object
from shared.domain import phone

_MOBILE = re.compile(phone.MOBILE, re.ASCII).fullmatch
_LISTS = ("items", "cards")
DAY_S = 24 * 3600


class Kakao(Channel):
    """The channel `kakao`."""

    name = "kakao"
    request = KakaoRequest
    hop = KakaoHop
    phone = True
    receipt_s: Mapping[str, int] = {ALIMTALK: 3 * DAY_S, BRAND: 3 * DAY_S}
    """A receipt may come within three days (NHN's 3005)."""

    def wants(self, hop: Mapping[str, Any], recipients: Sequence[Any]) -> Wants:
        """The sender profile, the template, and the images."""
        key, code = hop.get("sender_key"), hop.get("template_code")
        identities = {("profile", key)} if isinstance(key, str) else set()
        codes = {code.strip()} if isinstance(code, str) else set()
        return Wants(frozenset(_named_images(hop)), frozenset(identities), frozenset(codes))

    def compile(
        self, content: KakaoContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        faults = [] if "sender_key" in broken else _profile_faults(content.sender_key, account, pointer)
        if content.type is None:
            if "type" not in broken:
                faults.append(Fault(f"{pointer}/type", "required", f"{ALIMTALK} or {BRAND}"))
            return None, faults
        make = compile_alimtalk if content.type == ALIMTALK else compile_brand
        hop, more = make(content, account, lane, pointer, broken)
        return (None if faults else hop), faults + more

    def address(self, content: KakaoContent | None, to: str) -> str:
        """The 0-form of a mobile number: nobody has KakaoTalk on another. Raises Refused."""
        number = phone.recipient(to)
        if number is None:
            raise Refused("/to", "1001", phone.why_not_recipient(to))
        if not _MOBILE(number) and number != phone.EXAMPLE:
            raise Refused("/to", "1001", "only mobile numbers have KakaoTalk")
        return number

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> KakaoPayload:
        """The message of one recipient, as it will go out."""
        return render_alimtalk(content, values) if content["type"] == ALIMTALK else render_brand(content, values)

    def measure(self, payload: KakaoPayload) -> Size:
        """Its characters, with what Kakao counts beside the text."""
        return Size(payload.kind, len(payload.text) + payload.fixed)

    def type_of(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> str:
        """Alimtalk or brand, whatever the variables are."""
        kind: str = content["type"]
        return kind

    def vendors(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """Those that have approved an AlimTalk's template."""
        return tuple(content.get("vendors") or ())

    def files(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """The images of a Brand Message; an AlimTalk's are its template's."""
        return tuple(content.get("files") or ())

    def template_content(self, content: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
        """What Kakao's review would refuse, and the variables that recipients must give."""
        if "bubble" in content:
            model, faults = read_object(KakaoContent, dict(content), "")
            if model.bubble is not None:
                known = dict.fromkeys(images(model.model_dump(exclude_none=True)), _ANY_IMAGE)
                faults += bubble_faults(model, known)
            return faults, template.names_of(model.model_dump(exclude_none=True))
        return template.check(content)

    def template_preview(self, content: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
        """What the handset shows of a template, with warnings."""
        return preview(content, values)


def _profile_faults(key: str | None, account: AccountView, pointer: str) -> list[Fault]:
    if key is None:
        return [Fault(f"{pointer}/sender_key", "required", "the key of the account's sender profile")]
    identity = account.identities.get(("kakao", "profile", key))
    if identity is None or len(key) != limits.SENDER_KEY:
        return [Fault(f"{pointer}/sender_key", "2003", "no such sender profile of this account: register it first")]
    if identity.state != "approved":
        return [Fault(f"{pointer}/sender_key", "2003", f"the sender profile is {identity.state}, not approved")]
    return []


def _named_images(hop: Mapping[str, Any]) -> list[str]:
    """File ids of a hop as the client wrote it."""
    intro = hop.get("intro")
    found = [hop.get("image"), intro.get("image") if isinstance(intro, dict) else None]
    for field in _LISTS:
        listed = hop.get(field)
        found += [part.get("image") for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    return [name for name in found if isinstance(name, str)]


class _AnyImage:
    """An image of a template, which is looked up when a message is sent."""

    media_type, size, width, height = "image/jpeg", 1, None, None


_ANY_IMAGE: Any = _AnyImage()
CHANNEL: Channel = Kakao()
