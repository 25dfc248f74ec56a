"""An Idempotency-Key on what is made by POST, on a real MySQL: once, whenever a process dies, with the same answer."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts import access
from shared.edge import once
from shared.edge.scopes import SCOPES
from shared.runtime import Context, settings
from shared.stores import sql
from tests.integration.test_keys import maker
from tests.integration.test_rights import Answer, Pair, add_key, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]


@pytest.fixture
async def boss(ims: Context, pair: Pair) -> str:
    return await maker(ims, pair, [*SCOPES])


async def post(path: str, token: str, body: Json, key: str | None) -> Answer:
    return await call("POST", path, token, json.dumps(body).encode(), headers={"idempotency-key": key} if key else None)


async def count(ims: Context, pair: Pair) -> int:
    query = "SELECT COUNT(*) FROM api_keys WHERE account_id=%s AND name='shop'"
    ((found,),) = await ims.db(sql.fetch, query, (pair.client.account_id,))
    return int(found)


async def test_the_same_post_again_answers_the_same_with_the_same_secret(ims: Context, pair: Pair, boss: str) -> None:
    key, wish = os.urandom(8).hex(), {"name": "shop"}
    first = await post("/v1/keys", boss, wish, key)
    again = await post("/v1/keys", boss, wish, key)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert await count(ims, pair) == 1
    rows = await ims.db(sql.fetch, "SELECT answer FROM kept_answers")
    assert first.body["key"][9:] not in repr(rows)
    other = await post("/v1/keys", boss, {"name": "another"}, key)
    assert (other.status, other.body["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")
    elsewhere = await post("/v1/senders", boss, wish, key)
    assert elsewhere.status == 422
    assert await count(ims, pair) == 1


async def test_keys_belong_to_an_account_and_to_a_kind_of_key(ims: Context, pair: Pair, boss: str) -> None:
    key, wish = os.urandom(8).hex(), {"name": "shop"}
    mine = await post("/v1/keys", boss, wish, key)
    query = "SELECT account_id FROM accounts WHERE username=%s"
    stranger = await ims.db(sql.fetch, query, (f"{pair.client.username}-b",))
    other = await ims.db(add_key, "live", stranger[0][0], scopes='["keys:write", "messages:read"]')
    assert (await post("/v1/keys", other, wish, key)).body["key"] != mine.body["key"]
    admin = await ims.db(add_key, "admin", None)
    path = f"/v1/admin/accounts/{pair.client.username}/keys"
    made = await post(path, admin, wish, key)
    assert made.body == (await post(path, admin, wish, key)).body
    assert made.body["id"] != mine.body["id"]
    await ims.db(sql.execute, f"UPDATE api_keys SET revoked_ms=1 WHERE key_hash=0x{access._hash(boss).hex()}")
    assert (await post("/v1/keys", boss, wish, key)).status == 401


async def test_many_at_once_make_one_and_a_refusal_is_not_kept(ims: Context, pair: Pair, boss: str) -> None:
    key, wish = os.urandom(8).hex(), {"name": "shop"}
    answers = await asyncio.gather(*[post("/v1/keys", boss, wish, key) for _ in range(20)])
    made = [a for a in answers if a.status == 201]
    assert {a.status for a in answers} <= {201, 409}
    assert made
    assert len({a.body["id"] for a in made}) == 1
    assert await count(ims, pair) == 1
    key = os.urandom(8).hex()
    assert (await post("/v1/keys", boss, {"name": ""}, key)).status == 422
    assert (await post("/v1/keys", boss, {"name": "mended"}, key)).status == 201
    for bad in ("", "a" * 256, "tab\there"):
        assert (await call("POST", "/v1/keys", boss, b"{}", headers={"idempotency-key": bad})).status == 422


class Died(BaseException):
    """Stands for the end of the process: nothing after it happens."""


def request(token: str, key: str) -> Request:
    body = {"type": "http.request", "body": b'{"name": "shop"}', "more_body": False}

    async def receive() -> Json:
        return body

    sent = {"authorization": f"Bearer {token}", "content-type": "application/json", "idempotency-key": key}
    scope = {
        "type": "http", "method": "POST", "path": "/v1/keys", "query_string": b"", "client": ("192.0.2.7", 1),
        "headers": [(k.encode(), v.encode()) for k, v in sent.items()], "path_params": {},
        "ims.route": once_route(),
    }  # fmt: skip
    return Request(scope, receive)


def once_route() -> Any:
    from shared.runtime import Route

    return Route("POST", "/v1/keys", access.create, "keys:write")


@pytest.mark.parametrize("made", [False, True])
async def test_a_process_that_dies_makes_it_once(ims: Context, pair: Pair, boss: str, made: bool) -> None:
    key = os.urandom(8).hex()

    async def dies(given: Request, context: Context) -> Response:
        if made:
            await access.create(given, context)
        raise Died

    with pytest.raises(Died):
        await once.once(dies)(request(boss, key), ims)
    waits = await post("/v1/keys", boss, {"name": "shop"}, key)
    assert (waits.status, waits.body["type"].rpartition("/")[2]) == (409, "in-flight")
    await ims.db(sql.execute, "UPDATE kept_answers SET deadline_ms=1 WHERE status IS NULL")
    later = await post("/v1/keys", boss, {"name": "shop"}, key)
    if made:
        assert (later.status, later.body["type"].rpartition("/")[2]) == (409, "made")
    else:
        assert later.status == 201
    assert await count(ims, pair) == 1


async def test_an_attempt_that_was_taken_over_makes_nothing(ims: Context, pair: Pair, boss: str) -> None:
    key, taken, go_on = os.urandom(8).hex(), asyncio.Event(), asyncio.Event()

    async def slow(given: Request, context: Context) -> Response:
        taken.set()
        await go_on.wait()
        return await access.create(given, context)

    first = asyncio.create_task(once.once(slow)(request(boss, key), ims))
    await taken.wait()
    await ims.db(sql.execute, "UPDATE kept_answers SET deadline_ms=1 WHERE status IS NULL")
    second = await post("/v1/keys", boss, {"name": "shop"}, key)
    go_on.set()
    with pytest.raises(once.Problem, match="under way"):
        await first
    assert second.status == 201
    assert await count(ims, pair) == 1
    assert (await post("/v1/keys", boss, {"name": "shop"}, key)).body == second.body


async def test_without_the_installations_keys_no_answer_is_kept_but_it_is_made_once(
    ims: Context, pair: Pair, boss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMS_SECRET_KEYS", "")
    settings.reset()
    key = os.urandom(8).hex()
    assert (await post("/v1/keys", boss, {"name": "shop"}, key)).status == 201
    assert (await post("/v1/keys", boss, {"name": "shop"}, key)).body["type"].rpartition("/")[2] == "made"
    assert await count(ims, pair) == 1
