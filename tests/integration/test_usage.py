"""What an account uses of its limits, and the secrets that sign its reports during a rotation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.reports import callback
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.stores import sql
from shared.stores.accounts import MAX_FORMER, Account, read_account
from tests.integration.test_rights import Answer, Pair, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

MINUTE_MS = 60_000


async def rotate(pair: Pair, **body: Any) -> Answer:
    return await call("POST", "/v1/callbacks/secrets/rotate", pair.live, json.dumps(body).encode())


async def account_of(ims: Context, pair: Pair) -> Account:
    found = await ims.db(read_account, pair.client.account_id)
    assert found is not None
    return found


async def test_a_new_secret_signs_beside_the_old_one_for_the_overlap(ims: Context, pair: Pair) -> None:
    before = (await account_of(ims, pair)).callback_secrets
    answer = await rotate(pair, overlap_seconds=60)
    assert answer.status == 200
    new = answer.body["secret"]
    account, now = await account_of(ims, pair), now_ms()
    assert callback.signing(account, now) == (new, *map(str, before))
    assert callback.signing(account, now + 2 * MINUTE_MS) == (new,)
    assert len(callback.signature(callback.signing(account, now), "id", 1, b"{}").split()) == 1 + len(before)
    shown = (await call("GET", "/v1/callbacks", pair.live)).body
    assert new not in json.dumps(shown)
    assert [sorted(s) for s in shown["secrets"]] == [["fingerprint", "set", "since"]]
    assert len(shown["former_secrets"]) == len(before)


async def test_without_an_overlap_the_new_secret_holds_alone_and_so_does_one_set_by_hand(
    ims: Context, pair: Pair
) -> None:
    await rotate(pair, overlap_seconds=3600)
    new = (await rotate(pair, overlap_seconds=0)).body["secret"]
    assert callback.signing(await account_of(ims, pair), now_ms())[0] == new
    for _ in range(MAX_FORMER + 2):
        new = (await rotate(pair, overlap_seconds=3600)).body["secret"]
    holding = callback.signing(await account_of(ims, pair), now_ms())
    assert (len(holding), holding[0]) == (MAX_FORMER + 1, new)
    again = await call("PUT", "/v1/callbacks", pair.live, json.dumps({"secrets": [new]}).encode())
    assert again.status == 200
    assert callback.signing(await account_of(ims, pair), now_ms()) == (new,)


@pytest.mark.parametrize("value", [-1, 31 * 86_400, "60", 1.5, None])
async def test_an_overlap_that_is_none_is_refused(pair: Pair, value: Any) -> None:
    assert (await rotate(pair, overlap_seconds=value)).status == 422


async def test_a_test_key_cannot_replace_the_secret_of_live_reports(pair: Pair) -> None:
    assert (await call("POST", "/v1/callbacks/secrets/rotate", pair.test)).status == 403


async def test_usage_tells_limits_and_what_is_used_of_them(ims: Context, pair: Pair) -> None:
    usage = await pair.get("/v1/usage", pair.live)
    assert usage["limits"]["daily"]["limit"] is usage["limits"]["daily"]["left"] is None
    keys = usage["limits"]["keys"]
    assert (keys["used"], keys["left"]) == (2, keys["limit"] - 2)
    number = pair.client.account_id
    row = (number, usage["day"], 2, "mt", "sms", 5, 3, 1, "25.20")
    columns = "account_id, day, lane, channel, type, accepted, delivered, failed, price"
    await ims.db(sql.insert, "usage_daily", columns, [row])
    usage = await pair.get("/v1/usage", pair.live)
    assert usage["limits"]["daily"]["used"] == 5
    (today,) = usage["today"]
    assert (today["channel"], today["accepted"], today["delivered"], today["price"]) == ("mt", 5, 3, "25.20")
    assert (await pair.get("/v1/usage", pair.test))["today"] == []
    assert (await pair.get("/v1/usage", pair.other))["today"] == []
    await ims.db(sql.execute, f"UPDATE accounts SET daily_limit=100 WHERE account_id={number}")
    day = (ims.now_ms() + 9 * 3_600_000) // 86_400_000
    await ims.redis.state.set(f"daily:{number}:{day}", 40, ex=60)
    daily = (await pair.get("/v1/usage", pair.live))["limits"]["daily"]
    assert (daily["used"], daily["limit"], daily["left"]) == (40, 100, 60)
