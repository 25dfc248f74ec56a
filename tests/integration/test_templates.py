"""Templates and devices on a real MySQL."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from shared.accounts import submission
from shared.channels.common import Wants
from shared.collecting import templates as following
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.stores import devices, sql
from shared.stores import templates as store
from shared.vendors.base import TemplateState
from tests.integration.test_identities import _keys as _keys
from tests.integration.test_identities import admin as admin
from tests.integration.test_identities import ask, everything, look_up, made
from tests.integration.test_rights import Pair, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

TEXT = {
    "sender_key": "k" * 40,
    "text": "#{name}님, #{order} #{name}",
    "buttons": [{"type": "WL", "name": "보기", "mobile": "https://c.example/#{b}"}],
}

Json = dict[str, Any]


async def drafted(pair: Pair, code: str = "HELLO", channel: str = "kakao", **more: Any) -> Json:
    answer = await ask(
        "POST", "/v1/templates", pair.live, **{"channel": channel, "code": code, "content": TEXT, **more}
    )
    assert answer.status == 201, answer
    return answer.body


async def test_a_version_in_use_stays_usable_while_the_next_is_in_review(pair: Pair, admin: str) -> None:
    one = await drafted(pair)
    assert (one["version"], one["state"], one["in_use"], one["variables"]) == (1, "draft", None, ["name", "order", "b"])
    path, desk = "/v1/templates/HELLO", f"/v1/admin/templates/{one['id']}"

    async def usable() -> tuple[int, str]:
        found = await look_up(pair, {"kakao": Wants(templates=frozenset({"HELLO", "other", "없음"}))})
        (template,) = found.templates.values()
        return template.version, template.state

    assert await usable() == (1, "draft")
    assert (await ask("POST", f"{desk}/approve", admin)).status == 409, "a draft was not handed in"
    assert (await ask("POST", f"{path}/submit", pair.live)).body["state"] == "submitted"
    assert (await ask("POST", f"{path}/submit", pair.live)).status == 409
    assert one["id"] in [t["id"] for t in await everything("/v1/admin/templates", admin, "state=pending")]
    assert (await ask("POST", f"{desk}/approve", admin, version=1)).body["state"] == "approved"
    assert await usable() == (1, "approved")
    second = (await ask("PUT", path, pair.live, content={"text": "anew"})).body
    assert (second["version"], second["state"], second["in_use"]) == (2, "draft", 1)
    await ask("POST", f"{path}/submit", pair.live)
    assert await usable() == (1, "approved")
    third = (await ask("PUT", path, pair.live, content={"text": "third"}, name="Greeting")).body
    assert (third["version"], third["name"]) == (3, "Greeting")
    assert (await ask("POST", f"{path}/submit", pair.live)).status == 409, "another version is in review"
    assert (await ask("POST", f"{desk}/approve", admin, version=1)).status == 409
    listed = (await ask("GET", f"{path}/versions", pair.live)).body["items"]
    assert [(v["version"], v["state"]) for v in listed] == [(3, "draft"), (2, "submitted"), (1, "approved")]


@pytest.mark.parametrize("text", ["rejected", "approved"])
async def test_what_vendors_say_makes_the_state(pair: Pair, text: str) -> None:
    await drafted(pair)
    whole = (await pair.client.ims.db(store.by_code, pair.client.account_id, "HELLO"))[0]
    await pair.client.ims.db(store.submit, pair.client.account_id, whole.head.template_id, now_ms())

    async def said(vendor: str, state: str, *words: str) -> Json:
        comments = [{"by": vendor, "text": word, "at": "2026-12-01T00:00:00Z"} for word in words]
        await submission.note(pair.client.ims, whole, vendor, TemplateState(state, comments))
        return (await ask("GET", "/v1/templates/HELLO", pair.live)).body

    assert (await said("nhn", "in_review"))["state"] == "in_review"
    for _ in range(2):
        now = await said("nhn", text, "the reviewer's words")
        assert (now["state"], now["states"], len(now["comments"])) == (text, {"nhn": text}, 1)
    assert (await said("solapi", "approved"))["state"] == "approved"
    before = await said("nhn", "submitted")
    assert before["states"]["nhn"] == text, "a state does not go back"
    assert (await said("solapi", "blocked"))["state"] == ("approved" if text == "approved" else "rejected")
    last = await said("nhn", "gone")
    assert (last["state"], last["in_use"]) == ("blocked", None)
    assert (await said("solapi", "approved"))["in_use"] == 1


async def test_a_preview_shows_what_is_filled_in_once(pair: Pair) -> None:
    await drafted(pair)
    path = "/v1/templates/HELLO/preview"
    missing = await ask("POST", path, pair.test, variables={"name": "a"})
    assert [e["pointer"] for e in missing.body["errors"]] == ["/variables/order", "/variables/b"]
    shown = (await ask("POST", path, pair.test, variables={"name": "#{order}", "order": "7", "b": "go"})).body
    assert shown["content"]["text"] == "#{order}님, 7 #{order}"
    assert shown["content"]["buttons"] == [{"type": "WL", "name": "보기", "mobile": "https://c.example/go"}]
    assert shown["length"] == len(shown["content"]["text"])


async def test_templates_are_one_accounts_and_read_only_for_test_keys(pair: Pair) -> None:
    one = await drafted(pair)
    again = await ask("POST", "/v1/templates", pair.live, channel="kakao", code="HELLO", content=TEXT)
    assert (again.status, again.body["id"]) == (409, one["id"])
    path = "/v1/templates/HELLO"
    assert (await ask("GET", path, pair.test)).body == one
    assert (await ask("PUT", path, pair.test, content=TEXT)).status == 403
    for method, tail in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/versions"), ("POST", "/submit")):
        never = await ask(method, f"/v1/templates/NEVER{tail}", pair.other, content=TEXT)
        assert (never.status, await ask(method, f"{path}{tail}", pair.other, content=TEXT)) == (404, never)
    await drafted(pair, channel="rcs")
    assert (await ask("GET", path, pair.live)).body["errors"][0]["pointer"] == "/channel"
    assert len(await everything("/v1/templates", pair.live, "code=HELLO")) == 2
    assert (await ask("GET", "/v1/templates/%EC%97%86", pair.live)).status == 404


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/channel", "/code", "/content"]),
        ({"channel": "fax", "code": "A", "content": TEXT}, ["/channel"]),
        ({"channel": "kakao", "code": "a b", "content": TEXT}, ["/code"]),
        ({"channel": "kakao", "code": "A", "content": {}}, ["/content"]),
        ({"channel": "kakao", "code": "A", "content": {"text": "x" * 100_001}}, ["/content"]),
    ],
)
async def test_what_cannot_be_a_template_is_refused_at_its_field(pair: Pair, body: Json, pointers: list[str]) -> None:
    answer = await ask("POST", "/v1/templates", pair.live, **body)
    assert (answer.status, [e["pointer"] for e in answer.body["errors"]]) == (422, pointers)


async def test_the_demo_accounts_templates(ims: Context) -> None:
    ((account,),) = await ims.db(sql.fetch, "SELECT account_id FROM accounts WHERE username='demo'")
    found = await ims.db(store.wanted, account, {("kakao", "ORDER_SHIPPED"), ("kakao", "NOT_YET")})
    assert {(w.head.code, w.version.state) for w in found} == {("ORDER_SHIPPED", "approved"), ("NOT_YET", "in_review")}
    assert "#{name}님, 주문 #{order}이(가) 발송되었습니다." in {w.version.content["text"] for w in found}


# --- devices ----------------------------------------------------------------------------------------------------------


async def registered(pair: Pair, key: str | None = None, /, **more: Any) -> Json:
    given = {"user": "u1", "app": "app", **({} if "subscription" in more else {"token": "fcm:one"}), **more}
    answer = await ask("PUT", "/v1/devices", key or pair.live, **given)
    assert answer.status == 200, answer
    return answer.body


async def users_devices(pair: Pair, user: str = "u1", test: bool = False) -> list[str]:
    found = await pair.client.ims.db(devices.behind, pair.client.account_id, {f"user:{user}"}, test=test)
    return [d["token"] for d in found.get(f"user:{user}", ())]


async def test_a_token_belongs_to_the_last_user_who_registered_it(pair: Pair) -> None:
    await made(pair, "push", "app", "app")
    one = await registered(pair, consent={"ads": True})
    assert (one["token"], one["state"], one["consent"]) == ("fcm:one", "live", {"ads": True, "night_ads": False})
    again = await registered(pair, language="ko-KR")
    assert (again["id"], again["consent"]["ads"], again["language"]) == (one["id"], True, "ko-KR")
    moved = await registered(pair, user="u2")
    assert (moved["id"], moved["consent"]["ads"]) == (one["id"], False), "another person has not agreed"
    assert (await users_devices(pair), await users_devices(pair, "u2")) == ([], ["one"])
    await registered(pair, user="u2", token="fcm:ONE")
    assert await users_devices(pair, "u2") == ["one", "ONE"], "byte for byte"
    apns = [await registered(pair, user="u3", token=f"apns:{t}") for t in ("ABCDEF0123", "abcdef0123")]
    assert apns[0]["id"] == apns[1]["id"]
    new = await registered(pair, user="u2", token="fcm:two", replaces="fcm:one")
    assert new["token"] == "fcm:two"
    assert await users_devices(pair, "u2") == ["ONE", "two"]


async def test_dead_devices_get_no_message_and_live_again_when_they_come_back(pair: Pair) -> None:
    await made(pair, "push", "app", "app")
    one = await registered(pair)
    ids = [bytes.fromhex(one["id"].replace("-", ""))]
    db = pair.client.ims.db
    assert await db(devices.mark_dead, ids, "UNREGISTERED", 5) == 0, "it was registered after that"
    assert await db(devices.mark_dead, ids, "UNREGISTERED") == 1
    assert await db(devices.mark_dead, ids, "UNREGISTERED") == 0
    assert await users_devices(pair) == []
    (listed,) = await everything("/v1/devices", pair.live, "user=u1")
    assert (listed["state"], listed["why"]) == ("dead", "UNREGISTERED")
    direct = await db(devices.behind, pair.client.account_id, {"fcm:one", "fcm:none"}, test=False)
    assert [d["state"] for d in direct["fcm:one"]] == ["dead"]
    assert (await registered(pair))["state"] == "live"
    assert await users_devices(pair) == ["one"]


async def test_a_browser_is_reached_by_the_id_of_its_subscription(pair: Pair) -> None:
    await made(pair, "push", "app", "app")
    keys = {"p256dh": "B" * 87, "auth": "a" * 22}
    subscription = {"endpoint": "https://push.example/abc", "expirationTime": None, "keys": keys}
    one = await registered(pair, subscription=subscription)
    assert one["token"] == f"webpush:{one['id']}"
    assert (await registered(pair, subscription=subscription))["id"] == one["id"]
    found = await pair.client.ims.db(devices.behind, pair.client.account_id, {one["token"], "webpush:x"}, test=False)
    assert found[one["token"]][0]["subscription"]["keys"] == keys


async def test_test_keys_have_devices_of_their_own(pair: Pair) -> None:
    await made(pair, "push", "app", "app")
    live, test = await registered(pair), await registered(pair, pair.test)
    assert live["id"] != test["id"]
    assert [d["id"] for d in await everything("/v1/devices", pair.test)] == [test["id"]]
    for token in (pair.test, pair.other):
        assert (await ask("DELETE", f"/v1/devices/{live['id']}", token)).status == 404
    assert (await users_devices(pair), await users_devices(pair, test=True)) == (["one"], ["one"])
    assert (await ask("DELETE", f"/v1/devices/{test['id']}", pair.test)).status == 204
    assert (await users_devices(pair), await users_devices(pair, test=True)) == (["one"], [])


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/user", "/app", "/token"]),
        ({"user": "u", "app": "app", "token": "gcm:x"}, ["/token"]),
        ({"user": "u", "app": "app", "token": "apns:xyz"}, ["/token"]),
        ({"user": "u", "app": "other", "token": "fcm:x"}, ["/app"]),
        ({"user": "u", "app": "app", "token": "fcm:x", "replaces": "x"}, ["/replaces"]),
        ({"user": "u", "app": "app", "token": "fcm:x", "language": "!"}, ["/language"]),
        ({"user": "u", "app": "app", "token": "fcm:x", "time_zone": "Mars/Base"}, ["/time_zone"]),
        ({"user": "u", "app": "app", "token": "fcm:x", "time_zone": "../etc"}, ["/time_zone"]),
        ({"user": "u", "app": "app", "subscription": {"endpoint": "http://a.example/", "keys": {}}},
         ["/subscription/endpoint", "/subscription/keys/auth", "/subscription/keys/p256dh"]),
    ],
)  # fmt: skip
async def test_what_is_no_device_is_refused_at_its_field(pair: Pair, body: Json, pointers: list[str]) -> None:
    await made(pair, "push", "app", "app")
    answer = await ask("PUT", "/v1/devices", pair.live, **body)
    assert (answer.status, [e["pointer"] for e in answer.body["errors"]]) == (422, pointers)


async def test_all_devices_of_a_user_are_forgotten_at_once(pair: Pair) -> None:
    await made(pair, "push", "app", "app")
    for token in ("fcm:one", "fcm:two"):
        await registered(pair, token=token)
    await registered(pair, token="fcm:three", user=f"other-{os.urandom(2).hex()}")
    answer = await _delete(pair, "user=u1")
    assert answer.status == 204
    assert len(await everything("/v1/devices", pair.live)) == 1
    assert (await _delete(pair, "")).status == 422


async def _delete(pair: Pair, query: str) -> Any:
    return await call("DELETE", "/v1/devices", pair.live, query=query)


async def test_reviews_are_followed_until_they_are_over_and_what_never_arrived_is_handed_in_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drafted(pair)
    (whole,) = await pair.client.ims.db(store.by_code, pair.client.account_id, "HELLO")
    await pair.client.ims.db(store.submit, pair.client.account_id, whole.head.template_id, now_ms())
    done: list[str] = []

    async def hand_in(ims: Context, one: store.Whole) -> None:
        if one.head.code == "HELLO":
            done.append("handed in")
            await submission.note(ims, one, "nhn", TemplateState("in_review"))

    async def ask_vendors(ims: Context, one: store.Whole) -> None:
        if one.head.code == "HELLO":
            done.append("asked")
            await submission.note(ims, one, "nhn", TemplateState("approved"))

    monkeypatch.setattr(submission, "hand_in", hand_in)
    monkeypatch.setattr(submission, "ask", ask_vendors)
    monkeypatch.setattr(following, "PAUSE_S", 0.01)
    await following.follow(time.monotonic() + 0.5, pair.client.ims)
    assert done[:2] == ["handed in", "asked"]
    assert (await ask("GET", "/v1/templates/HELLO", pair.live)).body["state"] == "approved"


@pytest.mark.parametrize("user", [" ", "undefined", "null", "None", "[object Object]"])
async def test_a_name_that_programs_write_for_nobody_is_no_user(pair: Pair, user: str) -> None:
    answer = await ask("PUT", "/v1/devices", pair.live, user=user, app="app", token="fcm:x")
    assert answer.status == 422
    assert "/user" in {fault["pointer"] for fault in answer.body["errors"]}
