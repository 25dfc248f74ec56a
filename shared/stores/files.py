"""Uploaded files (MMS images)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.channels.common import FileInfo
from shared.domain.errors import Rejected
from shared.stores import sql
from shared.stores.sql import Connection

DAY_MS = 86_400_000
LOST = "1011"


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
) -> None:
    """Keep a file; `test`: a test key's."""
    columns = "file_id, account_id, name, media_type, size, width, height, body, created_ms, test"
    row = (file_id, account_id, name, info.media_type, info.size, info.width, info.height, body, now_ms, test)
    sql.insert(conn, "files", columns, [row])


def file_infos(conn: Connection, account_id: int, names: list[str], test: bool = False) -> dict[str, FileInfo]:
    """What is known of the account's files, by the name the client used; `test`: only of those of test keys."""
    wanted = _known(names)
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        "SELECT file_id, media_type, size, width, height FROM files "  # noqa: S608
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
