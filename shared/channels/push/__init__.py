"""Push messages: FCM, APNs and Web Push under one content, to a token or to all devices of a user."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from shared.channels.common import AccountView, Channel, Fault, Hop, Refused, Size, Wants
from shared.channels.push import addresses
from shared.channels.push.addresses import kind_of, normal
from shared.channels.push.model import MAX_COLLAPSE, MAX_KEY, MAX_URL, PushContent, PushHop, PushRequest
from shared.channels.push.payload import LIMITS, PushPayload, Texts, fcm_size, sizes, too_big
from shared.channels.reading import escape
from shared.domain import variables
from shared.domain.text import blank, tidy

__all__ = ["CHANNEL", "PushRequest", "render"]

RESERVED = frozenset({"from", "message_type", "notification", "aps"})
RESERVED_PREFIXES = ("gcm", "google")
"""FCM: error-codes page, INVALID_ARGUMENT; `aps` is APNs' own."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}").fullmatch
AD_MARK = "(광고)"


class PushMessage:
    """A push message checked for all recipients; `type_to` checks what depends on one."""

    def __init__(self, content: dict[str, Any], names: frozenset[str]) -> None:
        self.content, self.names = content, names
        self._sizes = {} if names else sizes(render(content, None))

    def type_for(self, values: Mapping[str, str]) -> str:
        """What holds for every address."""
        return self.type_to(values, "user:")

    def type_to(self, values: Mapping[str, str], to: str) -> str:
        """The service of an address; raises Refused for what is too big for it."""
        kind = kind_of(to)
        if not self.names:
            if (kind in LIMITS and self._sizes[kind] > LIMITS[kind]) or (
                kind == "user" and self._sizes["fcm"] > LIMITS["fcm"]
            ):
                raise Refused("/to", "1002", too_big(render(self.content, None), kind) or "")
            return kind
        payload = render(self.content, values)
        if not payload.silent and blank(payload.body or ""):
            raise Refused("/variables", "1003", "with these variables the body is blank")
        for name in ("image", "link"):
            value = getattr(payload, name)
            if value is not None and (wrong := _url_fault(value, name)):
                raise Refused("/variables", "1003", f"with these variables {name} {wrong}")
        if len((payload.collapse_key or "").encode()) > MAX_COLLAPSE:
            raise Refused("/variables", "1002", f"with these variables collapse_key is over {MAX_COLLAPSE} bytes")
        if wrong := too_big(payload, kind):
            raise Refused("/variables", "1002", f"with these variables it has {wrong}")
        return kind


def render(content: Mapping[str, Any], values: Mapping[str, str] | None) -> PushPayload:
    """One message, its variables filled in."""

    def fill(text: str | None) -> str | None:
        return None if text is None else variables.fill(text, values)

    return PushPayload(
        content["account_id"],
        content["app"],
        fill(content.get("title")),
        fill(content.get("body")),
        tuple((name, variables.fill(text, values)) for name, text in (content.get("data") or {}).items()),
        fill(content.get("image")),
        fill(content.get("link")),
        content.get("badge"),
        content.get("sound"),
        bool(content.get("silent")),
        fill(content.get("collapse_key")),
        tuple(
            Texts(language, fill(texts.get("title")), fill(texts.get("body")))
            for language, texts in (content.get("localized") or {}).items()
        ),
    )


def _url_fault(url: str, name: str) -> str | None:
    """An image is fetched by the phone itself: https only. A link may be of the app's own scheme."""
    if len(url) > MAX_URL:
        return f"has {len(url)} characters, at most {MAX_URL}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is no URL"
    if not url.isascii() or any(c <= " " for c in url):
        return "must be a URL without spaces or non-ASCII characters"
    if name == "image" and (parts.scheme != "https" or not host):
        return "must be an https URL that any phone can fetch"
    if not parts.scheme or parts.scheme in ("javascript", "data", "vbscript", "file"):
        return "must be a URL, like https://… or your app's own scheme"
    return None


def _texts(content: PushContent) -> Iterator[tuple[str, str]]:
    """Every text with variables, by pointer."""
    for name in ("title", "body", "image", "link", "collapse_key"):
        if (text := getattr(content, name)) is not None:
            yield f"/{name}", text
    for key, text in (content.data or {}).items():
        yield f"/data/{escape(key)}", text
    for language, texts in (content.localized or {}).items():
        for name in ("title", "body"):
            if (text := getattr(texts, name)) is not None:
                yield f"/localized/{escape(language)}/{name}", text


def _app_fault(content: PushContent, account: AccountView) -> tuple[str, str] | None:
    if content.app is None:
        return "required", "give the app that the message is for"
    known = account.identities.get(("push", "app", content.app))
    if known is None:
        return "1004", "no such app of this account: register it first (POST /v1/identities)"
    return None if known.state == "approved" else ("1004", f"the app is {known.state}, not approved")


