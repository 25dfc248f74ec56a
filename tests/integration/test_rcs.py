"""RCS over the in-memory road with the simulated vendors: pulled results, lost answers, fail-over across channels."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from local.testing import Platform
from shared import collecting
from shared.domain.events import Outcome, Receipts
from shared.runtime import settings
from shared.runtime.context import Context, use
from shared.stores import pulls, sql
from simulator.accounts import accounts
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from tests import memory
from tests.memory import Json, Road

R = {"brand_id": "demo-brand", "chatbot_id": "0215441234", "format": "SS000000", "text": "안녕하세요"}
SMS = {"channel": "mt", "sender": "0215441234", "text": "안녕하세요"}
TALK = {
    "channel": "kakao", "type": "alimtalk", "sender_key": "demo" + "0" * 36, "template_code": "ORDER_SHIPPED",
}  # fmt: skip
SETTINGS = {a.vendor: dict(a.settings) for a in accounts() if a.account == "main"}


class World:
    """The simulator behind the vendors' names; webhooks wait until somebody brings them."""

    def __init__(self) -> None:
        self.webhooks: list[tuple[str, dict[str, str], bytes]] = []
        self.app = Simulator(SimulatorSettings(receipt_linger_ms=0, hang_seconds=0.01, secrets=""), self._post)
        transport = httpx2.ASGITransport(app=self.app)  # type: ignore[arg-type]
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://sim")
        self.lose: set[str] = set()
        """Words of the messages whose calls get no answer."""
        self.dead = False
        self.unheard = 0
        """So many calls never arrive, and have no answer."""

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.webhooks.append((url, headers, body))
        return 200

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.dead:
            raise httpx2.ConnectError("dead")
        if self.unheard:
            self.unheard -= 1
            raise httpx2.ReadTimeout("no answer")
        vendor = request.url.host.split(".")[0]
        path = f"/vendors/{vendor}{request.url.raw_path.decode()}"
        answer = await self.client.request(request.method, path, content=request.content, headers=request.headers)
        if request.method == "POST" and any(words in request.content.decode() for words in self.lose):
            raise httpx2.ReadTimeout("no answer")
        return httpx2.Response(answer.status_code, content=answer.content)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.app.receipts.stop()


