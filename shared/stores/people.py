"""People: who may sign in, where they belong and with which roles, invitations, links to a new password."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from shared.stores import sql
from shared.stores.sessions import PERSON, Person, roles_of
from shared.stores.sql import Connection

OWNER = "owner"


class Member(NamedTuple):
    """A person in an account (0: among the operators)."""

    person_id: bytes
    email: str
    name: str
    roles: tuple[str, ...]
    enabled: bool
    totp: bool
    version: int
    seen_ms: int | None
    created_ms: int
    updated_ms: int

    @property
    def id(self) -> str:
        """As it is shown."""
        return str(UUID(bytes=self.person_id))


class Invitation(NamedTuple):
    """Somebody who was asked in; `token` is the SHA-256 of what the link holds."""

    invitation_id: bytes
    account_id: int
    email: str
    roles: tuple[str, ...]
    token: bytes
    invited_by: str
    created_ms: int
    expires_ms: int

    @property
    def id(self) -> str:
        """As it is shown."""
        return str(UUID(bytes=self.invitation_id))


class Place(NamedTuple):
    """An account that a person is in; `username` None: the operators."""

    account_id: int
    username: str | None
    roles: tuple[str, ...]


_MEMBER = (
    "m.person_id, p.email, p.name, m.roles, m.enabled, p.totp IS NOT NULL, m.version, m.seen_ms, m.created_ms, "
    "GREATEST(m.updated_ms, p.updated_ms)"
)
_MEMBERS = "FROM members m JOIN people p ON p.person_id=m.person_id"
_INVITATION = ", ".join(Invitation._fields)


def _member(row: tuple[Any, ...]) -> Member:
    values = [*row[:3], roles_of(row[3]), bool(row[4]), bool(row[5]), *row[6:]]
    return Member._make(values)


def by_email(conn: Connection, email: str, lock: str = "") -> Person | None:
    """A person by the address, as `addresses.read` wrote it."""
    found = sql.fetch(conn, f"SELECT {PERSON} FROM people p WHERE p.email=%s {lock}", (email,))  # noqa: S608 - names
    return Person(*found[0]) if found else None


def by_id(conn: Connection, person_id: bytes, lock: str = "") -> Person | None:
    """A person by the id."""
    found = sql.fetch(conn, f"SELECT {PERSON} FROM people p WHERE p.person_id=%s {lock}", (person_id,))  # noqa: S608
    return Person(*found[0]) if found else None


def add(conn: Connection, person_id: bytes, email: str, name: str, password: str, now_ms: int) -> None:
    """A new person."""
    columns = "person_id, email, name, password, created_ms, updated_ms"
    sql.insert(conn, "people", columns, [(person_id, email, name, password, now_ms, now_ms)])


def change(conn: Connection, person_id: bytes, now_ms: int, **values: str | int | None) -> None:
    """Set columns of a person."""
    given = ", ".join(f"{name}={sql.literal(value)}" for name, value in {**values, "updated_ms": now_ms}.items())
    sql.execute(conn, f"UPDATE people SET {given} WHERE person_id={sql.literal(person_id)}")  # noqa: S608 - literals


def step_forward(conn: Connection, person_id: bytes, step: int, now_ms: int) -> bool:
    """Use up a time step of the second factor; False when it, or a later one, was used before."""
    where = f"person_id={sql.literal(person_id)} AND totp_step<{step:d}"
    return bool(sql.execute(conn, f"UPDATE people SET totp_step={step:d}, updated_ms={now_ms:d} WHERE {where}"))  # noqa: S608


def places(conn: Connection, person_id: bytes) -> list[Place]:
    """Where a person may sign in now."""
    found = sql.fetch(
        conn,
        "SELECT m.account_id, a.username, m.roles FROM members m LEFT JOIN accounts a ON a.account_id=m.account_id "
        "WHERE m.person_id=%s AND m.enabled=1 AND (m.account_id=0 OR a.enabled=1) ORDER BY a.username",
        (person_id,),
    )
    return [Place(account_id, username, roles_of(roles)) for account_id, username, roles in found]


# --- members ----------------------------------------------------------------------------------------------------------


def join(conn: Connection, account_id: int, person_id: bytes, roles: tuple[str, ...], now_ms: int) -> None:
    """Let a person in; whoever is in already gets these roles."""
    values = (account_id, person_id, " ".join(roles), now_ms, now_ms)
    tail = "ON DUPLICATE KEY UPDATE roles=VALUES(roles), enabled=1, version=version+1, updated_ms=VALUES(updated_ms)"
    sql.insert(conn, "members", "account_id, person_id, roles, created_ms, updated_ms", [values], tail)


def page(conn: Connection, account_id: int, above: bytes, limit: int) -> list[Member]:
    """The people of an account, by their ids."""
    found = sql.fetch(
        conn,
        f"SELECT {_MEMBER} {_MEMBERS} WHERE m.account_id=%s AND m.person_id>%s ORDER BY m.person_id LIMIT {limit:d}",
        (account_id, above),
    )
    return [_member(row) for row in found]


def member(conn: Connection, account_id: int, person_id: bytes, lock: str = "") -> Member | None:
    """One of them."""
    found = sql.fetch(
        conn,
        f"SELECT {_MEMBER} {_MEMBERS} WHERE m.account_id=%s AND m.person_id=%s {lock}",
        (account_id, person_id),
    )
    return _member(found[0]) if found else None


def owners(conn: Connection, account_id: int, but: bytes) -> int:
    """How many active owners an account has beside one person; their rows are locked, so two cannot leave at once."""
    found = sql.fetch(
        conn, "SELECT person_id, roles, enabled FROM members WHERE account_id=%s FOR UPDATE", (account_id,)
    )
    return sum(bool(enabled) and OWNER in roles_of(roles) and person != but for person, roles, enabled in found)


def set_member(conn: Connection, account_id: int, one: Member, now_ms: int) -> None:
    """Change roles and state."""
    sql.execute(
        conn,
        f"UPDATE members SET roles={sql.literal(' '.join(one.roles))}, enabled={one.enabled:d}, "  # noqa: S608 - literals
        f"version=version+1, updated_ms={now_ms:d} "
        f"WHERE account_id={account_id:d} AND person_id={sql.literal(one.person_id)}",
    )


def leave(conn: Connection, account_id: int, person_id: bytes) -> bool:
    """Take a person out of an account."""
    where = f"account_id={account_id:d} AND person_id={sql.literal(person_id)}"
    return bool(sql.execute(conn, f"DELETE FROM members WHERE {where}"))  # noqa: S608 - literals


# --- invitations ------------------------------------------------------------------------------------------------------


def _invitation(row: tuple[Any, ...]) -> Invitation:
    return Invitation._make([*row[:3], roles_of(row[3]), *row[4:]])


def invite(conn: Connection, one: Invitation) -> Invitation:
    """Ask somebody in; asked again, the address keeps its id and gets a new link, the one before is dead."""
    row = (*one[:3], " ".join(one.roles), *one[4:])
    tail = (
        "ON DUPLICATE KEY UPDATE roles=VALUES(roles), token=VALUES(token), invited_by=VALUES(invited_by), "
        "created_ms=VALUES(created_ms), expires_ms=VALUES(expires_ms)"
    )
    sql.insert(conn, "invitations", _INVITATION, [row], tail)
    found = sql.fetch(
        conn,
        f"SELECT {_INVITATION} FROM invitations WHERE account_id=%s AND email=%s",  # noqa: S608 - names
        (one.account_id, one.email),
    )
    return _invitation(found[0])


def invitations(conn: Connection, account_id: int, above: bytes, limit: int) -> list[Invitation]:
    """Those of an account that are open, or have run out."""
    found = sql.fetch(
        conn,
        f"SELECT {_INVITATION} FROM invitations WHERE account_id=%s AND invitation_id>%s "  # noqa: S608 - names
        f"ORDER BY invitation_id LIMIT {limit:d}",
        (account_id, above),
    )
    return [_invitation(row) for row in found]


def by_token(conn: Connection, token: bytes, now_ms: int, lock: str = "") -> Invitation | None:
    """The one whose link it is, while it works."""
    found = sql.fetch(
        conn,
        f"SELECT {_INVITATION} FROM invitations WHERE token=%s AND expires_ms>%s {lock}",  # noqa: S608 - names
        (token, now_ms),
    )
    return _invitation(found[0]) if found else None


def withdraw(conn: Connection, account_id: int, invitation_id: bytes) -> bool:
    """Take one back."""
    where = f"account_id={account_id:d} AND invitation_id={sql.literal(invitation_id)}"
    return bool(sql.execute(conn, f"DELETE FROM invitations WHERE {where}"))  # noqa: S608 - literals


# --- links to a new password ------------------------------------------------------------------------------------------


def offer_reset(conn: Connection, token: bytes, person_id: bytes, expires_ms: int, now_ms: int) -> None:
    """A link; the ones before are dead."""
    sql.execute(
        conn,
        f"DELETE FROM password_resets WHERE person_id={sql.literal(person_id)} OR expires_ms<{now_ms:d}",  # noqa: S608
    )
    sql.insert(conn, "password_resets", "token, person_id, expires_ms", [(token, person_id, expires_ms)])


def is_reset(conn: Connection, token: bytes, now_ms: int) -> bool:
    """Whether a link still works; asked before a password is hashed for it."""
    return bool(sql.fetch(conn, "SELECT 1 FROM password_resets WHERE token=%s AND expires_ms>%s", (token, now_ms)))


def take_reset(conn: Connection, token: bytes, now_ms: int) -> bytes | None:
    """Whose link it is; it is used up, with all others of that person."""
    found = sql.fetch(
        conn, "SELECT person_id FROM password_resets WHERE token=%s AND expires_ms>%s FOR UPDATE", (token, now_ms)
    )
    if not found:
        return None
    drop_resets(conn, bytes(found[0][0]))
    return bytes(found[0][0])


def drop_resets(conn: Connection, person_id: bytes) -> None:
    """Links that were sent before count no more."""
    sql.execute(conn, f"DELETE FROM password_resets WHERE person_id={sql.literal(person_id)}")  # noqa: S608 - literal