def _data_faults(data: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for key in data:
        pointer = f"/data/{escape(key)}"
        if key in RESERVED or key.startswith(RESERVED_PREFIXES):
            yield pointer, "range", "this key is reserved by FCM or APNs: use another name"
        elif not 0 < len(key) <= MAX_KEY:
            yield pointer, "range", f"a key has 1 to {MAX_KEY} characters"


def _ad_fault(content: PushContent) -> tuple[str, str, str] | None:
    """정보통신망법 제50조: the mark stands in front of what the phone shows."""
    shown = content.title if content.title else content.body or ""
    if tidy(shown).lstrip().startswith(AD_MARK) or tidy(content.body or "").lstrip().startswith(AD_MARK):
        return None
    return "/title" if content.title else "/body", "1008", f"an advertisement must begin with {AD_MARK}"


def _faults(
    content: PushContent, account: AccountView, lane: str, broken: frozenset[str]
) -> Iterator[tuple[str, str, str]]:
    if "app" not in broken and (wrong := _app_fault(content, account)):
        yield "/app", *wrong
    if content.body is None and not content.silent and "body" not in broken:
        yield "/body", "required", "give the text of the message"
    elif content.body is not None and not variables.names(content.body) and blank(content.body):
        yield "/body", "1003", "it is blank: nothing of it is seen"
    yield from _data_faults(content.data or {})
    for name in ("image", "link"):
        url = getattr(content, name)
        if url is not None and not variables.names(url) and (fault := _url_fault(url, name)):
            yield f"/{name}", "range" if "characters, at most" in fault else "format", fault
    if content.collapse_key is not None and len(content.collapse_key.encode()) > MAX_COLLAPSE:
        yield "/collapse_key", "range", f"at most {MAX_COLLAPSE} bytes, which is what APNs takes"
    for language in content.localized or {}:
        if not _LANGUAGE(language):
            yield f"/localized/{escape(language)}", "format", "must be a language tag, like ko or en-US"
    if lane == "ad" and not broken & {"title", "body"} and (missing := _ad_fault(content)):
        yield missing


class Push(Channel):
    """The channel `push`."""

    name = "push"
    request = PushRequest
    hop = PushHop
    by_address = True
    final_on = "sent"

    def wants(self, hop: Mapping[str, Any], recipients: Sequence[Any]) -> Wants:
        """Its app, and the devices behind its addresses. Direct tokens are looked up for advertisements, and where the
        lane is not known."""
        app = hop.get("app")
        apps = frozenset({("app", app)}) if isinstance(app, str) else frozenset()
        direct = hop.get("lane", "ad" if "channel" in hop else "realtime") == "ad"
        wanted = ("user:", "webpush:", "fcm:", "apns:") if direct else ("user:", "webpush:")
        return Wants(identities=apps, devices=frozenset(_addresses(recipients, wanted)))

    def compile(
        self, content: PushContent, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        content._devices, content._lane = account.devices, lane
        faults = [Fault(pointer + p, c, d) for p, c, d in _faults(content, account, lane, broken)]
        if faults or broken & set(PushContent.model_fields):
            return None, faults
        compiled = {"account_id": account.account_id, **_kept(content)}
        names = frozenset(name for _, text in _texts(content) for name in variables.names(text))
        if not names:
            known = sizes(render(compiled, None))
            if all(size > LIMITS[service] for service, size in known.items()):
                wrong = f"{known['fcm']} bytes as FCM counts them, at most {LIMITS['fcm']}; shorten it"
                return None, [Fault(f"{pointer}/{_longest(content)}", "1002", wrong)]
        return PushMessage(compiled, names), faults

    def address(self, content: PushContent | None, to: str) -> str:
        """The stored form of an address at which somebody is there; raises Refused."""
        stored = normal(to)
        if content is not None and content.app is not None:
            later = bool(getattr(content, "scheduled_at", None))
            addresses.reach(stored, content.app, content._lane, content._devices.get(stored, ()), later)
        return stored

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> PushPayload:
        """The message of one recipient."""
        return render(content, values)

    def measure(self, payload: PushPayload) -> Size:
        """Its bytes as FCM counts them."""
        return Size("push", fcm_size(payload))

    def type_of(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> str:
        """An address says more, see `type_at`."""
        return "push"

    def type_at(self, kind: str, to: str) -> str:
        """The service of an address, or `user`."""
        return kind_of(to) or kind


def _longest(content: PushContent) -> str:
    """The field that makes a message too big."""
    sized = {name: len((getattr(content, name) or "").encode()) for name in ("title", "body")}
    sized["data"] = sum(len(f"{k}{v}".encode()) for k, v in (content.data or {}).items())
    sized["localized"] = max(
        (len(f"{t.title}{t.body}".encode()) for t in (content.localized or {}).values()), default=0
    )
    return max(sized, key=lambda name: sized[name])


def _addresses(recipients: Sequence[Any], prefixes: tuple[str, ...]) -> Iterator[str]:
    """The addresses of a body, in their stored form, as far as they are any."""
    for person in recipients:
        if not isinstance(person, dict):
            continue
        further = person.get("addresses")
        written = [person.get("to"), further.get("push") if isinstance(further, dict) else None]
        for to in written:
            if isinstance(to, str) and to.startswith(prefixes):
                try:
                    yield normal(to)
                except Refused:
                    continue


def _kept(content: PushContent) -> dict[str, Any]:
    """All that rendering needs, composed, without what is not given."""
    made: dict[str, Any] = {"app": content.app}
    for name in ("title", "body", "image", "link", "collapse_key"):
        if (text := getattr(content, name)) is not None:
            made[name] = tidy(text)
    if content.data:
        made["data"] = {tidy(key): tidy(text) for key, text in content.data.items()}
    if content.localized:
        made["localized"] = {
            language: {name: tidy(text) for name, text in texts.model_dump(exclude_none=True).items()}
            for language, texts in content.localized.items()
        }
    made |= {name: value for name in ("badge", "sound") if (value := getattr(content, name)) is not None}
    return {**made, "silent": True} if content.silent else made


CHANNEL: Channel = Push()
