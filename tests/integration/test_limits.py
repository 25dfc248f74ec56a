"""Every limit of a request at its edge, in characters of 1, 2, 3 and 4 bytes, at once and reserved, on a real MySQL:
what is accepted leaves as it was written and is reported so; what is not is refused with its field."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
import pytest
from pymysql.err import DataError

from shared.accepting.packing import pack
from shared.channels import mt
from shared.channels.acceptance import MAX_PLAN
from shared.channels.common import AccountView, InvalidRequest
from shared.channels.mt import MAX_TEXT, MAX_VARIABLES
from shared.channels.recipients import MAX_ADDRESS, MAX_VALUES, MAX_VARIABLE
from shared.channels.schema import MAX_REF, MAX_URI
from shared.domain import text as rules
from shared.domain.events import Accepted, Dispatch, Due, Event, Finished, Outcome, Result, SendPart
from shared.domain.ids import message_id, request_of
from shared.runtime.bus import records
from shared.runtime.clock import iso, new_request_id, now_ms
from shared.runtime.mysql import Database
from shared.stores import due, routing, sql
from shared.stores.messages import insert_due
from tests.builders import SENDER
from tests.integration.test_routing_rows import price, world

KAFKA_TAKES = 1_048_588
"""Bytes of a record (message.max.bytes)."""
CHARACTERS = {1: "a", 2: "é", 3: "가", 4: "😀"}
"""By their bytes in UTF-8."""
SENDABLE = {1: "a", 2: "가"}
"""By their bytes on a handset."""
ACCOUNT = 4_000_031
TO = "01012345678"

by_bytes = pytest.mark.parametrize("n", CHARACTERS)
reserved = pytest.mark.parametrize("later", [False, True], ids=["at once", "reserved"])


def body(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"sender": SENDER, "text": text, "recipients": [{"to": TO}], **fields}


def of(**recipient: Any) -> dict[str, Any]:
    return {"recipients": [{"to": TO, **recipient}]}


def accepted(request: dict[str, Any]) -> mt.Acceptance:
    account = AccountView(ACCOUNT, "demo", frozenset({SENDER}))
    now = now_ms()
    return mt.accept(orjson.dumps(request), account=account, now_ms=now, request_id=new_request_id(now), test=False)


def refused(request: dict[str, Any]) -> list[str]:
    """The fields at fault."""
    with pytest.raises(InvalidRequest) as found:
        accepted(request)
    return [fault.pointer for fault in found.value.errors]


def travelled(event: Event) -> list[Event]:
    """The event as it comes out of Kafka, in as many records as it needed."""
    out: list[Event] = []
    for _, value, _ in records(event, "/test", None):
        assert len(value) < KAFKA_TAKES
        out.append(type(event).model_validate_json(value))
        out[-1].received(os.urandom(16).hex())
    return out


class Message:
    """The only message of a request, on its way through the real rows."""

    def __init__(self, db: Database, request: dict[str, Any], later: bool) -> None:
        self.db = db
        if later:
            request = {**request, "scheduled_at": iso(now_ms() + 60_000)}
        acceptance = accepted(request)
        self.id = message_id(UUID(hex=acceptance.request.request_id), 1, acceptance.request.lane)
        events: list[Event] = []
        for packed in pack([(acceptance.request, len(orjson.dumps(request)))]):
            for event in travelled(packed):
                assert isinstance(event, Accepted)
                events += db.run(routing.accept, event, world("solapi"), price, 24.0, {})
        self.dispatch = self._released() if later else self._only(events)

    def _released(self) -> Dispatch:
        taken: list[Event] = []

        def publish(due_work: Sequence[Event]) -> None:
            taken.extend(e for e in due_work if not isinstance(e, Due) or self.id.hex in e.ids)

        self.db.run(due.take, "realtime", now_ms() + 61_000, publish)
        events: list[Event] = []
        for event in taken:
            assert isinstance(event, Due), event
            if event.kind == "scheduled":
                (came,) = travelled(event)
                assert isinstance(came, Due)
                events += self.db.run(routing.due, came, world("solapi"), price)
        return self._only(events)

    @staticmethod
    def _only(events: list[Event]) -> Dispatch:
        (dispatch,) = [came for event in events for came in travelled(event)]
        assert isinstance(dispatch, Dispatch)
        return dispatch

    @property
    def part(self) -> SendPart:
        (part,) = self.dispatch.parts
        return part

    @property
    def said(self) -> tuple[str, str | None]:
        """Text and subject as the vendor gets them."""
        left = mt.render(self.part.content, self.part.messages[0].vars)
        return left.text, left.subject

    def report(self) -> dict[str, Any]:
        """The report of its delivery."""
        result = Result(id=self.id.hex, hop=1, state="delivered", code="0000", at=now_ms(), cause=os.urandom(16).hex())
        event = Outcome(channel="mt", vendor="solapi", account="main", via="poll", results=[result])
        (finished,) = [
            e for e in self.db.run(routing.outcome, event, world("solapi"), price) if isinstance(e, Finished)
        ]
        (came,) = travelled(finished)
        assert isinstance(came, Finished)
        return came.reports[0].data


@pytest.fixture(autouse=True)
def _alone(rows: Database) -> None:
    rows.run(sql.execute, "DELETE FROM due")


@reserved
@pytest.mark.parametrize("char", SENDABLE.values())
@pytest.mark.parametrize("kind", rules.LIMITS)
def test_a_text_as_long_as_its_type_carries_leaves_whole_and_one_more_byte_is_refused(
    rows: Database, kind: str, char: str, later: bool
) -> None:
    whole = char * (rules.LIMITS[kind] // rules.byte_length(char))
    assert Message(rows, body(whole, type=kind), later).said == (whole, None)
    assert refused(body(whole + "a", type=kind)) == ["/text"]
    parts = of(variables={"v": whole})
    assert Message(rows, body("#{v}", type=kind, **parts), later).said == (whole, None)
    assert refused(body("#{v}", type=kind, **of(variables={"v": whole + "a"}))) == ["/recipients/0/variables"]


@reserved
@pytest.mark.parametrize("char", SENDABLE.values())
def test_a_subject_of_forty_bytes_leaves_whole_and_one_more_byte_is_refused(
    rows: Database, char: str, later: bool
) -> None:
    whole = char * (rules.SUBJECT_BYTES // rules.byte_length(char))
    assert Message(rows, body(subject=whole), later).said == ("hello", whole)
    assert refused(body(subject=whole + "a")) == ["/subject"]
    assert Message(rows, body(subject="#{v}", **of(variables={"v": whole})), later).said == ("hello", whole)
    assert refused(body(subject="#{v}", **of(variables={"v": whole + "a"}))) == ["/recipients/0/variables"]


@pytest.mark.parametrize("n", [2, 4])
def test_a_character_that_no_handset_shows_is_refused_with_its_field(n: int) -> None:
    assert refused(body(CHARACTERS[n])) == ["/text"]
    assert refused(body(subject=CHARACTERS[n])) == ["/subject"]
    assert refused(body("#{v}", **of(variables={"v": CHARACTERS[n]}))) == ["/recipients/0/variables/v"]


@by_bytes
@reserved
def test_variables_that_are_replaced_leave_as_long_as_they_may_be(rows: Database, n: int, later: bool) -> None:
    """What is dropped for the handset may be much longer than what is sent."""
    char = CHARACTERS[n]
    kept = rules.replace_unsupported(char)
    fits = {f"v{i}": char * (150 if kept else MAX_VARIABLE) for i in range(5)}
    text = "x" + "".join(f"#{{{name}}}" for name in fits)
    request = body(text, on_unsupported="replace", **of(variables=fits))
    message = Message(rows, request, later)
    assert message.part.messages[0].vars == fits
    assert message.said[0] == "x" + kept * sum(map(len, fits.values()))
    assert message.report()["status"] == "delivered"
    over = {**fits, "v0": char * (MAX_VARIABLE + 1)}
    assert refused({**request, **of(variables=over)}) == ["/recipients/0/variables/v0"]


@reserved
@pytest.mark.parametrize("char", ["😀", "\u200b", "\x01", "\u0301"], ids=["emoji", "invisible", "control", "mark"])
def test_all_variables_together_may_have_what_an_event_carries(rows: Database, char: str, later: bool) -> None:
    cost = len(orjson.dumps(char)) - 2
    most = {f"v{i:02}": char * MAX_VARIABLE for i in range(MAX_VALUES // (MAX_VARIABLE * cost + 9))}
    rest = (MAX_VALUES - len(orjson.dumps(most)) - len(',"last":""')) // cost
    most["last"] = char * min(MAX_VARIABLE, rest)
    text = "x" + "".join(f"#{{{name}}}" for name in most)
    message = Message(rows, body(text, on_unsupported="replace", **of(variables=most)), later)
    assert message.part.messages[0].vars == most
    assert message.said[0] == "x"
    over = {**most, "more": char * MAX_VARIABLE}
    request = body(text + "#{more}", on_unsupported="replace", **of(variables=over))
    assert refused(request) == ["/recipients/0/variables"]


@by_bytes
@reserved
def test_names_of_variables_may_be_as_long_as_the_text(rows: Database, n: int, later: bool) -> None:
    name = CHARACTERS[n] * (MAX_TEXT - 3)
    message = Message(rows, body(f"#{{{name}}}", **of(variables={name: "가"})), later)
    assert message.said == ("가", None)
    assert refused(body(f"#{{{name}}}가", **of(variables={name: "가"}))) == ["/text"]


@reserved
def test_a_text_may_have_a_hundred_variables(rows: Database, later: bool) -> None:
    names = [f"v{i}" for i in range(MAX_VARIABLES + 1)]
    values = dict.fromkeys(names, "가")
    text = "".join(f"#{{{name}}}" for name in names[:-1])
    assert Message(rows, body(text, **of(variables=values)), later).said == ("가" * MAX_VARIABLES, None)
    assert refused(body(f"{text}#{{{names[-1]}}}", **of(variables=values))) == ["/text"]
    assert refused(body(subject=f"{text}#{{{names[-1]}}}", **of(variables=dict.fromkeys(names, "")))) == ["/subject"]


@by_bytes
@reserved
def test_the_contents_of_all_hops_together_fit_into_an_event(rows: Database, n: int, later: bool) -> None:
    def hop(place: int, length: int) -> dict[str, Any]:
        name = f"{place}{CHARACTERS[n] * (length - 1)}"
        return {"text": f"#{{{name}}}", "subject": f"#{{{name}}}", "sender": SENDER}

    length = MAX_TEXT - 3
    while 6 * len(orjson.dumps(hop(0, length))) > MAX_PLAN - 1000:
        length -= 100
    hops = [hop(place, length) for place in range(6)]
    values = {h["text"][2:-1]: "가" for h in hops}
    fallback = [{"channel": "mt", **h} for h in hops[1:]]
    request = body(**hops[0], fallback=fallback, **of(variables=values))
    message = Message(rows, request, later)
    assert message.said == ("가", "가")
    if n > 2:  # in characters of one and two bytes the longest texts fit
        longer = hop(5, min(MAX_TEXT - 3, length + 9000))
        request["fallback"][-1] = {"channel": "mt", **longer}
        request |= of(variables=values | {longer["text"][2:-1]: "가"})
        assert refused(request) == ["/fallback/4/text"]


@by_bytes
@reserved
def test_refs_come_back_as_they_were_written(rows: Database, n: int, later: bool) -> None:
    whole = CHARACTERS[n] * MAX_REF
    report = Message(rows, body(request_ref=whole, **of(ref=whole)), later).report()
    assert (report["ref"], report["request_ref"]) == (whole, whole)
    assert refused(body(**of(ref=whole + "a"))) == ["/recipients/0/ref"]
    assert refused(body(request_ref=whole + "a")) == ["/request_ref"]


@reserved
@pytest.mark.parametrize("ref", ["\x00\x1f\x7f", '"\\', " a ", "\u2028", "\ufffd"])
def test_a_ref_of_odd_characters_comes_back_too(rows: Database, ref: str, later: bool) -> None:
    report = Message(rows, body(request_ref=ref, **of(ref=ref)), later).report()
    assert (report["ref"], report["request_ref"]) == (ref, ref)


@by_bytes
@reserved
def test_a_callback_uri_is_kept_to_its_last_character(rows: Database, n: int, later: bool) -> None:
    start = "https://client.example/"
    whole = start + CHARACTERS[n] * (MAX_URI - len(start))
    if n > 1:
        assert refused(body(callback_uri=whole)) == ["/callback_uri"]
        return
    message = Message(rows, body(callback_uri=whole), later)
    request_id = request_of(message.id).bytes
    assert rows.run(sql.fetch, "SELECT callback_uri FROM requests WHERE request_id=%s", (request_id,)) == [(whole,)]
    assert refused(body(callback_uri=whole + "a")) == ["/callback_uri"]


@by_bytes
@reserved
def test_addresses_of_other_channels_are_kept_whole(rows: Database, n: int, later: bool) -> None:
    whole = dict.fromkeys(("push", "email"), CHARACTERS[n] * MAX_ADDRESS) | dict.fromkeys(("kakao", "rcs"), TO)
    message = Message(rows, body(**of(addresses=whole)), later)
    ((kept,),) = rows.run(sql.fetch, "SELECT addresses FROM messages WHERE message_id=%s", (message.id.bytes,))
    assert orjson.loads(kept) == whole
    assert refused(body(**of(addresses={**whole, "push": CHARACTERS[n] * (MAX_ADDRESS + 1)}))) == [
        "/recipients/0/addresses/push"
    ]


def test_a_request_has_at_most_ten_thousand_recipients() -> None:
    many = [{"to": TO, "variables": {"v": "가"}}] * 10_000
    acceptance = accepted(body("#{v}", recipients=many))
    events = [came for packed in pack([(acceptance.request, 1)]) for came in travelled(packed)]
    assert sum(event.size() for event in events) == 10_000
    assert refused(body("#{v}", recipients=[*many, {"to": TO}])) == ["/recipients"]
    assert refused(body(recipients=[])) == ["/recipients"]


def test_many_recipients_with_much_to_say_each_travel_in_records_that_kafka_takes(rows: Database) -> None:
    """Their rows go in several statements, their due work in several rows."""
    values = {"v": "😀" * MAX_VARIABLE}
    many = [{"to": TO, "variables": values}] * 400
    request = body("x#{v}", on_unsupported="replace", recipients=many)
    acceptance = accepted(request)
    assert acceptance.request.total == 400
    whole = Accepted(requests=[acceptance.request])
    whole.received(os.urandom(16).hex())
    dispatched = rows.run(routing.accept, whole, world("solapi"), price, 24.0, {})
    assert sum(came.size() for event in dispatched for came in travelled(event)) == 400
    (dispatch,) = dispatched
    assert rows.run(_later, dispatch) > 1


def _later(conn: Any, dispatch: Event) -> int:
    insert_due(conn, [(1, "claimed", dispatch)])
    found = sql.fetch(conn, "SELECT messages, LENGTH(payload) FROM due WHERE kind='claimed'")
    assert sum(n for n, _ in found) == 400
    assert max(size for _, size in found) <= KAFKA_TAKES
    return len(found)


@pytest.mark.parametrize("table", ["trail", "hops", "dead_letters", "messages", "requests", "reports", "receipt_inbox"])
def test_a_row_that_does_not_fit_is_an_error_and_nothing_of_it_is_kept(rows: Database, table: str) -> None:
    columns = rows.run(
        sql.fetch,
        "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME=%s AND EXTRA NOT LIKE '%%GENERATED%%'",
        (table,),
    )
    plain: dict[str, Any] = {
        name: 7 if size is None else "x" if "char" in kind else "{}" for name, kind, size in columns
    }
    ((before,),) = rows.run(sql.fetch, f"SELECT COUNT(*) FROM {table}")
    for name, kind, size in columns:
        if kind == "varchar":
            row = {**plain, name: "x" * (size + 1)}
            with pytest.raises(DataError, match="too long"):
                rows.run(sql.insert_ignore, table, ", ".join(row), [tuple(row.values())])
    assert rows.run(sql.fetch, f"SELECT COUNT(*) FROM {table}") == [(before,)]
