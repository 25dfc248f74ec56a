"""What operators see and do, on real servers: stops with author and end, vendors, accounts, dead letters, alarms."""

from __future__ import annotations

import base64
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.requests import Request

from shared.domain.events import Dead, Dispatch
from shared.operating import logs, streaming
from shared.operating.sampler import with_rates
from shared.runtime import announcing, levels, settings
from shared.runtime.announcing import Announcer
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.runtime.http import ROUTE
from shared.runtime.troubles import Troubles, tell
from shared.sending.parking import going
from shared.stores import audit, dead, due, sql, stops, watch
from shared.stores.sql import Connection
from shared.stores.vendors import read_entries
from shared.watch.checks import logs as log_check
from tests.integration.test_api_report import Client, add_account
from tests.integration.test_people import Answer, ask
from tests.integration.test_rights import add_key
from tests.integration.test_rights import ims as rights_ims
from tests.wiring.functions import loaded

Json = dict[str, Any]
real_ims = rights_ims


@pytest.fixture
def ims(real_ims: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("IMS_SECRET_KEYS", base64.b64encode(bytes(32)).decode())
    settings.reset()
    return real_ims


class Admin:
    """An operator with a key."""

    def __init__(self, token: str, ims: Context) -> None:
        self.token, self.ims = token, ims

    async def ask(self, method: str, path: str, body: Json | None = None) -> Answer:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        return await ask(method, f"/v1/admin/{path}", body, headers)

    async def done(self, method: str, path: str, body: Json | None = None, status: int = 200) -> Json:
        answer = await self.ask(method, path, body)
        assert answer.status == status, answer
        return answer.body

    async def stops(self) -> dict[tuple[str, str], Json]:
        found = await self.done("GET", "stops")
        return {(one["kind"], one["object"]): one for one in found["items"]}

    async def deeds(self, named: str) -> list[str]:
        """The actions that the audit has of an object, the newest first."""
        rows = await self.ims.db(audit.page, audit.Filter(object=named), 2**63 - 1, 50)
        return [row.entry.action for row in rows]


@pytest.fixture
async def admin(ims: Context) -> Admin:
    return Admin(await ims.db(add_key, "admin", None, name="night shift"), ims)


def soon(**of: float) -> str:
    return (datetime.now(UTC) + timedelta(**of)).isoformat()


# --- lanes ------------------------------------------------------------------------------------------------------------


def dispatch(lane: str, valid_until: int) -> Dispatch:
    part = {
        "request_id": "01a20ca724ba78bbbeb6488995c00000", "account_id": 1, "username": "demo", "test": False,
        "content": {"text": "hello", "sender": "0215441234"}, "valid_until": valid_until, "accepted_at": now_ms(),
        "messages": [{"id": "01a20ca724ba78bbbeb6488995c000a0", "hop": 1, "to": "01012345678", "type": "sms"}],
    }  # fmt: skip
    return Dispatch.model_validate({"lane": lane, "channel": "mt", "vendor": "v", "account": "a", "parts": [part]})


async def taken(ims: Context, lane: str, at_ms: int) -> list[Any]:
    """What schedule would let go of our dispatches; others' rows may be due in these tables, too."""
    left: list[Any] = []
    await ims.db(due.take, lane, at_ms, left.extend)
    return [event for event in left if isinstance(event, Dispatch) and event.vendor == "v"]


async def test_a_paused_lane_keeps_what_comes_until_it_goes_on(ims: Context, admin: Admin, vendor: str) -> None:
    shown = await admin.done("POST", "lanes/bulk/pause?dry_run=true", {"reason": "a look"})
    assert shown["dry_run"]
    assert ("lane", "bulk") not in await admin.stops()
    paused = await admin.done("POST", "lanes/bulk/pause", {"reason": "wrong content", "minutes": 5})
    assert paused["paused"]["reason"] == "wrong content"
    stop = (await admin.stops())["lane", "bulk"]
    assert stop["by"].startswith("…")
    assert stop["until"]
    entry = (await ims.db(read_entries))[0]
    later, over = dispatch("bulk", now_ms() + 3_600_000), dispatch("bulk", now_ms() - 1)
    assert await going(dispatch("realtime", now_ms() + 60_000), entry, ims) is not None
    assert await going(later, entry, ims) is None
    assert await going(over, entry, ims) == over, "what has expired goes on to its end"
    lanes = {one["lane"]: one for one in (await admin.done("GET", "lanes"))["items"]}
    assert lanes["bulk"]["for_pause"] == 1
    assert not await taken(ims, "bulk", now_ms())
    resumed = await admin.done("POST", "lanes/bulk/resume")
    assert resumed["paused"] is None
    assert await taken(ims, "bulk", now_ms()) == [later]
    assert await going(later, entry, ims) == later, "who believed in the pause still asks again"
    assert await admin.deeds("lane:bulk") == ["lane.resume", "lane.pause"]


async def test_a_message_comes_back_at_its_end_when_that_is_before_the_pauses(
    ims: Context, admin: Admin, vendor: str
) -> None:
    await admin.done("POST", "lanes/ad/pause", {"reason": "night", "minutes": 60})
    entry = (await ims.db(read_entries))[0]
    end = now_ms() + 5_000
    assert await going(dispatch("ad", end), entry, ims) is None
    assert await taken(ims, "ad", end)
    await admin.done("POST", "lanes/ad/resume")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("lanes/bulk/pause", {}, "/reason"),
        ("lanes/bulk/pause", {"reason": "  "}, "/reason"),
        ("lanes/bulk/pause", {"reason": "x", "minutes": 0}, "/minutes"),
        ("lanes/bulk/pause", {"reason": "x", "minutes": 100_000}, "/minutes"),
        ("lanes/bulk/pause", {"reason": "x", "until": "never"}, "/until"),
        ("accounts", {"username": "A b"}, "/username"),
        ("alarms/ImsMysqlDown/mute", {"reason": "x"}, "/until"),
        ("alarms/ImsMysqlDown/mute", {"reason": "x", "until": "2026-12-01T15:00"}, "/until"),
        ("alarms/ImsMysqlDown/mute", {"reason": "x", "until": "2020-12-01T00:00:00Z"}, "/until"),
        ("alarms/ImsMysqlDown/mute", {"reason": "x", "until": "2099-01-01T00:00:00Z"}, "/until"),
    ],
)
async def test_a_stop_without_reason_or_end_is_refused(admin: Admin, path: str, body: Json, pointer: str) -> None:
    answer = await admin.ask("POST", path, body)
    assert answer.status == 422
    assert pointer in {fault["pointer"] for fault in answer.body["errors"]}


