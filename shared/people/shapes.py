"""What people send and see."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Annotated, Any

from pydantic import Field

from shared.channels.schema import Content
from shared.edge.scopes import OPERATOR_ROLES, ROLES, of_roles
from shared.runtime.clock import iso
from shared.stores.people import Invitation, Member, Place
from shared.stores.sessions import Session

Json = dict[str, Any]
MAX_ADDRESS, MAX_NAME, MAX_PASSWORD = 254, 100, 1024
Password = Annotated[str, Field(max_length=MAX_PASSWORD)]
Address = Annotated[str, Field(max_length=320)]
Code = Annotated[str, Field(max_length=64)]
Roles = Annotated[list[Annotated[str, Field(max_length=32)]], Field(min_length=1, max_length=8)]


class SignIn(Content):
    """`POST /v1/sessions`; `username` chooses the account of a person who is in several."""

    email: Address
    password: Password
    code: Code | None = None
    username: Annotated[str, Field(max_length=32)] | None = None


class Confirmation(Content):
    """The password again."""

    password: Password


class Choice(Content):
    """Another account; null: the operators."""

    username: Annotated[str, Field(max_length=32)] | None


class NewPassword(Content):
    """By a link."""

    password: Password


class ChangedPassword(Content):
    """`PUT /v1/me/password`."""

    current: Password
    password: Password


class Asked(Content):
    """`POST /v1/passwords/reset`."""

    email: Address


class Given(Content):
    """A code of the second factor."""

    code: Code


class NewInvitation(Content):
    """`POST /v1/people/invitations`."""

    email: Address
    roles: Roles


class Acceptance(Content):
    """`POST /v1/invitations/{token}`; who is there already needs neither."""

    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    password: Password | None = None


class Change(Content):
    """`PATCH /v1/people/{id}`: only what is given changes."""

    roles: Roles | None = None
    state: Annotated[str, Field(max_length=16)] | None = None


def address(text: str) -> str | None:
    """An address as it is stored and compared: without blanks around, NFKC, in small letters; None for what is none."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    local, at, domain = plain.rpartition("@")
    good = at and local and "." in domain and len(plain) <= MAX_ADDRESS and not any(c.isspace() for c in plain)
    return plain if good and all(c.isprintable() for c in plain) and not set('<>,;:"\\()[]') & set(plain) else None


def known_roles(operator: bool) -> dict[str, tuple[str, ...]]:
    """Role → scopes."""
    return OPERATOR_ROLES if operator else ROLES


def token() -> str:
    """What a link holds."""
    return secrets.token_urlsafe(32)


def person(one: Member) -> Json:
    """One of an account's people."""
    return {
        "id": one.id,
        "email": one.email,
        "name": one.name,
        "roles": list(one.roles),
        "state": "active" if one.enabled else "disabled",
        "totp": one.totp,
        "last_seen_at": iso(one.seen_ms),
        "created_at": iso(one.created_ms),
        "updated_at": iso(one.updated_ms),
        "version": one.version,
    }


def invitation(one: Invitation, now_ms: int) -> Json:
    """An invitation, without its link."""
    return {
        "id": one.id,
        "email": one.email,
        "roles": list(one.roles),
        "invited_by": one.invited_by,
        "state": "open" if one.expires_ms > now_ms else "expired",
        "created_at": iso(one.created_ms),
        "updated_at": iso(one.created_ms),
        "expires_at": iso(one.expires_ms),
    }


def place(one: Place) -> Json:
    """An account that somebody may go to."""
    return {"username": one.username, "operator": not one.account_id, "roles": list(one.roles)}


def session(one: Session, csrf: str, places: list[Place], confirmed_ms: int) -> Json:
    """The session of the caller."""
    operator = not one.account_id
    return {
        "csrf": csrf,
        "person": {
            "id": one.person.id,
            "email": one.person.email,
            "name": one.person.name,
            "totp": bool(one.person.totp),
        },
        "roles": list(one.roles),
        "scopes": list(of_roles(one.roles, operator)),
        "operator": operator,
        "username": one.username,
        "accounts": [place(p) for p in places],
        "created_at": iso(one.created_ms),
        "confirmed_until": iso(one.confirmed_ms + confirmed_ms) if one.confirmed_ms else None,
    }
