"""Uploaded files (MMS images)."""

from __future__ import annotations

from uuid import UUID

from shared.channels.common import FileInfo
from shared.stores import sql
from shared.stores.sql import Connection


def _known(names: list[str]) -> list[bytes]:
    found = []
    for name in names:
        try:
            found.append(UUID(name).bytes)
        except ValueError:
            continue
    return found


def insert_file(
    conn: Connection, file_id: bytes, account_id: int, name: str, info: FileInfo, body: bytes, now_ms: int
) -> None:
    """Keep a file."""
    columns = "file_id, account_id, name, media_type, size, width, height, body, created_ms"
    row = (file_id, account_id, name, info.media_type, info.size, info.width, info.height, body, now_ms)
    sql.insert(conn, "files", columns, [row])


def file_infos(conn: Connection, account_id: int, names: list[str]) -> dict[str, FileInfo]:
    """What is known of the account's files, by the name the client used."""
    wanted = _known(names)
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        "SELECT file_id, media_type, size, width, height FROM files "  # noqa: S608
        f"WHERE account_id={int(account_id)} AND file_id IN ({sql.ids(wanted)})",
    )
    infos = {str(UUID(bytes=r[0])): FileInfo(*r[1:]) for r in found}
    return {name: infos[str(UUID(name))] for name in names if _known([name]) and str(UUID(name)) in infos}


def file_bodies(conn: Connection, names: list[str]) -> list[bytes]:
    """The contents of files, in the order of `names`."""
    wanted = _known(names)
    if not wanted:
        return []
    found = dict(sql.fetch(conn, f"SELECT file_id, body FROM files WHERE file_id IN ({sql.ids(wanted)})"))  # noqa: S608
    return [found[i] for i in wanted if i in found]
