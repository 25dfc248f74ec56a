"""`POST /v1/mt/messages` as its clients meet it: the real handler and all its rules, servers in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from functions.api_mt.main import main
from shared.channels.mt import MtRequest
from shared.runtime import context, http, settings
from shared.stores.vendors import Entry
from shared.vendors.base import VendorAccount
from shared.vendors.registry import REGISTRY
from tests.accepting import NOW, Servers

HOUR_MS = 3_600_000


@pytest.fixture
def servers() -> Iterator[Servers]:
    made, before = Servers(), context.current()
    context.use(made)  # type: ignore[arg-type]
    yield made
    context.use(before)


def a_body(**fields: Any) -> bytes:
    """A good body, with some fields changed."""
    return orjson.dumps({"sender": "0215441234", "text": "hi", "recipients": [{"to": "01012345678"}], **fields})


async def post(
    body: bytes | None, headers: dict[str, str] | None = None, query: str = "", method: str = "POST"
) -> Response:
    """The answer to a body; None is a client that never sends one."""
    sent = {"authorization": "Bearer ims_live_x", "content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http", "method": method, "path": "/v1/mt/messages", "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.items()], "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if body is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body, "more_body": False}

    return await main(Request(scope, receive))


def at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


@pytest.mark.parametrize("times", [{"scheduled_at": at(NOW + HOUR_MS)}, {"valid_until": at(NOW + HOUR_MS)}])
async def test_a_retry_after_its_time_has_passed_completes_what_was_accepted_in_part(
    servers: Servers, times: dict[str, Any]
) -> None:
    keyed = {"idempotency-key": "k"}
    servers.kafka = False
    first = await post(a_body(**times), keyed)
    servers.kafka, servers.now = True, NOW + 2 * HOUR_MS
    again = await post(a_body(**times), keyed)
    assert (first.status_code, again.status_code) == (503, 202), again.body
    assert orjson.loads(first.body)["request_id"] == orjson.loads(again.body)["request_id"]
    (event,) = servers.published
    assert event.requests[0].accepted_at == NOW  # type: ignore[attr-defined]


async def test_a_retry_after_its_time_has_passed_waits_for_the_first_try(servers: Servers) -> None:
    body, keyed = a_body(scheduled_at=at(NOW + 1000)), {"idempotency-key": "k"}
    servers.stuck = True
    first = asyncio.create_task(post(body, keyed))
    await servers.publishing.wait()
    servers.now += 2000
    again = await post(body, keyed)
    first.cancel()
    assert again.status_code == 409


@pytest.mark.parametrize("recipients", [1, 2000])
async def test_a_retry_after_its_time_has_passed_gets_the_first_answer(servers: Servers, recipients: int) -> None:
    """With 2,000 recipients and the list asked for, the answer is too long to be kept: it is made again."""
    people = [{"to": "01012345678"}] * recipients
    body, keyed = a_body(scheduled_at=at(NOW + HOUR_MS), recipients=people), {"idempotency-key": "k"}
    first = await post(body, keyed, "messages=true")
    servers.now = NOW + 2 * HOUR_MS
    again = await post(body, keyed, "messages=true")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.body == again.body
    assert again.headers["idempotent-replayed"] == "true"
    assert sum(e.size() for e in servers.published) == recipients


async def test_after_the_loss_of_redis_mysql_knows_what_a_late_retry_belongs_to(servers: Servers) -> None:
    body, keyed = a_body(scheduled_at=at(NOW + HOUR_MS)), {"idempotency-key": "k"}
    first = orjson.loads((await post(body, keyed)).body)["request_id"]
    (name, held) = next((n, v) for n, v in servers.redis.state.values.items() if n.startswith("idem:"))
    request_id, body_hash = held[1:].split(b":")[:2]
    servers.known[1, bytes.fromhex(name.rpartition(":")[2])] = (
        bytes.fromhex(request_id.decode()),
        bytes.fromhex(body_hash.decode()),
    )
    servers.redis.state.values.clear()
    servers.now = NOW + 2 * HOUR_MS
    again = await post(body, keyed)
    assert again.status_code == 202
    assert orjson.loads(again.body)["request_id"] == first


async def test_a_key_of_another_body_is_named_as_the_fault(servers: Servers) -> None:
    first, again = [await post(a_body(text=text), {"idempotency-key": "k"}) for text in ("one", "two")]
    told = problem(again)
    assert (first.status_code, again.status_code) == (202, 422)
    assert (told["type"].rpartition("/")[2], told["errors"][0]["code"]) == ("idempotency-key-reused", "conflict")


async def test_a_body_whose_time_had_passed_at_once_is_refused_with_a_key_too(servers: Servers) -> None:
    answer = await post(a_body(scheduled_at=at(NOW - 1)), {"idempotency-key": "k"})
    assert answer.status_code == 422
    assert orjson.loads(answer.body)["errors"][0]["pointer"] == "/scheduled_at"


async def test_a_retry_that_may_not_go_on_names_what_its_first_try_was(servers: Servers) -> None:
    servers.kafka = False
    first = await post(a_body(), {"idempotency-key": "k"})
    servers.kafka, servers.account = True, replace(servers.account, senders=frozenset())
    again = await post(a_body(), {"idempotency-key": "k"})
    assert (first.status_code, again.status_code) == (503, 403)
    told = orjson.loads(again.body)
    assert told["request_id"] == orjson.loads(first.body)["request_id"]
    assert told["errors"][0]["pointer"] == "/sender"


async def test_a_bad_body_with_a_key_is_refused_as_such_also_without_mysql(servers: Servers) -> None:
    servers.mysql = False
    assert (await post(a_body(text=""), {"idempotency-key": "k"})).status_code == 422
    assert (await post(a_body(), {"idempotency-key": "k"})).status_code == 202


async def test_a_dry_run_neither_takes_nor_answers_by_a_key(servers: Servers) -> None:
    keyed = {"idempotency-key": "k"}
    assert (await post(a_body(), keyed, "dry_run=TRUE")).status_code == 200
    assert not servers.redis.state.values
    body = a_body(scheduled_at=at(NOW + HOUR_MS))
    await post(body, keyed)
    servers.now = NOW + 2 * HOUR_MS
    assert (await post(body, keyed, "dry_run=1")).status_code == 422


@pytest.mark.parametrize(("key", "price"), [("live", "9.90"), ("test", "0.00")])
async def test_a_dry_run_tells_the_price_and_a_test_key_that_it_pays_none(
    servers: Servers, key: str, price: str
) -> None:
    nhn = VendorAccount("nhn", "main", "http://vendor", {})

    async def entries() -> list[Entry]:
        return [Entry(nhn, REGISTRY["nhn", "mt"], "mt", 1, sandbox=key == "test")]

    servers.vendors = SimpleNamespace(entries=entries)
    answer = orjson.loads((await post(a_body(), {"authorization": f"Bearer ims_{key}_x"}, "dry_run=true")).body)
    assert [m["price"] for m in answer["messages"]] == [price]
    assert answer["price"] == price


# --- unfriendly clients -----------------------------------------------------------------------------------------------


def problem(answer: Response) -> dict[str, Any]:
    """The problem that an answer is."""
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = orjson.loads(answer.body)
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    assert all(fault.keys() == {"pointer", "code", "detail"} for fault in told["errors"])
    return told


GOOD = a_body()
MANY = {f"k{n}": 1 for n in range(100_000)}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 400, ""),
        (b"{", 400, ""),
        (b"\xef\xbb\xbf" + GOOD, 400, ""),
        (GOOD.replace(b"hi", b"\xff"), 400, ""),
        (GOOD.replace(b"hi", b"\\ud800"), 422, "/text"),
        (b"[" * 100_000, 400, ""),
        (b"null", 422, ""),
        (b"NaN", 422, ""),
        (b"[]", 422, ""),
        (GOOD.replace(b'"hi"', b"NaN"), 422, "/text"),
        (GOOD[:-1] + b',"max_price":1e400}', 422, "/max_price"),
        (GOOD[:-1] + b',"sender":"1"}', 422, "/sender"),
        (a_body(recipients=[]), 422, "/recipients"),
        (a_body(recipients=[{"to": "01012345678"}] * 10_001), 422, "/recipients"),
        (a_body(recipients=[{"to": "01012345678", **MANY}]), 422, "/recipients/0"),
        (a_body(**MANY), 422, ""),
        (a_body(fallback=[{"channel": "mt", **MANY}]), 422, "/fallback/0"),
        (a_body(text=""), 422, "/text"),
        (a_body(ttl=0), 422, "/ttl"),
        (a_body(scheduled_at="2027-01-01T00:00:00"), 422, "/scheduled_at"),
        (a_body(scheduled_at="9999-12-31T23:59:59Z"), 422, "/scheduled_at"),
        (a_body(callback_uri="https://me:pw@example.com/"), 422, "/callback_uri"),
        (a_body(callback_uri="https://example..com/"), 422, "/callback_uri"),
        (a_body(callback_uri="https://%65xample.com/"), 422, "/callback_uri"),
        (a_body(callback_uri=f"https://{'a' * 64}.com/"), 422, "/callback_uri"),
        (a_body(callback_uri="https://[::1"), 422, "/callback_uri"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
async def test_a_bad_body_is_named_by_its_fault_in_few_words(
    servers: Servers, body: bytes, status: int, pointer: str
) -> None:
    answer = await post(body)
    told = problem(answer)
    assert (answer.status_code, told["errors"][0]["pointer"]) == (status, pointer)
    assert len(answer.body) < 5000
    assert not servers.published


@pytest.mark.parametrize("query", ["", "dry_run=true"])
async def test_a_sender_number_that_is_not_the_accounts_is_not_allowed(servers: Servers, query: str) -> None:
    answer = await post(a_body(sender="0212345678"), {"idempotency-key": "k"}, query)
    told = problem(answer)
    assert (answer.status_code, told["type"].rpartition("/")[2]) == (403, "forbidden")
    assert [(e["pointer"], e["code"]) for e in told["errors"]] == [("/sender", "1004")]
    assert not servers.published


@pytest.mark.parametrize(
    "uri", ["https://[2606:4700::1111]:8443/x?y=1", "https://xn--mnchen-3ya.de", "https://a_b.example."]
)
async def test_unusual_callbacks_that_can_work_are_taken(servers: Servers, uri: str) -> None:
    assert (await post(a_body(callback_uri=uri))).status_code == 202


async def test_a_number_that_is_there_three_times_is_told_in_the_answer(servers: Servers) -> None:
    people = [{"to": to} for to in ("010-2345-6789", "01023456789", "01099998888", "+82 10 2345 6789")]
    told = [{"index": 1, "of": 0}, {"index": 3, "of": 0}]
    for distinct, accepted in ((False, 4), (True, 2)):
        answer = orjson.loads((await post(a_body(recipients=people, distinct=distinct))).body)
        assert (answer["accepted"], len(answer["messages"]), answer["duplicates"]) == (accepted, accepted, told)
    assert orjson.loads((await post(a_body())).body)["duplicates"] == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:10.0.0.1]", "169.254.169.254."]
)
async def test_a_callback_to_a_forbidden_address_is_refused_when_it_is_given(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    answer = await post(a_body(callback_uri=f"https://{host}/reports"))
    assert (answer.status_code, [e["pointer"] for e in problem(answer)["errors"]]) == (422, ["/callback_uri"])
    assert not servers.published
    monkeypatch.setenv("IMS_EGRESS_ALLOW", "0.0.0.0/0")
    settings.reset()
    assert (await post(a_body(callback_uri=f"https://{host}/reports"))).status_code == 202
    monkeypatch.undo()
    settings.reset()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "APPLICATION/JSON; Charset=UTF-8"}, 202),
        ({"content-type": "application/vnd.ims+json"}, 202),
        ({"content-type": 'application/json; charset="utf-8"; version=1'}, 202),
        ({"content-type": "application/json; charset=euc-kr"}, 415),
        ({"content-type": "+json"}, 415),
        ({"content-type": ""}, 415),
        ({"content-encoding": "identity"}, 202),
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": "99999999999"}, 413),
        ({"content-length": "\xb2"}, 202),
        ({"idempotency-key": ""}, 422),
        ({"idempotency-key": "k" * 10_240}, 422),
        ({"idempotency-key": "a\x01b"}, 422),
        ({"authorization": "Basic eA=="}, 401),
        ({"authorization": "Bearer ims_live_" + "x" * 9000}, 401),
        ({"authorization": "Bearer ims_other_x"}, 401),
    ],
)
async def test_headers_are_read_generously_and_refused_clearly(
    servers: Servers, headers: dict[str, str], status: int
) -> None:
    answer = await post(GOOD, headers)
    assert answer.status_code == status
    if status >= 400:
        problem(answer)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("dry_run", 200),
        ("dry_run=TRUE", 200),
        ("dry_run=no", 202),
        ("messages=1", 202),
        ("dry_run=maybe", 422),
        ("dryrun=true", 422),
        ("dry_run=0&dry_run=1", 422),
        ("messages=%ff", 422),
    ],
)
async def test_a_query_that_is_not_understood_sends_nothing(servers: Servers, query: str, status: int) -> None:
    answer = await post(GOOD, query=query)
    assert answer.status_code == status
    if status == 422:
        assert problem(answer)["errors"][0]["pointer"].startswith("/")
    assert len(servers.published) == (1 if status == 202 else 0)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "TRACE", "NONSENSE"])
async def test_other_methods_are_told_which_one_is_meant(servers: Servers, method: str) -> None:
    answer = await post(b"", method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    problem(answer)


class Writing:
    """A client that goes on writing, 1 MiB at a time, and is asked for more only while there is more."""

    def __init__(self, parts: int) -> None:
        self.parts, self.taken = parts, 0

    async def receive(self) -> dict[str, Any]:
        if self.taken == self.parts:
            await asyncio.Event().wait()  # as uvicorn does: until the client leaves
        self.taken += 1
        return {"type": "http.request", "body": MEBIBYTE, "more_body": self.taken < self.parts}


MEBIBYTE = b" " * 1024 * 1024


async def refused(client: Writing, path: str = "/v1/mt/messages", **headers: str) -> Response:
    """The answer to a client whose body is not taken."""
    sent = {"authorization": "Bearer ims_live_x", "content-type": "application/json", "transfer-encoding": "chunked"}
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("127.0.0.1", 1),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in {**sent, **headers}.items()],
    }  # fmt: skip
    return await asyncio.wait_for(main(Request(scope, client.receive)), 2)


@pytest.mark.parametrize("parts", [1, 2, 10, 11, 12, 40])
@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (413, "/v1/mt/messages", {}),
        (401, "/v1/mt/messages", {"authorization": "Bearer x"}),
        (415, "/v1/mt/messages", {"content-type": "text/plain"}),
        (404, "/v1/nothing", {}),
    ],
)
async def test_a_refused_body_is_taken_to_its_end_before_the_answer(
    servers: Servers, parts: int, status: int, path: str, headers: dict[str, str]
) -> None:
    client = Writing(parts)
    answer = await refused(client, path, **headers)
    assert answer.status_code == (status if status != 413 or parts > 10 else 400)
    assert client.taken == parts
    assert "connection" not in answer.headers
    problem(answer)


@pytest.mark.parametrize(
    ("parts", "headers", "taken"),
    [(80, {}, 10 + 1 + 64), (80, {"content_length": "83886080"}, 0), (2, {"expect": "100-continue"}, 0)],
)
async def test_what_is_taken_of_a_refused_body_has_a_bound(
    servers: Servers, parts: int, headers: dict[str, str], taken: int
) -> None:
    client = Writing(parts)
    answer = await refused(client, **headers, **({"content-type": "text/plain"} if "expect" in headers else {}))
    assert client.taken == taken
    assert (answer.headers.get("connection") == "close") is ("expect" not in headers)


async def test_a_refused_body_that_stops_coming_is_not_waited_for_long(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DISCARD_SECONDS", 0.05)
    answer = await refused(Writing(0), authorization="Bearer x")
    assert (answer.status_code, answer.headers["connection"]) == (401, "close")


async def test_a_body_that_does_not_come_is_given_up(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_BODY_SECONDS", "0.05")
    settings.reset()
    try:
        answer = await post(None)
    finally:
        settings.reset()
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    problem(answer)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text()
    | st.sampled_from(["\0", "#{a}"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
hostile = examples(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@hostile
@given(values=st.dictionaries(st.sampled_from(sorted(MtRequest.model_fields)), JSON, min_size=1, max_size=4))
async def test_whatever_stands_in_the_fields_the_answer_names_them(servers: Servers, values: dict[str, Any]) -> None:
    answer = await post(a_body(**values))
    assert answer.status_code in (202, 422)
    if answer.status_code == 422:
        places = {fault["pointer"].split("/")[1] for fault in problem(answer)["errors"]}
        assert places <= {*values, "recipients", "text"}, "only what was changed, and what depends on it"


@hostile
@given(item=st.dictionaries(st.sampled_from(["to", "ref", "variables", "addresses", "x"]), JSON) | JSON)
async def test_whatever_a_recipient_is_the_others_are_served(servers: Servers, item: Any) -> None:
    answer = await post(a_body(text="hi #{a}", recipients=[item, {"to": "01012345678", "variables": {"a": 1}}]))
    assert answer.status_code == 202
    told = orjson.loads(answer.body)
    assert told["accepted"] + len(told["rejected"]) == 2


@hostile
@given(body=st.binary(max_size=40) | JSON.map(orjson.dumps) | st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n]))
async def test_whatever_the_body_is_nothing_is_sent(servers: Servers, body: bytes) -> None:
    answer = await post(body)
    assert answer.status_code in (400, 422)
    problem(answer)
    assert not servers.published


def large(**fields: Any) -> dict[str, Any]:
    """A good body of 1.5 MB, with some fields changed."""
    people = [{"to": f"0102{n:07d}", "ref": f"r{n}", "variables": {"a": n % 7, "b": "x" * 100}} for n in range(10_000)]
    return {"sender": "0215441234", "text": "#{a}", "recipients": people, **fields}


async def test_a_large_body_is_taken_as_the_same_in_small_ones(servers: Servers) -> None:
    whole = large()
    whole["recipients"][5] = {"to": "1"}
    whole["recipients"][7]["variables"]["a"] = 12.50
    answer = await post(orjson.dumps(whole))
    told = orjson.loads(answer.body)
    assert (answer.status_code, told["accepted"]) == (202, 9_999)
    assert [(r["index"], r["code"]) for r in told["rejected"]] == [(5, "1001")]
    messages = [m for event in servers.published for request in event.requests for m in request.messages]  # type: ignore[attr-defined]
    assert [m.n for m in sorted(messages, key=lambda m: m.n)] == [n + 1 for n in range(10_000) if n != 5]
    assert {m.n: m.vars["a"] for m in messages} == {
        n + 1: "12.5" if n == 7 else str(n % 7) for n in range(10_000) if n != 5
    }


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"recipients": large()["recipients"] * 2}, "/recipients"),
        ({"files": [{}] * 30_000}, "/files"),
        ({"ttl": 0}, "/ttl"),
        ({"sender": 5}, "/sender"),
        ({f"x{i}": 1 for i in range(300)}, ""),
    ],
)
async def test_the_faults_of_a_large_body_have_their_places(
    servers: Servers, fields: dict[str, Any], pointer: str
) -> None:
    answer = await post(orjson.dumps(large(**fields)))
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in problem(answer)["errors"]][:1] == [pointer]
    assert not servers.published


async def test_others_are_served_while_a_large_body_is_read(servers: Servers) -> None:
    order: list[str] = []

    async def one(name: str, body: bytes) -> None:
        assert (await post(body, query="dry_run=true" if name == "large" else "")).status_code in (200, 202)
        order.append(name)

    reading = asyncio.create_task(one("large", orjson.dumps(large())))
    await asyncio.sleep(0)
    await asyncio.gather(*(one(f"small {n}", a_body()) for n in range(3)))
    await reading
    assert order[-1] == "large"
