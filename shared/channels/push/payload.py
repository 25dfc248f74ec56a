"""A push message as it will go out, and what each service is given of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

Pairs = tuple[tuple[str, str], ...]


class Texts(NamedTuple):
    """What is shown, in one language."""

    language: str
    title: str | None
    body: str | None


class PushPayload(NamedTuple):
    """One message for one address; `localized` texts replace title and body on a device of their language."""

    account_id: int
    app: str
    title: str | None
    body: str | None
    data: Pairs = ()
    image: str | None = None
    link: str | None = None
    badge: int | None = None
    sound: str | None = None
    silent: bool = False
    collapse_key: str | None = None
    localized: tuple[Texts, ...] = ()
    files: tuple[str, ...] = ()

    def shared_key(self) -> tuple[()]:
        """One message a call, whatever it says."""
        return ()

    def texts(self, language: str | None) -> tuple[str | None, str | None]:
        """Title and body for a device: its language, then the language without region (never another script), then the
        message's own."""
        for wanted in _ways(language or ""):
            for texts in self.localized:
                if texts.language.lower().replace("_", "-") == wanted:
                    return texts.title if texts.title is not None else self.title, texts.body or self.body
        return self.title, self.body

    def variants(self) -> list[str | None]:
        """A language for each text that may be shown."""
        return [None, *(texts.language for texts in self.localized)]


def _ways(language: str) -> list[str]:
    """`en-US` → `en-us`, `en`; `zh-Hant-TW` → itself, `zh-hant`: a script is never left out."""
    parts = [part for part in language.lower().replace("_", "-").split("-") if part]
    ways = ["-".join(parts[:n]) for n in range(len(parts), 0, -1)]
    if len(parts) > 1 and len(parts[1]) == 4:
        return ways[:-1]
    return ways


def notification(payload: PushPayload, language: str | None = None) -> dict[str, str]:
    """Title, body and image as FCM names them; nothing for a silent message."""
    if payload.silent:
        return {}
    title, body = payload.texts(language)
    given = {"title": title, "body": body, "image": payload.image}
    return {name: value for name, value in given.items() if value is not None}


def data(payload: PushPayload, language: str | None = None) -> dict[str, str]:
    """What the app gets beside the notice. The texts of a silent message are for the app: they stand here."""
    made = dict(payload.data)
    if payload.link is not None:
        made.setdefault("link", payload.link)
    if payload.silent:
        title, body = payload.texts(language)
        given = {"title": title, "body": body, "image": payload.image}
        made = {**{name: value for name, value in given.items() if value is not None}, **made}
    return made


def fcm_size(payload: PushPayload, language: str | None = None) -> int:
    """Bytes that count for FCM: notification and data, keys included."""
    parts = {"notification": notification(payload, language), "data": data(payload, language)}
    return len(orjson.dumps({name: part for name, part in parts.items() if part}))


def aps(payload: PushPayload, language: str | None = None) -> dict[str, Any]:
    """APNs' whole payload."""
    made: dict[str, Any] = {}
    if payload.silent:
        made["content-available"] = 1
    else:
        alert = {k: v for k, v in notification(payload, language).items() if k != "image"}
        made["alert"] = alert
        if payload.badge is not None:
            made["badge"] = payload.badge
        made["sound"] = payload.sound or "default"
        if payload.image is not None:
            made["mutable-content"] = 1
    whole: dict[str, Any] = {"aps": made, **data(payload, language)}
    if payload.image is not None and not payload.silent:
        whole.setdefault("image", payload.image)
    return whole


def browser(payload: PushPayload, tag: str, language: str | None = None) -> dict[str, Any]:
    """What a service worker gets: the notice, its tag, and the data."""
    shown: dict[str, Any] = dict(notification(payload, language))
    if payload.badge is not None and not payload.silent:
        shown["badge"] = payload.badge
    made: dict[str, Any] = {"notification": {**shown, "tag": tag}} if shown else {"tag": tag}
    told = data(payload, language)
    return {**made, "data": told} if told else made


FCM_BYTES = 4096
"""FCM error-codes page: notification and data together."""
APNS_BYTES = 4096
"""APNs: 413 PayloadTooLarge above it."""
WEB_BYTES = 3993
"""RFC 8291: one record of 4,096 bytes less header, padding and tag."""
TAG = "0" * 32
"""A tag's length is always the same."""


def sizes(payload: PushPayload) -> Mapping[str, int]:
    """Bytes by service, of the longest language."""
    ways = payload.variants()
    return {
        "fcm": max(fcm_size(payload, way) for way in ways),
        "apns": max(len(orjson.dumps(aps(payload, way))) for way in ways),
        "webpush": max(len(orjson.dumps(browser(payload, TAG, way))) for way in ways),
    }


LIMITS: Mapping[str, int] = {"fcm": FCM_BYTES, "apns": APNS_BYTES, "webpush": WEB_BYTES}


def too_big(payload: PushPayload, service: str) -> str | None:
    """How far a message is over a service's limit, or None. A user's devices may be of any service; what is too big
    for one of them is told there."""
    known = sizes(payload)
    size, limit = (known["fcm"], FCM_BYTES) if service == "user" else (known[service], LIMITS[service])
    name = {"fcm": "FCM", "apns": "APNs", "webpush": "Web Push", "user": "FCM"}[service]
    return f"{size} bytes as {name} counts them, at most {limit}; shorten it" if size > limit else None
