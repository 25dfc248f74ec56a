"""The Kafka source's decisions: what a record becomes, what an answer means, what may be committed, where it goes."""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.kafka_source import cloudevent, policy
from bridges.kafka_source.app import choose
from bridges.kafka_source.letters import dead_letters
from bridges.kafka_source.offsets import Partition, Progress
from bridges.kafka_source.policy import Verdict
from bridges.kafka_source.quiet import NowAndThen
from bridges.targets import Address, Targets, addresses
from shared import flow


class Record(NamedTuple):
    topic: str = "ims.accepted.auth"
    partition: int = 2
    offset: int = 40
    timestamp: int = 1_700_000_000_000
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes | None], ...] = ()


BINARY: tuple[tuple[str, bytes | None], ...] = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"a1"),
    ("ce_type", b"com.ims.message.accepted.v1"),
    ("ce_source", b"/api_mt"),
    ("content-type", b"application/json"),
)


def sent(record: Record) -> tuple[dict[str, str], bytes]:
    headers, body = cloudevent.to_http(record, "route-accepted-auth")
    return dict(headers), body


def test_a_binary_record_keeps_its_attributes_and_gains_partition_and_offset() -> None:
    headers, body = sent(Record(headers=BINARY, value=b'{"lane":"auth"}'))
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "a1",
        "ce-type": "com.ims.message.accepted.v1",
        "ce-source": "/api_mt",
        "content-type": "application/json",
        "ce-knativekafkapartition": "2",
        "ce-knativekafkaoffset": "40",
    }
    assert body == b'{"lane":"auth"}'


@pytest.mark.parametrize("extra", [(), BINARY, (("content-type", b"application/cloudevents+json"),)])
def test_a_record_without_a_value_is_delivered_with_an_empty_body(extra: tuple[tuple[str, bytes | None], ...]) -> None:
    record = Record(headers=extra, value=None)
    assert sent(record)[1] == b""
    assert next(dead_letters(record, "x", 7)).body == ""


def test_a_key_of_a_valid_event_is_not_passed_on() -> None:
    headers, _ = sent(Record(headers=BINARY, key=b"k"))
    assert "ce-key" not in headers
    assert "ce-partitionkey" not in headers


def test_values_are_percent_encoded_as_the_http_binding_says() -> None:
    headers, _ = sent(Record(headers=(*BINARY, ("ce_subject", '한 "1%"\r\nx: y'.encode()))))
    assert headers["ce-subject"] == "%ED%95%9C%20%221%25%22%0D%0Ax:%20y"


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ({"data": {"a": 1}}, b'{"a":1}'),
        ({"data": "text", "datacontenttype": "text/plain"}, b"text"),
        ({"data": "json string"}, b'"json string"'),
        ({"data_base64": "AAE="}, b"\x00\x01"),
        ({}, b""),
    ],
)
def test_a_structured_record_is_converted_to_binary(extra: dict[str, Any], body: bytes) -> None:
    event = {"specversion": "1.0", "id": "s1", "type": "t", "source": "/s", "n": 3, "flag": True, **extra}
    kind = (("Content-Type", b"application/cloudevents+json; charset=utf-8"),)
    headers, got = sent(Record(headers=kind, value=json.dumps(event).encode()))
    assert got == body
    assert headers["ce-id"] == "s1"
    assert (headers["ce-n"], headers["ce-flag"]) == ("3", "true")
    assert headers["content-type"] == extra.get("datacontenttype", "application/json")
    assert "ce-data" not in headers


