"""Secrets at rest: AES-256-GCM under a ring of keys (`IMS_SECRET_KEYS`), bound to the place where they stand.

The first key of the ring writes, all of them read, so a new one is put in front and an old one goes when everything is
sealed anew. A sealed text names its key by four bytes of its digest. Secrets are opened only where they are used; a
client sees that one is set, since when, and its fingerprint.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.domain.errors import ImsError, Unavailable
from shared.runtime.settings import SecretSettings, load

KEY_BYTES, NONCE_BYTES, NAME_BYTES, MARK_BYTES = 32, 12, 4, 12
VERSION = "s1"


class Unreadable(ImsError):
    """A sealed text that no key of the ring opens: its key is missing, or it was moved or changed."""


class Sealed(NamedTuple):
    """A secret as it is stored; `since` in ms."""

    sealed: str
    fingerprint: str
    since: int


class Place(NamedTuple):
    """The identity whose secrets they are: a secret that is moved to another cannot be opened."""

    account_id: int
    identity_id: bytes

    def of(self, name: str) -> str:
        """Where one secret of it stands."""
        return f"identity:{self.account_id}:{self.identity_id.hex()}:{name}"


def factors_place(person_id: bytes) -> str:
    """Where the secret of a person's second factor stands."""
    return f"totp:{person_id.hex()}"


class Ring:
    """The keys, the first of which writes."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = {_name(key): key for key in keys}
        self._first = keys[0]

    @property
    def name(self) -> str:
        """By which the key that writes is known, as sealed texts name it."""
        return _name(self._first).hex()

    def seal(self, text: str, where: str) -> str:
        """A text as it may be stored; only `where` it was sealed it can be opened again."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        box = AESGCM(self._first).encrypt(nonce, text.encode(), where.encode())
        return f"{VERSION}.{base64.b64encode(_name(self._first) + nonce + box).decode()}"

    def open(self, sealed: str, where: str) -> str:
        """What was sealed. Raises Unreadable."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        version, _, text = sealed.partition(".")
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise Unreadable("a secret is not readable") from error
        name, nonce, box = raw[:NAME_BYTES], raw[NAME_BYTES : NAME_BYTES + NONCE_BYTES], raw[NAME_BYTES + NONCE_BYTES :]
        key = self._keys.get(name)
        if version != VERSION or key is None:
            raise Unreadable("the key of a secret is not in IMS_SECRET_KEYS")
        try:
            return AESGCM(key).decrypt(nonce, box, where.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unreadable("a secret was changed, or moved to another place") from error

    def mark(self, text: bytes) -> bytes:
        """By which a text of ours is known again."""
        return _mark(self._first, text)

    def marked(self, text: bytes, mark: bytes) -> bool:
        """Whether a mark is ours, by any key of the ring."""
        return any(hmac.compare_digest(_mark(key, text), mark) for key in self._keys.values())

    def stale(self, sealed: str) -> bool:
        """Whether it was sealed by another key than the one that writes now."""
        raw = base64.b64decode(sealed.partition(".")[2])
        return raw[:NAME_BYTES] != _name(self._first)

    def keep(self, text: str, where: str, now_ms: int) -> Sealed:
        """A secret as it is stored, with what is shown of it."""
        return Sealed(self.seal(text, where), fingerprint(text, where), now_ms)


def sealed(box: Ring, texts: Mapping[str, str], place: Place, now_ms: int) -> dict[str, dict[str, Any]]:
    """An identity's secrets as they are stored."""
    return {name: box.keep(text, place.of(name), now_ms)._asdict() for name, text in texts.items()}


def opened(box: Ring, kept: Mapping[str, Mapping[str, Any]], place: Place) -> dict[str, str]:
    """An identity's secrets in clear. Raises Unreadable."""
    return {name: box.open(one["sealed"], place.of(name)) for name, one in kept.items()}


def opens(box: Ring, kept: Mapping[str, Mapping[str, Any]], place: Place) -> bool:
    """Whether the ring can open all of them."""
    try:
        return bool(opened(box, kept, place))
    except Unreadable:
        return False


def _mark(key: bytes, text: bytes) -> bytes:
    return hmac.digest(hmac.digest(key, b"ims mark", "sha256"), text, "sha256")[:MARK_BYTES]


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"ims secret key" + key).digest()[:NAME_BYTES]


def fingerprint(text: str, where: str) -> str:
    """By which its owner knows a secret again; slow to guess from, and another one at every place."""
    raw = hashlib.pbkdf2_hmac("sha256", text.encode(), where.encode(), 20_000, 8)
    return f"fp_{raw.hex()}"


def same(text: str, kept: Sealed) -> bool:
    """Whether a text is what a client is shown of a secret, sent back instead of one."""
    return hmac.compare_digest(text.encode(), kept.fingerprint.encode())


def shown(kept: Sealed | None, iso: Any) -> dict[str, Any]:
    """A secret as its owner sees it."""
    if kept is None:
        return {"set": False}
    return {"set": True, "fingerprint": kept.fingerprint, "since": iso(kept.since)}


def read_keys(text: str) -> list[bytes]:
    """The keys of IMS_SECRET_KEYS: base64 of 32 bytes each, separated by commas. ValueError for what is none."""
    keys = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            key = base64.b64decode(part, altchars=b"-_" if set(part) & set("-_") else None, validate=True)
        except ValueError as error:
            raise ValueError("IMS_SECRET_KEYS: not base64") from error
        if len(key) != KEY_BYTES:
            raise ValueError(f"IMS_SECRET_KEYS: a key must have {KEY_BYTES} bytes, base64-encoded")
        keys.append(key)
    return keys


def ring() -> Ring:
    """The installation's keys; Unavailable where it has none, or none that can be read."""
    try:
        keys = read_keys(load(SecretSettings).secret_keys.get_secret_value())
    except ValueError as error:
        raise Unavailable(str(error)) from error
    if not keys:
        raise Unavailable("IMS_SECRET_KEYS is not set, so secrets can be neither kept nor read here")
    return Ring(keys)
