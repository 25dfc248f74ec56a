"""What a dry run tells is what `max_price` is held against and what is charged: over the in-memory road."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from local.testing import Platform
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context, use
from shared.stores import sql
from shared.stores.sql import Connection
from tests.memory import Json, Road

NHN = ("nhn", "mt", {"app_key": "k", "secret_key": "s", "webhook_secret": "w"})
SOLAPI = ("solapi", "mt", {"api_key": "k", "api_secret": "s", "webhook_secret": "w"})
HANGUL_2 = "가" * 71
GSM_2 = "a" * 161
CENT = Decimal("0.01")


class World:
    """NHN's side: it takes everything, and says of each message what it is told to say."""

    def __init__(self) -> None:
        self.sent: list[Json] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        results = []
        for person in body["recipientList"]:
            seq = len(self.sent) + 1
            self.sent.append({**person, "body": body["body"], "seq": seq})
            results.append(
                {"resultCode": 0, "recipientSeq": seq, "recipientGroupingKey": person["recipientGroupingKey"]}
            )
        data = {"requestId": "R", "sendResultList": results}
        return httpx2.Response(200, json={"header": {"isSuccessful": True, "resultCode": 0}, "body": {"data": data}})


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def road(servers: Platform, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    monkeypatch.setenv("IMS_MYSQL_URL", servers.demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", servers.demo["redis"].rpartition("/")[0])
    settings.reset()
    ims = Context("memory")
    use(ims)
    made = Road(ims, world, {})
    ims.db.run(_only)
    made.vendors(NHN)
    yield made
    ims.db.run(_only)
    await ims.redis.state.aclose()
    ims.db.close()
    settings.reset()


def _only(conn: Connection, *rows: tuple[Any, ...]) -> None:
    """The table of prices has these rows (type, country, from_ms, amount) of NHN, and no others."""
    sql.execute(conn, "DELETE FROM prices")
    if rows:
        columns = "channel, vendor, account, type, country, from_ms, amount"
        sql.insert(conn, "prices", columns, [("mt", "nhn", "", *row) for row in rows])


def prices(road: Road, *rows: tuple[Any, ...]) -> None:
    """Enter prices, and let everybody see them at once."""
    road.ims.db.run(_only, *rows)
    road.ims.vendors._until = 0.0  # as if the seconds that a table is kept were over


def a_text(*to: str, text: str = "hello", **fields: Any) -> Json:
    foreign = {"international": True} if to[0].startswith("+") else {}
    return {"sender": "0215441234", "text": text, "recipients": [{"to": one} for one in to], **foreign, **fields}


async def dry(road: Road, body: Json) -> tuple[int, Json]:
    answer = await road.post("/v1/mt/messages?dry_run=true", json.dumps(body).encode())
    return answer.status_code, answer.json()


async def hook(road: Road, event: str, hooks: list[Json]) -> None:
    body = {"event": event, "productName": "SMS", "hooks": hooks}
    proof = {"x-toast-webhook-signature": "w"}
    assert (await road.post("/v1/receipts/nhn/main", json.dumps(body).encode(), proof)).status_code == 200
    await road.run()


async def deliver(road: Road, world: World) -> None:
    """NHN and, for foreign numbers, the carriers there say that everything was delivered."""
    for sent in world.sent:
        number = sent.get("recipientNo") or sent["internationalRecipientNo"]
        names = {"requestId": "R", "recipientSeq": sent["seq"]}
        told = {**names, "recipientNo": number, "recipientGroupingKey": sent["recipientGroupingKey"]}
        await hook(road, "MESSAGE_RESULT_UPDATE", [{**told, "messageStatus": "COMPLETED", "resultCode": "1000"}])
        if "recipientNo" not in sent:
            assert not any(r["to"] == f"+{number}" for r in road.callbacks.reports), "1000 is not delivery abroad"
            await hook(road, "INTERNATIONAL_DELIVERY_RECEIPT", [{**names, "dlrStatus": "DELIVERED", "errorCode": "0"}])


ABROAD = [("sms", "US", 0, "20.5"), ("sms", "JP", 0, "70"), ("sms", "*", 0, "150"), ("sms", "KR", 0, "9")]


@pytest.mark.parametrize(
    ("to", "text", "price"),
    [
        ("01012345678", "hello", "9.00"),
        ("+1 650 253 0000", "hello", "20.50"),
        ("+1 650 253 0000", GSM_2, "41.00"),
        ("+1 650 253 0000", HANGUL_2, "41.00"),
        ("+81 3-1234-5678", "😀" * 36, "140.00"),
        ("+1 604 555 0123", "hello", "150.00"),
        ("+33 1 42 68 53 00", HANGUL_2 * 3, "600.00"),
    ],
)
async def test_the_dry_run_is_the_cap_and_the_charge(road: Road, world: World, to: str, text: str, price: str) -> None:
    prices(road, *ABROAD)
    body = a_text(to, text=text)
    status, told = await dry(road, body)
    assert (status, told["price"], told["messages"][0]["price"]) == (200, price, price)
    below = {**body, "max_price": str(Decimal(price) - CENT)}
    for path in ("/v1/mt/messages?dry_run=true", "/v1/mt/messages"):
        answer = await road.post(path, json.dumps(below).encode())
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["code"]) == (422, "3006")
        assert price in fault["detail"]
        assert below["max_price"] in fault["detail"]
    assert not world.sent
    await road.send("/v1/mt/messages", {**body, "max_price": price})
    await deliver(road, world)
    (report,) = road.callbacks.reports
    assert (report["status"], report["price"]) == ("delivered", price)
    usage = "SELECT delivered, price FROM usage_daily WHERE account_id=%s"
    assert road.ims.db.run(sql.fetch, usage, (road.account_id,)) == [(1, Decimal(price))]


async def test_each_recipient_of_a_request_is_priced_by_country_and_parts(road: Road, world: World) -> None:
    prices(road, *ABROAD)
    body = a_text("+16502530000", "+81312345678", "+33142685300", "+16502530001", text="#{a}")
    texts = ["x", "x", GSM_2, GSM_2]
    for person, text in zip(body["recipients"], texts, strict=True):
        person["variables"] = {"a": text}
    _, told = await dry(road, {**body, "max_price": 100})
    assert [m["price"] for m in told["messages"]] == ["20.50", "70.00", "41.00"]
    assert [(r["index"], r["code"]) for r in told["rejected"]] == [(2, "3006")]
    accepted = await road.send("/v1/mt/messages", {**body, "max_price": 100})
    assert [(r["index"], r["code"]) for r in accepted["rejected"]] == [(2, "3006")]
    await deliver(road, world)
    assert sorted((r["to"], r["price"]) for r in road.callbacks.reports) == [
        ("+16502530000", "20.50"),
        ("+16502530001", "41.00"),
        ("+81312345678", "70.00"),
    ]


async def test_the_price_of_the_moment_of_acceptance_is_charged_whenever_it_is_delivered(
    road: Road, world: World
) -> None:
    prices(road, ("sms", "KR", 0, "9"))
    body = a_text("01012345678")
    assert (await dry(road, body))[1]["price"] == "9.00"
    await road.send("/v1/mt/messages", {**body, "max_price": 9})
    prices(road, ("sms", "KR", 0, "9"), ("sms", "KR", now_ms() + 1, "12"), ("sms", "KR", now_ms() + 3_600_000, "50"))
    while (await dry(road, body))[1]["price"] == "9.00":
        pass
    await road.send("/v1/mt/messages", body)
    await deliver(road, world)
    assert sorted(r["price"] for r in road.callbacks.reports) == ["12.00", "9.00"]


async def test_the_cap_of_what_waited_is_held_against_the_price_at_its_acceptance(road: Road, world: World) -> None:
    """Also where acceptance did not know the prices: route ends it with the cap's own code."""
    prices(road, ("sms", "KR", 0, "9"))
    body = a_text("01012345678", max_price="8.99")
    hidden = json.dumps({**body, "callback_uri": "https://client.example/"}).replace('"max_price"', '"max_pric\\u0065"')
    answer = await road.post("/v1/mt/messages", hidden.encode())
    assert answer.status_code == 202
    await road.run()
    (report,) = road.callbacks.reports
    assert (report["status"], report["code"], report["detail"]) == ("failed", "3006", "max_price is below every price")
    assert not world.sent


async def test_a_foreign_text_goes_only_to_a_vendor_that_joins_its_parts(road: Road, world: World) -> None:
    road.vendors(SOLAPI)
    road.ims.vendors._until = 0.0
    for path in ("/v1/mt/messages?dry_run=true", "/v1/mt/messages"):
        answer = await road.post(path, json.dumps(a_text("+16502530000", text=GSM_2)).encode())
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "1002")
    assert (await dry(road, a_text("+16502530000")))[1]["messages"][0]["parts"] == 1
    road.vendors(SOLAPI, NHN)
    road.ims.vendors._until = 0.0
    for _ in range(5):
        await road.send("/v1/mt/messages", a_text("+16502530000", text=GSM_2))
    assert len(world.sent) == 5, "all of them went to NHN"


async def test_what_a_foreign_carrier_refuses_fails_with_its_cause(road: Road, world: World) -> None:
    await road.send("/v1/mt/messages", a_text("+16502530000"))
    names = {"requestId": "R", "recipientSeq": 1}
    await hook(road, "INTERNATIONAL_DELIVERY_RECEIPT", [{**names, "dlrStatus": "BUFFERED", "errorCode": "0"}])
    assert road.callbacks.reports == []
    await hook(road, "INTERNATIONAL_DELIVERY_RECEIPT", [{**names, "dlrStatus": "FAILED", "errorCode": "3"}])
    (report,) = road.callbacks.reports
    assert (report["status"], report["code"], report["price"]) == ("failed", "4001", "0.00")
