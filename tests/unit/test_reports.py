"""The pure rules of reports: units, verdicts, bodies, signatures, keys."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from shared.domain.events import Report
from shared.domain.ids import message_id, request_id
from shared.reports import callback, keys
from shared.reports.desk import reported
from shared.reports.gate import Gate
from shared.reports.units import Try, Unit, attempts, judge, plan, too_old

URL = "https://client.example/reports"
SECRET, OLD_SECRET = "whsec_" + "A" * 32, "whsec_" + "B" * 32
REQUEST = request_id(1_700_000_000_000, 0x1234_5678_9ABC_DEF0)


@dataclass(frozen=True)
class An:
    """An account."""

    account_id: int = 7
    callback_uri: str | None = URL
    callback_enabled: bool = True
    callback_batch: int = 1
    callback_secrets: tuple[str, ...] = (SECRET,)
    former_secrets: tuple[tuple[str, int], ...] = ()


def a_report(n: int = 1, uri: str | None = URL, request: UUID = REQUEST) -> Report:
    data = {"username": "demo", "channel": "mt", "message_id": str(message_id(request, n, "bulk"))}
    finished = f"2026-01-01T00:00:{n % 60:02d}.000Z"
    return Report(account_id=7, username="demo", callback_uri=uri, data={**data, "finished_at": finished})


def a_unit(count: int = 1, **changes: Any) -> Unit:
    account = An(callback_batch=500)
    (unit,), _ = plan([a_report(n) for n in range(1, count + 1)], {7: account})
    for name, value in changes.items():
        setattr(unit, name, value)
    return unit


def test_the_key_names_user_channel_and_message() -> None:
    key = keys.report_key(a_report().data)
    assert key == f"demo:mt:{message_id(REQUEST, 1, 'bulk')}"
    assert keys.is_report_key(key)
    assert not keys.is_report_key("session:1:2")


def test_a_cluster_puts_a_prefix_with_the_shards_hash_tag_before_the_same_key() -> None:
    key = keys.report_key(a_report().data)
    shard = keys.shard_of(key)
    one, many = keys.Keys(False), keys.Keys(True)
    assert (one.report(shard, key), one.timer(shard, key)) == (key, key)
    assert many.report(shard, key) == f"report:{{{shard}}}:{key}"
    assert keys.strip_prefix(many.timer(shard, key)) == key
    assert f"{{{shard}}}" in many.due(shard)


@given(st.integers(min_value=0, max_value=(1 << 53) - 1), st.integers(1, 10_000))
def test_all_messages_of_a_request_share_a_shard(random_bits: int, index: int) -> None:
    request = request_id(1_700_000_000_000, random_bits)
    first, other = str(message_id(request, 1, "bulk")), str(message_id(request, index, "bulk"))
    assert 0 <= keys.shard_of(first) == keys.shard_of(other) < keys.SHARDS
    assert keys.shard_of(first) == keys.shard_of(UUID(first).hex)


@given(st.integers(1, 1200), st.integers(1, 500))
def test_units_hold_each_report_once_and_at_most_the_batch_size(count: int, batch: int) -> None:
    units, silent = plan([a_report(n) for n in range(1, count + 1)], {7: An(callback_batch=batch)})
    assert not silent
    assert all(1 <= len(u.keys) <= batch for u in units)
    assert sorted(k for u in units for k in u.keys) == sorted(
        keys.report_key(a_report(n).data) for n in range(1, count + 1)
    )


def test_whoever_wants_no_callback_gets_none() -> None:
    reports = [a_report(1, uri=None), a_report(2)]
    assert plan(reports, {7: An()})[1] == [reports[0]]
    assert plan(reports, {7: An(callback_enabled=False)})[1] == reports
    assert plan(reports, {})[1] == reports


def test_the_webhook_id_is_the_message_id_of_one_and_a_hash_of_many() -> None:
    assert a_unit(1).webhook_id == str(message_id(REQUEST, 1, "bulk"))
    assert a_unit(3).webhook_id == a_unit(3).webhook_id != a_unit(2).webhook_id
    assert len(a_unit(500).webhook_id) == 32


def test_a_unit_survives_being_packed() -> None:
    for unit in (a_unit(1, tries=3, since_ms=5), a_unit(4)):
        again = Unit.unpack(unit.lead, unit.pack())
        assert (again.keys, again.webhook_id, again.tries, again.since_ms) == (
            unit.keys, unit.webhook_id, unit.tries, unit.since_ms,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "delivered"), (204, "delivered"), (301, "failed"), (404, "failed"), (410, "disabled"), (None, "failed")],
)
def test_what_an_answer_means(status: int | None, outcome: str) -> None:
    assert judge(a_unit(), status, None, 1000, 20, 60.0).outcome == outcome


def test_eleven_tries_at_the_times_of_the_schedule_and_no_more() -> None:
    unit, now, delays = a_unit(), 0, []
    while (result := judge(unit, 500, None, now, 0, 60.0)).due_ms is not None:
        delays.append((result.due_ms - now) // 1000)
        now = result.due_ms
    assert delays == [60, 180, 420, 780, 1260, 1860, 2580, 3420, 4380, 5460]
    assert (result.outcome, unit.tries) == ("exhausted", 11)


def test_a_day_after_the_first_failure_a_report_is_given_up() -> None:
    unit = a_unit(since_ms=1, tries=2)
    assert judge(unit, 500, None, 24 * 3600 * 1000 + 1, 0, 60.0).outcome == "exhausted"
    assert too_old(unit, 1 + 1440 * 100, 0.1)
    assert not too_old(unit, 1440 * 100, 0.1)


def test_with_batch_size_1_a_report_is_a_message_finished() -> None:
    body = orjson.loads(callback.body(a_unit(1), 1))
    assert body == {"type": "message.finished", "timestamp": "2026-01-01T00:00:01.000Z", "data": a_report(1).data}


@pytest.mark.parametrize("count", [1, 3])
def test_with_a_batch_size_over_1_reports_are_messages_finished_also_a_lone_one(count: int) -> None:
    body = orjson.loads(callback.body(a_unit(count), 2))
    assert (body["type"], body["timestamp"]) == ("messages.finished", f"2026-01-01T00:00:0{count}.000Z")
    assert body["data"] == {"reports": [a_report(n).data for n in range(1, count + 1)]}


def test_many_reports_stay_together_when_the_batch_size_has_become_1() -> None:
    unit = a_unit(3)
    assert callback.body(unit, 1) == callback.body(unit, 500)


@pytest.mark.parametrize("batch_size", [1, 500])
def test_our_own_receivers_take_both_forms(batch_size: int) -> None:
    import httpx2

    from bench.sink import Sink as BenchSink
    from local.sink import Delivery, Sink

    unit, now, taken = a_unit(1), int(time.time()), list[Delivery]()
    unit.data = [orjson.dumps({**orjson.loads(unit.data[0]), "status": "delivered"})]
    body = callback.body(unit, batch_size)
    headers = dict(callback.headers(unit, (SECRET,), now, body))
    counting = BenchSink(SECRET)
    assert counting.take(headers, body) == 204
    assert list(counting.times) == [unit.webhook_id]
    with Sink(0, SECRET, taken.append) as sink:
        assert httpx2.post(sink.url, content=body, headers=headers, trust_env=False).status_code == 204
    assert [report["message_id"] for report in taken[0].reports] == [unit.webhook_id]


def test_both_secrets_sign_during_a_rotation_and_the_attempt_is_named() -> None:
    unit = a_unit(1, tries=2)
    body, now = callback.body(unit, 1), int(time.time())
    headers = dict(callback.headers(unit, (SECRET, OLD_SECRET), now, body))
    for secret in (SECRET, OLD_SECRET):
        Webhook(secret).verify(body, headers)
    assert headers["ims-attempt"] == "3"
    assert headers["user-agent"].startswith("ims/")


def test_a_long_failed_batch_is_told_in_slices_that_share_its_ids() -> None:
    unit = a_unit(40, tries=1)
    told = attempts([Try(unit, "failed", 1, due_ms=2)], max_bytes=1000)
    assert len(told) > 1
    assert all(a.ids == unit.ids for a in told)
    assert sum(len(a.reports or ()) for a in told) == 40


def test_a_delivery_is_told_without_the_reports() -> None:
    (event,) = reported([Try(a_unit(3, tries=1), "delivered", 1, status=200)])
    (attempt,) = event.attempts  # type: ignore[attr-defined]
    assert attempt.reports is None
    assert len(attempt.ids) == 3


def test_events_of_tries_hold_at_most_500_messages() -> None:
    events = reported(Try(a_unit(1, tries=1), "delivered", 1, status=200) for _ in range(1201))
    assert [e.size() for e in events] == [500, 500, 201]


async def test_a_gate_lets_a_few_in_and_the_next_when_one_leaves() -> None:
    gate = Gate(2)
    assert await gate.enter("h", 0.01)
    assert await gate.enter("h", 0.01)
    assert not await gate.enter("h", 0.01)
    assert await gate.enter("other", 0.01)
    waiting = asyncio.create_task(gate.enter("h", 1.0))
    await asyncio.sleep(0)
    gate.leave("h", 0.001)
    assert await waiting


async def test_a_slow_hosts_queue_is_not_joined_when_the_wait_can_be_foreseen() -> None:
    gate = Gate(1)
    gate.noticed("h", 5.0)
    assert gate.slow("h")
    assert await gate.enter("h", 1.0)
    started = asyncio.get_running_loop().time()
    assert not await gate.enter("h", 1.0)
    assert asyncio.get_running_loop().time() - started < 0.9
