"""Keys that accounts make themselves, on a real MySQL: nobody gets more from a key than its maker had."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from shared.accounts import access
from shared.edge.scopes import SCOPES
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.stores import sql
from tests.integration.test_rights import Answer, Pair, add_key, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]
ALL = [*SCOPES]
RANGE = '["192.0.2.0/24"]'
LATER, LATEST = "2100-01-01T00:00:00Z", "2101-01-01T00:00:00+09:00"


async def ask(method: str, path: str, key: str, /, **body: Any) -> Answer:
    return await call(method, path, key, json.dumps(body).encode())


async def maker(ims: Context, pair: Pair, scopes: list[str], **columns: Any) -> str:
    return await ims.db(add_key, "live", pair.client.account_id, scopes=json.dumps(scopes), **columns)


@pytest.fixture
async def boss(ims: Context, pair: Pair) -> str:
    return await maker(ims, pair, ALL)


async def test_a_key_is_made_shown_once_used_and_revoked(ims: Context, pair: Pair, boss: str) -> None:
    made = await ask("POST", "/v1/keys", boss, name="shop", kind="live", scopes=["messages:read"])
    assert made.status == 201
    key, one = made.body.pop("key"), made.body
    assert key.startswith("ims_live_")
    assert (one["name"], one["kind"], one["scopes"]) == ("shop", "live", ["messages:read"])
    assert (one["expires_at"], one["last_used_at"], one["hint"]) == (None, None, f"ims_live_…{key[-4:]}")
    shown = await ask("GET", f"/v1/keys/{one['id']}", boss)
    assert shown.body == one
    listed = (await ask("GET", "/v1/keys", boss)).body["items"]
    assert one in listed
    assert key not in json.dumps(listed)
    assert (await ask("GET", "/v1/messages", key)).status == 200
    assert (await ask("GET", "/v1/reports", key)).status == 403
    for _ in range(200):
        if (await ask("GET", f"/v1/keys/{one['id']}", boss)).body["last_used_at"]:
            break
        await asyncio.sleep(0.05)
    assert (await ask("GET", f"/v1/keys/{one['id']}", boss)).body["last_used_at"]
    assert (await ask("DELETE", f"/v1/keys/{one['id']}", boss)).status == 204
    assert (await ask("GET", "/v1/messages", key)).status == 401
    assert (await ask("DELETE", f"/v1/keys/{one['id']}", boss)).status == 404
    assert (await ask("GET", f"/v1/keys/{one['id']}", boss)).status == 404


async def test_what_is_stored_of_a_key_opens_nothing(ims: Context, pair: Pair, boss: str) -> None:
    key = (await ask("POST", "/v1/keys", boss, name="shop")).body["key"]
    rows = await ims.db(sql.fetch, f"SELECT * FROM api_keys WHERE account_id={pair.client.account_id}")
    assert key[9:] not in repr(rows)


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 65}, "/name"),
        ({"name": "x", "kind": "admin"}, "/kind"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["messages:read", "all"]}, "/scopes/1"),
        ({"name": "x", "scopes": ["operator"]}, "/scopes/0"),
        ({"name": "x", "ip_allow": ["192.0.2.0/24", "nonsense"]}, "/ip_allow/1"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "expires_at": "2100-01-01"}, "/expires_at"),
        ({"name": "x", "account_id": 1}, "/account_id"),
    ],
)
async def test_a_wish_that_is_wrong_is_told_where(pair: Pair, boss: str, wish: Json, pointer: str) -> None:
    answer = await ask("POST", "/v1/keys", boss, **wish)
    assert answer.status == 422
    assert pointer in [error["pointer"] for error in answer.body["errors"]]


@pytest.mark.parametrize(
    ("own", "columns", "wish", "status"),
    [
        (["keys:write", "messages:read"], {}, {"scopes": ["messages:read"]}, 201),
        (["keys:write", "messages:read"], {}, {"scopes": ["keys:write"]}, 201),
        (["keys:write", "messages:read"], {}, {"scopes": ["messages:send"]}, 403),
        (["keys:write"], {}, {}, 422),
        (["keys:write"], {"ip_allow": RANGE}, {"scopes": ["keys:write"], "ip_allow": ["192.0.2.7"]}, 201),
        (["keys:write"], {"ip_allow": RANGE}, {"scopes": ["keys:write"], "ip_allow": ["192.0.0.0/16"]}, 403),
        (["keys:write"], {"ip_allow": RANGE}, {"scopes": ["keys:write"], "ip_allow": []}, 403),
        (["keys:write"], {"ip_allow": RANGE}, {"scopes": ["keys:write"], "ip_allow": ["2001:db8::/32"]}, 403),
        (["keys:write"], {"expires_ms": 4102444800000}, {"scopes": ["keys:write"], "expires_at": LATER}, 201),
        (["keys:write"], {"expires_ms": 4102444800000}, {"scopes": ["keys:write"], "expires_at": LATEST}, 403),
    ],
)  # fmt: skip
async def test_a_maker_cannot_give_what_it_has_not(
    ims: Context, pair: Pair, own: list[str], columns: Json, wish: Json, status: int
) -> None:
    key = await maker(ims, pair, own, **columns)
    answer = await ask("POST", "/v1/keys", key, name="x", **wish)
    assert answer.status == status, answer


async def test_without_wishes_a_key_gets_the_makers_rights_but_those_that_must_be_named(
    ims: Context, pair: Pair
) -> None:
    key = await maker(
        ims, pair, ["keys:write", "audit:read", "messages:read"], ip_allow='["192.0.2.0/24"]', expires_ms=4102444800000
    )
    made = (await ask("POST", "/v1/keys", key, name="x")).body
    assert made["scopes"] == ["messages:read"]
    assert made["ip_allow"] == ["192.0.2.0/24"]
    assert made["expires_at"] == "2100-01-01T00:00:00Z".replace("Z", made["expires_at"][19:])


@pytest.mark.parametrize("overlap", [0, 3600])
async def test_a_rotated_key_has_a_new_secret_and_the_old_one_an_end(
    ims: Context, pair: Pair, boss: str, overlap: int
) -> None:
    made = (await ask("POST", "/v1/keys", boss, name="shop", scopes=["messages:read"])).body
    old = made.pop("key")
    turned = await ask("POST", f"/v1/keys/{made['id']}/rotate", boss, overlap_seconds=overlap)
    assert turned.status == 200
    new = turned.body.pop("key")
    assert new != old
    assert {k: turned.body[k] for k in ("id", "name", "kind", "scopes", "expires_at", "created_at")} == {
        k: made[k] for k in ("id", "name", "kind", "scopes", "expires_at", "created_at")
    }
    assert (await ask("GET", "/v1/messages", new)).status == 200
    assert (await ask("GET", "/v1/messages", old)).status == (200 if overlap else 401)
    await ims.db(sql.execute, "UPDATE api_keys SET expires_ms=1 WHERE expires_ms IS NOT NULL AND name='shop'")
    assert (await ask("GET", "/v1/messages", old)).status == 401
    assert (await ask("GET", "/v1/messages", new)).status == 200


async def test_a_key_that_can_do_more_is_not_rotated(ims: Context, pair: Pair, boss: str) -> None:
    strong = (await ask("POST", "/v1/keys", boss, name="strong", scopes=["messages:send", "keys:write"])).body["id"]
    wide = await ims.db(_id_of_null_scopes, pair.client.account_id)
    weak = await maker(ims, pair, ["keys:write", "messages:read"])
    assert (await ask("POST", f"/v1/keys/{strong}/rotate", weak, overlap_seconds=0)).status == 403
    assert (await ask("POST", f"/v1/keys/{wide}/rotate", weak, overlap_seconds=0)).status == 403
    for value in (-1, access.MAX_OVERLAP_S + 1, "1"):
        assert (await ask("POST", f"/v1/keys/{strong}/rotate", boss, overlap_seconds=value)).status == 422


def _id_of_null_scopes(conn: Any, account_id: int) -> str:
    query = "SELECT HEX(key_id) FROM api_keys WHERE account_id=%s AND kind='live' AND scopes IS NULL"
    ((found,),) = sql.fetch(conn, query, (account_id,))
    return str(found)


async def test_keys_of_others_are_not_there_and_test_keys_see_those_of_tests(
    ims: Context, pair: Pair, boss: str
) -> None:
    mine = (await ask("POST", "/v1/keys", boss, name="live one")).body["id"]
    test = (await ask("POST", "/v1/keys", boss, name="test one", kind="test", scopes=["keys:write"])).body
    stranger = await ims.db(add_key, "live", pair.client.account_id + 1, scopes='["keys:write"]')
    tester = test["key"]
    for key in (stranger, tester):
        assert (await ask("GET", f"/v1/keys/{mine}", key)).status == 404
    assert (await ask("DELETE", f"/v1/keys/{mine}", stranger)).status == 404
    assert (await ask("POST", f"/v1/keys/{mine}/rotate", stranger)).status == 404
    seen = (await ask("GET", "/v1/keys", tester)).body["items"]
    assert {one["kind"] for one in seen} == {"test"}
    assert test["id"] in [one["id"] for one in seen]
    for method, path in (("POST", "/v1/keys"), ("DELETE", f"/v1/keys/{test['id']}")):
        assert (await ask(method, path, tester, name="x")).status == 403


async def test_an_operator_makes_the_key_that_makes_others(ims: Context, pair: Pair) -> None:
    admin = await ims.db(add_key, "admin", None)
    path = f"/v1/admin/accounts/{pair.client.username}/keys"
    made = await ask("POST", path, admin, name="first", scopes=["keys:write", "messages:read"])
    assert made.status == 201
    child = await ask("POST", "/v1/keys", made.body["key"], name="second")
    assert (child.status, child.body["scopes"]) == (201, ["messages:read"])
    listed = (await ask("GET", path, admin)).body["items"]
    assert {"first", "second"} <= {one["name"] for one in listed}
    assert (await ask("DELETE", f"{path}/{child.body['id']}", admin)).status == 204
    assert (await ask("GET", "/v1/messages", child.body["key"])).status == 401
    assert (await ask("POST", "/v1/admin/accounts/nobody-at-all/keys", admin, name="x")).status == 404
    assert (await ask("POST", path, pair.live, name="x")).status == 403


async def test_an_account_has_a_bounded_number_of_keys(
    ims: Context, pair: Pair, boss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MAX_KEYS", 6)
    tries = [ask("POST", "/v1/keys", boss, name=f"n{i}", scopes=["messages:read"]) for i in range(8)]
    statuses = sorted([(await one).status for one in tries])
    assert statuses == [201] * 3 + [409] * 5
    await ims.db(
        sql.execute,
        f"UPDATE api_keys SET expires_ms={now_ms()} WHERE name='n0' AND account_id={pair.client.account_id}",
    )
    assert (await ask("POST", "/v1/keys", boss, name="again", scopes=["messages:read"])).status == 201
