"""What can be exported: the filters of a list, its columns, and how its rows are read, slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.channels.common import Fault
from shared.edge.csv_out import local
from shared.following import attempts, messages, reading, requests
from shared.runtime.clock import iso
from shared.stores import callbacks, lookup
from shared.stores import requests as request_store
from shared.stores.exports import Row
from shared.stores.sql import Connection

SLICE = 500
PAGING = frozenset({"limit", "cursor"})

Json = dict[str, Any]
Slice = tuple[list[Sequence[Any]], bytes | None]
"""Rows, and from where to go on; None at the end."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One kind of export. `read`: (connection, export, filters as values) → a slice."""

    readers: Mapping[str, reading.Reader]
    columns: tuple[str, ...]
    read: Callable[[Connection, Row, Mapping[str, Any]], Slice]

    def values(self, given: Mapping[str, str]) -> tuple[Json, list[Fault]]:
        """Filters as values, with what is wrong with them."""
        values: Json = {}
        faults = []
        for name, text in given.items():
            reader = self.readers.get(name) if name not in PAGING else None
            if reader is None:
                known = ", ".join(n for n in self.readers if n not in PAGING)
                faults.append(Fault(f"/filter/{name[:64]}", "unknown_field", f"no such filter; known are: {known}"))
                continue
            try:
                values[name] = reader(text)
            except ValueError as error:
                faults.append(Fault(f"/filter/{name[:64]}", "format", str(error)))
        return values, faults


MESSAGE = (
    "message_id", "request_id", "request_ref", "ref", "to", "channel", "type", "status", "code", "detail", "vendor",
    "price", "currency", "accepted_at", "sent_at", "finished_at",
)  # fmt: skip
TIMES = ("accepted_at", "sent_at", "finished_at")


def _messages(conn: Connection, row: Row, given: Mapping[str, Any]) -> Slice:
    wanted = lookup.Search(
        account_id=row.account_id, low=lookup.floor(given.get("since", 0)), high=_high(row, given), limit=SLICE,
        request=given.get("request_id"), test=row.test, recipient=given.get("to"),
        **{name: given.get(name) for name in messages.PLAIN},
    )  # fmt: skip
    lookup.consistent(conn)
    page = lookup.search(conn, wanted)
    return [_message(r.data) for r in lookup.reports(conn, row.account_id, page.ids)], page.below


def _message(data: Json) -> Sequence[Any]:
    told = {**data, **{name: local(data[name]) for name in TIMES}}
    told["vendor"] = data["hops"][-1].get("vendor") if data["hops"] else None
    return [told.get(name) for name in MESSAGE]


def _high(row: Row, given: Mapping[str, Any]) -> bytes:
    """Below what to look: where it goes on, and never beyond the moment at which the export was asked for."""
    end = min(given.get("until", row.created_ms), row.created_ms)
    return min(lookup.floor(end), row.place)


ENDS = ("delivered", "failed", "expired", "canceled")
REQUEST = (
    "request_id", "request_ref", "lane", "test", "total", *ENDS, "waiting", "accepted_at", "scheduled_at",
)  # fmt: skip


def _requests(conn: Connection, row: Row, given: Mapping[str, Any]) -> Slice:
    low = lookup.floor(given.get("since", 0))
    names = given.get("lane"), given.get("request_ref")
    wanted = request_store.Listing(row.account_id, low, _high(row, given), SLICE, row.test, *names)
    rows, below = request_store.page(conn, wanted)
    return [_request(one) for one in rows], below


def _request(row: request_store.RequestRow) -> Sequence[Any]:
    ended = [row.counts.get(name, 0) for name in ENDS]
    times = local(iso(row.accepted_ms)), local(iso(row.scheduled_ms))
    return [row.request_id, row.request_ref, row.lane, row.test, row.total, *ended, row.total - sum(ended), *times]


ATTEMPT = ("webhook_id", "attempt", "outcome", "status", "error", "duration_ms", "reports", "at")


def _attempts(conn: Connection, row: Row, given: Mapping[str, Any]) -> Slice:
    until_ms, below = min(given.get("until", row.created_ms), row.created_ms), 0
    if row.parts:
        until_ms, below = int.from_bytes(row.place[:8], "big"), int.from_bytes(row.place[8:], "big")
    since, chosen = given.get("since", 0), given.get("outcome")
    wanted = callbacks.Tries(row.account_id, since, until_ms, below, SLICE, chosen, row.test)
    found = callbacks.exchanges(conn, wanted)
    views = [attempts.view(one) for one in found]
    listed: list[Sequence[Any]] = [[*(view[name] for name in ATTEMPT[:-1]), local(view["at"])] for view in views]
    return listed, attempts.place_of(found[-1]) if len(found) == SLICE else None


SHEETS: dict[str, Sheet] = {
    "messages": Sheet(messages.FILTERS, MESSAGE, _messages),
    "requests": Sheet(requests.FILTERS, REQUEST, _requests),
    "attempts": Sheet(attempts.FILTERS, ATTEMPT, _attempts),
}
"""What can be exported, by name."""
