"""The Kafka source's deliveries when something else goes wrong: what counts as done, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from bridges.http import Answer
from bridges.kafka_source import policy
from bridges.kafka_source.delivery import Delivery, Item
from bridges.kafka_source.offsets import Progress
from bridges.settings import SourceSettings
from bridges.targets import Address, Targets
from shared.domain.errors import Unavailable
from shared.domain.events import MAX_BYTES, Dead
from tests.unit.test_kafka_source import BINARY, Record

LARGE = Random(1).randbytes(MAX_BYTES)
"""In base64 more than every topic must take, and packed too."""


class Function:
    """Answers each try when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Answer]] = []
        self.trouble: list[Exception] = []

    async def post(self, *_: Any) -> Answer:
        if self.trouble:
            raise self.trouble.pop()
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]

    def answer(self, status: int) -> None:
        self.waiting.pop(0).set_result(Answer(status, b""))


class Letters:
    """Takes dead letters, once Kafka is up; `refuses` are its answers until then."""

    def __init__(self) -> None:
        self.up, self.tries, self.taken = False, 0, 0
        self.refuses: list[Exception] = []
        self.last: Dead | None = None

    async def publish(self, events: Sequence[Dead]) -> None:
        self.tries += 1
        if self.refuses:
            raise Unavailable("Kafka") from self.refuses.pop(0)
        if not self.up:
            raise Unavailable("Kafka")
        self.taken += len(events)
        (self.last,) = events


class Road:
    """A delivery with one partition "p"."""

    def __init__(self, **settings: Any) -> None:
        self.function, self.letters, self.progress = Function(), Letters(), Progress[str]()
        client: Any = self.function
        bus: Any = self.letters
        targets = Targets([Address("function", 80)])
        self.delivery = Delivery("source", targets, client, bus, self.progress, SourceSettings(**settings))

    def accept(self, *offsets: int, value: bytes = b"{}") -> None:
        partition = self.progress.take("p", offsets)
        records = [Record(offset=offset, headers=BINARY, value=value) for offset in offsets]
        self.delivery.accept([Item(record, partition) for record in records])


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between tries are none."""
    monkeypatch.setattr(policy, "delay", lambda *_: 0)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_what_is_given_up_counts_when_kafka_has_its_dead_letter_and_not_before() -> None:
    road = Road()
    road.accept(1)
    await until(lambda: bool(road.function.waiting))
    road.function.answer(400)
    await until(lambda: road.letters.tries > 3)
    assert road.progress.to_commit() == {}
    road.letters.up = True
    await until(lambda: road.progress.to_commit() == {"p": 2})
    assert road.letters.taken == 1


@pytest.mark.parametrize(
    ("refuses", "encoding"),
    [
        ([MessageSizeTooLargeError()], "gzip+base64"),
        ([KafkaTimeoutError(), MessageSizeTooLargeError(), RecordListTooLargeError()], "cut"),
    ],
)
async def test_a_dead_letter_that_is_too_large_becomes_smaller(refuses: list[Exception], encoding: str) -> None:
    road, tries = Road(), len(refuses) + 1
    road.letters.up, road.letters.refuses = True, refuses
    road.accept(1, value=LARGE)
    await until(lambda: bool(road.function.waiting))
    road.function.answer(400)
    await until(lambda: road.progress.to_commit() == {"p": 2})
    assert road.letters.last
    assert road.letters.last.headers["body-encoding"] == encoding
    assert (road.letters.taken, road.letters.tries) == (1, tries)


async def test_a_dead_letter_that_kafka_refuses_for_good_waits_whole_and_is_counted_meanwhile() -> None:
    road = Road()
    road.letters.refuses = [TopicAuthorizationFailedError() for _ in range(20)]
    road.accept(1)
    await until(lambda: bool(road.function.waiting))
    assert road.delivery.burying == 0
    road.function.answer(400)
    await until(lambda: not road.letters.refuses)
    assert road.delivery.burying == 1
    assert road.progress.to_commit() == {}
    road.letters.up = True
    await until(lambda: road.progress.to_commit() == {"p": 2})
    assert road.delivery.burying == 0
    assert road.letters.last
    assert "body-encoding" not in road.letters.last.headers


@pytest.mark.parametrize(("value", "encoding"), [(LARGE, "cut"), (b"{}", None)])
async def test_one_that_kafka_calls_too_large_as_small_as_it_can_be_waits_too(value: bytes, encoding: str) -> None:
    """Nor is a small one cut: it is another's size that its producer fails for."""
    road = Road()
    road.letters.refuses = [MessageSizeTooLargeError() for _ in range(20)]
    road.accept(1, value=value)
    await until(lambda: bool(road.function.waiting))
    road.function.answer(400)
    await until(lambda: not road.letters.refuses)
    assert road.progress.to_commit() == {}
    road.letters.up = True
    await until(lambda: road.progress.to_commit() == {"p": 2})
    assert road.letters.last
    assert road.letters.last.headers.get("body-encoding") == encoding