async def test_what_is_not_there_is_404(admin: Admin) -> None:
    for path in ("lanes/none/pause", "lanes/none/resume", "alarms/none/mute", "dead/7000000/replay", "dead/x/drop"):
        assert (await admin.ask("POST", path, {"reason": "x", "until": soon(hours=1)})).status == 404, path
    assert (await admin.ask("GET", "accounts/nobody-here")).status == 404


# --- vendors ----------------------------------------------------------------------------------------------------------


def add_vendor(conn: Connection, name: str, vendor: str = "nhn") -> None:
    row = (vendor, name, "mt", "http://127.0.0.1:9", 100, 0, "{}")
    sql.insert(conn, "vendor_accounts", "vendor, account, channel, base_url, weight, sandbox, settings", [row])


@pytest.fixture
async def vendor(ims: Context) -> str:
    name = f"v{os.urandom(4).hex()}"
    await ims.db(add_vendor, name)
    return name


async def test_a_weight_shows_its_effect_before_it_is_set(ims: Context, admin: Admin, vendor: str) -> None:
    before = (await admin.done("GET", "vendors?channel=mt&vendor=nhn"))["items"]
    assert {one["account"] for one in before} >= {vendor}
    shown = await admin.done("PATCH", f"vendors/nhn/{vendor}?dry_run=true", {"weight": 10_000})
    mine = next(one for one in shown["items"] if one["account"] == vendor)
    assert mine["then"] > mine["share"]
    after = await admin.done("PATCH", f"vendors/nhn/{vendor}", {"weight": 10_000, "settings": {"secret_key": "s3cret"}})
    (one,) = after["items"]
    assert one["share"] == mine["then"]
    assert one["settings"]["secret_key"]["set"]
    assert "s3cret" not in json.dumps(after)
    mask = await admin.ask(
        "PATCH", f"vendors/nhn/{vendor}", {"settings": {"secret_key": one["settings"]["secret_key"]}}
    )
    assert mask.status == 422
    assert (await admin.ask("PATCH", f"vendors/nhn/{vendor}", {"channel": "push", "weight": 5})).status == 422
    assert (await admin.ask("PATCH", "vendors/nhn/nobody", {"weight": 5})).status == 404
    assert await admin.deeds(f"vendor:nhn/{vendor}") == ["vendor.change"]


