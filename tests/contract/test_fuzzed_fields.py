"""Whatever a vendor writes into any field: nothing breaks, what is told fits where it is kept, and good parts count."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import receiving
from shared.domain.cutting import RAW_CODE, RAW_TEXT, VENDOR_REF
from shared.domain.errors import ImsError, Unavailable
from shared.domain.events import Outcome, Receipts, Unread
from shared.domain.moments import DAY_MS, FIRST_MS
from shared.runtime.bus import records
from shared.sending.results import result_of
from shared.stores import dead
from shared.stores.vendors import Entry
from shared.vendors.base import Adapter, Answer, Outbound, VendorResult
from tests.contract.vendor_bench import ADAPTERS, Webhook, example, now_ms, running_bench

pytestmark = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: f"{a.name}-{a.channel}")

DEEP = "[" * 700 + "]" * 700
TIMES = (
    "", "0000-00-00", "0000-00-00 00:00:00", "1970-01-01 00:00:00", "1970-01-01T09:00:00+09:00", "0001-01-01",
    "1999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-23:59", "2099-01-01 00:00:00", "2026-02-30", "now",
    "2026-01-02T03:04:05+99:99", "-1", "0", "1e999", "٢٠٢٦-٠١-٠٢", "2026-01-02T25:61:61",
)  # fmt: skip
NUMBERS = (0, -1, 1, 7, 4000, 1000, 2**31, 2**53, 2**63, 2**64 - 1, -(2**63), 0.5, -1e308, 1e308)
TEXTS = ("", " ", "\x00", "x" * 40, "가" * 300, "😀" * 5000, "\u2028", "4000", "1000", "COMPLETED", "null")
ODD = st.one_of(
    st.sampled_from(TIMES), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.none(), st.booleans(),
    st.sampled_from([[], {}, [[]], {"a": {}}, ["x"], [None], {"ref": 7}, orjson.loads(DEEP)]), st.text(max_size=20),
)  # fmt: skip
fuzzed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Sample:
    """What a vendor says when all is well: its answer, a look-up's, and a webhook."""

    batch: list[Outbound]
    sent: Answer
    found: Answer
    hook: Webhook


@cache
def sample(adapter: Adapter) -> Sample:
    async def make() -> Sample:
        async with running_bench() as bench:
            batch = [example(adapter, "01011111111"), example(adapter, "01022222222")]
            sent = await bench.send(adapter, batch)
            await bench.receipts(adapter, len(batch))
            call = adapter.look_up(bench.account(adapter), batch[0], now_ms() - 1000, now_ms(), "0" * 32)
            assert call is not None
            return Sample(batch, sent, await bench.call(call), bench.webhooks[0])

    return asyncio.run(make())


def entry(adapter: Adapter) -> Entry:
    from simulator.accounts import accounts

    account = next(a for a in accounts() if (a.vendor, a.account) == (adapter.name, "main"))
    return Entry(account, adapter, adapter.channel, 1, sandbox=False)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field and item."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], other: Any, gone: bool) -> Any:
    """The value with another one at a place, or with none."""
    new = copy.deepcopy(value)
    at = new
    for key in path[:-1]:
        at = at[key]
    if gone:
        del at[path[-1]]
    else:
        at[path[-1]] = other
    return new


def bend(data: st.DataObject, value: Any) -> bytes:
    """JSON with up to three fields changed."""
    for _ in range(data.draw(st.integers(1, 3))):
        where = list(places(value))
        if where:
            path = data.draw(st.sampled_from(where))
            value = changed(value, path, data.draw(ODD), data.draw(st.booleans()) and data.draw(st.booleans()))
    return dumps(value)


def dumps(value: Any) -> bytes:
    """JSON, however deep."""
    import json

    return json.dumps(value, ensure_ascii=False).encode()


def fits(result: VendorResult, now: int) -> None:
    for said in (result.reference, result.code, result.raw_code, result.raw_text, result.vendor_ref):
        assert isinstance(said, str)
    assert len(result.code) == 4 or result.state == "unread"
    if result.state != "unread":
        assert len(result.raw_code) <= RAW_CODE
        assert len(result.raw_text) <= RAW_TEXT
        assert len(result.vendor_ref) <= VENDOR_REF
    assert result.at_ms is None or FIRST_MS <= result.at_ms <= now + DAY_MS


@fuzzed
@given(data=st.data())
def test_a_webhook_with_odd_fields_is_read_or_becomes_a_letter_that_can_be_replayed(
    adapter: Adapter, data: st.DataObject
) -> None:
    known, now = sample(adapter), now_ms()
    body = bend(data, orjson.loads(known.hook.body))
    found = receiving.read([entry(adapter)], known.hook.headers, body, now)
    assert found is not None
    _, results = found
    bad = [body] if results is None else receiving.unread(results)
    for result in results or ():
        fits(result, now)
    events = receiving.outcomes(entry(adapter), results or (), now)
    assert all(isinstance(e, (Outcome, Receipts)) for e in events)
    for event in events:
        for _, value, _ in records(event, "/test", None):
            assert type(event).model_validate_json(value)
    for letter in receiving.letters(entry(adapter).account, adapter.channel, known.hook.headers, bad, now):
        record = dead.Letter(
            1, "", letter.source_topic, letter.reason, letter.headers, letter.body.encode(), "waiting", now, None
        ).record()
        assert record is not None
        assert record[0] == "ims.outcome.realtime"
        again = receiving.read_again([entry(adapter)], Unread.model_validate_json(record[1]), now)
        assert [e.body for e in again if e.TYPE == letter.TYPE] == [letter.body], "as unreadable as before"


