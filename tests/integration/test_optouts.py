"""Opt-outs and consents on a real MySQL: shown, honoured, ended, and what an advertisement waits for."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from shared.runtime.context import Context
from shared.stores import optouts
from tests.integration.test_people import ask
from tests.integration.test_rights import Pair, add_key
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]
TO = "01012345678"


class Client:
    """One account by its key."""

    def __init__(self, token: str, account_id: int) -> None:
        self.account_id = account_id
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        return await ask(method, f"/v1/{path}", body, self._headers)


@pytest.fixture
async def client(ims: Context, pair: Pair) -> Client:
    scopes = '["account:read", "contacts:write", "audit:read"]'
    account_id = pair.client.account_id
    return Client(await ims.db(add_key, "live", account_id, scopes=scopes), account_id)


async def stopped(ims: Context, client: Client, channel: str, lane: str, to: str = TO) -> bool:
    wanted = {(client.account_id, to)}
    return bool(await ims.db(optouts.barred, optouts.Holding(), channel, wanted, lane))


async def test_an_opt_out_is_noted_once_shown_honoured_and_ended_with_evidence(ims: Context, client: Client) -> None:
    body = {"to": "+82 10-1234-5678", "reason": "called us", "at": "2026-11-30T09:00:00+09:00"}
    made = await client.ask("POST", "optouts", body)
    assert (made.status, made.body["to"], made.body["scope"], made.body["source"]) == (201, TO, "ads", "api")
    assert made.body["at"].startswith("2026-11-30T00:00:00")
    again = await client.ask("POST", "optouts", {"to": TO})
    assert (again.status, again.body["id"]) == (200, made.body["id"])
    assert await stopped(ims, client, "mt", "ad")
    assert await stopped(ims, client, "kakao", "ad")
    assert not await stopped(ims, client, "mt", "realtime")
    assert not await stopped(ims, client, "mt", "bulk")
    path = f"optouts/{made.body['id']}"
    assert (await client.ask("GET", path)).body == made.body
    assert [o["id"] for o in (await client.ask("GET", "optouts?to=010-1234-5678")).body["items"]] == [made.body["id"]]
    assert (await client.ask("DELETE", path, {})).body["errors"][0]["pointer"] == "/evidence"
    assert (await client.ask("DELETE", path, {"evidence": "call of 1 December"})).status == 204
    assert (await client.ask("DELETE", path, {"evidence": "again"})).status == 404
    assert not await stopped(ims, client, "mt", "ad")
    assert (await client.ask("GET", "optouts")).body["items"] == []
    (ended,) = (await client.ask("GET", "optouts?state=ended")).body["items"]
    assert (ended["ended_evidence"], ended["ended_at"] is not None) == ("call of 1 December", True)
    actions = [row["action"] for row in (await client.ask("GET", "audit")).body["items"]]
    assert actions == ["optout.end", "optout.add"]


@pytest.mark.parametrize(
    ("scope", "channel", "stops"),
    [
        ("ads", None, {"mt ad", "email ad", "email bulk"}),
        ("ads", "email", {"email ad", "email bulk"}),
        ("all", "mt", {"mt ad", "mt bulk", "mt realtime", "mt auth"}),
        (
            "all",
            None,
            {f"{c} {lane}" for c in ("mt", "email") for lane in ("ad", "bulk", "realtime", "auth")},
        ),
    ],
)
async def test_a_scope_stops_its_lanes_on_its_channels(
    ims: Context, client: Client, scope: str, channel: str | None, stops: set[str]
) -> None:
    to = "Who@Client.example"
    given = {"to": to, "scope": scope, **({"channel": channel} if channel else {})}
    assert (await client.ask("POST", "optouts", given)).status == 201
    found = {
        f"{c} {lane}"
        for c in ("mt", "email")
        for lane in ("ad", "bulk", "realtime", "auth")
        if await stopped(ims, client, c, lane, to.lower())
    }
    assert found == stops


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("optouts", {}, "/to"),
        ("optouts", {"to": " "}, "/to"),
        ("optouts", {"to": TO, "channel": "pigeon"}, "/channel"),
        ("optouts", {"to": TO, "at": "2026-12-01T10:00:00"}, "/at"),
        ("optouts", {"to": TO, "at": "2099-12-01T10:00:00Z"}, "/at"),
        ("consents", {"to": TO, "ads": True, "evidence": "form"}, "/channel"),
        ("consents", {"to": TO, "channel": "mt", "ads": True}, "/evidence"),
        ("consents", {"to": TO, "channel": "mt", "ads": False, "night_ads": True}, "/night_ads"),
    ],
)
async def test_a_fault_names_its_field(client: Client, path: str, body: Json, pointer: str) -> None:
    answer = await client.ask("POST", path, body)
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, pointer)


async def test_a_consent_ends_an_older_opt_out_and_a_refusal_is_one(ims: Context, client: Client) -> None:
    await client.ask("POST", "optouts", {"to": TO, "channel": "mt", "at": "2026-11-01T09:00:00+09:00"})
    assert await stopped(ims, client, "mt", "ad")
    agreed = {"to": TO, "channel": "mt", "ads": True, "night_ads": True, "evidence": "form 7"}
    assert (await client.ask("POST", "consents", agreed)).status == 201
    assert not await stopped(ims, client, "mt", "ad")

    def awake(conn: Any) -> list[bool]:
        may = optouts.night_reader(conn)
        return [may(client.account_id, "mt", TO), may(client.account_id, "kakao", TO), may(1 << 30, "mt", TO)]

    assert await ims.db(awake) == [True, False, False]
    assert (await client.ask("GET", f"consents/check?to={TO}&channel=mt")).body["allowed"] is True
    await client.ask("POST", "consents", {"to": TO, "channel": "mt", "ads": False})
    assert await stopped(ims, client, "mt", "ad")
    checked = (await client.ask("GET", f"consents/check?to={TO}&channel=mt")).body
    assert (checked["allowed"], checked["why"][0]["code"], checked["from"]) == (False, "1007", None)
    (held,) = (await client.ask("GET", f"consents?to={TO}")).body["items"]
    assert (held["ads"], held["night_ads"]) == (False, False)
    assert len((await client.ask("GET", "consents?state=all")).body["items"]) == 2


async def test_consents_are_due_for_confirmation_after_two_years(ims: Context, client: Client) -> None:
    old, new = "2024-11-01T00:00:00Z", "2026-11-01T00:00:00Z"
    for to, at in (("01011112222", old), ("01033334444", new)):
        body = {"to": to, "channel": "mt", "ads": True, "evidence": "form", "at": at}
        assert (await client.ask("POST", "consents", body)).status == 201
    due = (await client.ask("GET", "consents?due_before=2026-12-01T00:00:00Z")).body["items"]
    assert [(one["to"], one["due_at"][:10]) for one in due] == [("01011112222", "2026-11-01")]


async def test_what_belongs_to_another_account_has_no_effect_and_is_not_there(
    ims: Context, client: Client, pair: Pair
) -> None:
    made = (await client.ask("POST", "optouts", {"to": TO})).body
    other = Client(pair.other, 0)
    assert (await other.ask("GET", f"optouts/{made['id']}")).status == 404
    assert (await other.ask("DELETE", f"optouts/{made['id']}", {"evidence": "x"})).status == 404
    assert (await other.ask("GET", "optouts?state=all")).body["items"] == []


def test_an_account_is_asked_for_every_two_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, clock = list[int](), [0.0]

    def fetch(_conn: Any, _statement: str, args: Any) -> list[tuple[int]]:
        asked.append(args[0])
        return [(1,)] if args[0] == 7 else []

    monkeypatch.setattr(optouts.sql, "fetch", fetch)
    holding = optouts.Holding(lambda: clock[0])
    for _ in range(3):
        assert holding.of(None, [7, 8], ["ads"]) == {7}
    assert asked == [7, 8]
    clock[0] = optouts.TRUSTED_S + 0.1
    holding.of(None, [7, 8], ["ads"])
    assert asked == [7, 8, 7, 8]
    assert optouts.TRUSTED_S < 5 - 1


@pytest.mark.parametrize(
    "to", ["50%off@client.example", "%s@client.example", "o'hara%%@client.example", "a\\'%s@client.example"]
)
async def test_signs_that_mean_something_to_sql_mean_nothing_in_a_filter(client: Client, to: str) -> None:
    made = await client.ask("POST", "optouts", {"to": to, "channel": "email"})
    assert made.status == 201, made.body
    query = str(httpx2.QueryParams({"to": to, "channel": "email", "state": "all"}))
    (found,) = (await client.ask("GET", f"optouts?{query}")).body["items"]
    assert found["to"] == to
    assert (await client.ask("GET", f"consents?{query}")).body["items"] == []
