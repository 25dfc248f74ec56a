"""What clients are told beside reports, on a real MySQL and Redis: once, to who asks, signed, until it is taken."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from standardwebhooks import Webhook

from shared import telling
from shared.accepting.limits import counters
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.runtime.egress import Answer
from shared.stores import notices, push_devices, sql, suppressions
from shared.stores.accounts import read_account
from shared.stores.suppressions import Bounced
from shared.telling import alerts
from tests.integration.test_api_report import HOUR
from tests.integration.test_rights import Pair, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]
URL = "https://client.example/told"


class Client:
    """Stands for the client's callback: answers in turn, then 204."""

    def __init__(self, *answers: int | None) -> None:
        self.answers, self.calls = list(answers), list[tuple[bytes, dict[str, str]]]()

    async def post(self, url: str, body: bytes, headers: Any) -> Answer:
        assert url == URL
        self.calls.append((body, dict(headers)))
        return Answer(self.answers.pop(0) if self.answers else 204, None, 1)

    def told(self) -> list[Json]:
        return [json.loads(body) for body, _ in self.calls]


async def wants(ims: Context, pair: Pair, *events: str) -> str:
    await ims.db(sql.execute, f"UPDATE accounts SET callback_uri='{URL}' WHERE account_id={pair.client.account_id}")
    answer = await call("PUT", "/v1/callbacks", pair.live, json.dumps({"events": events}).encode())
    assert (answer.status, answer.body["events"]) == (200, list(events))
    return (await call("POST", "/v1/callbacks/secrets/rotate", pair.live)).body["secret"]


def bounced(pair: Pair, address: str, reason: str = suppressions.BOUNCE, message: bytes | None = None) -> Bounced:
    message_id = message or os.urandom(16)
    return Bounced(pair.client.account_id, "email", address, reason, "no such user", "5.1.1", message_id)


async def run(ims: Context, client: Client) -> None:
    ims.__dict__["egress"] = client
    ims.accounts._accounts._values.clear()
    while await telling.tell_once(ims):
        continue


async def test_an_address_that_became_bad_is_told_once_signed_until_it_is_taken(ims: Context, pair: Pair) -> None:
    secret, client = await wants(ims, pair, "address.suppressed"), Client(500, None)
    for address in ("a@client.example", "A@client.example"):
        await ims.db(suppressions.suppress, [bounced(pair, address)], now_ms())
    await ims.db(suppressions.opt_out, pair.client.account_id, "email", "b@client.example", os.urandom(16), now_ms())
    await run(ims, client)
    first = {t["data"]["to"]: t for t in client.told()}
    assert first.keys() == {"a@client.example", "b@client.example"}
    assert {t["type"] for t in client.told()} == {"address.suppressed"}
    assert first["a@client.example"]["data"]["reason"] == "bounce"
    assert first["a@client.example"]["data"]["raw_code"] == "5.1.1"
    for _ in range(2):
        await ims.db(sql.execute, "UPDATE notices SET due_ms=0 WHERE state='waiting'")
        await run(ims, client)
    assert len(client.calls) == 4
    for body, headers in client.calls:
        Webhook(secret).verify(body, headers)
    names = [h["webhook-id"] for _, h in client.calls]
    assert len(set(names)) == 2
    assert {h["ims-attempt"] for _, h in client.calls} == {"1", "2"}


async def test_who_does_not_ask_is_told_nothing_and_a_process_that_died_leaves_it_to_the_next(
    ims: Context, pair: Pair
) -> None:
    client = Client()
    await wants(ims, pair)
    await ims.db(suppressions.suppress, [bounced(pair, "a@client.example")], now_ms())
    await run(ims, client)
    assert not client.calls
    await wants(ims, pair, "address.suppressed")
    await ims.db(suppressions.suppress, [bounced(pair, "c@client.example")], now_ms())
    taken = await ims.db(notices.take, now_ms(), 30_000, 50)
    assert [n.data["to"] for n in taken] == ["c@client.example"]
    await run(ims, client)
    assert not client.calls
    await ims.db(sql.execute, "UPDATE notices SET due_ms=0 WHERE state='waiting'")
    await run(ims, client)
    assert [t["data"]["to"] for t in client.told()] == ["c@client.example"]
    bad = await call("PUT", "/v1/callbacks", pair.live, b'{"events": ["message.finished"]}')
    assert (bad.status, bad.body["errors"][0]["pointer"]) == (422, "/events/0")
    gone = Client(410)
    await ims.db(suppressions.suppress, [bounced(pair, "d@client.example")], now_ms())
    for _ in range(2):
        await run(ims, gone)
        await ims.db(sql.execute, "UPDATE notices SET due_ms=0 WHERE state='waiting'")
    assert len(gone.calls) == 1