async def test_a_drained_vendor_gets_nothing_new(ims: Context, admin: Admin, vendor: str) -> None:
    other = f"w{os.urandom(4).hex()}"
    await ims.db(add_vendor, other)
    await admin.done("POST", f"vendors/nhn/{vendor}/drain?dry_run=true", {"reason": "maintenance"})
    assert ("vendor", f"nhn/{vendor}/mt") not in await admin.stops()
    await admin.done("POST", f"vendors/nhn/{vendor}/drain", {"reason": "maintenance"})
    entries = {e.account.account: e for e in await ims.db(read_entries)}
    assert entries[vendor].drained
    assert entries[vendor].enabled, "what it has goes on"
    assert not entries[other].drained
    shown = await admin.done("GET", "vendors")
    assert next(one for one in shown["items"] if one["account"] == vendor)["share"] == 0
    await admin.done("POST", f"vendors/nhn/{vendor}/undrain", {})
    assert not {e.account.account: e for e in await ims.db(read_entries)}[vendor].drained
    assert await admin.deeds(f"vendor:nhn/{vendor}") == ["vendor.undrain", "vendor.drain"]


async def test_the_last_open_vendor_of_a_channel_is_drained_by_name_only(
    ims: Context, admin: Admin, vendor: str
) -> None:
    await ims.db(sql.execute, "UPDATE vendor_accounts SET enabled=0 WHERE channel='mt' AND sandbox=0")
    await admin.done("PATCH", f"vendors/nhn/{vendor}", {"enabled": True})
    refused = await admin.ask("POST", f"vendors/nhn/{vendor}/drain", {"reason": "x"})
    assert (refused.status, refused.kind) == (409, "last-open")
    await admin.done("POST", f"vendors/nhn/{vendor}/drain", {"reason": "x", "confirm": f"nhn/{vendor}"})
    await ims.db(sql.execute, "UPDATE vendor_accounts SET enabled=1 WHERE channel='mt' AND sandbox=0")


async def test_a_breaker_is_closed_by_hand_and_an_address_tried(ims: Context, admin: Admin, vendor: str) -> None:
    name = f"nhn/{vendor}/mt"
    ims.breakers._change(name, "open")
    shown = await admin.done("GET", "vendors")
    assert next(one for one in shown["items"] if one["account"] == vendor)["breaker"]["state"] == "open"
    after = await admin.done("POST", f"vendors/nhn/{vendor}/reset")
    assert after["items"][0]["breaker"]["state"] == "closed"
    tried = await admin.done("POST", f"vendors/nhn/{vendor}/test")
    assert tried["items"][0]["reached"] is False


# --- accounts ---------------------------------------------------------------------------------------------------------


async def test_an_account_is_opened_limited_suspended_and_resumed(ims: Context, admin: Admin) -> None:
    name = f"client-{os.urandom(4).hex()}"
    made = await admin.done("POST", "accounts", {"username": name, "daily_limit": 500}, status=201)
    assert made["limits"]["daily_limit"] == 500
    assert (await admin.ask("POST", "accounts", {"username": name})).status == 409
    changed = await admin.done("PATCH", f"accounts/{name}", {"daily_limit": None, "send_window": 100})
    assert changed["limits"] == {"send_window": 100, "rate_per_second": None, "daily_limit": None}
    key = (await admin.done("POST", f"accounts/{name}/keys", {"name": "first", "kind": "live"}, status=201))["key"]
    tenant = {"authorization": f"Bearer {key}"}
    assert (await ask("GET", "/v1/me", None, tenant)).status == 200
    await ims.db(reserve, made["id"])
    shown = await admin.done(
        "POST", f"accounts/{name}/suspend?dry_run=true", {"reason": "unpaid", "reservations": "hold"}
    )
    assert shown["would_be_held"] == {"messages": 3, "requests": 1}
    assert (await ask("GET", "/v1/me", None, tenant)).status == 200
    held = await admin.done("POST", f"accounts/{name}/suspend", {"reason": "unpaid", "reservations": "hold"})
    assert held["state"] == "suspended"
    assert (await ask("GET", "/v1/me", None, tenant)).status == 403
    assert await ims.db(sql.fetch, due_of(made["id"])) == [(0,)], "reservations wait"
    again = await admin.ask("POST", f"accounts/{name}/suspend", {"reason": "unpaid", "reservations": "hold"})
    assert (again.status, again.kind) == (409, "already")
    assert (await admin.stops())["account", name]["reason"] == "unpaid"
    await admin.done("POST", f"accounts/{name}/resume")
    assert (await ask("GET", "/v1/me", None, tenant)).status == 200
    assert await ims.db(sql.fetch, due_of(made["id"])) == [(1,)], "what was due meanwhile leaves"
    listed = await admin.done("GET", f"accounts?username={name}")
    assert [one["state"] for one in listed["items"]] == ["active"]
    assert await admin.deeds(f"account:{name}") == [
        "account.resume", "account.suspend", "account.change", "account.open"
    ]  # fmt: skip


