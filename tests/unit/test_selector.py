"""The selector of Kafka's connections."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from shared.runtime.bus import connection
from shared.runtime.selector import Selector
from shared.runtime.settings import KafkaSettings

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.fixture
def selector() -> Iterator[Selector]:
    with Selector() as made:
        yield made


def test_a_registered_file_has_its_key_until_it_is_unregistered(selector: Selector, pair: Pair) -> None:
    assert selector.register(pair[0], selectors.EVENT_READ, "first") == selector.get_key(pair[0])
    assert selector.modify(pair[0], selectors.EVENT_WRITE, "second") == selector.get_key(pair[0])
    assert (selector.get_key(pair[0]).events, selector.get_key(pair[0]).data) == (selectors.EVENT_WRITE, "second")
    selector.unregister(pair[0])
    with pytest.raises(KeyError):
        selector.get_key(pair[0])


def test_what_is_ready_comes_with_the_same_key(selector: Selector, pair: Pair) -> None:
    selector.register(pair[0], selectors.EVENT_READ, "reader")
    pair[1].send(b"x")
    assert selector.select(1) == [(selector.get_key(pair[0]), selectors.EVENT_READ)]


def test_an_unknown_file_is_not_described(selector: Selector) -> None:
    class Silent:
        def __repr__(self) -> str:
            raise AssertionError("nobody reads this")

    with pytest.raises(KeyError):
        selector.get_key(Silent())


def test_a_file_can_come_back_under_the_number_of_one_that_was_closed(selector: Selector) -> None:
    def registered() -> Any:
        one, other = socket.socketpair()
        with one, other:
            key = selector.register(one, selectors.EVENT_READ)
            selector.unregister(one)
            return key.fd

    assert registered() == registered()


def test_every_client_of_kafka_has_it() -> None:
    assert connection(KafkaSettings())["selector"] is Selector


def test_a_file_that_cannot_be_changed_is_forgotten(selector: Selector, pair: Pair) -> None:
    selector.register(pair[0], selectors.EVENT_READ)
    pair[0].close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        selector.modify(pair[0], selectors.EVENT_WRITE)
    with pytest.raises(KeyError):
        selector.get_key(pair[0])
