"""What a function does with events that it cannot handle or read: apart, at rest, buried."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
import pytest
from kafka.errors import MessageSizeTooLargeError
from starlette.exceptions import HTTPException

from shared.domain.errors import Unavailable
from shared.domain.events import Again, Dead, Due, Event, Finished, Outcome, Report, Result, Tick
from shared.runtime import burying
from shared.runtime.bus import records
from shared.runtime.context import Context, use
from shared.runtime.events import event_function
from shared.runtime.letters import Buried, forms
from shared.stores.dead import Letter


class FakeBus:
    def __init__(self) -> None:
        self.published: list[Event] = []
        self.largest = 1 << 30

    async def publish(self, events: Sequence[Event]) -> None:
        if any(len(e.model_dump_json()) > self.largest for e in events):
            raise Unavailable("Kafka") from MessageSizeTooLargeError()
        self.published.extend(events)


class FakeDb:
    """Keeps what is put to rest."""

    def __init__(self) -> None:
        self.rested: list[tuple[Again, int]] = []
        self.error: Exception | None = None

    async def __call__(self, function: Callable[..., Any], *args: Any) -> None:
        if self.error:
            raise self.error
        self.rested += args[0]


@pytest.fixture
def ims() -> Iterator[Any]:
    context = Context("route")
    context.__dict__.update(bus=FakeBus(), db=FakeDb())
    use(context)
    yield context
    use(Context("ims"))


def attributes(kind: str, **more: str) -> dict[str, str]:
    return {"id": "e1", "type": kind, "source": "/test", "specversion": "1.0", **more}


def results(*ids: str) -> Outcome:
    said = [Result(id=i, hop=1, state="sent", code="0000", at=1) for i in ids]
    return Outcome(channel="mt", vendor="v", account="a", via="answer", results=said)


def picky(handled: list[str], *bad: str) -> Any:
    async def handler(event: Outcome, ims: Context) -> None:
        await asyncio.sleep(0)
        ids = [r.id for r in event.results]
        if any(i in bad for i in ids):
            raise KeyError("no such thing")
        handled.extend(ids)

    return event_function(handler)


async def give(main: Any, event: Event, **more: str) -> None:
    await main.receive(attributes(event.TYPE, **more), event.model_dump_json(exclude_defaults=True).encode())


async def test_only_the_bad_message_of_a_batch_rests_and_the_others_go_on(ims: Any) -> None:
    handled: list[str] = []
    await give(picky(handled, "7"), results(*map(str, range(20))))
    assert sorted(handled, key=int) == [str(n) for n in range(20) if n != 7]
    ((again, _),) = ims.db.rested
    assert [r["id"] for r in orjson.loads(base64.b64decode(again.body))["results"]] == ["7"]
    assert again.attributes["id"] != "e1"


async def test_two_bad_messages_of_one_event_have_ids_of_their_own_the_same_at_every_delivery(ims: Any) -> None:
    for _ in range(2):
        await give(picky([], "3", "9"), results(*map(str, range(12))))
    first, second, again, once_more = (a.attributes["id"] for a, _ in ims.db.rested)
    assert (first, second) == (again, once_more)
    assert first != second


async def test_bad_events_do_not_fail_good_ones_that_came_with_them(ims: Any) -> None:
    handled: list[str] = []
    main = picky(handled, "bad")
    await asyncio.gather(*(give(main, results("bad" if n % 10 == 0 else str(n)), id=f"e{n}") for n in range(100)))
    assert sorted(handled, key=int) == sorted((str(n) for n in range(100) if n % 10), key=int)
    assert len(ims.db.rested) == 10


async def test_an_event_of_which_all_is_bad_rests_as_it_came(ims: Any) -> None:
    body = b' {"channel":"mt", "vendor":"v","account":"a","via":"answer","results":[' + b",".join(
        b'{"id":"%d","hop":1,"state":"sent","code":"0000","at":1}' % n for n in range(3)
    ) + b"]} "  # fmt: skip
    await picky([], "0", "1", "2").receive(attributes(Outcome.TYPE), body)
    ((again, _),) = ims.db.rested
    assert (base64.b64decode(again.body), again.attributes["id"]) == (body, "e1")


async def test_it_is_tried_a_few_times_within_a_minute_and_then_buried(ims: Any) -> None:
    main, now = picky([], "x"), attributes(Outcome.TYPE, knativekafkapartition="3", knativekafkaoffset="77")
    await main.receive(now, results("x").model_dump_json(exclude_defaults=True).encode())
    waited = 0
    while ims.db.rested:
        again, due_ms = ims.db.rested.pop()
        waited += due_ms - ims.now_ms()
        ((topic, body, headers),) = records(again, "/x", None)
        now = {name[3:]: value.decode() for name, value in headers if name.startswith("ce_")}
        assert (topic, now["id"]) == ("ims.outcome.realtime", "e1")
        tries = int(now[burying.TRIES])
        await main.receive({**now, "knativekafkapartition": "3", "knativekafkaoffset": str(100 + tries)}, body)
    (letter,) = ims.bus.published
    assert isinstance(letter, Dead)
    assert waited <= 60_000
    assert tries == len(burying.WAITS_S)
    assert letter.body.encode() == results("x").model_dump_json(exclude_defaults=True).encode()
    assert (letter.source_topic, letter.headers["id"]) == ("ims.outcome.realtime", "e1")
    assert (letter.headers["knativekafkapartition"], letter.headers["knativekafkaoffset"]) == ("3", "103")
    assert not {burying.TRIES, burying.ONLY_FOR} & letter.headers.keys()
    assert "KeyError" in letter.reason


async def test_a_record_that_is_tried_again_is_for_the_function_that_failed_only(ims: Any) -> None:
    handled: list[str] = []
    await give(picky(handled), results("1"), imsfor="store", imstries="1")
    await give(picky(handled), results("2"), imsfor="route", imstries="1")
    assert handled == ["2"]


class RedisError(Exception):
    pass


RedisError.__module__ = "redis.exceptions"


@pytest.mark.parametrize("error", [Unavailable("MySQL"), OSError("files"), MemoryError(), RedisError("away")])
async def test_what_may_pass_is_left_to_the_source_and_nothing_is_buried(ims: Any, error: Exception) -> None:
    async def handler(event: Outcome, ims: Context) -> None:
        raise error

    with pytest.raises(HTTPException) as caught:
        await give(event_function(handler), results("1", "2"))
    assert caught.value.status_code == 503
    assert (ims.bus.published, ims.db.rested) == ([], [])


async def test_a_process_that_ends_buries_nothing(ims: Any) -> None:
    ims.draining = True
    with pytest.raises(HTTPException):
        await give(picky([], "1"), results("1"))
    assert (ims.bus.published, ims.db.rested) == ([], [])


async def test_where_it_cannot_rest_it_is_buried_and_where_mysql_is_away_it_is_left_to_the_source(ims: Any) -> None:
    ims.db.error = ValueError("no such column")
    await give(picky([], "1"), results("1"))
    assert [type(e) for e in ims.bus.published] == [Dead]
    ims.db.error = Unavailable("MySQL")
    with pytest.raises(HTTPException):
        await give(picky([], "1"), results("1"))
    assert len(ims.bus.published) == 1


async def test_of_an_event_that_is_partly_unreadable_the_readable_part_is_handled(ims: Any) -> None:
    handled: list[str] = []
    raw = orjson.loads(results("1", "2", "3", "4", "5").model_dump_json())
    raw["results"][1]["hop"] = "first"
    raw["results"][4]["at"] = None
    await picky(handled).receive(attributes(Outcome.TYPE), orjson.dumps(raw))
    assert sorted(handled) == ["1", "3", "4"]
    buried = [orjson.loads(e.body)["results"] for e in ims.bus.published]
    assert [[r["id"] for r in b] for b in buried] == [["2"], ["5"]]
    assert len({e.headers["id"] for e in ims.bus.published}) == 2


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b'{"kind":"x\xed\xa0\x80"}', b"\x80" * 300_000, b"[" * 100_000])
async def test_a_letter_keeps_every_byte_whatever_they_are(ims: Any, body: bytes) -> None:
    async def handler(event: Due, ims: Context) -> None:
        raise AssertionError("must not be called")

    more = {"knativekafkapartition": "1", "knativekafkaoffset": "9"}
    await event_function(handler).receive(attributes(Due.TYPE, lane="auth", **more), body)  # type: ignore[attr-defined]
    (letter,) = ims.bus.published
    assert len(letter.body) < 1.4 * len(body) + 10
    kept = Letter(1, "e1", letter.source_topic, letter.reason, letter.headers, letter.body.encode(), "waiting", 1, None)
    assert kept.value == body
    assert kept.place == ("ims.outcome.auth", 1, 9)


async def test_what_came_through_a_sink_keeps_its_bytes_and_names_the_letters_place_as_such(ims: Any) -> None:
    kept: list[Dead] = []

    async def handler(events: list[Due | Dead], ims: Context) -> None:
        kept.extend(e for e in events if isinstance(e, Dead))

    body = bytes(range(256)) * 3515
    given = attributes(
        Due.TYPE, knativeerrordest="http://route", knativekafkatopic="ims.outcome.bulk", knativekafkapartition="0",
        knativekafkaoffset="12", imstries="2", imsfor="report",
    )  # fmt: skip
    await event_function(handler).receive(given, body)  # type: ignore[attr-defined]
    letter = Letter(1, "e1", "ims.outcome.bulk", "", kept[0].headers, kept[0].body.encode(), "waiting", 1, None)
    assert letter.value == body
    assert letter.place is None
    assert letter.letter_place == ("ims.dead", 0, 12)
    record = letter.record()
    assert record is not None
    assert (record[0], record[1]) == ("ims.outcome.bulk", body)
    assert not [name for name, _ in record[2] if any(word in name for word in ("kafka", "dead", "error", "_ims"))]


@pytest.mark.parametrize(("largest", "encoding"), [(10**9, None), (100_000, "gzip+base64"), (30_000, "cut")])
async def test_a_letter_too_large_for_the_broker_is_packed_or_cut_and_says_so(
    ims: Any, largest: int, encoding: str | None
) -> None:
    import random

    ims.bus.largest = largest
    body = "".join(random.Random(1).choices("abc", k=300_000)).encode()
    if encoding == "cut":
        body = "".join(map(chr, random.Random(1).choices(range(33, 127), k=600_000))).encode()
    elif encoding:
        body = b"a" * 600_000
    headers = {"specversion": "1.0", "id": "1", "knativekafkapartition": "0", "knativekafkaoffset": "5"}
    await burying.publish(forms(Buried("ims.outcome.bulk", headers, body), "no", 1), ims)
    (letter,) = ims.bus.published
    assert letter.headers.get("body-encoding") == encoding
    kept = Letter(1, "1", letter.source_topic, "", letter.headers, letter.body.encode(), "waiting", 1, None)
    if encoding == "cut":
        assert kept.original == ("ims.outcome.bulk", 0, 5)
        assert body.startswith(kept.value)
    else:
        assert (kept.value, kept.original) == (body, None)


async def test_a_dead_letter_that_cannot_be_kept_becomes_one_about_itself_and_that_is_the_last(ims: Any) -> None:
    async def handler(events: list[Dead | Due], ims: Context) -> None:
        raise ValueError("no room")

    main = event_function(handler)
    letter = Dead(source_topic="x", reason="r", headers={"ce_id": "1"}, body="b", at=1)
    await give(main, letter, imstries=str(len(burying.WAITS_S)), id="letter")
    (about,) = ims.bus.published
    assert (about.source_topic, about.headers["id"], orjson.loads(about.body)["body"]) == ("ims.dead", "letter", "b")
    given = attributes(Dead.TYPE, imstries=str(len(burying.WAITS_S)), imsnested="1")
    await main.receive(given, about.model_dump_json().encode())  # type: ignore[attr-defined]
    assert len(ims.bus.published) == 1


async def test_a_tick_that_fails_is_neither_buried_nor_kept(ims: Any) -> None:
    async def handler(event: Tick, ims: Context) -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await event_function(handler).receive(attributes(Tick.TYPE), b"{}")  # type: ignore[attr-defined]
    assert (ims.bus.published, ims.db.rested) == ([], [])


async def test_repeated_failures_keep_nothing_in_memory(ims: Any) -> None:
    """Errors hold the frames that they passed, in circles: what a failed call had in hand must go with it."""

    class Hand:
        pass

    async def handler(event: Finished, ims: Context) -> None:
        hand = Hand()
        await asyncio.sleep(0)
        raise ValueError(f"bad {hand}")

    main = event_function(handler)
    gc.disable()
    try:
        for n in range(20):
            report = Report(account_id=1, username="u", callback_uri=None, data={"n": n})
            await give(main, Finished(reports=[report]), id=f"e{n}")
            await asyncio.sleep(0)
        assert len([o for o in gc.get_objects() if type(o) is Hand]) <= 2
    finally:
        gc.enable()
