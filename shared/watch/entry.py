"""Who may open watch's page: whoever has a link of `ims watch open`, which holds for five minutes, and then the cookie
that it sets, for twelve hours; both are signed with the installation's keys, so no server needs to be asked."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from shared.accounts import secrets

LINK_S, COOKIE_S = 300, 12 * 3600
COOKIE = "ims-watch"


def token(keys: Sequence[bytes], kind: str, until_s: int) -> str:
    """A signed word of a kind (`link` or `cookie`) that holds until then (s since 1970)."""
    return f"{until_s}.{_mac(keys[0], kind, until_s)}"


def holds(keys: Sequence[bytes], kind: str, text: str, now_s: float) -> bool:
    """Whether a word is ours, of that kind, and not over."""
    until, _, given = text[:100].partition(".")
    if not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) <= now_s:
        return False
    return any(hmac.compare_digest(given.encode(), _mac(key, kind, int(until)).encode()) for key in keys)


def _mac(key: bytes, kind: str, until_s: int) -> str:
    made = hmac.digest(key, f"ims watch {kind} {until_s}".encode(), "sha256")
    return base64.urlsafe_b64encode(made[:24]).decode()


def keys_of(text: str) -> tuple[bytes, ...]:
    """The signing keys of IMS_SECRET_KEYS."""
    return tuple(hmac.digest(key, b"ims watch", "sha256") for key in secrets.read_keys(text))
