"""Contacts and groups on a real MySQL: kept once an address, changed by version, and taken as recipients."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.accepting.members import expanded
from shared.channels.common import InvalidRequest, channel
from shared.runtime.context import Context
from shared.stores import contacts as store
from shared.stores import sql
from tests.integration.test_optouts import Client
from tests.integration.test_people import ask
from tests.integration.test_rights import Pair, add_key
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]
A, B, C = "01021110001", "01021110002", "01021110003"


class Caller(Client):
    """One account by its key, also with further headers."""

    async def ask_with(self, headers: Json, method: str, path: str, body: Json | None = None) -> Any:
        return await ask(method, f"/v1/{path}", body, {**self._headers, **headers})

    async def person(self, **given: Any) -> Json:
        made = await self.ask("POST", "contacts", given)
        assert made.status == 201, made.body
        return dict(made.body)

    async def group(self, name: str) -> Json:
        made = await self.ask("POST", "groups", {"name": name})
        assert made.status == 201, made.body
        return dict(made.body)


@pytest.fixture
async def client(ims: Context, pair: Pair) -> Caller:
    scopes = '["account:read", "contacts:write", "audit:read", "messages:send"]'
    account_id = pair.client.account_id
    return Caller(await ims.db(add_key, "live", account_id, scopes=scopes), account_id)


def body_of(*recipients: Json, text: str = "hi") -> bytes:
    return orjson.dumps({"text": text, "recipients": recipients})


async def taken(
    ims: Context, client: Client, *recipients: Json, kind: str = "mt", at_ms: int | None = None
) -> list[Json]:
    now = ims.now_ms() if at_ms is None else at_ms
    made = await expanded(ims, client.account_id, channel(kind), body_of(*recipients), now)
    listed: list[Json] = json.loads(made)["recipients"]
    return listed


async def test_an_address_belongs_to_one_contact_however_it_is_written(client: Caller) -> None:
    made = await client.person(name="Kim", addresses={"mt": "010-2111-0001", "email": "Kim@Client.Example"})
    assert made["addresses"] == {"mt": A, "email": "Kim@client.example"}
    for addresses in ({"mt": "+82 10 2111 0001"}, {"kakao": A}, {"rcs": A}, {"email": "kim@client.example"}):
        again = await client.ask("POST", "contacts", {"addresses": addresses})
        assert (again.status, again.kind, again.body["id"]) == (409, "exists", made["id"]), addresses
    assert [one["id"] for one in (await client.ask("GET", "contacts?to=%2B821021110001")).body["items"]] == [made["id"]]
    assert (await client.ask("GET", "contacts?to=01099998888")).body["items"] == []


async def test_merging_adds_to_the_contact_and_never_joins_two(client: Caller) -> None:
    await client.group("vip")
    first = await client.person(name="Kim", addresses={"mt": A}, variables={"grade": "A", "n": 1}, tags=["x"])
    second = await client.person(addresses={"mt": B})
    given = {"addresses": {"mt": A, "email": "k@c.example"}, "variables": {"n": 2}, "tags": ["y"], "groups": ["vip"]}
    merged = await client.ask("POST", "contacts?merge=true", given)
    assert (merged.status, merged.body["id"], merged.body["version"]) == (200, first["id"], 2)
    assert merged.body["name"] == "Kim"
    assert merged.body["variables"] == {"grade": "A", "n": 2}
    assert (merged.body["tags"], merged.body["groups"]) == (["x", "y"], ["vip"])
    assert merged.body["addresses"] == {"mt": A, "email": "k@c.example"}
    chained = await client.ask("POST", "contacts?merge=true", {"addresses": {"mt": B, "email": "k@c.example"}})
    assert chained.status == 409
    assert sorted(chained.body["ids"]) == sorted([first["id"], second["id"]])


async def test_a_stale_version_is_refused_and_only_what_is_given_changes(client: Caller) -> None:
    made = await client.person(name="Kim", addresses={"mt": A}, tags=["x"])
    path = f"contacts/{made['id']}"
    changed = await client.ask_with({"if-match": '"1"'}, "PATCH", path, {"name": "Lee"})
    assert (changed.status, changed.headers["etag"], changed.body["tags"]) == (200, '"2"', ["x"])
    assert (await client.ask_with({"if-match": '"1"'}, "PATCH", path, {"name": "Park"})).status == 412
    assert (await client.ask("GET", path)).body == changed.body
    other = await client.person(addresses={"mt": B})
    clash = await client.ask("PATCH", path, {"addresses": {"mt": B}})
    assert (clash.status, clash.body["id"]) == (409, other["id"])
    assert (await client.ask("GET", path)).body == changed.body
    assert (await client.ask("PATCH", path, {"addresses": {"mt": C}})).status == 200
    assert (await client.person(addresses={"mt": A}))["id"] != made["id"]
    assert (await client.ask("DELETE", path)).status == 204
    assert (await client.ask("GET", path)).status == 404
    actions = {row["action"] for row in (await client.ask("GET", "audit")).body["items"]}
    assert actions == {"contact.add", "contact.change", "contact.erase"}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("contacts", {}, "/addresses"),
        ("contacts", {"addresses": {}}, "/addresses"),
        ("contacts", {"addresses": {"pigeon": "x"}}, "/addresses/pigeon"),
        ("contacts", {"addresses": {"mt": "0101"}}, "/addresses/mt"),
        ("contacts", {"addresses": {"email": "nobody"}}, "/addresses/email"),
        ("contacts", {"addresses": {"push": "x:y"}}, "/addresses/push"),
        ("contacts", {"addresses": {"mt": A}, "groups": ["nowhere"]}, "/groups/0"),
        ("contacts", {"addresses": {"mt": A}, "colour": 1}, "/colour"),
        ("groups", {}, "/name"),
        ("groups", {"name": " "}, "/name"),
    ],
)
async def test_a_fault_names_its_field(client: Caller, path: str, body: Json, pointer: str) -> None:
    answer = await client.ask("POST", path, body)
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.ask("GET", path)).body["items"] == []


async def test_a_group_counts_its_members_is_renamed_and_deleted(client: Caller) -> None:
    made = await client.group("vip")
    person = await client.person(addresses={"mt": A}, groups=["vip"])
    path = f"groups/{made['id']}"
    again = await client.ask("POST", "groups", {"name": "vip"})
    assert (again.status, again.body["id"]) == (409, made["id"])
    assert (await client.ask_with({"if-match": '"7"'}, "PATCH", path, {"name": "old"})).status == 412
    renamed = await client.ask("PATCH", path, {"name": "gold"})
    assert (renamed.body["name"], renamed.body["members"], renamed.body["version"]) == ("gold", 1, 2)
    assert (await client.ask("GET", path)).body == renamed.body
    assert [one["groups"] for one in (await client.ask("GET", "contacts?group=gold")).body["items"]] == [["gold"]]
    assert (await client.ask("GET", "contacts?group=vip")).body["items"] == []
    assert [one["name"] for one in (await client.ask("GET", "groups")).body["items"]] == ["gold"]
    assert (await client.ask("DELETE", path)).status == 204
    assert (await client.ask("GET", path)).status == 404
    assert (await client.ask("GET", f"contacts/{person['id']}")).body["groups"] == []


async def test_a_group_stands_for_its_members_once(ims: Context, client: Caller) -> None:
    for name in ("one", "two"):
        await client.group(name)
    await client.person(name="Kim", addresses={"mt": A, "email": "k@c.example"}, variables={"n": 1.5}, groups=["one"])
    await client.person(addresses={"kakao": B}, groups=["one", "two"])
    await client.person(addresses={"mt": C}, groups=["two"])
    found = await taken(ims, client, {"group": "one"}, {"to": "010-2111-0003"}, {"group": "two"})
    assert [one["to"] for one in found] == [A, B, "010-2111-0003"]
    assert found[0]["variables"] == {"name": "Kim", "n": 1.5}
    assert found[0]["addresses"] == {"email": "k@c.example"}
    assert [one["to"] for one in await taken(ims, client, {"group": "one"}, kind="email")] == ["k@c.example", ""]


async def test_a_retry_takes_the_members_of_its_first_moment(ims: Context, client: Caller) -> None:
    await client.group("one")
    first = await client.person(addresses={"mt": A}, groups=["one"])
    second = await client.person(addresses={"mt": B}, groups=["one"])
    moment = ims.now_ms()
    later = moment + 1000

    def change(conn: Any) -> None:
        held = store.one(conn, client.account_id, UUID(first["id"]).bytes)
        assert held is not None
        store.save(conn, held._replace(groups=(), updated_ms=later), {store.key_of("phone", A)})

    await ims.db(change)
    assert [one["to"] for one in await taken(ims, client, {"group": "one"}, at_ms=later)] == [B]
    assert [one["to"] for one in await taken(ims, client, {"group": "one"}, at_ms=moment)] == [A, B]
    assert second["groups"] == ["one"]


@pytest.mark.parametrize(
    ("recipient", "pointer"),
    [
        ({"group": "nowhere"}, "/recipients/0/group"),
        ({"group": "empty"}, "/recipients/0/group"),
        ({"group": 7}, "/recipients/0"),
        ({"group": "empty", "ref": "x"}, "/recipients/0"),
    ],
)
async def test_a_group_that_cannot_be_taken_is_a_fault(client: Caller, recipient: Json, pointer: str) -> None:
    await client.group("empty")
    answer = await client.ask("POST", "mt/messages", {"sender": "0215441234", "text": "hi", "recipients": [recipient]})
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, pointer)


async def test_more_members_than_a_request_takes_name_the_job(
    ims: Context, client: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_MEMBERS", 1)
    monkeypatch.setattr("shared.accepting.members.MOST_MEMBERS", 1)
    await client.group("one")
    for to in (A, B):
        await client.person(addresses={"mt": to}, groups=["one"])
    with pytest.raises(InvalidRequest, match="/v1/uploads"):
        await taken(ims, client, {"group": "one"})
    with pytest.raises(InvalidRequest, match="/v1/uploads"):
        await taken(ims, client, {"group": "one"}, {"to": C})


async def test_numbers_and_strange_bodies_pass_as_they_are_written(ims: Context, client: Caller) -> None:
    await client.group("one")
    await client.person(addresses={"mt": A}, groups=["one"])
    sent = b'{"text":"hi","recipients":[{"group":"one"},{"to":"010-2111-0002","variables":{"n":1.50}}]}'
    kind, now = channel("mt"), ims.now_ms()
    assert b'{"n":1.50}' in await expanded(ims, client.account_id, kind, sent, now)
    for body in (b'{"group"', b'{"recipients": 7, "group": NaN}', b"[" * 100_000 + b'"group"', b'{"text": "group"}'):
        assert await expanded(ims, client.account_id, kind, body, now) == body
    with pytest.raises(InvalidRequest):
        await expanded(ims, client.account_id, kind, b'{"recipients":[{"group":"one","group":"two"}]}', now)


async def test_a_request_to_a_group_is_accepted_for_its_members(ims: Context, client: Caller) -> None:
    await client.group("one")
    for to, name in ((A, "Kim"), (B, "Lee")):
        await client.person(name=name, addresses={"mt": to}, groups=["one"])
    row = (client.account_id, "0215441234", ims.now_ms())
    await ims.db(sql.insert, "senders", "account_id, number, created_ms", [row])
    body = {"sender": "0215441234", "text": "#{name}", "recipients": [{"group": "one"}]}
    answer = await client.ask_with({"idempotency-key": "g1"}, "POST", "mt/messages", body)
    assert (answer.status, [one["to"] for one in answer.body["messages"]]) == (202, [A, B]), answer.body
    await client.person(addresses={"mt": C}, groups=["one"])
    again = await client.ask_with({"idempotency-key": "g1"}, "POST", "mt/messages", body)
    assert again.body == answer.body


async def test_what_belongs_to_another_account_is_not_there(ims: Context, client: Caller, pair: Pair) -> None:
    made, group = await client.person(addresses={"mt": A}), await client.group("one")
    other = Caller(pair.other, 0)
    for path in (f"contacts/{made['id']}", f"groups/{group['id']}"):
        assert (await other.ask("GET", path)).status == 404
        assert (await other.ask("PATCH", path, {"name": "mine"})).status == 404
        assert (await other.ask("DELETE", path)).status == 404
    assert (await other.ask("GET", "contacts")).body["items"] == []
    assert (await other.ask("POST", "contacts", {"addresses": {"mt": A}})).status in (201, 403)
