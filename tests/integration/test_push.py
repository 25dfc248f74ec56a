"""Push messages over the in-memory road: devices, users, and what services say of them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from local.testing import Platform
from shared.accounts import keys, secrets
from shared.domain.ids import parse_reference
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context, use
from shared.runtime.egress import Reply
from shared.stores import devices as device_store
from shared.stores import push_devices, sql
from shared.stores.devices import Device, token_hash
from shared.vendors.base import VendorAccount
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from tests.contract.test_push import _pem
from tests.memory import Json, Road
from tests.wiring.functions import loaded

APP = "demo-app"
A, B, C = "f3zLDZa2:APA91bHe-_A", "f3zLDZa2:APA91bHe-_B", "f3zLDZa2:APA91bHe-_C"
HEX = "ab" * 32
SMS = {"channel": "mt", "sender": "0215441234", "text": "대신 문자"}


class Phones:
    """The simulator behind each client of the context, and what was called."""

    def __init__(self) -> None:
        self.app = Simulator(SimulatorSettings(hang_seconds=0.05))
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://sim")  # type: ignore[arg-type]
        self.calls: list[str] = []
        self.says: dict[str, httpx2.Response | Exception] = {}
        """The answer to calls whose URL or body has these words."""

    def http2(self) -> httpx2.AsyncClient:
        async def answer(request: httpx2.Request) -> httpx2.Response:
            self.calls.append(f"{request.url} {request.content.decode()}")
            for words, said in self.says.items():
                if words in self.calls[-1]:
                    if isinstance(said, Exception):
                        raise said
                    return said
            made = await self.client.request(
                request.method, str(request.url), headers=request.headers, content=request.content
            )
            return httpx2.Response(made.status_code, headers=dict(made.headers), content=made.content)

        return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))

    async def exchange(self, url: str, body: bytes, headers: Any) -> Reply:
        """Stands for the guarded client."""
        self.calls.append(url)
        made = await self.client.post(url, content=body, headers=dict(headers))
        return Reply(made.status_code, {k.lower(): v for k, v in made.headers.items()}, made.content)

    async def shown(self) -> list[Json]:
        items: list[Json] = (await self.client.get("/received")).json()["items"]
        return [one for one in items if one["channel"] == "push"]

    def sends(self) -> list[str]:
        return [call for call in self.calls if "/token" not in call]


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
async def road(servers: Platform, phones: Phones, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    demo = servers.demo
    monkeypatch.setenv("IMS_MYSQL_URL", demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", demo["redis"].rpartition("/")[0])
    monkeypatch.setenv("IMS_SECRET_KEYS", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    settings.reset()
    ims = Context("memory")
    use(ims)
    texts = httpx2.Response(200, json={"groupInfo": {}, "failedMessageList": []})
    made = Road(ims, lambda _: texts, {"/v1/push/": loaded("api_push")})
    ims.__dict__.update({"http2": phones.http2(), "endpoints": phones})
    made.ims.db.run(_vendors)
    made.ims.db.run(_app, made.account_id)
    yield made
    await phones.client.aclose()
    await ims.redis.state.aclose()
    ims.db.close()
    settings.reset()


def _vendors(conn: sql.Connection) -> None:
    sql.execute(conn, "DELETE FROM vendor_accounts")
    rows = [(v, "main", "push", f"http://sim/vendors/{v}", "{}") for v in ("fcm", "apns", "webpush", "devices")]
    rows.append(("solapi", "main", "mt", "http://solapi.example", json.dumps({"api_key": "k", "api_secret": "s"})))
    sql.insert(conn, "vendor_accounts", "vendor, account, channel, base_url, settings", rows)


def _app(conn: sql.Connection, account_id: int) -> None:
    sql.insert(
        conn,
        "identities",
        "account_id, channel, kind, value, purpose, state, settings, created_ms, updated_ms",
        [(account_id, "push", "app", APP, "send", "approved", "{}", now_ms(), now_ms())],
    )
    ((identity_id,),) = sql.fetch(
        conn, "SELECT identity_id FROM identities WHERE account_id=%s AND kind='app'", (account_id,)
    )
    vapid, public = keys.made("app")
    google = {"project_id": "p1", "client_email": "ims@p1.example", "private_key": _pem("rsa")}
    private = {**vapid, "fcm_service_account": json.dumps(google), "apns_key": _pem("ec")}
    sealed = secrets.sealed(secrets.ring(), private, secrets.Place(account_id, identity_id), now_ms())
    told = {**public, "apns_key_id": "K1", "apns_team_id": "T1", "apns_topic": "example.app"}
    sql.execute(
        conn,
        f"UPDATE identities SET settings={sql.literal(json.dumps(told))}, secrets={sql.literal(json.dumps(sealed))} "
        f"WHERE identity_id={sql.literal(identity_id)}",
    )


def register(road: Road, user: str, token: str, kind: str = "fcm", **more: Any) -> bytes:
    """A device on record."""
    given = {"ads": False, "night_ads": False, "language": None, "subscription": None, "environment": None, **more}
    digest = token_hash(kind, given["subscription"]["endpoint"] if given["subscription"] else token)
    device = Device(
        os.urandom(16), road.account_id, False, user, APP, kind, token, digest, given["subscription"], "android",
        given["environment"], given["language"], None, given["ads"], given["night_ads"], None, "live", None,
        given.get("registered_ms", now_ms()), now_ms(),
    )  # fmt: skip
    return road.ims.db.run(device_store.register, device, True, None).device_id


def live(road: Road, user: str) -> list[str]:
    found = road.ims.db.run(device_store.page, road.account_id, False, b"", 100, user)
    return [device.token for device in found if device.state == "live"]


def notice(*to: str, **fields: Any) -> Json:
    return {
        "app": APP,
        "title": "주문",
        "body": "배송이 시작되었습니다",
        "recipients": [{"to": one} for one in to],
        **fields,
    }


async def refused(road: Road, body: Json) -> list[tuple[str, str]]:
    answer = await road.post("/v1/push/messages", json.dumps(body).encode())
    assert answer.status_code in (403, 422), answer.text
    return [(e["pointer"], e["code"]) for e in answer.json()["errors"]]


def at_devices(found: Json) -> list[Json]:
    """What the trail says of devices."""
    return [one for step in found["trail"] for one in step.get("devices", ())]


def ends(road: Road) -> list[tuple[str, str, str]]:
    return [(r["channel"], r["status"], r["code"]) for r in road.callbacks.reports]


async def test_a_token_of_each_service_gets_its_message_and_the_report_says_so(road: Road, phones: Phones) -> None:
    subscription = (await phones.client.post("/vendors/webpush/subscribe")).json()
    browser = register(road, "kim", "", "webpush", subscription=subscription)
    accepted = await road.send(
        "/v1/push/messages", notice(f"fcm:{A}", f"apns:{HEX.upper()}", f"webpush:{browser.hex()}")
    )
    assert [m["type"] for m in accepted["messages"]] == ["fcm", "apns", "webpush"]
    assert ends(road) == [("push", "delivered", "0000")] * 3
    assert sorted(one["type"] for one in await phones.shown()) == ["apns", "fcm", "webpush"]


async def test_a_user_is_one_message_with_one_result_and_each_device_in_the_trail(road: Road, phones: Phones) -> None:
    devices = [register(road, "kim", token) for token in (A, "magic-5001", C)]
    accepted = await road.send("/v1/push/messages", notice("user:kim"))
    assert (accepted["accepted"], ends(road)) == (1, [("push", "delivered", "0000")])
    assert sorted(one["to"] for one in await phones.shown()) == [f"fcm:{A}", f"fcm:{C}"]
    assert sorted(live(road, "kim")) == sorted([A, C])
    found = await road.trail(accepted["messages"][0]["message_id"])
    told = {one["device"]: (one["state"], one["code"]) for one in at_devices(found)}
    assert [told[str(UUID(bytes=d))] for d in devices] == [
        ("sent", "0000"), ("failed", "5001"), ("sent", "0000"),
    ]  # fmt: skip
    assert A not in json.dumps(found)


async def test_who_has_no_device_is_told_at_once_and_nobody_else_gets_it(road: Road, phones: Phones) -> None:
    register(road, "lee", A)
    assert await refused(road, notice("user:nobody-7")) == [("/recipients/0/to", "2005")]
    accepted = await road.send("/v1/push/messages", notice("user:nobody-7", f"fcm:{B}"))
    assert [r["code"] for r in accepted["rejected"]] == ["2005"]
    assert [one["to"] for one in await phones.shown()] == [f"fcm:{B}"]


@pytest.mark.parametrize(
    "to", ["user:", "user:  ", "user:undefined", "user:null", "fcm:", "apns:xyz", "webpush:7", "kim"]
)
async def test_an_address_that_names_nobody_is_refused(road: Road, to: str) -> None:
    assert await refused(road, notice(to)) == [("/recipients/0/to", "1001")]


async def test_users_and_tokens_compare_byte_by_byte(road: Road, phones: Phones) -> None:
    register(road, "Kim-7", A)
    register(road, "kim-7", B)
    register(road, "acme:42", C)
    await road.send("/v1/push/messages", notice("user:Kim-7", "user:acme:42"))
    assert sorted(one["to"] for one in await phones.shown()) == [f"fcm:{A}", f"fcm:{C}"]


async def test_the_last_who_registers_a_token_has_it(road: Road, phones: Phones) -> None:
    register(road, "kim", A)
    register(road, "lee", A)
    assert await refused(road, notice("user:kim")) == [("/recipients/0/to", "2005")]
    await road.send("/v1/push/messages", notice("user:lee"))
    assert len(await phones.shown()) == 1


async def test_each_device_reads_its_own_language(road: Road, phones: Phones) -> None:
    register(road, "kim", A, language="ko")
    register(road, "kim", B, language="en-US")
    await road.send("/v1/push/messages", notice("user:kim", localized={"en": {"title": "Order", "body": "On its way"}}))
    assert {one["to"]: one["title"] for one in await phones.shown()} == {f"fcm:{A}": "주문", f"fcm:{B}": "Order"}


async def test_a_token_that_a_service_calls_gone_dies_and_is_told_before_it_is_called_again(
    road: Road, phones: Phones
) -> None:
    register(road, "kim", "magic-5001")
    await road.send("/v1/push/messages", notice("user:kim"))
    assert ends(road) == [("push", "failed", "5001")]
    assert live(road, "kim") == []
    calls = len(phones.calls)
    assert await refused(road, notice("user:kim")) == [("/recipients/0/to", "2005")]
    assert len(phones.calls) == calls


@pytest.mark.parametrize(("ahead_ms", "lives"), [(1000, True), (-1000, False)])
async def test_apples_410_counts_only_for_who_registered_before_it(
    road: Road, phones: Phones, ahead_ms: int, lives: bool
) -> None:
    gone_ms = now_ms() - 5000
    register(road, "kim", HEX, "apns", registered_ms=gone_ms + ahead_ms)
    phones.says["/3/device/"] = httpx2.Response(410, json={"reason": "Unregistered", "timestamp": gone_ms})
    await road.send("/v1/push/messages", notice("user:kim"))
    assert ends(road) == [("push", "failed", "5001")]
    assert bool(live(road, "kim")) is lives


async def test_tokens_that_all_look_bad_at_once_are_spared(road: Road, phones: Phones) -> None:
    phones.says["/3/device/"] = httpx2.Response(400, json={"reason": "BadDeviceToken"})
    for n in range(40):
        register(road, f"u{n}", f"{n:064x}", "apns")
    await road.send("/v1/push/messages", notice(*(f"user:u{n}" for n in range(40))))
    assert {code for _, _, code in ends(road)} == {"5001"}
    assert all(live(road, f"u{n}") for n in range(40))


async def test_one_bad_token_is_suspect_first_and_passed_over(road: Road, phones: Phones) -> None:
    register(road, "kim", HEX, "apns")
    phones.says["/3/device/"] = httpx2.Response(400, json={"reason": "BadDeviceToken"})
    await road.send("/v1/push/messages", notice("user:kim"))
    (device,) = road.ims.db.run(device_store.page, road.account_id, False, b"", 10, "kim")
    assert (device.state, device.why is not None) == ("suspect", True)
    calls = len(phones.sends())
    await road.send("/v1/push/messages", notice("user:kim"))
    assert (ends(road)[-1], len(phones.sends())) == (("push", "failed", "2005"), calls)


async def test_one_device_that_takes_it_is_enough_and_what_is_open_is_told(road: Road, phones: Phones) -> None:
    register(road, "kim", A)
    register(road, "kim", B)
    phones.says[B] = httpx2.ReadTimeout("late")
    accepted = await road.send("/v1/push/messages", notice("user:kim", on_uncertain="wait"))
    assert ends(road) == [("push", "delivered", "0000")]
    found = await road.trail(accepted["messages"][0]["message_id"])
    assert sorted(one["state"] for one in at_devices(found)) == ["sent", "uncertain"]
    assert len([call for call in phones.sends() if A in call]) == 1


async def test_a_process_that_dies_in_the_middle_pushes_nothing_twice(road: Road, phones: Phones) -> None:
    """Its claims are there, its answers are not: asked, it says that nobody knows, and no device is called again."""
    first, second = register(road, "kim", A), register(road, "kim", B)
    answer = await road.post(
        "/v1/push/messages", json.dumps(notice("user:kim", callback_uri="https://c.example/")).encode()
    )
    name = parse_reference(answer.json()["messages"][0]["message_id"])
    assert name is not None
    begun = [(first, "fcm", "_A"), (second, "fcm", "_B")]
    road.ims.db.run(push_devices.begin, name.message_id.bytes, 1, begun[:1], now_ms())
    await road.run()
    assert [one["to"] for one in await phones.shown()] == [f"fcm:{B}"]
    assert ends(road) == [("push", "delivered", "0000")]


async def test_an_advertisement_goes_only_where_it_was_consented_to(road: Road, phones: Phones) -> None:
    ad = {"lane": "ad", "title": "(광고) 봄 세일", "body": "수신거부: 설정 > 알림"}
    register(road, "kim", A, ads=True)
    register(road, "kim", B)
    register(road, "lee", C)
    assert await refused(road, {**notice("user:lee"), **ad}) == [("/recipients/0/to", "1007")]
    assert await refused(road, {**notice(f"fcm:{C}"), **ad}) == [("/recipients/0/to", "1007")]
    assert await refused(road, {**notice("user:kim"), **ad, "title": "봄 세일"}) == [("/title", "1008")]
    assert (await road.post("/v1/push/messages", json.dumps({**notice("user:kim"), **ad}).encode())).status_code == 202


async def test_push_falls_over_to_text_and_text_to_push(road: Road, phones: Phones) -> None:
    body = notice("fcm:magic-5001", fallback=[SMS])
    body["recipients"][0]["addresses"] = {"mt": "01023457001"}
    accepted = await road.send("/v1/push/messages", body)
    found = await road.trail(accepted["messages"][0]["message_id"])
    first, second = found["hops"]
    assert (first["channel"], first["vendor"], first["code"]) == ("push", "fcm", "5001")
    assert (second["channel"], second["vendor"]) == ("mt", "solapi")
    push = {"channel": "push", "app": APP, "body": "대신 알림"}
    text = {
        "sender": "0215441234",
        "text": "x" * 3,
        "recipients": [{"to": "01012345678", "addresses": {"push": f"fcm:{A}"}}],
    }
    dry = await road.post("/v1/mt/messages?dry_run=true", json.dumps({**text, "fallback": [push]}).encode())
    assert dry.status_code == 200, dry.text


async def test_a_token_is_asked_for_once_and_renewed_once_when_it_is_refused(road: Road, phones: Phones) -> None:
    await road.send("/v1/push/messages", notice(*(f"fcm:{A}{n}" for n in range(20))))
    assert len([call for call in phones.calls if "/token" in call]) == 1
    assert ends(road) == [("push", "delivered", "0000")] * 20
    phones.app.vendors["fcm"]._tokens.clear()  # type: ignore[attr-defined]
    await road.send("/v1/push/messages", notice(f"fcm:{B}"))
    assert len([call for call in phones.calls if "/token" in call]) == 2
    assert ends(road)[-1] == ("push", "delivered", "0000")


async def test_the_app_waits_that_was_told_to(road: Road, phones: Phones) -> None:
    phones.says[A] = httpx2.Response(
        429, headers={"retry-after": "30"}, json={"error": {"status": "RESOURCE_EXHAUSTED"}}
    )
    await road.send("/v1/push/messages", notice(f"fcm:{A}"))
    calls = len(phones.sends())
    await road.send("/v1/push/messages", notice(f"fcm:{B}", f"apns:{HEX}"))
    assert len(phones.sends()) == calls + 1, "APNs goes on"
    assert ends(road) == [("push", "delivered", "0000")]


def test_the_vendor_accounts_of_the_demo_are_all_there() -> None:
    from local.seed import VENDORS
    from simulator.accounts import accounts

    known = {a.vendor for a in accounts() if isinstance(a, VendorAccount)}
    assert {vendor for vendor, *_ in VENDORS} - {"devices"} <= known
