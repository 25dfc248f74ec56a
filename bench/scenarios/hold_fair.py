"""One among many: a client's one-time passwords beside another client's flood, in the same lane and beside bulk."""

from __future__ import annotations

from bench.bed import Client, Load, wait
from bench.figures import Target
from bench.run import Run, Scenario
from bench.scenarios.hold import Others, figure, others

A_REQUEST = 10_000
SECONDS_A_MESSAGE = 0.02
FLOODS: tuple[tuple[str, str, Target], ...] = (
    ("auth", "auth", Target(500)),
    ("realtime", "realtime", Target(2000)),
    ("bulk", "auth", Target(150)),
)
"""The flood's lane, the others' lane, and what the others may notice."""


def flood(run: Run) -> None:
    """100,000 messages of one client at once, and what another client notices of them."""
    with others(run) as them:
        calm = {lane: them.times(run.sizes.hold, f"calm, {lane}", lane) for lane in ("auth", "realtime")}
        for lane, theirs, target in FLOODS:
            _beside(run, them, calm[theirs], lane, theirs, target)


def _beside(run: Run, them: Others, calm: list[float], lane: str, theirs: str, target: Target) -> None:
    client = run.bed.client()
    count, what = run.sizes.hold_flood, f"another's {run.sizes.hold_flood:,} in {lane}"
    work = run.bed.work(client, count, min(count, A_REQUEST), lane=lane, connections=2)
    with Load(work) as load:
        wait(lambda: _ended(run, client) or not load.running, 120, "the flood")
        times = them.times(run.sizes.hold, what, theirs)
        left = count - _ended(run, client)
        answers = load.result()["statuses"]
    run.results.samples[f"hold_{lane}_flood_ms"] = times
    note = f"in {theirs}; {left:,} of the flood still on their way at the last; it was answered {answers}"
    run.results.add(figure(what, times, calm, note, target))
    with run.step(f"the rest of the flood in {lane}", count) as advance:

        def passed() -> bool:
            ended = _ended(run, client)
            advance(ended)
            return ended >= count

        wait(passed, 120 + count * SECONDS_A_MESSAGE, "the flood to pass", 1.0)


def _ended(run: Run, client: Client) -> int:
    """Messages of a client with a final state."""
    counted = "SELECT COUNT(*) FROM messages WHERE account_id = %s AND finished_ms IS NOT NULL"
    ((ended,),) = run.bed.sql(counted, client.account_id)
    return int(ended)


SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "hold-fair": ("a client beside another's flood in its lane", flood),
}
