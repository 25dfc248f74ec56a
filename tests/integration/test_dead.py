"""Dead letters from the record that dies to the command that publishes it again."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from bridges.kafka_source.cloudevent import to_http
from bridges.kafka_source.letters import dead_letters
from local.testing import Platform
from shared.domain.events import Dead, Due
from shared.runtime.bus import records
from shared.runtime.clock import now_ms
from shared.runtime.mysql import Database
from shared.stores import dead, sql

IMS = Path(sys.executable).with_name("ims")
TOPIC = "ims.outcome.bulk"


class Taken(NamedTuple):
    """A record as a source has it."""

    topic: str
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    partition: int = 0
    offset: int = 7
    timestamp: int = 0
    key: bytes | None = None


def a_record() -> Taken:
    ((topic, value, headers),) = records(Due(lane="bulk", kind="parked", ids=["a" * 32]), "/ims/route", None)
    return Taken(topic, value, list(headers))


@pytest.fixture
def db(rows: Database) -> Iterator[Database]:
    rows.run(sql.execute, "DELETE FROM dead_letters")
    yield rows
    rows.run(sql.execute, "DELETE FROM dead_letters")


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ims(servers: Platform) -> Command:
    """The command, as an operator runs it against servers that the environment names."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IMS_")},
        "IMS_MYSQL_URL": servers.demo["mysql"], "IMS_KAFKA_BOOTSTRAP": servers.demo["kafka"], "COLUMNS": "200",
    }  # fmt: skip

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(IMS), "dead", *words], env=env, capture_output=True, text=True, check=False)

    return run


