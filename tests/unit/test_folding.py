"""A repeated warning is said once, and then with how often it came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from shared.runtime import folding
from shared.runtime.folding import Folds

Json = dict[str, Any]


class Log:
    """Lines as they are printed, now or later."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.lines: list[Json] = []
        self.folds = Folds(lambda: lambda line: self.lines.append(dict(line)), seconds)

    def say(self, event: str, level: str = "warning", **more: Any) -> None:
        try:
            self.lines.append(dict(self.folds(None, level, {"event": event, "level": level, **more})))
        except structlog.DropEvent:
            return

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(line["event"], line.get("times", 1)) for line in self.lines]


def test_a_storm_of_one_warning_is_two_lines_with_their_count() -> None:
    log = Log()
    for n in range(61_684):
        log.say("a report's result was lost", webhook_id=str(n), error="ConnectionError()")
    log.folds.flush()
    assert log.told == [("a report's result was lost", 1), ("a report's result was lost", 61_683)]


@pytest.mark.parametrize("level", ["warning", "error", "critical", "exception"])
def test_every_bad_level_is_folded(level: str) -> None:
    log = Log()
    for _ in range(3):
        log.say("x", level)
    log.folds.flush()
    assert log.told == [("x", 1), ("x", 2)]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_what_is_no_trouble_is_said_each_time(level: str) -> None:
    log = Log()
    for _ in range(3):
        log.say("x", level)
    assert log.told == [("x", 1)] * 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"lane": "auth"}, {"lane": "bulk"}, False),
        ({"error": "A"}, {"error": "B"}, False),
        ({"module": "a"}, {"module": "b"}, False),
        ({"message_id": "1"}, {"message_id": "2"}, True),
        ({"trace": "1", "time": "1"}, {"trace": "2", "time": "2"}, True),
        ({"n": 1}, {"n": 2}, True),
        ({"exception": "Traceback 1\nValueError: x"}, {"exception": "Traceback 2\nValueError: x"}, True),
        ({"exception": "Traceback\nValueError: x"}, {"exception": "Traceback\nKeyError: x"}, False),
    ],
)
def test_lines_are_the_same_when_they_say_the_same(one: Json, other: Json, same: bool) -> None:
    log = Log()
    log.say("x", **one)
    log.say("x", **other)
    assert len(log.lines) == (1 if same else 2)


def test_what_was_folded_is_told_without_a_further_line_coming() -> None:
    told = threading.Event()

    def printer() -> Callable[[Any], None]:
        return lambda line: told.set() if line["times"] == 2 else None

    folds = Folds(printer, 0.05)
    line = {"event": "x", "level": "warning"}
    folds(None, "warning", dict(line))
    for _ in range(2):
        with pytest.raises(structlog.DropEvent):
            folds(None, "warning", dict(line))
    assert told.wait(30)


def test_kinds_without_end_take_bounded_memory_and_lose_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "KINDS", 10)
    log = Log()
    for n in range(100):
        for _ in range(3):
            log.say(f"x{n}")
    assert len(log.folds._until) <= 10
    log.folds.flush()
    assert sum(times for _, times in log.told) == 300
