"""Events that no function can handle, on every topic and trigger: they are buried, and everybody else goes on."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from shared import flow
from shared.domain.events import (
    Accepted,
    Attempt,
    Dispatch,
    Due,
    Event,
    Finished,
    Outcome,
    PlanHop,
    Recipient,
    Report,
    Reported,
    Request,
    Result,
    Send,
    SendPart,
)
from shared.domain.ids import LANES
from shared.runtime.bus import records
from shared.runtime.clock import now_ms
from tests.builders import a_text, later, numbers
from tests.road import Road, until

pytestmark = pytest.mark.timeout(900)
BYTES = b"\xff\x00\xfe{" * 2000
ENDS_IN_S = 45.0


def poison(lane: str) -> list[Event]:
    """What is well written, and what no function can handle."""
    recipient = Recipient(n=1, to="01012345678", type="sms")
    request = Request(
        request_id="no id at all", account_id=1, username="nobody", lane=lane, accepted_at=1, total=1,
        plan=[PlanHop(channel="mt", content={})], messages=[recipient],
    )  # fmt: skip
    send = Send(id="no id", hop=1, to="01012345678", type="sms")
    part = SendPart(account_id=1, username="nobody", content={}, valid_until=now_ms() + 60_000, messages=[send])
    said = Result(id="no id", hop=1, state="sent", code="0000", at=1)
    report = Report(account_id=1, username="nobody", callback_uri=None, data={"message_id": "none"})
    return [
        Accepted(lane=lane, requests=[request]),
        Due(lane=lane, kind="scheduled", ids=["no id"]),
        Outcome(lane=lane, channel="mt", vendor="solapi", account="main", via="answer", results=[said]),
        Dispatch(lane=lane, channel="mt", vendor="solapi", account="main", parts=[part]),
        Finished(lane=lane, reports=[report]),
    ]


def a_try() -> Reported:
    attempt = Attempt(
        webhook_id="w", ids=["no id"], account_id=1, username="nobody", attempt=1, outcome="delivered", at=1
    )
    return Reported(attempts=[attempt])


def publish(road: Road, written: list[tuple[str, bytes, list[tuple[str, bytes]]]]) -> None:
    producer = KafkaProducer(bootstrap_servers=road.demo["kafka"].split(","), acks="all")
    for topic, value, headers in written:
        producer.send(topic, value, headers=headers)
    producer.flush()
    producer.close()


def letters(road: Road, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The dead letters of events, by id."""
    marks = ",".join(["%s"] * len(ids))
    query = f"SELECT event_id, dead_id, topic, headers, body FROM dead_letters WHERE event_id IN ({marks})"
    return {i: {"n": n, "topic": t, "headers": json.loads(h), "body": b} for i, n, t, h, b in road.sql(query, *ids)}


def ims(road: Road, *words: str) -> None:
    env = {**os.environ, **road.platform.env}
    subprocess.run([".venv/bin/ims", *words], env=env, check=True, capture_output=True, timeout=120)


def test_poison_on_every_topic_is_buried_and_nobody_waits_for_it(road: Road) -> None:
    expected: dict[str, tuple[str, bytes]] = {}
    written = []
    events = [e for lane in LANES for e in poison(lane)] + [a_try()]
    for event in events:
        for topic, value, headers in records(event, "/test", None):
            expected[dict(headers)["ce_id"].decode()] = topic, value
            written.append((topic, value, headers))
    for topic in flow.topics():
        name = uuid4().hex
        kind = {"accepted": Accepted, "outcome": Outcome, "send": Dispatch, "finished": Finished}.get(
            topic.split(".")[1], Reported
        )
        made = {"ce_specversion": "1.0", "ce_id": name, "ce_type": kind.TYPE, "ce_source": "/test"}
        lane = topic.split(".")[-1]
        made |= {"ce_lane": lane} if lane in LANES else {}
        headers = [(k, v.encode()) for k, v in {**made, "content-type": "application/json"}.items()]
        expected[name] = topic, BYTES
        written.append((topic, BYTES, headers))
    publish(road, written)
    for lane in ("auth", "realtime", "bulk"):
        road.send(a_text().to(*numbers(20)).in_lane(lane))
    road.wait_for_all()
    found = until(lambda: f if len(f := letters(road, list(expected))) == len(expected) else None, "every letter")
    for name, (topic, value) in expected.items():
        letter = found[name]
        kept = base64.b64decode(letter["body"]) if "body-encoding" in letter["headers"] else letter["body"]
        assert kept == value, topic
        if topic not in ("ims.dead", "ims.send.mt.auth") and value != BYTES:
            assert letter["topic"] == topic
        assert {"knativekafkapartition", "knativekafkaoffset"} <= letter["headers"].keys()
    until(lambda: not road.sql("SELECT 1 FROM due WHERE kind='again'"), "nothing to be at rest any more")
    road.assert_sound()


def test_due_work_and_a_waiting_report_that_are_unreadable_hold_nobody_up(road: Road) -> None:
    for lane, name in enumerate(LANES):
        road.sql(
            "INSERT INTO due (due_ms, kind, lane, messages, topic, type, payload) "
            "VALUES (1, 'parked', %s, 1, %s, %s, %s)",
            lane, f"ims.outcome.{name}", Due.TYPE, b"\xff\xfe" * 10,
        )  # fmt: skip
    road.send(a_text().to(*numbers(5)))
    road.wait_for_all()
    until(lambda: not road.sql("SELECT 1 FROM due WHERE kind='parked' AND due_ms=1"), "the rows to leave")


def test_a_buried_message_ends_with_its_report_and_a_mended_one_goes_on(road: Road) -> None:
    lost, mended = (
        road.send(a_text().to(*numbers(1)).with_(scheduled_at=later(6), valid_until=later(ENDS_IN_S + extra)))
        for extra in (0, 600)
    )
    plans = {}
    for sent in (lost, mended):
        request = bytes.fromhex(sent.answer["request_id"].replace("-", ""))
        until(lambda request=request: road.sql("SELECT 1 FROM requests WHERE request_id=%s", request), "the row")
        ((plans[request],),) = road.sql("SELECT plan FROM requests WHERE request_id=%s", request)
        road.sql("UPDATE requests SET plan='no json' WHERE request_id=%s", request)
    (mended_id,), (lost_id,) = mended.ids, lost.ids

    def letter_of(message: str) -> Any:
        found = road.sql(
            "SELECT dead_id FROM dead_letters WHERE body LIKE %s AND state='waiting'",
            f"%{message.replace('-', '')}%",
        )
        return found[0][0] if found else None

    number = until(lambda: letter_of(mended_id), "its burial")
    until(lambda: letter_of(lost_id), "its burial")
    road.sql("UPDATE requests SET plan=%s WHERE request_id=%s", plans[request], request)
    ims(road, "dead", "replay", str(number))
    assert road.report_of(mended_id)["code"] == "0000"
    report = road.report_of(lost_id)
    assert (report["status"], report["code"]) == ("failed", "9001")
