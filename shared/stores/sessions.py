"""Sessions of people: what one may do is read with it, so what was taken from a person counts at the next request."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from shared.stores import sql
from shared.stores.sql import Connection

MINUTE_MS = 60_000


class Person(NamedTuple):
    """Somebody who may sign in. `totp` is sealed."""

    person_id: bytes
    email: str
    name: str
    password: str
    totp: str | None
    totp_pending: str | None
    totp_step: int
    recovery: str | None

    @property
    def id(self) -> str:
        """As it is shown."""
        return str(UUID(bytes=self.person_id))


class Session(NamedTuple):
    """A person signed in to an account (0: as an operator), with the roles that hold there now."""

    session_id: bytes
    account_id: int
    username: str | None
    roles: tuple[str, ...]
    created_ms: int
    seen_ms: int
    confirmed_ms: int
    address: str
    agent: str
    person: Person


class Lasts(NamedTuple):
    """How long sessions live, ms: in all, unused, unused of operators."""

    whole_ms: int
    idle_ms: int
    operator_idle_ms: int


PERSON = ", ".join(f"p.{name}" for name in Person._fields)
_SESSION = (
    "s.session_id, s.account_id, a.username, m.roles, s.created_ms, s.seen_ms, s.confirmed_ms, s.address, s.agent"
)
_FROM = (
    "FROM sessions s JOIN people p ON p.person_id=s.person_id "
    "JOIN members m ON m.person_id=s.person_id AND m.account_id=s.account_id AND m.enabled=1 "
    "LEFT JOIN accounts a ON a.account_id=s.account_id"
)


def roles_of(text: str) -> tuple[str, ...]:
    """Roles as they are stored: separated by blanks."""
    return tuple(text.split())


def _session(row: tuple[Any, ...]) -> Session:
    session_id, account_id, username, roles, created, seen_at, confirmed, address, agent = row[:9]
    person = Person(*row[9:])
    return Session(
        session_id, account_id, username, roles_of(roles), created, seen_at, confirmed, address, agent, person
    )


def lasts() -> Lasts:
    """As the settings say."""
    from shared.runtime.settings import PeopleSettings, load

    s = load(PeopleSettings)
    return Lasts(
        int(s.session_hours * 60) * MINUTE_MS, int(s.idle_minutes * MINUTE_MS), int(s.operator_idle_minutes * MINUTE_MS)
    )


def _alive(now_ms: int) -> str:
    whole, idle, operator_idle = lasts()
    return (
        f"s.ended_ms IS NULL AND s.created_ms>{now_ms - whole:d} "
        f"AND s.seen_ms>{now_ms:d} - IF(s.account_id=0, {operator_idle:d}, {idle:d})"
    )


def live(conn: Connection, session_id: bytes, now_ms: int) -> Session | None:
    """A session that holds, of a person who is still in."""
    found = sql.fetch(
        conn,
        f"SELECT {_SESSION}, {PERSON} {_FROM} WHERE s.session_id=%s AND {_alive(now_ms)}",
        (session_id,),
    )
    return _session(found[0]) if found else None


def of_person(conn: Connection, person_id: bytes, now_ms: int) -> list[Session]:
    """All sessions of a person that hold, the newest first."""
    found = sql.fetch(
        conn,
        f"SELECT {_SESSION}, {PERSON} {_FROM} WHERE s.person_id=%s AND {_alive(now_ms)} "
        "ORDER BY s.created_ms DESC LIMIT 200",
        (person_id,),
    )
    return [_session(row) for row in found]


def begin(
    conn: Connection, session_id: bytes, person_id: bytes, account_id: int, now_ms: int, address: str, agent: str
) -> None:
    """A new one."""
    columns = "session_id, person_id, account_id, created_ms, seen_ms, address, agent"
    row = (session_id, person_id, account_id, now_ms, now_ms, address[:64], agent[:200])
    sql.insert(conn, "sessions", columns, [row])
    sql.execute(
        conn,
        f"UPDATE members SET seen_ms={now_ms:d} WHERE account_id={account_id:d} "  # noqa: S608 - numbers
        f"AND person_id={sql.literal(person_id)}",
    )


def _set(conn: Connection, what: str, where: str) -> int:
    return sql.execute(conn, f"UPDATE sessions SET {what} WHERE {where} AND ended_ms IS NULL")  # noqa: S608 - ours


def seen(conn: Connection, session: Session, now_ms: int) -> None:
    """It was used."""
    _set(conn, f"seen_ms=GREATEST(seen_ms, {now_ms:d})", f"session_id={sql.literal(session.session_id)}")


def confirm(conn: Connection, session_id: bytes, now_ms: int) -> None:
    """The password was given again."""
    _set(conn, f"confirmed_ms={now_ms:d}", f"session_id={sql.literal(session_id)}")


def move(conn: Connection, session_id: bytes, account_id: int) -> None:
    """Go on in another account; what was confirmed counts no more."""
    _set(conn, f"account_id={account_id:d}, confirmed_ms=0", f"session_id={sql.literal(session_id)}")


def end(conn: Connection, person_id: bytes, session_id: bytes, now_ms: int) -> bool:
    """End one of a person's; whether it held."""
    where = f"session_id={sql.literal(session_id)} AND person_id={sql.literal(person_id)}"
    return bool(_set(conn, f"ended_ms={now_ms:d}", where))


def end_all(
    conn: Connection, person_id: bytes, now_ms: int, but: bytes | None = None, account_id: int | None = None
) -> int:
    """End all of a person's, but one; in one account or in all."""
    where = f"person_id={sql.literal(person_id)}"
    if but is not None:
        where += f" AND session_id<>{sql.literal(but)}"
    if account_id is not None:
        where += f" AND account_id={account_id:d}"
    return _set(conn, f"ended_ms={now_ms:d}", where)
