"""What `store` writes: vendors' results by hour, tries of reports, dead letters; and the texts that it blanks.

All of it can be told again, in another order and in other company: a result counts once for its hop, tries and dead
letters have keys of their own, and what is blank stays blank.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from shared.domain import moments
from shared.domain.events import Dead, Event, Finished, Outcome, Reported, Result
from shared.domain.ids import accepted_ms
from shared.stores import dead, removal, reports, sql
from shared.stores.sql import Connection

HOUR_MS = 3_600_000
COUNTED = {"sent": 1, "uncertain": 2, "delivered": 4, "failed": 8, "expired": 16, "unavailable": 32}
"""The bit of `hops.counted` that says that a hop's result was counted."""

Total = tuple[str, str, str, int, str, str]
"""(vendor, account, channel, hour, state, code)"""


def save(conn: Connection, events: Sequence[Event]) -> None:
    """Write what a group of events says: messages' rows before hops', as route locks them."""
    attempts = [a for e in events if isinstance(e, Reported) for a in e.attempts]
    if attempts:
        reports.save_attempts(conn, attempts)
    removal.mask_ended(conn, _ended_auth(events))
    _save_vendor_results(conn, [e for e in events if isinstance(e, Outcome)])
    dead.keep(conn, [e for e in events if isinstance(e, Dead)])


def _ended_auth(events: Iterable[Event]) -> list[bytes]:
    """One-time passwords that have done their work."""
    ended = [r.data for e in events if isinstance(e, Finished) and e.lane == "auth" for r in e.reports]
    return [bytes.fromhex(data["message_id"].replace("-", "")) for data in ended]


def _save_vendor_results(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    groups: dict[tuple[Total, int, str], set[bytes]] = defaultdict(set)
    for event in outcomes:
        for r in event.results:
            total: Total = (event.vendor, event.account, event.channel, _hour(r), r.state, r.code)
            groups[total, r.hop, event.via].add(bytes.fromhex(r.id))
    totals: dict[Total, int] = defaultdict(int)
    for (total, hop, via), ids in sorted(groups.items()):
        for counted, n in _count(conn, total, hop, via, ids):
            totals[counted] += n
    rows = [(*total, n) for total, n in totals.items() if n]
    if rows:
        tail = "ON DUPLICATE KEY UPDATE total = total + VALUES(total)"
        sql.insert(conn, "vendor_hourly", "vendor, account, channel, hour_ms, state, code, total", rows, tail)


def _hour(result: Result) -> int:
    """The hour of a result; one whose time nobody can believe counts in the hour when its message was accepted."""
    at = result.at if moments.FIRST_MS <= result.at <= moments.LAST_MS else accepted_ms(UUID(hex=result.id))
    return at // HOUR_MS * HOUR_MS


def _count(conn: Connection, total: Total, hop: int, via: str, ids: Iterable[bytes]) -> Iterator[tuple[Total, int]]:
    """How many of these hops show a result for the first time; their bits are set.

    Receipts of others count nothing. A webhook belongs to an account with all its channels: what did not go by the
    channel that its reader stands for counts for the one that carried it.
    """
    vendor, account, channel, hour, state, code = total
    known = list(ids)
    bit = COUNTED[state]
    where = f"message_id IN ({sql.ids(sorted(known))}) AND hop={hop:d} AND counted&{bit}=0"
    own = f"AND vendor={sql.literal(vendor)} AND vendor_account={sql.literal(account)}"

    def mark(more: str) -> int:
        return sql.execute(conn, f"UPDATE hops SET counted=counted|{bit} WHERE {where} {more}")  # noqa: S608 - literals

    if via != "receipt":
        yield total, mark("")
        return
    changed = mark(f"{own} AND channel={sql.literal(channel)}")
    yield total, changed
    if changed < len(known):
        others = sql.fetch(conn, f"SELECT DISTINCT channel FROM hops WHERE {where} {own}")  # noqa: S608 - literals
        for (other,) in sorted(others):
            yield (vendor, account, other, hour, state, code), mark(f"{own} AND channel={sql.literal(other)}")
