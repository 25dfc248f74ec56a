"""Events that no function can handle, on every topic at once: what others notice, what waits, what memory does."""

from __future__ import annotations

import time

from kafka import KafkaProducer

from bench.bed import wait
from bench.cpu import rss_mb
from bench.figures import Figure, Target, percentile
from bench.run import Run, Scenario
from bench.scenarios.hold import figure, others
from shared.domain.events import (
    Accepted,
    Attempt,
    Dispatch,
    Due,
    Event,
    Finished,
    Outcome,
    PlanHop,
    Recipient,
    Report,
    Reported,
    Request,
    Result,
    Send,
    SendPart,
)
from shared.domain.ids import LANES
from shared.runtime.bus import records

WAITS_S = 600.0
ROUTE = "route-fast"


def poison(run: Run) -> None:
    """As many bad events a topic as five times the others' passwords (1,000), all at once."""
    count = 5 * run.sizes.hold
    with others(run) as them:
        calm = them.times(run.sizes.hold, "calm")
        pid = run.bed.platform.processes()[ROUTE]["pid"]
        before, letters = rss_mb(pid), _letters(run)
        began = time.monotonic()
        topics = _publish(run, count)
        times = them.times(run.sizes.hold, f"{count} bad events on each of {topics} topics")
        run.results.samples["hold_poison_ms"] = times
        twice = Target(max(2 * percentile(calm, 0.99), 50.0))
        run.results.add(figure(f"{count} bad events on each of {topics} topics", times, calm, target=twice))
        wait(lambda: _letters(run) >= letters + count * topics and not _resting(run), WAITS_S, "the last burial", 1.0)
        buried, after = time.monotonic() - began, rss_mb(pid)
    run.results.add(Figure("hold", "bad events: until the last is buried", buried, "s", Target(WAITS_S)))
    run.results.add(Figure("hold", f"bad events: {ROUTE} grows by", max(0.0, after - before), "MB", Target(20.0)))


def _bad(lane: str) -> list[Event]:
    recipient = Recipient(n=1, to="01012345678", type="sms")
    request = Request(
        request_id="none", account_id=1, username="nobody", lane=lane, accepted_at=1, total=1,
        plan=[PlanHop(channel="mt", content={})], messages=[recipient],
    )  # fmt: skip
    part = SendPart(
        account_id=1, username="nobody", content={}, valid_until=1 << 42,
        messages=[Send(id="none", hop=1, to="01012345678", type="sms")],
    )  # fmt: skip
    sender = {"lane": lane, "channel": "mt", "vendor": "solapi", "account": "main"}
    said = Result(id="none", hop=1, state="sent", code="0000", at=1)
    return [
        Accepted(lane=lane, requests=[request]),
        Due(lane=lane, kind="scheduled", ids=["none"]),
        Outcome(**sender, via="answer", results=[said]),
        Dispatch(**sender, parts=[part]),
        Finished(lane=lane, reports=[Report(account_id=1, username="nobody", callback_uri=None, data={})]),
    ]


def _publish(run: Run, count: int) -> int:
    """Write them; on how many topics."""
    attempt = Attempt(webhook_id="w", ids=["none"], account_id=1, username="nobody", attempt=1, outcome="failed", at=1)
    by_topic: dict[str, list[Event]] = {}
    for event in [*(e for lane in LANES for e in _bad(lane)), Reported(attempts=[attempt])]:
        by_topic.setdefault(event.topic, []).append(event)
    producer = KafkaProducer(bootstrap_servers=run.bed.demo["kafka"].split(","), acks="all")
    for n in range(count):
        for events in by_topic.values():
            ((topic, value, headers),) = records(events[n % len(events)], "/bench", None)
            producer.send(topic, value, headers=headers)
    producer.flush()
    producer.close()
    return len(by_topic)


def _letters(run: Run) -> int:
    ((found,),) = run.bed.sql("SELECT COUNT(*) FROM dead_letters")
    return int(found)


def _resting(run: Run) -> int:
    ((found,),) = run.bed.sql("SELECT COUNT(*) FROM due WHERE kind='again'")
    return int(found)


SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "hold-poison": ("events that nobody can handle", poison),
}
