"""Idempotency-Keys of what is made by POST, with the answers that are kept: see shared/edge/once.py."""

from __future__ import annotations

from typing import NamedTuple

from shared.stores import sql
from shared.stores.sql import Connection


class Place(NamedTuple):
    """Whose key it is, and which."""

    owner: bytes
    key_hash: bytes


class Held(NamedTuple):
    """What stands under a key. `status`: of the answer, once there is one; `made`: something was made, whatever came
    after; `answer`: sealed."""

    token: bytes
    deadline_ms: int
    made: bool
    body_hash: bytes | None
    status: int | None
    answer: str | None


class Lost(Exception):
    """Another attempt has taken the key over."""


_HELD = "token, deadline_ms, made, body_hash, status, answer"


def take(conn: Connection, place: Place, token: bytes, now_ms: int, lease_ms: int, keep_ms: int) -> Held | None:
    """Hold a key for one attempt; None when it is held now, else what stands in the way.

    A key is free when nobody used it within its time, or when its attempt is over its deadline and has made nothing.
    """
    new = (*place, token, now_ms + lease_ms, now_ms + keep_ms)
    if sql.insert_ignore(conn, "kept_answers", "owner, key_hash, token, deadline_ms, expires_ms", [new]):
        return None
    query = f"SELECT {_HELD}, expires_ms FROM kept_answers WHERE owner=%s AND key_hash=%s FOR UPDATE"  # noqa: S608
    ((*columns, expires_ms),) = sql.fetch(conn, query, place)
    held = Held(*columns)
    if expires_ms > now_ms and (held.status is not None or held.made or held.deadline_ms > now_ms):
        return held
    sql.execute(
        conn,
        f"UPDATE kept_answers SET token={sql.literal(token)}, deadline_ms={now_ms + lease_ms:d}, "  # noqa: S608
        f"expires_ms={now_ms + keep_ms:d}, made=0, body_hash=NULL, status=NULL, answer=NULL WHERE {_is(place)}",
    )
    return None


def _is(place: Place, token: bytes | None = None) -> str:
    mine = f" AND token={sql.literal(token)}" if token is not None else ""
    return f"owner={sql.literal(place.owner)} AND key_hash={sql.literal(place.key_hash)}{mine}"


def note_made(conn: Connection, place: Place, token: bytes) -> None:
    """In the transaction that makes something: it counts only while this attempt holds the key. Raises Lost."""
    found = sql.fetch(conn, f"SELECT 1 FROM kept_answers WHERE {_is(place, token)} FOR UPDATE")  # noqa: S608 - literals
    if not found:
        raise Lost
    sql.execute(conn, f"UPDATE kept_answers SET made=1 WHERE {_is(place, token)}")  # noqa: S608 - literals


def keep(conn: Connection, place: Place, token: bytes, body_hash: bytes, status: int, answer: str | None) -> None:
    """Keep the answer for those who ask again; without one they are told that it was made."""
    values = f"body_hash={sql.literal(body_hash)}, status={status:d}, answer={sql.literal(answer)}, made=1"
    sql.execute(conn, f"UPDATE kept_answers SET {values} WHERE {_is(place, token)}")  # noqa: S608 - literals


def let_go(conn: Connection, place: Place, token: bytes, *, refused: bool) -> None:
    """The attempt has failed. `refused`: so has the request, nothing was made; else what was made counts."""
    unmade = "" if refused else " AND made=0"
    sql.execute(conn, f"DELETE FROM kept_answers WHERE {_is(place, token)}{unmade}")  # noqa: S608 - literals
    sql.execute(conn, f"UPDATE kept_answers SET deadline_ms=0 WHERE {_is(place, token)}")  # noqa: S608 - literals