def due_of(account_id: int) -> str:
    return f"SELECT COUNT(*) FROM due WHERE account_id={account_id} AND due_ms<={now_ms()}"


def reserve(conn: Connection, account_id: int) -> None:
    """Three reserved messages that are due."""
    row = (now_ms() - 1, "scheduled", 1, account_id, os.urandom(16), 3, "ims.outcome.realtime", "nothing", b"{}")
    columns = "due_ms, kind, lane, account_id, request_id, messages, topic, type, payload"
    sql.insert(conn, "due", columns, [row])


# --- dead letters -----------------------------------------------------------------------------------------------------


def bury(conn: Connection, reason: str, count: int = 1) -> list[int]:
    made = []
    for _ in range(count):
        event = os.urandom(8).hex()
        headers = {"ce_id": event, "ce_type": "ims.reported", "ce_specversion": "1.0"}
        letter = Dead(
            event_id=event, source_topic="ims.reported", reason=reason, headers=headers, body="{}", at=now_ms()
        )
        dead.keep(conn, [letter])
        found = dead.by_event(conn, event)
        assert found
        made.append(found.dead_id)
    return made


async def test_a_letter_is_replayed_once_and_the_second_hears_by_whom(ims: Context, admin: Admin) -> None:
    (one,) = await ims.db(bury, f"test {os.urandom(4).hex()}")
    assert (await admin.done("POST", f"dead/{one}/replay?dry_run=true"))["count"] == 1
    assert (await admin.done("GET", f"dead/{one}"))["state"] == "waiting"
    assert (await admin.done("POST", f"dead/{one}/replay"))["to"] == "ims.reported"
    again = await admin.ask("POST", f"dead/{one}/replay")
    assert (again.status, again.kind) == (409, "already")
    assert again.body["by"].startswith("…")
    assert (await admin.ask("POST", f"dead/{one}/drop", {"reason": "x"})).status == 409
    assert await admin.deeds(f"dead:{one}") == ["dead.replay", "dead.look"]


async def test_letters_are_dropped_by_filter_when_the_count_is_known(ims: Context, admin: Admin) -> None:
    reason = f"bad {os.urandom(4).hex()}"
    ids = await ims.db(bury, reason, 3)
    assert reason in {g["reason"] for g in (await admin.done("GET", "dead/groups"))["items"]}
    wish = {"reason": reason, "why": "a test", "count": 2}
    assert (await admin.done("POST", "dead/drop?dry_run=true", wish))["count"] == 3
    wrong = await admin.ask("POST", "dead/drop", wish)
    assert (wrong.status, wrong.kind) == (409, "other-count")
    assert (await admin.done("POST", f"dead/{ids[0]}/drop", {"reason": "a test"}))["state"] == "dropped"
    assert (await admin.done("POST", "dead/replay", {"reason": reason})) == {"replayed": 2, "left": []}
    assert (await admin.done("POST", "dead/drop?dry_run=true", wish))["count"] == 0
    listed = await admin.done("GET", f"dead?reason={reason.replace(' ', '%20')}&state=replayed")
    assert len(listed["items"]) == 2
    await ims.db(bury, reason, 1)
    assert (await admin.done("POST", "dead/drop", {**wish, "count": 1})) == {"dropped": 1}


# --- alarms -----------------------------------------------------------------------------------------------------------