async def test_a_dead_token_is_told(ims: Context, pair: Pair) -> None:
    await wants(ims, pair, "address.suppressed")
    device, account = os.urandom(16), pair.client.account_id
    columns = [row[0] for row in await ims.db(sql.fetch, "SHOW COLUMNS FROM devices")]
    given = {
        "device_id": device, "account_id": account, "test": 0, "user": "u1", "app": "shop", "kind": "fcm",
        "token_hash": os.urandom(16), "state": "live", "registered_ms": 1, "last_seen_ms": 1,
    }  # fmt: skip
    rows = await ims.db(sql.fetch, "SHOW COLUMNS FROM devices")
    for name, kind, null, _, default, _ in rows:
        if name not in given and null == "NO" and default is None:
            given[name] = 0 if "int" in kind else "" if "char" in kind or "text" in kind else b"\0"
    assert set(given) <= set(columns)
    await ims.db(sql.insert, "devices", ", ".join(given), [tuple(given.values())])
    whom = push_devices.Whom(account, False, "shop", given["token_hash"], device)
    for _ in range(2):
        await ims.db(push_devices.bury, whom, "gone", None)
    client = Client()
    await run(ims, client)
    (told,) = client.told()
    assert (told["data"]["channel"], told["data"]["to"], told["data"]["reason"]) == ("push", "user:u1", "dead")


async def test_a_limit_is_told_at_seventy_and_a_hundred_per_cent_once_and_shown(ims: Context, pair: Pair) -> None:
    await wants(ims, pair, "usage.alert")
    await ims.db(sql.execute, f"UPDATE accounts SET daily_limit=10 WHERE account_id={pair.client.account_id}")
    account = await ims.db(read_account, pair.client.account_id)
    assert account is not None
    name, _ = counters(account, now_ms())[1]
    client = Client()
    for used, levels in ((6, []), (7, [70]), (8, [70]), (12, [70, 100]), (12, [70, 100])):
        await ims.redis.state.set(name, used)
        alerts._looked.clear()
        await alerts.look(ims)
        await run(ims, client)
        assert [t["data"]["level"] for t in client.told()] == levels, used
        shown = (await pair.get("/v1/usage", pair.live))["alerts"]
        assert [a["level"] for a in shown] == levels
    assert client.told()[0]["data"] == {
        "limit": "daily", "level": 70, "day": shown[0]["day"], "used": 7, "of": 10
    }  # fmt: skip


async def test_what_is_canceled_before_it_leaves_is_given_back_once(ims: Context, pair: Pair) -> None:
    await ims.db(sql.execute, f"UPDATE accounts SET daily_limit=10 WHERE account_id={pair.client.account_id}")
    later = await pair.client.accept("01011112222", "01033334444", scheduled_at=now_ms() + HOUR)
    account = await ims.db(read_account, pair.client.account_id)
    assert account is not None
    name, _ = counters(account, now_ms())[1]
    await ims.redis.state.set(name, 5)
    ims.accounts.forget(pair.client.account_id)
    path = f"/v1/requests/{later.request_id[:8]}-{later.request_id[8:12]}-{later.request_id[12:16]}-"
    path += f"{later.request_id[16:20]}-{later.request_id[20:]}/cancel"
    for canceled in (2, 0):
        answer = await call("POST", path, pair.live)
        assert (answer.status, answer.body["canceled"]) == (200, canceled)
        assert (await pair.get("/v1/usage", pair.live))["limits"]["daily"]["used"] == 3


@pytest.mark.parametrize(("used", "levels"), [(0, []), (69, []), (70, [70]), (99, [70]), (100, [70, 100])])
def test_levels_are_reached_at_their_share(used: int, levels: list[int]) -> None:
    assert [n.data["level"] for n in alerts.reached([(1, 100)], [used], 0)] == levels
