"""How much MySQL reads for a piece of work: what tells whether its cost stays flat, whatever the plan is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.runtime.mysql import Database
from shared.stores import sql
from shared.stores.sql import Connection


def looked_at(conn: Connection) -> int:
    """Rows and index entries that this connection's statements have looked at so far, with those that an index
    condition passed over (`Handler_read_next` does not count them). Full scans of the status itself are not counted."""
    found = sql.fetch(
        conn,
        "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' OR Variable_name LIKE 'Handler_icp_attempts'",
    )
    return sum(int(value) for name, value in found if not name.endswith(("rnd_next", "rnd_deleted")))


def read_for(conn: Connection, work: Callable[[], Any]) -> int:
    """What `work` on this connection looks at."""
    before = looked_at(conn)
    work()
    return looked_at(conn) - before


def rows_read(db: Database, work: Callable[[], Any]) -> int:
    """What `work` looks at by the only connection of `db`."""
    before = db.run(looked_at)
    work()
    return db.run(looked_at) - before


@contextmanager
def frozen_statistics(root: str, table: str) -> Iterator[Callable[[], None]]:
    """The optimizer's knowledge of a table stays as it is; call what you get to bring it up to date. `root`: a URL
    with all rights."""
    db = Database(root, pool=1)
    db.run(sql.execute, f"ALTER TABLE {table} STATS_AUTO_RECALC=0")

    def renew() -> None:
        db.run(sql.fetch, f"ANALYZE TABLE {table}")

    try:
        yield renew
    finally:
        db.run(sql.execute, f"ALTER TABLE {table} STATS_AUTO_RECALC=DEFAULT")
        db.close()
