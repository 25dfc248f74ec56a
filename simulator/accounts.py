"""The vendor accounts of the demo: the local seed writes them to MySQL, the simulator verifies against them.

Every vendor has two: `main` for live keys and `test` for test keys. They open nothing but the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson

from shared.vendors.base import VendorAccount

DEFAULT_BASE = "http://127.0.0.1:41090"

_SETTINGS: dict[tuple[str, str], Mapping[str, str]] = {
    (vendor, account): {key: f"demo-{vendor}-{account}-{key.replace('_', '-')}" for key in keys}
    for vendor, keys in {
        "solapi": ("api_key", "api_secret", "webhook_secret"),
        "nhn": ("app_key", "secret_key", "webhook_secret"),
        "smtp": ("username", "password", "return_key"),
        "fcm": (),
        "apns": (),
        "webpush": (),
    }.items()
    for account in ("main", "test")
}

SANDBOX = frozenset({"test"})
"""Accounts that test keys use."""


def accounts(base: str = DEFAULT_BASE, secrets: str = "") -> list[VendorAccount]:
    """The demo's vendor accounts at a simulator; `secrets` (JSON) adds others or replaces their settings."""
    known = {
        (vendor, account): VendorAccount(vendor, account, f"{base}/vendors/{vendor}", settings)
        for (vendor, account), settings in _SETTINGS.items()
    }
    for vendor, by_account in (orjson.loads(secrets) if secrets else {}).items():
        for account, settings in by_account.items():
            fresh = VendorAccount(vendor, account, f"{base}/vendors/{vendor}", {})
            old = known.get((vendor, account), fresh)
            known[vendor, account] = replace(old, settings={**old.settings, **settings})
    return list(known.values())
