"""An account's final reports in the order in which they became final.

The order is (feed_seq, message_id). The transaction that takes a number holds the account's row of `feeds` until its
commit (messages.next_feed_numbers), so whoever sees number n has seen all numbers below it: none is ever skipped.

A selection by recipient or ref goes by their indexes instead, in the order of the ids. Whichever way, the index gives
candidates and `Selection.takes` decides, so that no more than `SCAN` rows are read a call, however few of them match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from shared.domain.ids import span_of
from shared.domain.states import FIRST_FINAL, State
from shared.stores import sql
from shared.stores.lookup import TEST, indexed
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
    finished_ms: int | None
    status: int
    reported_ms: int | None
    recipient: str = ""
    ref: str | None = None
    channel: str = ""
    code: str | None = None
    test: bool | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which final reports: finished from `since_ms` to before `until_ms`; `test`: only what test keys made."""

    account_id: int
    request: UUID | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    status: str | None = None
    undelivered: bool = False
    recipient: str | None = None
    ref: str | None = None
    channel: str | None = None
    code: str | None = None
    test: bool = False

    @property
    def index(self) -> str:
        """By which index its candidates come: those of a request lie side by side, one recipient has few."""
        if self.request is not None:
            return "PRIMARY"
        if self.recipient is not None:
            return "recipient"
        return "feed" if self.ref is None else "ref"

    @property
    def by_id(self) -> bool:
        """Whether its order is that of the ids."""
        return self.index in ("recipient", "ref")

    def takes(self, entry: Entry) -> bool:
        """Whether a candidate is among them; it may not have ended yet."""
        return (
            entry.finished_ms is not None
            and (self.since_ms is None or entry.finished_ms >= self.since_ms)
            and (self.until_ms is None or entry.finished_ms < self.until_ms)
            and (self.status is None or entry.status == State[self.status])
            and (entry.test or not self.test)
            and not (self.undelivered and entry.reported_ms is not None)
            and all(
                wanted is None or wanted == found
                for wanted, found in (
                    (self.recipient, entry.recipient),
                    (self.ref, entry.ref),
                    (self.channel, entry.channel),
                    (self.code, entry.code),
                )
            )
        )

    def ends_at(self, entry: Entry) -> bool:
        """Whether nothing after a report can be among them."""
        if self.until_ms is None or self.by_id or entry.finished_ms is None:
            return False
        return entry.finished_ms >= self.until_ms + SLACK_MS


class Selected(NamedTuple):
    """Places of the reports found, and from where to go on; None when there is nothing more now."""

    places: list[Place]
    after: Place | None


def select(conn: Connection, wanted: Selection, after: Place, limit: int) -> Selected:
    """The next reports of a selection; looks at no more than `SCAN`."""
    if wanted.since_ms is not None and not wanted.by_id:
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


def read(conn: Connection, wanted: Selection, after: Place, limit: int) -> Selected:
    """The next reports to hand out; where some are found it goes on after the last, for more may come."""
    if wanted.since_ms is None and wanted.until_ms is None and not wanted.test:
        found = Selected([entry.place for entry in _entries(conn, wanted, after, limit)], None)
    else:
        found = select(conn, wanted, after, limit)
    return found._replace(after=found.places[-1]) if found.places else found


def _entries(conn: Connection, wanted: Selection, after: Place, limit: int) -> list[Entry]:
    """The next candidates."""
    if wanted.by_id:
        column, value = indexed(wanted.index, wanted.recipient if wanted.index == "recipient" else wanted.ref)
        bounds, order = f"{column}=%s AND message_id>%s", "message_id"
        args: tuple[Any, ...] = (value, after.message_id)
    else:
        bounds, order = "feed_seq>=%s AND NOT (feed_seq=%s AND message_id<=%s)", "feed_seq, message_id"
        bounds += f" AND status>={FIRST_FINAL}"
        args = (after.seq, after.seq, after.message_id)
    if wanted.request is not None:
        low, high = span_of(wanted.request)
        bounds += f" AND message_id BETWEEN 0x{low.hex} AND 0x{high.hex}"
    test = TEST.format(id="messages.message_id") if wanted.test else "NULL"
    found = sql.fetch(
        conn,
        f"SELECT feed_seq, message_id, finished_ms, status, reported_ms, recipient, ref, channel, code, {test} "  # noqa: S608
        f"FROM messages FORCE INDEX ({wanted.index}) WHERE account_id=%s AND {bounds} ORDER BY {order} LIMIT {limit:d}",
        (wanted.account_id, *args),
    )
    return [Entry(Place(0 if wanted.by_id else seq, message_id), *rest) for seq, message_id, *rest in found]


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


def final_of(conn: Connection, account_id: int, ids: Sequence[bytes], test: bool = False) -> list[bytes]:
    """Which of these messages are the account's and have ended; `test`: only those that test keys made."""
    if not ids:
        return []
    made = f" AND {TEST.format(id='messages.message_id')}=1" if test else ""
    found: list[tuple[Any, ...]] = sql.fetch(
        conn,
        f"SELECT message_id FROM messages WHERE message_id IN ({sql.ids(sorted(set(ids)))}) "  # noqa: S608
        f"AND account_id={account_id:d} AND status>={FIRST_FINAL}{made} ORDER BY message_id",
    )
    return [r[0] for r in found]
