"""An account's final reports in the order in which they became final.

The order is (feed_seq, message_id). The transaction that takes a number holds the account's row of `feeds` until its
commit (messages.next_feed_numbers), so whoever sees number n has seen all numbers below it: none is ever skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from shared.domain.ids import span_of
from shared.domain.states import FIRST_FINAL, State
from shared.stores import sql
from shared.stores.sql import Connection

SLACK_MS = 15_000
"""How far the times at which messages finished may differ from the feed's order: a transaction's longest wait."""
PAGE = 2000
SCAN = 50_000


class Place(NamedTuple):
    """How far a reader has come: everything up to and with this report."""

    seq: int = 0
    message_id: bytes = b"\0" * 16


class Entry(NamedTuple):
    """A report's place, and what a selection looks at."""

    place: Place
    finished_ms: int
    status: int
    reported_ms: int | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which final reports: finished from `since_ms` to before `until_ms`."""

    account_id: int
    request: UUID | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    status: str | None = None
    undelivered: bool = False

    def takes(self, entry: Entry) -> bool:
        """Whether a report is among them."""
        return (
            (self.since_ms is None or entry.finished_ms >= self.since_ms)
            and (self.until_ms is None or entry.finished_ms < self.until_ms)
            and (self.status is None or entry.status == State[self.status])
            and not (self.undelivered and entry.reported_ms is not None)
        )

    def ends_at(self, entry: Entry) -> bool:
        """Whether nothing after a report can be among them."""
        return self.until_ms is not None and entry.finished_ms >= self.until_ms + SLACK_MS


class Selected(NamedTuple):
    """Places of the reports found, and from where to go on; None when there is nothing more."""

    places: list[Place]
    after: Place | None


def select(conn: Connection, wanted: Selection, after: Place, limit: int) -> Selected:
    """The next reports of a selection; looks at no more than `SCAN`."""
    if wanted.since_ms is not None:
        after = max(after, Place(_first_number(conn, wanted.account_id, wanted.since_ms - SLACK_MS)))
    found: list[Place] = []
    scanned = 0
    while scanned < SCAN:
        entries = _entries(conn, wanted, after, PAGE)
        for entry in entries:
            if len(found) == limit:
                return Selected(found, found[-1])
            if wanted.ends_at(entry):
                return Selected(found, None)
            if wanted.takes(entry):
                found.append(entry.place)
        if len(entries) < PAGE:
            return Selected(found, None)
        after = entries[-1].place
        scanned += PAGE
    return Selected(found, after)


def read(conn: Connection, wanted: Selection, after: Place, limit: int) -> list[Place]:
    """The next reports to hand out. Of a reader who has seen all: nothing."""
    if wanted.since_ms is None:
        return [entry.place for entry in _entries(conn, wanted, after, limit)]
    return select(conn, wanted, after, limit).places


def _entries(conn: Connection, wanted: Selection, after: Place, limit: int) -> list[Entry]:
    bounds = "FORCE INDEX (feed) WHERE"
    if wanted.request is not None:
        low, high = span_of(wanted.request)
        bounds = f"FORCE INDEX (PRIMARY) WHERE message_id BETWEEN 0x{low.hex} AND 0x{high.hex} AND"
    found = sql.fetch(
        conn,
        f"SELECT feed_seq, message_id, finished_ms, status, reported_ms FROM messages {bounds} "  # noqa: S608
        f"account_id=%s AND feed_seq>=%s AND NOT (feed_seq=%s AND message_id<=%s) AND status>={FIRST_FINAL} "
        f"ORDER BY feed_seq, message_id LIMIT {limit:d}",
        (wanted.account_id, after.seq, after.seq, after.message_id),
    )
    return [Entry(Place(seq, message_id), *rest) for seq, message_id, *rest in found]


def _first_number(conn: Connection, account_id: int, from_ms: int) -> int:
    """The first feed number whose reports finished at `from_ms` or later, by halving."""
    (top,) = sql.fetch(conn, "SELECT COALESCE(MAX(seq), 0) FROM feeds WHERE account_id=%s", (account_id,))
    low, high = 0, int(top[0]) + 1
    while low < high:
        middle = (low + high) // 2
        found = sql.fetch(
            conn,
            "SELECT feed_seq, finished_ms FROM messages FORCE INDEX (feed) WHERE account_id=%s AND feed_seq>=%s "
            "ORDER BY feed_seq LIMIT 1",
            (account_id, middle),
        )
        if not found or found[0][1] >= from_ms:
            high = middle
        else:
            low = int(found[0][0]) + 1
    return low


def final_of(conn: Connection, account_id: int, ids: Sequence[bytes]) -> list[bytes]:
    """Which of these messages are the account's and have ended."""
    if not ids:
        return []
    found: list[tuple[Any, ...]] = sql.fetch(
        conn,
        f"SELECT message_id FROM messages WHERE message_id IN ({sql.ids(sorted(set(ids)))}) "  # noqa: S608
        f"AND account_id={account_id:d} AND status>={FIRST_FINAL} ORDER BY message_id",
    )
    return [r[0] for r in found]
