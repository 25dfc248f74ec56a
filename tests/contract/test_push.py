"""The push services against the simulator: what it gets, what a phone shows, and what each of their answers means."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from shared.channels.push.payload import PushPayload, Texts
from shared.domain.codes import CODES
from shared.domain.errors import ClientWaits, Overloaded, Rejected, Unavailable, Uncertain
from shared.vendors.base import Answer, Call, Outbound, Token, VendorAccount
from shared.vendors.push.service import App, Service, Target, Verdict
from shared.vendors.registry import REGISTRY
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from tests.contract.vendor_bench import now_ms, reference

FCM, APNS, WEB = (REGISTRY[name, "push"] for name in ("fcm", "apns", "webpush"))
SERVICES: list[Any] = [FCM, APNS, WEB]
HEX = "ab" * 32
MAGIC = ("1002", "1009", "3001", "3002", "3004", "5001")


def _pem(kind: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key: Any = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def app() -> App:
    from shared.accounts import keys

    vapid, public = keys.made("app")
    google = {"project_id": "p1", "client_email": "ims@p1.example", "private_key": _pem("rsa")}
    secrets = {**vapid, "fcm_service_account": json.dumps(google), "apns_key": _pem("ec")}
    settings = {**public, "apns_key_id": "K1", "apns_team_id": "T1", "apns_topic": "example.app"}
    return App(1, "demo-app", {**settings, "vapid_subject": "mailto:ops@demo.example"}, secrets)


@asynccontextmanager
async def phone() -> AsyncIterator[httpx2.AsyncClient]:
    simulator = Simulator(SimulatorSettings(hang_seconds=0.05))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=simulator), base_url="http://sim") as client:  # type: ignore[arg-type]
        yield client


async def make(client: httpx2.AsyncClient, call: Call) -> Answer:
    answer = await client.request(call.method, call.url, headers=dict(call.headers), content=call.body)
    return Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)


async def target(client: httpx2.AsyncClient, service: Service, token: str = "") -> Target:
    if service is WEB:
        made = (await client.post("/vendors/webpush/subscribe", json={"id": token or "chrome"})).json()
        return Target("webpush", "id", subscription=made)
    plain = {"fcm": "f3zLDZa2:APA91bHe-_x", "apns": HEX}[service.name]
    return Target(service.name, token or plain)


def account(service: Service) -> VendorAccount:
    return VendorAccount(service.name, "main", f"http://sim/vendors/{service.name}", {})


def message(lane: str = "realtime", **said: Any) -> Outbound:
    payload = PushPayload(1, "demo-app", "주문", "배송이 시작되었습니다")._replace(**said)
    return Outbound(reference(), "to", "type", lane, payload, valid_until=now_ms() + 3_600_000)


async def deliver(
    client: httpx2.AsyncClient, service: Service, app: App, to: Target, sent: Outbound
) -> tuple[Answer, Call]:
    made = service.app_token(app, to, account(service), now_ms())
    if not isinstance(made, Token):
        made = service.read_token(await make(client, made), now_ms())
    call = service.call(app, to, replace(account(service), token=made.value), sent, now_ms())
    return await make(client, call), call


async def shown(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/received")).json()["items"]
    return items


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
async def test_a_phone_shows_what_was_sent(service: Service, app: App) -> None:
    said = {"data": (("order", "A-17"),), "image": "https://cdn.example/1.png", "link": "https://demo.example/o/1"}
    async with phone() as client:
        sent = message(**said)
        answer, _ = await deliver(client, service, app, await target(client, service), sent)
        (result,) = service.read_send([sent], answer, now_ms())
        assert (result.reference, result.state, result.code) == (sent.reference, "sent", "0000")
        (one,) = await shown(client)
    assert (one["title"], one["text"], one["image"]) == ("주문", "배송이 시작되었습니다", "https://cdn.example/1.png")
    assert one["data"]["order"] == "A-17"
    assert one["data"]["link"] == "https://demo.example/o/1"
    assert one["channel"] == "push"


@pytest.mark.parametrize("code", MAGIC)
@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
async def test_a_magic_token_gives_its_code(service: Service, app: App, code: str) -> None:
    async with phone() as client:
        answer, _ = await deliver(client, service, app, await target(client, service, f"magic-{code}"), message())
        said = service.verdict(answer, now_ms())
        assert said.code == code
        assert said.state == ("unavailable" if code in ("3001", "3002") else "failed")
        assert bool(said.death) == (code == "5001")
        assert await shown(client) == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_every_raw_code_maps_to_an_ims_code(service: Service) -> None:
    assert service.codes
    assert {row.ims for row in service.codes.values()} <= set(CODES)


@pytest.mark.parametrize(
    ("lane", "fcm", "apns", "web"),
    [("auth", "HIGH", "10", "high"), ("realtime", "HIGH", "10", "high"), ("bulk", "NORMAL", "5", "normal"),
     ("ad", "NORMAL", "5", "low")],
)  # fmt: skip
async def test_priority_follows_the_lane(app: App, lane: str, fcm: str, apns: str, web: str) -> None:
    async with phone() as client:
        for service in SERVICES:
            await deliver(client, service, app, await target(client, service), message(lane))
        assert [one["priority"] for one in await shown(client)] == [fcm, apns, web]


async def test_every_copy_of_a_message_carries_one_tag_and_no_collapse_key_of_ours(app: App) -> None:
    sent = message()
    async with phone() as client:
        for service in SERVICES:
            await deliver(client, service, app, await target(client, service), sent)
        fcm, apns, web = await shown(client)
    assert fcm["tag"] == apns["tag"] == web["tag"]
    assert fcm["collapse"] is None
    assert (apns["collapse"], web["collapse"]) == (fcm["tag"], fcm["tag"])


async def test_a_collapse_key_goes_to_all_three_alike(app: App) -> None:
    sent = message(collapse_key="주문-1")
    async with phone() as client:
        for service in SERVICES:
            await deliver(client, service, app, await target(client, service), sent)
        fcm, apns, web = await shown(client)
    assert fcm["collapse"] == fcm["tag"] == web["tag"] == "주문-1"
    assert len(web["collapse"]) <= 32
    assert apns["collapse"] == web["collapse"], "headers carry a digest of other signs than ASCII"


async def test_silent_messages_wake_nobody(app: App) -> None:
    sent = message(silent=True, title=None, body=None, badge=3, sound="x", data=(("sync", "1"),))
    async with phone() as client:
        answer, call = await deliver(client, APNS, app, await target(client, APNS), sent)  # type: ignore[arg-type]
        assert answer.status == 200
    aps = json.loads(call.body)["aps"]
    assert aps == {"content-available": 1}
    assert (call.headers["apns-push-type"], call.headers["apns-priority"]) == ("background", "5")


async def test_badge_and_expiration_of_apns(app: App) -> None:
    sent = message(badge=0)
    async with phone() as client:
        _, call = await deliver(client, APNS, app, await target(client, APNS), sent)  # type: ignore[arg-type]
        _, other = await deliver(client, APNS, app, await target(client, APNS), message())  # type: ignore[arg-type]
    assert json.loads(call.body)["aps"]["badge"] == 0
    assert "badge" not in json.loads(other.body)["aps"]
    assert abs(int(call.headers["apns-expiration"]) - sent.valid_until // 1000) <= 1
    assert call.headers["apns-topic"] == "example.app"


@pytest.mark.parametrize(
    ("language", "title"),
    [("ko", "주문"), ("en-US", "Order"), ("en", "Order"), ("zh-Hant", "訂單"), ("zh-Hans", "주문"), (None, "주문")],
)
def test_each_device_reads_its_own_language(language: str | None, title: str) -> None:
    texts = (
        Texts("en", "Order", "It is on its way"),
        Texts("zh-Hant", "訂單", "已寄出"),
        Texts("zh-Hans-CN", "订单", "x"),
    )
    payload = PushPayload(1, "demo-app", "주문", "배송", localized=texts)
    assert payload.texts(language)[0] == title


# --- what answers mean ------------------------------------------------------------------------------------------------

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD = "type.googleapis.com/google.rpc.BadRequest"


def google(code: int, status: str, text: str, *details: Any) -> Answer:
    error = {"code": code, "status": status, "message": text, "details": list(details)}
    return Answer(code, {}, json.dumps({"error": error}).encode())


def fcm_code(code: str) -> dict[str, str]:
    return {"@type": FCM_ERROR, "errorCode": code}


FIELD = {"@type": BAD, "fieldViolations": [{"field": "message.data[0].value"}]}
OF_TOKEN = {"@type": BAD, "fieldViolations": [{"field": "message.token"}]}
NOT_VALID = "The registration token is not a valid FCM registration token"


@pytest.mark.parametrize(
    ("answer", "code", "death"),
    [
        (google(400, "INVALID_ARGUMENT", "Invalid value at 'message.data[0].value' (TYPE_STRING), 12", FIELD),
         "1009", ""),
        (google(400, "INVALID_ARGUMENT", "Android message is too big", {"@type": BAD}, fcm_code("INVALID_ARGUMENT")),
         "1002", ""),
        (google(400, "INVALID_ARGUMENT", NOT_VALID, fcm_code("INVALID_ARGUMENT")), "5001", "sure"),
        (google(400, "INVALID_ARGUMENT", "wrong", OF_TOKEN), "5001", "sure"),
        (google(400, "INVALID_ARGUMENT", "wrong", {"@type": BAD, "fieldViolations": [
            {"field": "message.token"}, {"field": "message.data"}]}), "1009", ""),
        (google(404, "NOT_FOUND", "Requested entity was not found.", fcm_code("UNREGISTERED")), "5001", "sure"),
        (google(404, "NOT_FOUND", "Requested entity was not found."), "3004", ""),
        (Answer(404, {}, b"<html>not here</html>"), "3004", ""),
        (google(403, "PERMISSION_DENIED", "x", fcm_code("SENDER_ID_MISMATCH")), "5001", "sure"),
        (google(403, "PERMISSION_DENIED", "x"), "3004", ""),
        (google(401, "UNAUTHENTICATED", "x", fcm_code("THIRD_PARTY_AUTH_ERROR")), "3004", ""),
    ],
)  # fmt: skip
def test_what_fcm_says_of_a_message(answer: Answer, code: str, death: str) -> None:
    said = FCM.verdict(answer, now_ms())  # type: ignore[attr-defined]
    assert (said.state, said.code, said.death) == ("failed", code, death)


def test_only_our_own_401_and_403_ask_for_a_new_token() -> None:
    def renews(answer: Answer) -> bool:
        return bool(FCM.refuses_token(answer))  # type: ignore[attr-defined]

    assert renews(google(401, "UNAUTHENTICATED", "x"))
    assert renews(google(403, "PERMISSION_DENIED", "x"))
    assert not renews(google(401, "UNAUTHENTICATED", "x", fcm_code("THIRD_PARTY_AUTH_ERROR")))
    assert not renews(google(403, "PERMISSION_DENIED", "x", fcm_code("SENDER_ID_MISMATCH")))


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "30"}, 30.0), ({}, 60.0)])
def test_a_quota_makes_the_app_wait(headers: dict[str, str], seconds: float) -> None:
    answer = replace(google(429, "RESOURCE_EXHAUSTED", "x", fcm_code("QUOTA_EXCEEDED")), headers=headers)
    with pytest.raises(ClientWaits) as waits:
        FCM.read_send([message()], answer, now_ms())
    assert waits.value.retry_after == seconds


@pytest.mark.parametrize(("status", "error"), [(503, Unavailable), (500, Unavailable), (502, Uncertain)])
def test_what_fcm_does_not_say(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        FCM.read_send([message()], Answer(status, {}, b"x"), now_ms())


def apple(status: int, **body: Any) -> Verdict:
    said: Verdict = APNS.verdict(Answer(status, {}, json.dumps(body).encode()), now_ms())  # type: ignore[attr-defined]
    return said


def test_a_410_of_apple_tells_since_when() -> None:
    since = now_ms() - 1000
    assert apple(410, reason="Unregistered", timestamp=since) == Verdict(
        "failed", "5001", "Unregistered", APNS.codes["Unregistered"].text, death="sure", since_ms=since
    )
    assert apple(410, reason="Unregistered").since_ms is None
    assert apple(410, reason="ExpiredToken").death == "sure"


@pytest.mark.parametrize(
    ("status", "reason", "state", "code", "death"),
    [
        (400, "BadDeviceToken", "failed", "5001", "doubtful"),
        (400, "DeviceTokenNotForTopic", "failed", "5001", "doubtful"),
        (400, "TopicDisallowed", "failed", "3004", ""), (400, "BadTopic", "failed", "1009", ""),
        (403, "InvalidProviderToken", "failed", "3004", ""), (413, "PayloadTooLarge", "failed", "1002", ""),
        (429, "TooManyRequests", "unavailable", "3002", ""),
        (429, "TooManyProviderTokenUpdates", "unavailable", "3002", ""),
        (503, "ServiceUnavailable", "unavailable", "3001", ""), (500, "InternalServerError", "unavailable", "3001", ""),
        (400, "SomethingNew", "failed", "3003", ""), (410, "SomethingNew", "failed", "3003", ""),
    ],
)  # fmt: skip
def test_what_apple_says_of_a_message(status: int, reason: str, state: str, code: str, death: str) -> None:
    said = apple(status, reason=reason)
    assert (said.state, said.code, said.death) == (state, code, death)


def test_a_bad_device_token_is_asked_at_the_other_host() -> None:
    said = apple(400, reason="BadDeviceToken")
    both = VendorAccount("apns", "main", "https://a", {"sandbox_url": "https://b"})
    other = APNS.other(Target("apns", HEX), both, said)  # type: ignore[attr-defined]
    assert other.environment == "sandbox"
    assert APNS.other(Target("apns", HEX), account(APNS), said) is None  # type: ignore[attr-defined, arg-type]


@pytest.mark.parametrize(
    ("status", "state", "code", "death"),
    [
        (201, "sent", "0000", ""), (202, "sent", "0000", ""), (200, "sent", "0000", ""), (204, "sent", "0000", ""),
        (404, "failed", "5001", "sure"), (410, "failed", "5001", "sure"), (400, "failed", "1009", ""),
        (401, "failed", "3004", ""), (403, "failed", "3004", ""), (413, "failed", "1002", ""),
        (429, "unavailable", "3002", ""), (507, "unavailable", "3001", ""), (302, "unavailable", "3001", ""),
        (502, "uncertain", "0300", ""),
    ],
)  # fmt: skip
def test_what_a_browsers_service_says(status: int, state: str, code: str, death: str) -> None:
    said = WEB.verdict(Answer(status, {"location": "http://169.254.169.254/"}, b""), now_ms())  # type: ignore[attr-defined]
    assert (said.state, said.code, said.death) == (state, code, death)
    assert "169.254" not in said.raw_text


def test_the_cause_that_stands_in_headers_only_is_kept() -> None:
    headers = {"x-wns-error-description": "ttl value conflicts"}
    assert "ttl value conflicts" in WEB.verdict(Answer(400, headers, b""), now_ms()).raw_text  # type: ignore[attr-defined]
    apple_says = Answer(400, {}, b'{"reason":"VapidPkHashMismatch"}')
    assert WEB.verdict(apple_says, now_ms()).code == "3004"  # type: ignore[attr-defined]


def test_a_vapid_token_is_for_the_origin_of_its_endpoint(app: App) -> None:
    scopes, auds = set(), []
    for place in ("https://a.example/x", "https://b.example:8443/y", "https://a.example/z"):
        to = Target("webpush", "id", subscription={"endpoint": place, "keys": {}})
        scopes.add(WEB.scope(app, to, account(WEB)))  # type: ignore[attr-defined, arg-type]
        token = WEB.app_token(app, to, account(WEB), now_ms())  # type: ignore[attr-defined, arg-type]
        part = token.value.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        auds.append(claims["aud"])
        assert now_ms() // 1000 < claims["exp"] <= now_ms() // 1000 + 86_400
    assert auds == ["https://a.example", "https://b.example:8443", "https://a.example"]
    assert len(scopes) == 2


@pytest.mark.parametrize(("until", "dead"), [(None, False), ("soon", False), (1, True), (253_402_300_799_000, False)])
def test_a_subscription_may_end(app: App, until: Any, dead: bool) -> None:
    from simulator.vendors.webpush import keys_of

    _, public, auth = keys_of("x")
    keys = {name: base64.urlsafe_b64encode(value).decode() for name, value in (("p256dh", public), ("auth", auth))}
    to = Target(
        "webpush", "id", subscription={"endpoint": "https://a.example/x", "expirationTime": until, "keys": keys}
    )
    at = replace(account(WEB), token="t")  # type: ignore[arg-type]
    if dead:
        with pytest.raises(Rejected) as refused:
            WEB.call(app, to, at, message(), now_ms())  # type: ignore[attr-defined]
        assert refused.value.code == "5001"
    else:
        call = WEB.call(app, to, at, message(), now_ms())  # type: ignore[attr-defined]
        assert int(call.headers["ttl"]) >= 1
        assert call.transport == "egress"


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_an_app_without_keys_is_refused_as_itself(service: Service) -> None:
    bare = App(1, "bare", {}, {})
    to = Target(service.name, HEX, subscription={"endpoint": "https://a.example/x", "keys": {}})
    with pytest.raises(Rejected) as refused:
        service.scope(bare, to, account(service))
    assert refused.value.code == "3004"


def test_googles_clock_is_named_where_a_grant_is_invalid() -> None:
    answer = Answer(400, {"date": "Tue, 01 Dec 2026 00:00:00 GMT"}, b'{"error":"invalid_grant"}')
    with pytest.raises(Rejected) as refused:
        FCM.read_token(answer, now_ms())  # type: ignore[attr-defined]
    assert refused.value.code == "3004"
    assert "clock" in refused.value.detail


def odd_bodies() -> Iterator[bytes]:
    yield from (b"", b"[]", b"null", b'"x"', b"{", b'{"name": 7}', b'{"error": []}', b'{"error": {"details": 5}}')
    yield b'{"error": {"details": [7, {"@type": 4}], "message": {}}}'
    yield b'{"reason": {"a": 1}, "timestamp": "never"}'
    yield b"[" * 2000 + b"]" * 2000


@pytest.mark.parametrize("body", list(odd_bodies()), ids=range(11))
@pytest.mark.parametrize("status", [200, 400, 404, 410, 429, 500])
@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_odd_answers_break_nothing_and_kill_no_token_but_by_status(service: Service, status: int, body: bytes) -> None:
    said = service.verdict(Answer(status, {}, body), now_ms())
    assert said.code in CODES
    if service is not WEB:
        assert not said.death
    try:
        service.read_send([message()], Answer(status, {}, body), now_ms())
    except (Overloaded, Unavailable, Uncertain):
        return
