"""The cost of a message as requests grow and as MySQL fills up."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from bench.figures import Beside, Figure, Target
from bench.run import Run
from bench.scenarios.road import note, trip_of
from bench.sizes import rows_that_fit
from shared.runtime.clock import now_ms

CHUNK = 100_000
ACCOUNTS = 1_000
FIRST_ACCOUNT = 2_000_000_000
"""Of accounts that do not exist, so that no function ever reads these rows, only past them."""
YEAR_MS = 365 * 86_400_000
MEASURED = 10_000
FLAT = 1.15
"""What still counts as flat."""

_DIGITS = f"({' UNION '.join(f'SELECT {d} d' for d in range(10))})"
NUMBERS = (
    "SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d AS n "
    f"FROM {_DIGITS} a, {_DIGITS} b, {_DIGITS} c, {_DIGITS} e, {_DIGITS} f"
)
"""0 … 99,999."""


def run(run: Run) -> None:
    """The same road with more and more messages, then again beside rows that were there before."""
    points: list[tuple[int, float]] = []
    for count in run.sizes.growth:
        trip = trip_of(run, f"growth: {count:,} messages", [(count, 500)], 500, "bulk", 4)
        points.append((count, trip.micros))
        run.results.add(_figure(f"{count:,} messages at once", trip.micros, trip.wrong))
    run.results.samples["growth"] = points
    run.results.add(flatness(points))
    rows = rows_that_fit(run.sizes.prefill, shutil.disk_usage(run.bed.scratch).free)
    if not rows or not run.bed.own:
        reason = "needs a platform of its own" if rows else f"{run.sizes.prefill:,} rows would not fit on this disk"
        run.results.failures["growth with rows"] = reason
        return
    fill(run, rows)
    count, before = max([p for p in points if p[0] <= MEASURED] or points[:1])
    trip = trip_of(run, f"growth: beside {rows:,} rows", [(count, 500)], 500, "bulk", 4)
    note(run, f"bulk beside {rows:,} rows", trip)
    run.results.samples["growth_rows"] = (rows, count, trip.micros)
    what = f"{count:,} messages beside {rows:,} rows in messages and in hops"
    run.results.add(_figure(what, trip.micros, trip.wrong, Target(before * FLAT), Beside("empty tables", before)))


def flatness(points: Sequence[tuple[int, float]]) -> Figure:
    """The cost at the most messages as a multiple of the cost at the fewest."""
    (few, first), (many, last) = points[0], points[-1]
    what = f"growth: cost at {many:,} as a multiple of the cost at {few:,}"
    return Figure("growth", what, last / first, "×", Target(FLAT))


def _figure(what: str, micros: float, wrong: int, target: Target | None = None, beside: Beside | None = None) -> Figure:
    note = f"{wrong:,} missing or doubled" if wrong else ""
    return Figure("growth", f"growth: {what}", micros, "µs a message", target, beside, note)


def fill(run: Run, rows: int) -> None:
    """Synthetic messages of the past year with one hop each, a hundred thousand a statement."""
    start = now_ms() - YEAR_MS
    with run.bed.mysql() as connection, connection.cursor() as cursor, run.step("growth: filling MySQL", rows) as show:
        cursor.execute("SET SESSION sql_log_bin=0, unique_checks=0, foreign_key_checks=0")
        for done in range(0, rows, CHUNK):
            part = min(CHUNK, rows - done)
            for statement in statements(start + YEAR_MS * done // rows, part, done):
                cursor.execute(statement)
            show(done + part)


def statements(at_ms: int, part: int, first: int) -> tuple[str, str]:
    """The two INSERT … SELECT of one chunk: ids ascend with time, as real ones do."""
    of = f"FROM ({NUMBERS}) numbers WHERE n < {part}"
    key = f"UNHEX(CONCAT(LPAD(HEX({at_ms} + n), 12, '0'), '7ABC8', LPAD(HEX({first} + n), 15, '0')))"
    to = f"CONCAT('010', LPAD(({first} + n) * 7919 % 100000000, 8, '0'))"
    account = f"{FIRST_ACCOUNT} + n % {ACCOUNTS}"
    return (
        "INSERT INTO messages (message_id, account_id, recipient, ref, type, status, hop, step, channel, vendor,"
        " vendor_account, code, cause, price, sent_ms, finished_ms, feed_seq, reported_ms, report_tries, report_status)"
        f" SELECT {key}, {account}, {to}, CONCAT('r', {first} + n), 'sms', 11, 1, 9, 'mt', 'solapi', 'main', '0000',"
        f" {key}, 8.40, {at_ms} + n, {at_ms} + n, {first} + n, {at_ms} + n, 1, 204 {of}",
        "INSERT INTO hops (message_id, hop, channel, vendor, vendor_account, type, state, code, raw_code, vendor_ref,"
        " claim, claimed_ms, answered_ms, finished_ms)"
        f" SELECT {key}, 1, 'mt', 'solapi', 'main', 'sms', 'delivered', '0000', '4000', HEX({key}),"
        f" 'benchrow', {at_ms} + n, {at_ms} + n, {at_ms} + n {of}",
    )