async def test_an_alarm_is_acknowledged_muted_and_told_again(ims: Context, admin: Admin) -> None:
    now = now_ms()
    row = ("ImsMysqlDown", "replica", "critical", "it is down", 1, now, now, 1, None, None, now, None, None, 1)
    await ims.db(sql.insert, "alarms", watch.COLUMNS, [row])
    try:
        taken = await admin.done("POST", "alarms/ImsMysqlDown/acknowledge", {})
        assert taken["items"][0]["acknowledged"]["by"].startswith("…")
        wish = {"until": soon(hours=2), "reason": "known"}
        assert (await admin.done("POST", "alarms/ImsMysqlDown/mute?dry_run=true", wish))["dry_run"]
        await admin.done("POST", "alarms/ImsMysqlDown/mute", wish)
        assert (await admin.stops())["mute", "ImsMysqlDown"]["reason"] == "known"
        assert (await ims.db(watch.load)).mutes["ImsMysqlDown"] > now
        listed = await admin.done("GET", "alarms")
        assert listed["items"][0]["muted"]["reason"] == "known"
        await admin.done("DELETE", "alarms/ImsMysqlDown/mute", status=204)
        assert ("mute", "ImsMysqlDown") not in await admin.stops()
        told = await admin.done("GET", "alarms/history?name=ImsMysqlDown&limit=3")
        assert [one["event"] for one in told["items"]] == ["unmuted", "muted", "acknowledged"]
    finally:
        await ims.db(sql.execute, "DELETE FROM alarms WHERE name='ImsMysqlDown'")


async def test_a_stop_ends_by_itself(ims: Context, admin: Admin) -> None:
    now = now_ms()
    await ims.db(stops.put, stops.Stop(stops.LANE, "auth", "past", "x", "", now - 2000, now - 1000))
    assert ("lane", "auth") not in await admin.stops()
    assert not (await ims.db(read_entries) or [None])[0] or all(
        "auth" not in e.pauses for e in await ims.db(read_entries)
    )


# --- what moves and what waits ----------------------------------------------------------------------------------------


async def test_the_map_shows_rates_lags_and_what_is_not_known(ims: Context, admin: Admin) -> None:
    first = await admin.done("GET", "flow")
    assert {"route-fast", "kafka_source-slow"} <= {node["name"] for node in first["nodes"]}
    bulk = next(edge for edge in first["edges"] if edge.get("group") == "ims.route-accepted-bulk")
    assert bulk["from"] == "ims.accepted.bulk"
    assert bulk["to"] == "route-slow"
    assert bulk["lag"] is not None
    kafka = await admin.done("GET", "kafka")
    topic = next(one for one in kafka["items"] if one["name"] == "ims.accepted.bulk")
    assert topic["partitions"] > 0
    assert sorted(group["group"] for group in topic["groups"]) == ["ims.analyze", "ims.route-accepted-bulk"]


def test_two_samples_make_a_rate_and_one_makes_none() -> None:
    found = {"written": {"a": 110, "new": 5}, "done": {"g": 70}, "lags": {}, "topics": {}}
    before = {"at_ms": 1000, "written": {"a": 100}, "done": {"g": 90}}
    rates = with_rates(found, before, 3000)["rates"]
    assert rates == {"written": {"a": 5.0, "new": None}, "done": {"g": 0.0}}, "offsets that went back make no rate"
    assert with_rates(found, None, 3000)["rates"]["written"] == {"a": None, "new": None}
    assert with_rates(found, before, 600_000)["rates"]["written"]["a"] is None, "too long ago"


async def test_what_waits_is_listed_with_its_time(ims: Context, admin: Admin) -> None:
    name = f"waits-{os.urandom(4).hex()}"
    made = await admin.done("POST", "accounts", {"username": name}, status=201)
    await ims.db(reserve, made["id"])
    mine = next(one for one in (await admin.done("GET", "due"))["items"] if one["username"] == name)
    assert (mine["kind"], mine["messages"], mine["overdue"], mine["held"]) == ("scheduled", 3, True, False)
    await admin.done("POST", f"accounts/{name}/suspend", {"reason": "x", "reservations": "hold"})
    held = next(one for one in (await admin.done("GET", "due"))["items"] if one["username"] == name)
    assert (held["held"], held["first"]) == (True, mine["first"])
    await ims.db(sql.execute, f"DELETE FROM due WHERE account_id={made['id']}")
    assert "waiting" in await admin.done("GET", "retries")
    assert "schedule" in {one["name"] for one in (await admin.done("GET", "jobs"))["items"]}
    assert "redis_used" in {one["metric"] for one in (await admin.done("GET", "redis"))["items"]}
    assert "messages" in {one["table"] for one in (await admin.done("GET", "mysql"))["items"]}