async def test_no_record_is_given_up_for_trouble_that_is_not_its_own() -> None:
    """A host's name that is none fails in the middle of asyncio, by UnicodeError."""
    road = Road()
    road.letters.up = True
    road.function.trouble = [UnicodeError("label too long")]
    road.accept(1)
    await until(lambda: bool(road.function.waiting))
    assert road.letters.taken == 0
    road.function.answer(200)
    await until(lambda: road.progress.to_commit() == {"p": 2})


async def test_a_dead_letter_under_way_at_the_end_leaves_its_record_uncommitted() -> None:
    road = Road()
    road.accept(1)
    await until(lambda: bool(road.function.waiting))
    road.function.answer(400)
    await until(lambda: road.letters.tries > 3)
    assert await road.delivery.drain(0.01) == 1
    assert road.progress.to_commit() == {}


async def test_the_end_does_not_wait_for_a_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "delay", lambda *_: 1000)
    road = Road()
    road.accept(1, 2, 3)
    await until(lambda: len(road.function.waiting) == 3)
    road.function.answer(400)
    await until(lambda: road.letters.tries == 1)
    async with asyncio.timeout(60):
        ending = asyncio.ensure_future(road.delivery.drain(1000))
        await until(lambda: road.delivery.in_flight == 2)
        for status in (503, 200):  # what fails now has no next try either
            road.function.answer(status)
        assert await ending == 2
    assert road.progress.to_commit() == {}


async def test_what_waits_for_a_next_try_is_let_go_of_with_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "delay", lambda *_: 1000)
    road = Road(source_in_flight=3)
    road.accept(1, 2, 3)
    await until(lambda: len(road.function.waiting) == 3)
    for status in (503, 400):
        road.function.answer(status)
    await until(lambda: road.letters.tries == 1)
    road.delivery.let_go()
    await asyncio.sleep(0.01)
    assert road.delivery.in_flight == 3, "nothing is lost yet"
    road.progress.keep(())
    road.delivery.let_go()
    road.accept(1, 2, 3)
    await until(lambda: len(road.function.waiting) == 3)
    assert (road.delivery.in_flight, road.delivery.burying) == (3, 0)
    await road.delivery.drain(0.01)


async def test_at_the_end_only_what_was_answered_counts() -> None:
    road = Road(source_in_flight=2)
    road.accept(1, 2, 3)
    await until(lambda: len(road.function.waiting) == 2)
    ending = asyncio.ensure_future(road.delivery.drain(0.05))
    await asyncio.sleep(0)
    road.function.answer(200)
    assert await ending == 1
    assert road.progress.to_commit() == {"p": 2}
    assert not [wait for wait in road.function.waiting if not wait.cancelled()], "the third was begun"


async def test_records_that_come_after_the_end_began_are_left_for_the_next_start() -> None:
    road = Road()
    await road.delivery.drain(0.01)
    road.accept(1)
    await asyncio.sleep(0.01)
    assert road.function.waiting == []
    assert road.progress.to_commit() == {}


@pytest.mark.parametrize("status", [200, 400, 503])
async def test_an_answer_after_the_partition_went_and_came_back_moves_nothing(status: int) -> None:
    road = Road()
    road.letters.up = True
    road.accept(1)
    await until(lambda: bool(road.function.waiting))
    road.progress.keep(())
    road.accept(1)
    await until(lambda: len(road.function.waiting) == 2)
    road.function.answer(status)
    await until(lambda: road.delivery.in_flight == 1)
    assert road.progress.to_commit() == {}
    assert road.letters.taken == 0
    road.function.answer(200)
    await until(lambda: road.progress.to_commit() == {"p": 2})


async def test_work_goes_on_over_a_rebalance_that_leaves_the_partition_here() -> None:
    road = Road(source_in_flight=1)
    road.accept(1, 2)
    await until(lambda: bool(road.function.waiting))
    road.progress.keep({"p"})
    road.function.answer(503)
    for _ in range(2):
        await until(lambda: bool(road.function.waiting))
        road.function.answer(200)
    await until(lambda: road.progress.to_commit() == {"p": 3})
