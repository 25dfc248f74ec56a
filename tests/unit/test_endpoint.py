"""`POST /v1/mt/messages` as its clients meet it: the real handler and all its rules, servers in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from functions.api_mt.main import main
from shared.runtime import context
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


async def post(body: bytes, headers: dict[str, str] | None = None, query: str = "") -> Response:
    """The answer to a body."""
    sent = {"authorization": "Bearer ims_live_x", "content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http", "method": "POST", "path": "/v1/mt/messages", "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.items()], "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
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
    servers.dies = True
    await post(body, keyed)
    servers.dies, servers.now = False, NOW + 2000
    assert (await post(body, keyed)).status_code == 409


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


async def test_a_body_whose_time_had_passed_at_once_is_refused_with_a_key_too(servers: Servers) -> None:
    answer = await post(a_body(scheduled_at=at(NOW - 1)), {"idempotency-key": "k"})
    assert answer.status_code == 422
    assert orjson.loads(answer.body)["errors"][0]["pointer"] == "/scheduled_at"


async def test_a_dry_run_neither_takes_nor_answers_by_a_key(servers: Servers) -> None:
    keyed = {"idempotency-key": "k"}
    assert (await post(a_body(), keyed, "dry_run=TRUE")).status_code == 200
    assert not servers.redis.state.values
    body = a_body(scheduled_at=at(NOW + HOUR_MS))
    await post(body, keyed)
    servers.now = NOW + 2 * HOUR_MS
    assert (await post(body, keyed, "dry_run=1")).status_code == 422
