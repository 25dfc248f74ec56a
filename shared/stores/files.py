"""Uploaded files (MMS images): kept within an account's quota, as long as a message may need them.

`used_ms` is until when a message needs a file (at first: when it came). It is kept for `keep_ms` after that; then it
counts no more, and retention removes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.channels.common import FileInfo
from shared.domain.errors import Rejected
from shared.stores import sql
from shared.stores.sql import Connection

DAY_MS = 86_400_000
LOST = "1011"
LATE_MS = 4 * DAY_MS
"""A further hop of a plan may need a file so long after its message was to leave (80 h and a retry or two)."""


class Quota(NamedTuple):
    """How much an account may keep; files of live and of test keys are counted apart."""

    files: int
    bytes: int
    keep_ms: int


class Used(NamedTuple):
    """What an account keeps now."""

    files: int
    bytes: int


class Full(Exception):
    """A file does not fit beside what is kept; `frees_ms`: when enough has run out, None: never."""

    def __init__(self, used: Used, quota: Quota, frees_ms: int | None) -> None:
        super().__init__("quota")
        self.used, self.quota, self.frees_ms = used, quota, frees_ms


class FileRow(NamedTuple):
    """A file without its content."""

    file_id: bytes
    name: str
    media_type: str
    size: int
    width: int | None
    height: int | None
    created_ms: int
    used_ms: int

    @property
    def needed_until_ms(self) -> int:
        """Until when a message may need it; 0 when none has used it."""
        return self.used_ms + LATE_MS if self.used_ms > self.created_ms else 0


def _known(names: Sequence[str]) -> list[bytes]:
    found = []
    for name in names:
        try:
            found.append(UUID(name).bytes)
        except ValueError:
            continue
    return found


def insert_file(
    conn: Connection,
    file_id: bytes,
    account_id: int,
    name: str,
    info: FileInfo,
    body: bytes,
    now_ms: int,
    *,
    test: bool = False,
    quota: Quota | None = None,
) -> None:
    """Keep a file; `test`: a test key's. Raises Full; the account's row is locked, so that many at once stay within."""
    if quota is not None:
        own = sql.fetch(
            conn, "SELECT files_count, files_bytes FROM accounts WHERE account_id=%s FOR UPDATE", (account_id,)
        )
        _check(conn, account_id, test, info.size, quota, own, now_ms)
    columns = "file_id, account_id, name, media_type, size, width, height, body, created_ms, test"
    row = (file_id, account_id, name, info.media_type, info.size, info.width, info.height, body, now_ms, test)
    sql.insert(conn, "files", columns, [row])


def room(conn: Connection, account_id: int, test: bool, size: int, quota: Quota, now_ms: int) -> None:
    """Raise Full when a file of so many bytes would not fit now."""
    own = sql.fetch(conn, "SELECT files_count, files_bytes FROM accounts WHERE account_id=%s", (account_id,))
    _check(conn, account_id, test, size, quota, own, now_ms)


def _check(
    conn: Connection, account_id: int, test: bool, size: int, quota: Quota, own: Sequence[tuple[Any, ...]], now_ms: int
) -> None:
    quota = _own(quota, own)
    now = used(conn, account_id, test, quota.keep_ms, now_ms)
    if now.files + 1 > quota.files or now.bytes + size > quota.bytes:
        raise Full(now, quota, _frees_ms(conn, account_id, test, size, quota, now, now_ms))


def _own(quota: Quota, own: Sequence[tuple[Any, ...]]) -> Quota:
    """The account's own limits, where it has some."""
    count, size = own[0] if own else (None, None)
    return Quota(quota.files if count is None else count, quota.bytes if size is None else size, quota.keep_ms)


def quota_of(conn: Connection, account_id: int, quota: Quota) -> Quota:
    """What holds for an account."""
    own = sql.fetch(conn, "SELECT files_count, files_bytes FROM accounts WHERE account_id=%s", (account_id,))
    return _own(quota, own)