async def test_a_price_holds_from_a_moment_that_has_not_come(ims: Context, admin: Admin, vendor: str) -> None:
    wish = {"channel": "mt", "vendor": "nhn", "account": vendor, "type": "sms", "amount": "7.25", "from": soon(days=1)}
    assert (await admin.done("POST", "prices?dry_run=true", wish))["amount"] == "7.2500"
    assert (await admin.done("POST", "prices", wish, status=201))["state"] == "future"
    assert (await admin.done("POST", "prices", {**wish, "from": soon(days=2)}, status=201))["before"] == "7.2500"
    listed = [one for one in (await admin.done("GET", "prices?vendor=nhn"))["items"] if one["account"] == vendor]
    assert len(listed) == 2
    for wrong in ({"from": soon(days=-1)}, {"amount": "-1"}, {"amount": "NaN"}, {"amount": "1e9"}, {"type": "fax"},
                  {"vendor": "nobody"}, {"country": "korea"}, {"from": "2026-12-01"}):  # fmt: skip
        assert (await admin.ask("POST", "prices", {**wish, **wrong})).status == 422, wrong
    routes = (await admin.done("GET", "routes"))["items"]
    assert vendor in {one["account"] for r in routes if r["channel"] == "mt" for one in r["vendors"]}


async def test_a_stream_tells_the_whole_then_changes_and_ends_when_it_should(
    ims: Context, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "EVERY_S", 0.01)
    answer = await admin.ask("GET", "stream?topics=lanes,stops")
    assert answer.status == 200
    assert "content-length" not in answer.headers
    assert (await admin.ask("GET", "stream?topics=lanes,secrets")).status == 422
    route = next(r for r in loaded("api_admin").routes if r.path == "/v1/admin/stream")
    headers = [(b"authorization", f"Bearer {admin.token}".encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/admin/stream",
        "headers": headers,
        "client": ("192.0.2.7", 1),
    }
    request = Request({**scope, "query_string": b"", ROUTE: route})
    parts = streaming.events(request, ims, ("lanes", "stops"))
    got = [await anext(parts) for _ in range(4)]
    assert got[0] == b"retry: 500\n\n"
    assert got[1].startswith(b"event: lanes\ndata: {")
    assert got[2].startswith(b"event: stops\n")
    assert (await anext(parts)).startswith(b":"), "nothing has changed"
    await admin.done("POST", "lanes/ad/pause", {"reason": "a test"})
    seen = [await anext(parts) for _ in range(4)]
    assert any(b'"reason":"a test"' in part for part in seen)
    await admin.done("POST", "lanes/ad/resume")
    await ims.db(sql.execute, "UPDATE api_keys SET revoked_ms=1 WHERE kind='admin'")
    rest = [part async for part in parts]
    assert len(rest) < 20, "a revoked key ends it"
    ims.draining = True
    assert [part async for part in streaming.events(request, ims, ("lanes",))] == [b"retry: 500\n\n"]


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_messages_of_all_are_masked_and_a_number_needs_a_purpose(ims: Context, admin: Admin) -> None:
    name = f"pairs-{os.urandom(4).hex()}"
    account_id = await ims.db(add_account, name)
    client = Client(ims, None, account_id, name)  # type: ignore[arg-type]
    (one,) = await client.finished("01011112222")
    await client.finished("01033334444")
    listed = await admin.done("GET", f"messages?username={name}&limit=1")
    assert listed["items"][0]["to"] == "010…44"
    onward = await admin.done("GET", f"messages?username={name}&limit=1&cursor={listed['next']}")
    assert [m["message_id"] for m in onward["items"]] == [str(one)]
    assert (await admin.ask("GET", f"messages?username={name}&code=4001&cursor={listed['next']}")).status == 422
    assert (await admin.ask("GET", f"messages?username={name}&to=01011112222")).status == 422
    assert (await admin.ask("GET", "messages?to=01011112222&purpose=x")).status == 422
    found = await admin.done("GET", f"messages?username={name}&to=010-1111-2222&purpose=a%20complaint")
    assert [m["message_id"] for m in found["items"]] == [str(one)]
    (deed, *_) = await ims.db(audit.page, audit.Filter(account_id=account_id), 2**63 - 1, 5)
    assert (deed.entry.action, deed.entry.purpose) == ("messages.look", "a complaint")
    assert "1111" not in str(deed.entry)


async def test_one_message_of_any_account_shows_its_way_and_no_number(ims: Context, admin: Admin) -> None:
    name = f"pairs-{os.urandom(4).hex()}"
    client = Client(ims, None, await ims.db(add_account, name), name)  # type: ignore[arg-type]
    (one,) = await client.finished("01011112222")
    shown = await admin.done("GET", f"messages/{one}")
    assert (shown["message_id"], shown["username"], shown["to"]) == (str(one), name, "010…22")
    assert shown["trail"][0]["state"] == "accepted"
    assert [step["at"] for step in shown["trail"]] == sorted(step["at"] for step in shown["trail"])
    assert "1111" not in str(shown)
    assert (await admin.ask("GET", f"messages/{UUID(int=one.int ^ 1)}")).status == 404
    assert (await admin.ask("GET", "messages/1")).status in (404, 422)


# --- functions --------------------------------------------------------------------------------------------------------


class App:
    """A function as it announces itself."""

    def __init__(self, ims: Context) -> None:
        self.context, self.process, self.log_name, self.in_flight = ims, "route-slow", "rights", 3


async def test_instances_announce_themselves_and_take_the_levels_that_are_wanted(ims: Context, admin: Admin) -> None:
    here, app = Announcer(), App(ims)
    here._apps[1] = app, now_ms()
    told: set[int] = set()
    await here.announce(told)
    shown = {one["name"]: one for one in (await admin.done("GET", "functions"))["items"]}
    mine = next(one for one in shown["route-slow"]["instances"] if one["instance"] == announcing.instance())
    assert (mine["state"], mine["in_flight"], mine["level"]) == ("up", 3, "info")
    assert mine["memory"] > 1_000_000
    assert shown["digest"]["state"] == "at rest"
    try:
        await admin.done("PUT", "functions/route-slow/log-level", {"level": "debug", "minutes": 1, "reason": "a look"})
        assert levels.of("rights") == logging.INFO
        await here.announce(told)
        assert levels.of("rights") == logging.DEBUG
        assert levels.of("other") == logging.INFO
        assert "route-slow|*|" in {object_ for kind, object_ in await admin.stops() if kind == "level"}
        await admin.done("DELETE", "functions/route-slow/log-level", status=204)
        await here.announce(told)
        assert levels.of("rights") == logging.INFO
    finally:
        levels.want("rights", [])
    told_of = (await admin.done("GET", "journal?limit=5"))["items"]
    assert [one["event"] for one in told_of[:2]] == ["level", "started"], told_of
    assert told_of[0]["by"].startswith("…")
    assert (await admin.ask("PUT", "functions/nobody/log-level", {"level": "debug"})).status == 404
    assert (await admin.ask("PUT", "functions/digest/log-level", {"level": "loud"})).status == 422


# --- errors in logs ---------------------------------------------------------------------------------------------------


async def test_an_error_of_a_log_is_a_signature_and_an_alarm_while_it_is_new(ims: Context, admin: Admin) -> None:
    here, event = Troubles(), f"it broke at {os.urandom(4).hex()}x"
    for number in (17, 4711):
        line = {"level": "error", "event": f"{event} {number}", "module": "shared.x", "exception": "ValueError: no"}
        here.note(None, "", line)
    pipe = ims.redis.state.pipeline(transaction=False)
    tell(pipe, here.take(), "1.2.3")
    await pipe.execute()
    found = [one for one in (await admin.done("GET", "logs?new=true"))["items"] if one["event"].startswith(event)]
    assert [(o["module"], o["error"], o["count"], o["new"], o["version"]) for o in found] == [
        ("shared.x", "ValueError", 2, True, "1.2.3")
    ]
    assert json.loads(found[0]["sample"])["event"] == f"{event} 17"
    now = ims.now_ms()
    samples = await log_check.look(ims.redis.state, now)
    assert [s.value for s in samples if s.subject.endswith(found[0]["id"])] == [2]
    later = await log_check.look(ims.redis.state, now + logs.NEW_MS + 1)
    assert not [s for s in later if s.subject.endswith(found[0]["id"])]
    assert (await admin.ask("GET", "logs?function=nobody")).status == 422
    assert (await admin.ask("GET", "logs?new=maybe")).status == 422
