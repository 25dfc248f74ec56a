"""Every vendor that IMS can use, by vendor and channel; each adapter is loaded when it is first needed.

Adding one is its module, its line here, and the contract tests run over it. `register` adds one that lives elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

from shared.vendors.base import Adapter

Key = tuple[str, str]
"""(vendor, channel)"""

MODULES: dict[Key, str] = {
    ("solapi", "mt"): "shared.vendors.solapi.mt",
    ("nhn", "mt"): "shared.vendors.nhn.mt",
    ("solapi", "kakao"): "shared.vendors.solapi.kakao",
    ("nhn", "kakao"): "shared.vendors.nhn.kakao",
    ("solapi", "rcs"): "shared.vendors.solapi.rcs",
    ("nhn", "rcs"): "shared.vendors.nhn.rcs",
    ("smtp", "email"): "shared.vendors.smtp.email",
    ("fcm", "push"): "shared.vendors.fcm.push",
    ("apns", "push"): "shared.vendors.apns.push",
    ("webpush", "push"): "shared.vendors.webpush.push",
    ("devices", "push"): "shared.vendors.push.devices",
}
"""The module whose `ADAPTER` serves a vendor and channel."""


class Registry(Mapping[Key, Adapter]):
    """The adapters by (vendor, channel). Asking which there are loads nothing."""

    def __init__(self, modules: dict[Key, str]) -> None:
        self._modules = modules
        self._deferred: dict[Key, Deferred] = {}

    def __getitem__(self, key: Key) -> Adapter:
        return cast(Adapter, import_module(self._modules[key]).ADAPTER)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def deferred(self, key: Key) -> Adapter:
        """An adapter that loads itself when something is asked of it; raises KeyError when there is none."""
        if key not in self._modules:
            raise KeyError(key)
        if key not in self._deferred:
            self._deferred[key] = Deferred(self, key)
        return cast(Adapter, self._deferred[key])


class Deferred:
    """Stands for an adapter, and has what it has."""

    def __init__(self, registry: Registry, key: Key) -> None:
        self._registry, self._key = registry, key

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._registry[self._key], name)
        self.__dict__[name] = value
        return value


REGISTRY = Registry(MODULES)


def register(vendor: str, channel: str, module: str) -> None:
    """Add an adapter that lives elsewhere: `module` has its `ADAPTER`."""
    MODULES[vendor, channel] = module
