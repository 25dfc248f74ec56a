"""Secrets that rows held in clear before they were sealed: both are read, and what is written is sealed.

A secret is stored as {"sealed", "fingerprint", "since"}; in clear it is what it is. It is opened where it is used, not
where its row is read, so what only passes it on needs neither the keys nor the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from shared.accounts import secrets
from shared.accounts.secrets import Ring, Sealed
from shared.domain.errors import Unavailable

Secret = str | Sealed
"""As it is stored."""
FIELDS = frozenset(Sealed._fields)


class VendorPlace(NamedTuple):
    """The vendor account whose settings they are."""

    channel: str
    vendor: str
    account: str

    def of(self, name: str) -> str:
        """Where one setting stands."""
        return f"vendor:{self.channel}:{self.vendor}:{self.account}:{name}"


def callback_place(account_id: int) -> str:
    """Where the secrets of an account's callback stand."""
    return f"callback:{account_id}"


def is_sealed(value: Any) -> bool:
    """Whether a stored value is a sealed one."""
    return isinstance(value, dict) and value.keys() == FIELDS


def read(value: Any) -> Secret:
    """A stored secret."""
    return Sealed(**value) if is_sealed(value) else str(value)


def written(secret: Secret) -> Any:
    """A secret as JSON holds it."""
    return secret._asdict() if isinstance(secret, Sealed) else secret


def reveal(secret: Secret, where: str) -> str:
    """A secret in clear. Raises Unavailable where it cannot be opened: the keys may come."""
    return _opened(secret, where) if isinstance(secret, Sealed) else secret


@lru_cache(maxsize=4096)
def _opened(secret: Sealed, where: str) -> str:
    try:
        return secrets.ring().open(secret.sealed, where)
    except secrets.Unreadable as error:
        raise Unavailable(f"{where}: {error}") from error


def shown(secret: Secret, where: str, iso: Callable[[int], Any]) -> dict[str, Any]:
    """A secret as its owner sees it."""
    if isinstance(secret, Sealed):
        return secrets.shown(secret, iso)
    return {"set": True, "fingerprint": secrets.fingerprint(secret, where), "since": None}


class VendorSettings(Mapping[str, Any]):
    """The settings of a vendor account as they are stored, each opened when it is asked for."""

    def __init__(self, kept: Mapping[str, Any], place: VendorPlace) -> None:
        self._kept, self._place = kept, place

    def __getitem__(self, name: str) -> Any:
        value = self._kept[name]
        return orjson.loads(reveal(Sealed(**value), self._place.of(name))) if is_sealed(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def shown(self, iso: Callable[[int], Any]) -> dict[str, dict[str, Any]]:
        """That they are set: operators write settings, and never read them."""
        return {
            name: shown(Sealed(**value) if is_sealed(value) else text(value), self._place.of(name), iso)
            for name, value in self._kept.items()
        }


def text(setting: Any) -> str:
    """What is sealed of a setting: its JSON."""
    return orjson.dumps(setting).decode()


def keep_setting(box: Ring, setting: Any, where: str, now_ms: int) -> dict[str, Any]:
    """A setting as it is stored."""
    return box.keep(text(setting), where, now_ms)._asdict()


def changed_settings(
    box: Ring, kept: Mapping[str, Any], given: Mapping[str, Any], place: VendorPlace, now_ms: int
) -> dict[str, Any]:
    """The settings of a vendor account as they are stored after a change: None takes one away, the others are set."""
    new = {name: keep_setting(box, v, place.of(name), now_ms) for name, v in given.items() if v is not None}
    return {**{name: value for name, value in kept.items() if name not in given}, **new}
