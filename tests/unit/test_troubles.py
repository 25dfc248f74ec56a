"""Signatures of errors in logs: what makes one, how they are counted, and that nothing is lost when Redis is away."""

from __future__ import annotations

from typing import Any

import pytest

from shared.runtime.troubles import MOST, SAMPLE_CHARACTERS, Trouble, Troubles, class_of, tell


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def troubles(clock: list[float]) -> Troubles:
    return Troubles(lambda: clock[0])


def error(troubles: Troubles, event: str = "it broke", level: str = "error", **more: Any) -> None:
    line = {"level": level, "event": event, "module": "shared.x", **more}
    assert troubles.note(None, "", line) is line, "the line goes on"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("message 17 is lost", "message 4,711 is lost", False),
        ("message 17 is lost", "message 4711 is lost", True),
        ("no request 01a22fca-8b0e-7e64-80c5-1dedaf800000", "no request 01a22fd9-c263-74e4-b535-e57c7dc00000", True),
        ("at 0x7f00", "at 0x7fff1234", True),
        ("cannot read", "cannot write", False),
    ],
)
def test_numbers_and_ids_do_not_make_another_signature(troubles: Troubles, one: str, other: str, same: bool) -> None:
    error(troubles, one)
    error(troubles, other)
    assert len(troubles.take()) == (1 if same else 2)


def test_the_class_of_the_exception_is_part_of_it(troubles: Troubles) -> None:
    for last in ("ValueError: 1", "ValueError: 2", "shared.domain.errors.Unavailable: x", ""):
        error(troubles, exception=f"Traceback (most recent call last):\n  File\n{last}")
    assert sorted((t.error, t.count) for t in troubles.take()) == [
        ("", 1), ("ValueError", 2), ("shared.domain.errors.Unavailable", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [("Timeout: x", "Timeout"), ("KeyError", "KeyError"), ("no class here", ""), ("", ""), ("1: x", "")],
)
def test_a_class_is_read_off_the_last_line_that_has_one(text: str, found: str) -> None:
    assert class_of(text) == found


def test_warnings_are_none(troubles: Troubles) -> None:
    error(troubles, level="warning")
    error(troubles, level="info")
    assert troubles.take() == []


def test_it_counts_from_the_first_to_the_last_and_begins_anew_once_taken(
    troubles: Troubles, clock: list[float]
) -> None:
    error(troubles)
    clock[0] = 1007.5
    error(troubles)
    (one,) = troubles.take()
    assert (one.count, one.first_ms, one.last_ms) == (2, 1_000_000, 1_007_500)
    error(troubles)
    assert [t.count for t in troubles.take()] == [1]


def test_only_what_is_new_to_the_process_wakes_the_announcement(troubles: Troubles) -> None:
    woken: list[int] = []
    troubles.wake = lambda: woken.append(1)
    error(troubles)
    error(troubles)
    troubles.take()
    error(troubles)
    assert len(woken) == 1
    error(troubles, "another")
    assert len(woken) == 2


def test_what_redis_was_not_told_is_told_the_next_time(troubles: Troubles, clock: list[float]) -> None:
    error(troubles)
    error(troubles, "other")
    taken = troubles.take()
    clock[0] = 1010.0
    error(troubles)
    troubles.give_back(taken)
    assert sorted((t.event, t.count, t.first_ms) for t in troubles.take()) == [
        ("it broke", 2, 1_000_000), ("other", 1, 1_000_000),
    ]  # fmt: skip


def test_a_flood_of_signatures_is_bounded_and_so_is_a_sample(troubles: Troubles) -> None:
    for i in range(MOST + 50):
        error(troubles, f"kind {chr(0xAC00 + i)}", huge="y" * 100_000)
    taken = troubles.take()
    assert len(taken) == MOST
    assert max(len(t.sample) for t in taken) == SAMPLE_CHARACTERS


class Pipe:
    """What was asked of Redis."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **more: self.asked.append((name, args, more))


def test_redis_adds_the_counts_and_keeps_the_first_time() -> None:
    pipe, one = Pipe(), Trouble("route", "m", "e", "E", "{}", 1, 2, 3)
    tell(pipe, [one], "1.0")
    by_name = {name: args for name, args, _ in pipe.asked}
    assert by_name["hsetnx"] == (f"log:{one.signature}", "first_ms", 1)
    assert by_name["hincrby"] == (f"log:{one.signature}", "count", 3)
    assert by_name["zadd"] == ("logs", {one.signature: 2})
    nothing = Pipe()
    tell(nothing, [], "1.0")
    assert nothing.asked == []