def used(conn: Connection, account_id: int, test: bool, keep_ms: int, now_ms: int) -> Used:
    """What counts of an account's files."""
    ((count, size),) = sql.fetch(
        conn,
        "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM files FORCE INDEX (quota) "
        "WHERE account_id=%s AND test=%s AND used_ms>%s",
        (account_id, test, now_ms - keep_ms),
    )
    return Used(int(count), int(size))


def _frees_ms(
    conn: Connection, account_id: int, test: bool, size: int, quota: Quota, now: Used, now_ms: int
) -> int | None:
    """When enough of the oldest files have run out for one more of `size` bytes."""
    if size > quota.bytes or quota.files < 1:
        return None
    count, total = now
    ages = sql.fetch(
        conn,
        "SELECT used_ms, size FROM files FORCE INDEX (quota) "
        "WHERE account_id=%s AND test=%s AND used_ms>%s ORDER BY used_ms",
        (account_id, test, now_ms - quota.keep_ms),
    )
    for used_ms, freed in ages:
        count, total = count - 1, total - freed
        if count < quota.files and total + size <= quota.bytes:
            return int(used_ms) + quota.keep_ms
    return None


_FILE = ", ".join(FileRow._fields)


def page(conn: Connection, account_id: int, below: bytes, limit: int, test: bool = False) -> list[FileRow]:
    """An account's files, the newest first, below an id."""
    found = sql.fetch(
        conn,
        f"SELECT {_FILE} FROM files WHERE account_id=%s AND test>=%s AND file_id<%s "  # noqa: S608 - names
        "ORDER BY file_id DESC LIMIT %s",
        (account_id, test, below, limit),
    )
    return [FileRow(*row) for row in found]


def one(conn: Connection, account_id: int, file_id: bytes, test: bool = False, lock: str = "") -> FileRow | None:
    """One file of an account."""
    found = sql.fetch(
        conn,
        f"SELECT {_FILE} FROM files WHERE file_id=%s AND account_id=%s AND test>=%s {lock}",  # noqa: S608 - names
        (file_id, account_id, test),
    )
    return FileRow(*found[0]) if found else None


def remove(conn: Connection, account_id: int, file_id: bytes, now_ms: int, test: bool = False) -> FileRow | None:
    """Remove a file unless a message may need it; what was there."""
    row = one(conn, account_id, file_id, test, "FOR UPDATE")
    if row is not None and row.needed_until_ms <= now_ms:
        sql.execute(conn, f"DELETE FROM files WHERE file_id={sql.literal(file_id)}")  # noqa: S608 - literal
    return row


def file_infos(conn: Connection, account_id: int, names: list[str], test: bool = False) -> dict[str, FileInfo]:
    """What is known of the account's files, by the name the client used; `test`: only of those of test keys."""
    wanted = _known(names)
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        "SELECT file_id, media_type, size, width, height, name FROM files "  # noqa: S608
        f"WHERE account_id={int(account_id)} AND test>={test:d} AND file_id IN ({sql.ids(wanted)})",
    )
    infos = {str(UUID(bytes=r[0])): FileInfo(*r[1:]) for r in found}
    return {name: infos[str(UUID(name))] for name in names if _known([name]) and str(UUID(name)) in infos}


def note_use(conn: Connection, account_id: int, names: Sequence[str], at_ms: int) -> None:
    """The account's files are needed until `at_ms`; noted a day ahead, so that a file costs one write a day."""
    wanted = _known(names)
    if wanted:
        sql.execute(
            conn,
            f"UPDATE files SET used_ms={at_ms + DAY_MS:d} WHERE file_id IN ({sql.ids(sorted(wanted))}) "  # noqa: S608
            f"AND account_id={account_id:d} AND used_ms<{at_ms:d}",
        )


def file_bodies(conn: Connection, names: Sequence[str]) -> list[bytes]:
    """The contents of files, in the order of `names`; Rejected (1011) when one of them is not there."""
    wanted = _known(names)
    listed = sql.ids(wanted)
    found = dict(sql.fetch(conn, f"SELECT file_id, body FROM files WHERE file_id IN ({listed})")) if wanted else {}  # noqa: S608
    if len(wanted) < len(names) or not found.keys() >= set(wanted):
        raise Rejected(LOST, "a file of the message is not there any more")
    return [found[i] for i in wanted]
