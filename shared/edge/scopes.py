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
"""What routes under /v1/admin name: they are opened by operators, and by no client's key. A person with the role viewer
reads, one with the role operator also changes."""
OPERATOR_OWNER = "operator:owner"
"""What only an owner among the operators may do: prices, people, revealing, exports."""
OPERATOR_AUDIT = "operator:audit"
"""The audit of the whole installation."""
READ, CHANGE = "operator:read", "operator:change"
_OF_OPERATORS = frozenset({OPERATOR, READ, CHANGE, OPERATOR_OWNER, OPERATOR_AUDIT})

_VIEWER = ("messages:read", "reports:read", "account:read")
_SENDER = (*_VIEWER, "messages:send", "templates:write", "contacts:write", "uploads:write")
_DEVELOPER = (*_VIEWER, "content:read", "reports:replay", "callbacks:write", "keys:write")
ROLES: dict[str, tuple[str, ...]] = {
    "viewer": _VIEWER,
    "sender": _SENDER,
    "developer": _DEVELOPER,
    "owner": tuple(SCOPES),
}
"""What each role of an account's people opens."""
OPERATOR_ROLES: dict[str, tuple[str, ...]] = {
    "viewer": (READ,),
    "operator": (READ, CHANGE),
    "owner": (READ, CHANGE, OPERATOR_OWNER, OPERATOR_AUDIT),
}
"""The same of operators."""


def of_roles(roles: Collection[str], operator: bool = False) -> tuple[str, ...]:
    """All scopes that some roles open."""
    table = OPERATOR_ROLES if operator else ROLES
    return tuple(dict.fromkeys(scope for role in table if role in roles for scope in table[role]))


def who_may(wanted: Collection[str], method: str, operator: bool = False) -> list[str]:
    """The roles that open an operation."""
    table = OPERATOR_ROLES if operator else ROLES
    return [role for role, granted in table.items() if any(opened(s, granted, method) for s in wanted)]


def opened(scope: str, granted: Collection[str] | None, method: str = "GET") -> bool:
    """Whether a key or session with these scopes opens `scope`; None: a key without scopes of its own."""
    if granted is None:
        return scope in _OF_OPERATORS or (scope in SCOPES and not SCOPES[scope].named)
    if scope == OPERATOR and OPERATOR not in granted:
        return (READ if method in ("GET", "HEAD") else CHANGE) in granted
    return scope in granted and (scope in _OF_OPERATORS or scope in SCOPES)


def changes_settings(method: str, wanted: Collection[str]) -> bool:
    """Whether an operation changes what live and test keys of an account share."""
    return method not in ("GET", "HEAD") and any(SCOPES[s].settings for s in wanted if s in SCOPES)