@pytest.mark.parametrize(
    "record",
    [
        Record(headers=(("My_Hdr.X", b"v"),), key=b"k"),
        Record(headers=(("My_Hdr.X", b"v"), ("ce_specversion", b"1.0")), key=b"k"),
        Record(headers=(("My_Hdr.X", b"v"), ("content-type", b"application/cloudevents+json")), key=b"k", value=b"{"),
        Record(headers=(("My_Hdr.X", b"v"), ("content-type", b"application/cloudevents+json")), key=b"k", value=b"[]"),
        Record(
            headers=(("My_Hdr.X", b"v"), ("content-type", b"application/cloudevents+json")),
            key=b"k",
            value='{"specversion":"1.0","id":"1","type":"t","source":"s","data_base64":"한"}'.encode(),
        ),
    ],
)
def test_anything_else_becomes_a_plain_kafka_event(record: Record) -> None:
    headers, body = sent(record)
    assert headers["ce-type"] == "dev.knative.kafka.event"
    assert headers["ce-id"] == "partition:2/offset:40"
    assert headers["ce-source"].endswith("/kafkasources/route-accepted-auth#ims.accepted.auth")
    assert headers["ce-subject"] == "partition:2#40"
    assert headers["ce-time"] == "2023-11-14T22:13:20.000Z"
    assert headers["ce-key"] == headers["ce-partitionkey"] == "k"
    assert headers["ce-kafkaheadermyhdrx"] == "v"
    assert body == (record.value or b"")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(s, Verdict.DONE) for s in (200, 202, 204, 299)]
    + [(s, Verdict.RETRY) for s in (404, 408, 409, 429, 500, 502, 503, 504, 599)]
    + [(s, Verdict.DEAD) for s in (300, 302, 400, 401, 403, 405, 410, 413, 415, 422, 425)],
)
def test_an_answer_means_what_it_means_to_kafka_source(status: int, expected: Verdict) -> None:
    assert policy.verdict(status) is expected


def test_back_off_is_linear_and_a_thousand_tries_last_a_day() -> None:
    assert [policy.delay(n, 0.2) for n in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.6])
    assert 27 < sum(policy.delay(n, 0.2) for n in range(1, 1001)) / 3600 < 29


@given(st.data())
def test_only_a_contiguous_front_is_committed_whatever_the_order(data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=40))
    offsets = [10 + sum(gaps[: i + 1]) for i in range(len(gaps))]
    progress: Progress[str] = Progress()
    partition = progress.take("p", offsets)
    done: set[int] = set()
    for offset in data.draw(st.permutations(offsets)):
        progress.finish(partition, offset)
        done.add(offset)
        front = progress.fronts()["p"]
        assert all(o in done for o in offsets if o < front)
        assert front == min((o for o in offsets if o not in done), default=offsets[-1] + 1)
    assert progress.to_commit() == {"p": offsets[-1] + 1}
    assert partition.window == 0


def test_a_commit_is_due_only_when_the_front_has_moved() -> None:
    progress: Progress[str] = Progress()
    partition = progress.take("p", [5, 6])
    progress.finish(partition, 6)
    assert progress.to_commit() == {}
    progress.finish(partition, 5)
    assert progress.to_commit() == {"p": 7}
    progress.committed({"p": 7})
    assert progress.to_commit() == {}
    progress.take("p", [9])
    assert progress.fronts() == {"p": 9}


def test_a_partition_that_went_away_is_not_committed_by_late_work() -> None:
    progress: Progress[str] = Progress()
    old = progress.take("p", [1, 2])
    progress.forget(["p"])
    assert old.lost
    new = progress.take("p", [1, 2])
    progress.finish(old, 1)
    progress.finish(old, 2)
    assert progress.to_commit() == {}
    progress.finish(new, 1)
    assert progress.to_commit(["p", "q"]) == {"p": 2}


def test_what_stays_in_a_rebalance_goes_on_and_what_comes_back_later_is_counted_anew() -> None:
    progress: Progress[str] = Progress()
    stays, goes = progress.take("stays", [1, 2]), progress.take("goes", [1, 2])
    progress.keep({"stays"})
    assert (stays.lost, goes.lost) == (False, True)
    back = progress.take("goes", [2, 3])
    for partition in (stays, goes):
        progress.finish(partition, 1)
        progress.finish(partition, 2)
    assert progress.to_commit() == {"stays": 3}
    progress.finish(back, 2)
    assert progress.to_commit() == {"stays": 3, "goes": 3}


def test_a_log_that_was_cut_is_counted_from_where_it_is_read_again() -> None:
    progress: Progress[str] = Progress()
    old = progress.take("p", [5, 6, 7])
    progress.finish(old, 5)
    progress.committed(progress.to_commit())
    new = progress.take("p", [2, 3])
    assert old.lost
    progress.finish(old, 6)
    assert progress.to_commit() == {}
    progress.finish(new, 2)
    assert progress.to_commit() == {"p": 3}, "lower than before, or a new start would skip what is written meanwhile"