@pytest.fixture
async def road(servers: Platform, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    demo = servers.demo
    monkeypatch.setenv("IMS_MYSQL_URL", demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", demo["redis"].rpartition("/")[0])
    monkeypatch.setenv("IMS_SECRET_KEYS", servers.home.secret("secret_keys"))
    monkeypatch.setattr(memory, "WHO", ["api_rcs", "api_kakao", *memory.WHO, "api_user"])
    settings.reset()
    ims = Context("memory")
    use(ims)
    made = Road(ims, world, {})  # type: ignore[arg-type]
    made._key = demo["live_key"]
    made.vendors(*((v, c, SETTINGS[v]) for v, c in [("nhn", "rcs"), ("nhn", "kakao"), ("solapi", "mt")]))
    ims.db.run(lambda conn: sql.execute(conn, "DELETE FROM pulls"))
    monkeypatch.setattr(collecting, "_told", {})
    yield made
    await ims.redis.state.aclose()
    ims.db.close()
    settings.reset()


async def pull(road: Road) -> None:
    """One round of everything that must be asked."""
    road.ims.vendors._until = 0.0
    for entry in await road.ims.vendors.entries():
        while await collecting.pull_once(entry, road.ims):
            pass
    await road.run()


async def webhooks(road: Road, world: World) -> None:
    """What vendors told by themselves."""
    await asyncio.sleep(0.1)
    while world.webhooks:
        url, headers, body = world.webhooks.pop()
        answer = await road.post(httpx2.URL(url).path, body, headers)
        assert answer.status_code == 200, answer.text
        await road.run()


def people(*numbers: str, **more: Any) -> Json:
    return {"recipients": [{"to": number, **more} for number in numbers]}


def ends(road: Road) -> Counter[tuple[str, str, str]]:
    return Counter((r["channel"], r["status"], r["code"]) for r in road.callbacks.reports)


def received(world: World) -> Counter[str]:
    return Counter(r.text for r in world.app.store.received(None, None))


async def test_results_are_pulled_and_each_is_reported_once_however_often_they_come(road: Road, world: World) -> None:
    numbers = [f"0102000{n:04d}" for n in range(30)]
    await road.send("/v1/rcs/messages", {**R, **people(*numbers, "01090004004")})
    assert ends(road) == {}
    await pull(road)
    assert ends(road) == {("rcs", "delivered", "0000"): 30, ("rcs", "failed", "4004"): 1}
    assert {r["price"] for r in road.callbacks.reports if r["status"] == "delivered"} == {"9.00"}
    published = len(road.published)
    await pull(road)
    assert not [e for e in road.published[published:] if isinstance(e, (Receipts, Outcome))], "told already"
    collecting._told.clear()  # as another process, which begins where the last one ended
    road.ims.db.run(lambda conn: sql.execute(conn, "UPDATE pulls SET place=NULL"))
    await pull(road)
    assert sum(ends(road).values()) == 31
    assert received(world) == {R["text"]: 30}


async def test_a_process_that_dies_between_publish_and_place_repeats_harmlessly(
    road: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await road.send("/v1/rcs/messages", {**R, **people("01020000001", "01020000002")})

    def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(pulls, "keep", dies)
        with pytest.raises(RuntimeError):
            await pull(road)
    await road.run()
    assert ends(road) == {("rcs", "delivered", "0000"): 2}
    await pull(road)
    assert ends(road) == {("rcs", "delivered", "0000"): 2}


async def test_one_process_pulls_an_account_and_another_goes_on_after_its_lease(road: Road) -> None:
    of, db, now = ("nhn", "main", "rcs"), road.ims.db.run, 1_900_000_000_000
    assert db(pulls.take, of, b"first...", now, 30_000) == pulls.Lease(None)
    assert db(pulls.take, of, b"second..", now + 29_999, 30_000) is None
    db(pulls.keep, of, b"second..", "theirs")
    db(pulls.keep, of, b"first...", "ours")
    assert db(pulls.take, of, b"first...", now + 20_000, 30_000) == pulls.Lease("ours")
    assert db(pulls.take, of, b"second..", now + 49_999, 30_000) is None
    assert db(pulls.take, of, b"second..", now + 50_001, 30_000) == pulls.Lease("ours")


async def test_a_dead_vendor_holds_no_other(road: Road, world: World) -> None:
    await road.send("/v1/rcs/messages", {**R, **people("01020000001")})
    world.dead = True
    road.ims.vendors._until = 0.0
    event: Any = None
    task = asyncio.create_task(collecting.collect(event, road.ims))
    await asyncio.sleep(1.5)
    world.dead = False
    async with asyncio.timeout(30):
        while not ends(road):
            await asyncio.sleep(0.2)
            await road.run()
    road.ims.draining = True
    await task
    assert ends(road) == {("rcs", "delivered", "0000"): 1}


async def test_a_message_without_an_answer_is_found_by_its_words_and_not_sent_again(road: Road, world: World) -> None:
    world.lose = {"잃어버린"}
    await road.send("/v1/rcs/messages", {**R, **people("01020000001"), "text": "잃어버린 말"})
    assert ends(road) == {}
    world.lose = set()
    await road.later(3_000)
    await pull(road)
    assert ends(road) == {("rcs", "delivered", "0000"): 1}
    assert received(world) == {"잃어버린 말": 1}


async def test_of_two_equal_messages_without_answers_none_is_sent_again(road: Road, world: World) -> None:
    world.lose = {"두 번"}
    await road.send("/v1/rcs/messages", {**R, **people("01020000001", "01020000001"), "text": "두 번"})
    world.lose = set()
    await road.later(3_000)
    await pull(road)
    assert received(world) == {"두 번": 2}, "nobody knows which is which, so nothing is repeated"


async def test_an_equal_message_that_is_anothers_is_not_taken_for_the_lost_one(road: Road, world: World) -> None:
    await road.send("/v1/rcs/messages", {**R, **people("01020000001"), "text": "같은 말"})
    world.unheard = 1
    second = await road.send("/v1/rcs/messages", {**R, **people("01020000001"), "text": "같은 말"})
    await road.later(3_000)
    found = await road.trail(second["messages"][0]["message_id"])
    assert found["state"] == "uncertain", "the one in the list is the first message's"
    await pull(road)
    assert ends(road) == {("rcs", "delivered", "0000"): 1}


async def test_no_rcs_here_goes_on_to_kakao_and_to_a_text_with_one_id_and_one_report(road: Road, world: World) -> None:
    values = {"name": "김하나", "order": "A-1"}
    asked = {**R, **people("01090002004", variables=values), "fallback": [TALK, {**SMS, "type": "lms"}]}
    accepted = await road.send("/v1/rcs/messages", asked)
    await pull(road)
    await webhooks(road, world)
    await webhooks(road, world)
    (report,) = road.callbacks.reports
    assert report["message_id"] == accepted["messages"][0]["message_id"]
    assert (report["channel"], report["type"], report["status"], report["code"]) == ("mt", "lms", "delivered", "0000")
    hops = [(h["channel"], h["vendor"], h["status"], h["code"]) for h in report["hops"]]
    assert hops == [
        ("rcs", "nhn", "failed", "2004"), ("kakao", "nhn", "failed", "2004"), ("mt", "solapi", "delivered", "0000"),
    ]  # fmt: skip
    assert report["hops"][0]["raw_code"] == "54002"


async def test_a_late_delivery_of_an_earlier_hop_is_in_the_trail_and_no_second_result(road: Road, world: World) -> None:
    await world.client.put("/behaviour", json={"vendor": "nhn", "receipt_delay_ms": 1500})
    asked = {**R, **people("01020000001"), "fallback": [SMS], "wait": 1}
    accepted = await road.send("/v1/rcs/messages", asked)
    await road.later(2_000)
    await webhooks(road, world)
    assert ends(road) == {("mt", "delivered", "0000"): 1}
    await asyncio.sleep(2)
    await pull(road)
    assert ends(road) == {("mt", "delivered", "0000"): 1}
    found = await road.trail(accepted["messages"][0]["message_id"])
    assert (found["state"], found["channel"]) == ("delivered", "mt")


async def test_an_accounts_defaults_are_the_fallback_of_requests_that_name_none(road: Road, world: World) -> None:
    async def put(body: Json) -> httpx2.Response:
        from starlette.applications import Starlette
        from starlette.routing import Route

        from tests.wiring.functions import loaded

        app = httpx2.ASGITransport(app=Starlette(routes=[Route("/{path:path}", loaded("api_user"), methods=["PUT"])]))
        given = {"authorization": f"Bearer {road._key}", "content-type": "application/json"}
        async with httpx2.AsyncClient(transport=app, base_url="http://ims") as client:
            return await client.put("/v1/me", content=json.dumps(body), headers=given)

    wrong = await put(
        {"defaults": {"realtime": {"fallback": [{**SMS, "sender": "0299999999"}]}, "ad": {"fallback": 1}}}
    )
    assert wrong.status_code == 422
    wrong = await put({"defaults": {"realtime": {"fallback": [{**SMS, "sender": "0299999999"}]}}})
    assert [e["pointer"] for e in wrong.json()["errors"]] == ["/defaults/realtime/fallback/0/sender"]
    try:
        answer = await put({"defaults": {"realtime": {"fallback": [SMS], "wait": 20}}})
        assert answer.status_code == 200, answer.text
        assert answer.json()["defaults"] == {"realtime": {"fallback": [SMS], "wait": 20.0}}
        road.ims.accounts.forget(answer.json().get("account_id", 0))
        road.ims.accounts._accounts._values.clear()
        dry = (
            await road.post("/v1/rcs/messages?dry_run=true", json.dumps({**R, **people("01020000001")}).encode())
        ).json()
        assert [(hop["channel"], hop["wait"]) for hop in dry["plan"]] == [("rcs", 20.0), ("mt", None)]
        none = {**R, **people("01020000001"), "fallback": []}
        dry = (await road.post("/v1/rcs/messages?dry_run=true", json.dumps(none).encode())).json()
        assert [hop["channel"] for hop in dry["plan"]] == ["rcs"]
        text = {"sender": "0215441234", "text": "안녕", **people("01020000001")}
        dry = (await road.post("/v1/mt/messages?dry_run=true", json.dumps(text).encode())).json()
        assert [hop["channel"] for hop in dry["plan"]] == ["mt"], "it stands in the order itself"
        bulk = {**R, **people("01020000001"), "lane": "bulk"}
        dry = (await road.post("/v1/rcs/messages?dry_run=true", json.dumps(bulk).encode())).json()
        assert [hop["channel"] for hop in dry["plan"]] == ["rcs"]
        ladder = [TALK, {**SMS, "type": "lms", "text": "#{name}님, 주문 #{order}"}]
        assert (await put({"defaults": {"realtime": {"fallback": ladder}}})).status_code == 200
        road.ims.accounts._accounts._values.clear()
        values = {"name": "김하나", "order": "A-1"}
        await road.send("/v1/rcs/messages", {**R, **people("01090002004", variables=values)})
        await pull(road)
        await webhooks(road, world)
        await webhooks(road, world)
        (report,) = road.callbacks.reports
        assert [(h["channel"], h["status"]) for h in report["hops"]] == [
            ("rcs", "failed"), ("kakao", "failed"), ("mt", "delivered"),
        ]  # fmt: skip
        assert received(world)["김하나님, 주문 A-1"] == 1, "a client that only names recipients"
    finally:
        assert (await put({"defaults": {"realtime": None}})).json()["defaults"] == {}