@fuzzed
@given(data=st.data())
def test_the_good_parts_of_a_webhook_count_whatever_stands_beside_them(adapter: Adapter, data: st.DataObject) -> None:
    known, now = sample(adapter), now_ms()
    whole = orjson.loads(known.hook.body)
    items = next(v for v in (whole, *(whole.values() if isinstance(whole, dict) else ())) if isinstance(v, list))
    good = copy.deepcopy(items[0])
    place = data.draw(st.integers(0, 1))
    path = data.draw(st.sampled_from([(), *places(good)]))
    bent = changed([good], (0, *path), data.draw(ODD), gone=bool(path) and data.draw(st.booleans()))
    items[:] = [good, *bent] if place else [*bent, good]
    found = receiving.read([entry(adapter)], known.hook.headers, dumps(whole), now)
    assert found is not None
    results = found[1]
    assert results is not None
    mine = [r for r in results if r.reference == good_reference(adapter)]
    assert [r.state for r in mine][:1] == ["delivered"] or "delivered" in {r.state for r in mine}


@cache
def good_reference(adapter: Adapter) -> str:
    known = sample(adapter)
    found = receiving.read([entry(adapter)], known.hook.headers, known.hook.body, now_ms())
    assert found is not None
    assert found[1]
    return found[1][0].reference


@fuzzed
@given(data=st.data())
def test_an_answer_with_odd_fields_is_taken_not_taken_or_left_open(adapter: Adapter, data: st.DataObject) -> None:
    known, now = sample(adapter), now_ms()
    status = data.draw(st.sampled_from([200, 200, 200, 400]))
    answer = Answer(status, {}, bend(data, orjson.loads(known.sent.body)))
    try:
        results = adapter.read_send(known.batch, answer, now)
    except ImsError:
        return
    assert {r.reference for r in results} <= {m.reference for m in known.batch}
    for result in results:
        fits(result, now)
        made = result_of((bytes(16), 1), "sent", result.code, None, now, result.raw_code, result.raw_text)
        assert len(made.raw_text or "") <= RAW_TEXT


@fuzzed
@given(data=st.data())
def test_a_look_up_with_odd_fields_tells_or_is_asked_again(adapter: Adapter, data: st.DataObject) -> None:
    known = sample(adapter)
    answer = Answer(200, {}, bend(data, orjson.loads(known.found.body)))
    try:
        found = adapter.read_look_up(known.batch[0], answer)
    except Unavailable:
        return
    if found is not None:
        assert found.reference == known.batch[0].reference
        fits(found, 2**47)


@pytest.mark.parametrize("written", TIMES)
def test_a_time_that_cannot_be_believed_is_noted_and_the_arrival_stands_for_it(adapter: Adapter, written: str) -> None:
    """In every field of the vendor's that holds a time."""
    known, now = sample(adapter), now_ms()
    whole = orjson.loads(known.hook.body)
    stamps = [path for path in places(whole) if "date" in str(path[-1]).lower()]
    assert stamps
    for path in stamps:
        whole = changed(whole, path, written, gone=False)
    found = receiving.read([entry(adapter)], known.hook.headers, dumps(whole), now)
    assert found is not None
    assert found[1]
    events = receiving.outcomes(entry(adapter), found[1], now)
    results = [r for e in events if isinstance(e, Outcome) for r in e.results]
    assert results
    for r in results:
        assert FIRST_MS <= r.at <= now + DAY_MS
        assert r.at == now
        assert (r.raw_text is not None and "time not believed" in r.raw_text) == bool(written)


def test_the_same_receipt_ten_thousand_times_is_told_once(adapter: Adapter) -> None:
    known, now = sample(adapter), now_ms()
    whole = orjson.loads(known.hook.body)
    items = next(v for v in (whole, *(whole.values() if isinstance(whole, dict) else ())) if isinstance(v, list))
    items[:] = [items[0]] * 10_000
    found = receiving.read([entry(adapter)], known.hook.headers, orjson.dumps(whole), now)
    assert found is not None
    (event,) = receiving.outcomes(entry(adapter), found[1] or (), now)
    assert event.size() == 1


@pytest.mark.parametrize("depth", [200, 900, 1010, 1030, 50_000])
def test_what_is_nested_deeply_is_a_part_like_another(adapter: Adapter, depth: int) -> None:
    """In every field in turn, of a webhook, an answer and a look-up."""
    known, now = sample(adapter), now_ms()
    deep = b"[" * depth + b"]" * depth
    for answer, read in (
        (known.sent, lambda a: adapter.read_send(known.batch, a, now)),
        (known.found, lambda a: adapter.read_look_up(known.batch[0], a)),
    ):
        whole = orjson.loads(answer.body)
        for path in places(whole):
            body = dumps(changed(whole, path, "DEEP", gone=False)).replace(b'"DEEP"', deep)
            with contextlib.suppress(ImsError):
                read(Answer(200, {}, body))
    whole = orjson.loads(known.hook.body)
    for path in places(whole):
        body = dumps(changed(whole, path, "DEEP", gone=False)).replace(b'"DEEP"', deep)
        found = receiving.read([entry(adapter)], known.hook.headers, body, now)
        assert found is not None
        if found[1] is not None:
            assert receiving.outcomes(entry(adapter), found[1], now) is not None