def test_one_stuck_record_holds_its_partition_back_at_the_window() -> None:
    progress: Progress[str] = Progress()
    partition = progress.take("p", range(10))
    for offset in range(1, 10):
        progress.finish(partition, offset)
    assert progress.over(10) == {"p"}
    progress.finish(partition, 0)
    assert progress.over(1) == set()


def test_a_partition_without_records_in_hand_is_done_up_to_its_last() -> None:
    partition = Partition(committed=3, front=3, last=3)
    partition.take(3)
    partition.finish(3)
    assert partition.front == 4


def test_a_dead_letter_carries_the_record_as_it_was() -> None:
    letter = next(
        dead_letters(Record(headers=(*BINARY, ("ce_lane", b"auth")), value="{한}".encode()), "status 400: no", 7)
    )
    assert (letter.lane, letter.source_topic, letter.reason, letter.at) == (
        "auth",
        "ims.accepted.auth",
        "status 400: no",
        7,
    )
    assert letter.body == "{한}"
    assert letter.headers["ce_id"] == "a1"


def test_a_dead_letter_of_bytes_that_are_no_text_says_base64() -> None:
    letter = next(dead_letters(Record(value=b"\xff\x00"), "x", 7))
    assert (letter.body, letter.headers["body-encoding"]) == ("/wA=", "base64")


def test_every_source_of_the_map_is_in_exactly_one_pool() -> None:
    fast, slow = choose("fast", []), choose("slow", [])
    assert sorted(s.name for s in (*fast, *slow)) == sorted(s.name for s in flow.sources())
    assert {s.process.pool for s in fast} == {"fast"}
    assert "store" in {s.name for s in slow}


def test_named_sources_can_be_run_alone_and_a_wrong_name_is_refused() -> None:
    assert [s.name for s in choose(None, ["store"])] == ["store"]
    with pytest.raises(ValueError, match="no source stoer; the map has"):
        choose(None, ["stoer"])
    with pytest.raises(ValueError, match="say which"):
        choose(None, [])


def test_a_process_is_where_the_map_says_unless_the_environment_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    process = next(p for p in flow.processes() if p.name == "send_mt-slow")
    assert addresses(process, 0) == [("127.0.0.1", 40451, "/")]
    assert addresses(process, 1000) == [("127.0.0.1", 41451, "/")]
    monkeypatch.setenv("IMS_TARGET_SEND_MT_SLOW", "http://127.0.0.1:1, http://[::1]:2/function/send-mt")
    assert addresses(process, 1000) == [("127.0.0.1", 1, "/"), ("::1", 2, "/function/send-mt")]
    monkeypatch.setenv("IMS_TARGET_SEND_MT_SLOW", "http://send-mt-slow.ims.svc.cluster.local")
    assert addresses(process, 0) == [("send-mt-slow.ims.svc.cluster.local", 80, "/")]
    for bad in ("nonsense", "https://send-mt-slow:8443", "http://:80", "http://host:port"):
        monkeypatch.setenv("IMS_TARGET_SEND_MT_SLOW", bad)
        with pytest.raises(ValueError, match="is not http://host"):
            addresses(process, 0)


def test_replicas_take_turns_and_the_others_stand_in() -> None:
    targets = Targets([Address("a", 1), Address("b", 2), Address("c", 3)])
    assert [target.host for target in targets.in_turn()] == ["a", "b", "c"]
    assert [target.host for target in targets.in_turn()] == ["b", "c", "a"]
    assert next(targets.in_turn()) == ("c", 3, "/")


def test_a_saying_of_kafka_python_is_logged_now_and_then_others_always() -> None:
    def said(name: str, line: int) -> bool:
        return quiet_filter.filter(logging.LogRecord(name, logging.ERROR, "f.py", line, "away", None, None))

    quiet_filter = NowAndThen()
    assert [said("kafka.net", 1), said("kafka.net", 1), said("kafka.net", 2)] == [True, False, True]
    assert [said("bridges", 1), said("bridges", 1)] == [True, True]
