"""Failed sign-ins, counted by login and browser, and by address; browsers that have signed somebody in."""

from __future__ import annotations

from shared.stores import sql
from shared.stores.sql import Connection

FREE = 5
"""Failures before the first lock."""
LONGEST_MS = 3_600_000
WINDOW_MS = 600_000
FORGOTTEN_MS = 86_400_000
"""Failures count together while the last one is not older."""


def locked_until(conn: Connection, subject: bytes) -> int:
    """Until when a subject is locked, ms; 0: it is not."""
    found = sql.fetch(conn, "SELECT locked_until_ms FROM sign_in_failures WHERE subject=%s", (subject,))
    return int(found[0][0]) if found else 0


def lock_after(failures: int) -> int:
    """For how long the so-many-th failure locks: 1, 2, 4 … 60 minutes from the fifth on."""
    return 0 if failures < FREE else min(LONGEST_MS, 60_000 << min(failures - FREE, 10))


def _failed(conn: Connection, subject: bytes, now_ms: int, forgotten_ms: int) -> int:
    """Count one; how many there are. The first one is noted with its time."""
    row = (subject, 1, now_ms, now_ms)
    old = f"last_ms<{now_ms - forgotten_ms:d}"
    tail = (
        f"ON DUPLICATE KEY UPDATE failures=IF({old}, 1, failures+1), first_ms=IF({old}, {now_ms:d}, first_ms), "
        f"last_ms={now_ms:d}"
    )
    sql.insert(conn, "sign_in_failures", "subject, failures, first_ms, last_ms", [row], tail)
    ((count,),) = sql.fetch(conn, "SELECT failures FROM sign_in_failures WHERE subject=%s FOR UPDATE", (subject,))
    return int(count)


def _lock(conn: Connection, subject: bytes, until_ms: int) -> None:
    sql.execute(
        conn,
        f"UPDATE sign_in_failures SET locked_until_ms={until_ms:d} WHERE subject={sql.literal(subject)}",  # noqa: S608
    )


def failed(conn: Connection, login: bytes, address: bytes, most: int, now_ms: int) -> int:
    """A sign-in has failed; for how many ms its login is locked now."""
    locks_ms = lock_after(_failed(conn, login, now_ms, FORGOTTEN_MS))
    if locks_ms:
        _lock(conn, login, now_ms + locks_ms)
    if _failed(conn, address, now_ms, WINDOW_MS) >= most:
        _lock(conn, address, now_ms + WINDOW_MS)
    sql.execute(conn, f"DELETE FROM sign_in_failures WHERE last_ms<{now_ms - FORGOTTEN_MS:d} LIMIT 100")  # noqa: S608
    return locks_ms


def succeeded(conn: Connection, login: bytes, person_id: bytes, device: bytes, now_ms: int) -> None:
    """Its failures are forgotten, and its browser is known."""
    sql.execute(conn, f"DELETE FROM sign_in_failures WHERE subject={sql.literal(login)}")  # noqa: S608 - literal
    tail = "ON DUPLICATE KEY UPDATE seen_ms=VALUES(seen_ms)"
    sql.insert(conn, "known_devices", "person_id, device, seen_ms", [(person_id, device, now_ms)], tail)


def is_known(conn: Connection, person_id: bytes, device: bytes) -> bool:
    """Whether this browser has signed this person in before."""
    return bool(sql.fetch(conn, "SELECT 1 FROM known_devices WHERE person_id=%s AND device=%s", (person_id, device)))


def forget_devices(conn: Connection, person_id: bytes) -> None:
    """After a reset every browser is a stranger."""
    sql.execute(conn, f"DELETE FROM known_devices WHERE person_id={sql.literal(person_id)}")  # noqa: S608 - literal
