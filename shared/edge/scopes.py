"""Rights: one table of scopes. Every route of an HTTP function names those that open it (shared/runtime/http.py:Route).

A key without scopes (NULL) opens all but those that must be named; an empty list opens nothing; a scope that is not in
this table opens nothing. The OpenAPI document publishes table and routes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class Scope(NamedTuple):
    """What a scope opens, in words.

    `named`: only for keys that name it. `settings`: what it changes is shared by the account's live and test keys, so
    it is read-only for test keys.
    """

    opens: str
    named: bool = False
    settings: bool = False


SCOPES: dict[str, Scope] = {
    "messages:send": Scope("accepting, files, cancelling and changing requests"),
    "messages:read": Scope("messages, requests, search"),
    "content:read": Scope("rendered content and raw exchanges"),
    "reports:read": Scope("the feed of reports, the callback's health"),
    "reports:replay": Scope("replays"),
    "callbacks:write": Scope("the callback, its secrets and its test", settings=True),
    "account:read": Scope("me, identities, templates, usage, statistics, prices, digests, opt-outs"),
    "account:write": Scope("me, identities, digests, limits' alerts", settings=True),
    "templates:write": Scope("templates", settings=True),
    "contacts:write": Scope("contacts, groups, devices, opt-outs, consents", settings=True),
    "uploads:write": Scope("uploads"),
    "keys:write": Scope("keys", named=True, settings=True),
    "people:write": Scope("people", named=True, settings=True),
    "audit:read": Scope("the audit", named=True),
    "exports:write": Scope("exports", named=True),
}

OPERATOR = "operator"
"""What routes under /v1/admin name: they are opened by keys of operators, and by no client's."""


def opened(scope: str, granted: Collection[str] | None) -> bool:
    """Whether a key with these scopes opens `scope`; None: a key without scopes of its own."""
    if granted is None:
        return scope == OPERATOR or (scope in SCOPES and not SCOPES[scope].named)
    return scope in granted and (scope == OPERATOR or scope in SCOPES)


def changes_settings(method: str, wanted: Collection[str]) -> bool:
    """Whether an operation changes what live and test keys of an account share."""
    return method not in ("GET", "HEAD") and any(SCOPES[s].settings for s in wanted if s in SCOPES)