class Topic:
    """What is published to a topic from now on."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
        places = [TopicPartition(name, p) for p in self._consumer.partitions_for_topic(name) or (0,)]
        self._consumer.assign(places)
        self._consumer.seek_to_end()
        for place in places:
            self._consumer.position(place)

    def read(self) -> list[Any]:
        """What came in the meantime."""
        found: list[Any] = []
        for _ in range(20):
            found += [r for batch in self._consumer.poll(250).values() for r in batch]
            if found:
                break
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def topic(servers: Platform) -> Iterator[Topic]:
    made = Topic(servers.demo["kafka"], TOPIC)
    yield made
    made.close()


def bury(db: Database, letter: Dead) -> int:
    db.run(dead.keep, [letter])
    ((number,),) = db.run(sql.fetch, "SELECT MAX(dead_id) FROM dead_letters")
    return int(number)


def by_source() -> tuple[Taken, Dead]:
    record = a_record()
    return record, next(dead_letters(record, "status 422: no", now_ms()))


def state(db: Database, number: int) -> str:
    letter = db.run(dead.get, number)
    assert letter is not None
    return letter.state


def test_a_replayed_letter_is_the_record_that_died(db: Database, ims: Command, topic: Topic) -> None:
    record, letter = by_source()
    number = bury(db, letter)
    assert str(number) in ims("list").stdout
    assert '"kind": "parked"' in ims("show", str(number)).stdout
    done = ims("replay", str(number))
    assert done.returncode == 0, done.stdout + done.stderr
    (again,) = topic.read()
    assert (again.topic, again.value) == (TOPIC, record.value)
    assert dict(again.headers) == dict(record.headers), "the same id among them"
    assert state(db, number) == "replayed"
    assert "no dead letter is waiting" in ims("list").stdout


def test_what_a_function_could_not_read_goes_back_as_it_came(db: Database, ims: Command, topic: Topic) -> None:
    record = a_record()
    headers, body = to_http(record, "route-outcome-bulk")
    attributes = {name.removeprefix("ce-"): value for name, value in headers if name.startswith("ce-")}
    letter = Dead(source_topic="", reason="unreadable: …", headers=attributes, body=body.decode(), at=now_ms())
    number = bury(db, letter)
    assert ims("replay", str(number)).returncode == 0
    (again,) = topic.read()
    assert (again.value, dict(again.headers)) == (record.value, dict(record.headers))


def test_a_body_that_is_no_text_comes_back_to_the_byte(db: Database, ims: Command, topic: Topic) -> None:
    record = a_record()._replace(value=b"\xff\x00\xfe")
    letter = next(dead_letters(record, "unreadable", now_ms()))
    assert letter.body == base64.b64encode(b"\xff\x00\xfe").decode()
    assert ims("replay", str(bury(db, letter))).returncode == 0
    (again,) = topic.read()
    assert again.value == b"\xff\x00\xfe"


def test_a_letter_with_only_the_beginning_is_replayed_from_where_its_record_lies(
    servers: Platform, db: Database, ims: Command, topic: Topic
) -> None:
    ((_, value, headers),) = records(Due(lane="bulk", kind="parked", ids=["a" * 32]), "/ims/route", None)
    producer = KafkaProducer(bootstrap_servers=servers.demo["kafka"])
    sent = producer.send(TOPIC, value, headers=headers).get(30)
    producer.close()
    topic.read()
    record = Taken(TOPIC, value, list(headers), sent.partition, sent.offset)
    number = bury(db, list(dead_letters(record, "status 422: no", now_ms()))[-1])
    lost = record._replace(headers=[("ce_id", b"lost"), ("ce_type", b"t")], offset=sent.offset + 1000)
    gone = bury(db, list(dead_letters(lost, "status 422: no", now_ms()))[-1])
    another = bury(db, list(dead_letters(lost._replace(offset=sent.offset), "status 422: no", now_ms()))[-1])
    assert f"partition {sent.partition}, offset {sent.offset}" in " ".join(ims("show", str(number)).stdout.split())
    done = ims("replay", "--all")
    said = done.stdout + done.stderr
    for missing in (gone, another):
        assert f"the record of dead letter {missing} is gone: {TOPIC}" in said, said
    (again,) = topic.read()
    assert (again.value, again.headers) == (value, headers)
    assert [state(db, n) for n in (number, gone, another)] == ["replayed", "waiting", "waiting"]


def test_all_that_wait_are_replayed_once(db: Database, ims: Command, topic: Topic) -> None:
    numbers = [bury(db, by_source()[1]) for _ in range(3)]
    assert ims("replay", "--all").stdout.count("✓") == 3
    assert ims("replay", "--all").stdout == ""
    assert [state(db, n) for n in numbers] == ["replayed"] * 3
    assert len({dict(r.headers)["ce_id"] for r in topic.read()}) == 3


def test_a_letter_without_a_topic_asks_for_one(db: Database, ims: Command, topic: Topic) -> None:
    number = bury(db, Dead(source_topic="", reason="r", headers={"ce_id": "x", "ce_type": "?"}, body="{}", at=1))
    refused = ims("replay", str(number))
    assert refused.returncode == 1
    assert "--topic" in refused.stdout + refused.stderr
    assert state(db, number) == "waiting"
    assert ims("replay", str(number), "--topic", TOPIC).returncode == 0
    assert len(topic.read()) == 1


def a_receipt() -> Dead:
    """A receipt that nobody could read: it came by HTTP, from no topic."""
    return Dead(source_topic="/v1/receipts/solapi/main", reason="unreadable receipt", headers={}, body="?", at=now_ms())


def test_what_has_no_topic_is_named_and_left_and_the_others_go_on(db: Database, ims: Command, topic: Topic) -> None:
    before, nowhere, after = bury(db, by_source()[1]), bury(db, a_receipt()), bury(db, by_source()[1])
    unusable = bury(db, by_source()[1].model_copy(update={"source_topic": "no topic!"}))
    done = ims("replay", "--all")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    assert f"the topic of dead letter {nowhere}" in said
    assert f"dead letter {unusable} was not published to no topic!" in said
    assert [state(db, n) for n in (before, nowhere, after, unusable)] == ["replayed", "waiting", "replayed", "waiting"]
    assert len(topic.read()) == 2
    assert ims("replay", str(nowhere), "--topic", TOPIC).returncode == 0


def test_one_topic_is_not_for_all(db: Database, ims: Command) -> None:
    number = bury(db, by_source()[1])
    refused = ims("replay", "--all", "--topic", TOPIC)
    assert refused.returncode == 1
    assert "--topic is for single letters" in refused.stdout + refused.stderr
    assert state(db, number) == "waiting"


def test_all_are_found_by_their_numbers_without_their_bodies(db: Database) -> None:
    numbers = [bury(db, by_source()[1]) for _ in range(3)]
    db.run(dead.drop, numbers[1])
    assert db.run(dead.waiting, 10) == [numbers[0], numbers[2]]
    assert db.run(dead.waiting, 1) == [numbers[0]]


def test_a_letter_that_dies_again_waits_again_however_fast_the_clock_of_the_replayer_goes(db: Database) -> None:
    _, letter = by_source()
    number = bury(db, letter)
    db.run(dead.replay, number, letter.at + 3_600_000, lambda _: None)
    again = letter.model_copy(update={"at": letter.at + 2000, "reason": "still"})
    db.run(dead.keep, [again])
    found = db.run(dead.get, number)
    assert found is not None
    assert (found.state, found.reason, found.at_ms) == ("waiting", "still", letter.at + 2000)
    db.run(dead.replay, number, letter.at + 7_200_000, lambda _: None)
    db.run(dead.keep, [letter, again])
    assert state(db, number) == "replayed", "both deaths are known"


def test_a_dropped_letter_waits_no_more_and_what_is_not_there_is_said(db: Database, ims: Command) -> None:
    number = bury(db, by_source()[1])
    assert ims("drop", str(number)).returncode == 0
    assert state(db, number) == "dropped"
    assert [ims("drop", str(number)).returncode, ims("show", "999999").returncode] == [1, 1]
    assert ims("--help").stdout.count("ims dead ") >= 4


def test_a_letter_told_again_stays_replayed_and_one_that_dies_again_waits_again(db: Database) -> None:
    _, letter = by_source()
    number = bury(db, letter)
    db.run(dead.replay, number, letter.at + 1000, lambda _: None)
    db.run(dead.keep, [letter])
    assert state(db, number) == "replayed"
    db.run(dead.keep, [letter.model_copy(update={"at": letter.at + 2000, "reason": "still"})])
    assert state(db, number) == "waiting"
    db.run(dead.drop, number)
    db.run(dead.keep, [letter.model_copy(update={"at": letter.at + 3000})])
    assert state(db, number) == "dropped"


def test_a_death_between_publishing_and_the_mark_leaves_it_waiting(db: Database) -> None:
    number = bury(db, by_source()[1])
    published: list[Any] = []

    def publish_and_die(batch: Any) -> None:
        published.extend(batch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.run(dead.replay, number, now_ms(), publish_and_die)
    assert state(db, number) == "waiting"
    assert db.run(dead.replay, number, now_ms(), published.extend) == published[0] == published[1]
