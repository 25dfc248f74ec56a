"""Log levels that are changed while everything runs, and are back by themselves."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import orjson
import pytest
import structlog

from shared.runtime import announcing, levels, scope
from shared.runtime.levels import Wanted

LATER = int(time.time() * 1000) + 86_400_000
"""Whenever in a run of tests it is asked for."""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    levels.want(scope.current().name, [])


def passes(method: str, module: str = "shared.sending.handler") -> bool:
    try:
        levels.let_through(None, method, {"module": module})
    except structlog.DropEvent:
        return False
    return True


def test_a_change_counts_until_its_end_and_no_longer() -> None:
    assert not passes("debug")
    levels.want(scope.current().name, [Wanted("debug", LATER)])
    assert passes("debug")
    levels.want(scope.current().name, [Wanted("debug", int(time.time() * 1000) - 1)])
    assert not passes("debug"), "it is over by itself"


def test_a_change_of_one_logger_leaves_the_others() -> None:
    levels.want(scope.current().name, [Wanted("error", LATER), Wanted("debug", LATER, "shared.sending")])
    assert passes("debug")
    assert not passes("debug", "shared.sendings")
    assert not passes("warning", "shared.watch.tick")
    assert passes("exception", "shared.watch.tick")


def test_a_wish_for_one_instance_goes_before_one_for_all() -> None:
    def wish(level: str, until_ms: int = LATER) -> bytes:
        return orjson.dumps({"level": level, "until_ms": until_ms, "by": "x"})

    wanted = {
        f"route-fast|{announcing.instance()}|".encode(): wish("debug"),
        b"route-fast|*|": wish("error"),
        b"route-fast|other.1|shared": wish("warning"),
        b"route-fast|*|kafka": wish("debug", 1),
        b"route-slow|*|": wish("error"),
        b"route-fast|*|odd": b"not json",
        b"route-fast|*|loud": wish("loud"),
        b"nonsense": wish("debug"),
    }
    assert announcing.chosen(wanted, "route-fast", LATER - 1000) == [Wanted("debug", LATER)]


def test_levels_have_the_numbers_of_the_standard_library() -> None:
    assert [levels.number(one) for one in levels.LEVELS] == [
        logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
    ]  # fmt: skip
