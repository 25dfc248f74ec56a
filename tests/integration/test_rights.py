"""Rights on a real MySQL, Redis and Kafka: every operation by every kind of key and scope, and what test keys see."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from starlette.requests import Request as HttpRequest

from local.testing import Platform
from shared import flow
from shared.accepting import seen
from shared.channels.common import FileInfo
from shared.digest.days import day_at
from shared.edge.scopes import OPERATOR, OPERATOR_AUDIT, OPERATOR_OWNER, SCOPES
from shared.runtime import Route, settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context, use
from shared.stores import accounts, files, sql
from shared.stores.sql import Connection
from tests.integration.test_api_report import HOUR, RING, Client, add_account, ids_of
from tests.wiring.functions import loaded

ROUTES: list[Route] = [
    route
    for f in flow.FLOW
    if not f.handles and f.name != "api_receipt"
    for route in loaded(f.name).routes
    if route.scopes
]
"""All but those that are proved otherwise: see OPEN."""
OPEN = {
    ("GET", "/v1/invitations/{token}"),
    ("POST", "/v1/invitations/{token}"),
    ("POST", "/v1/passwords/reset"),
    ("POST", "/v1/passwords/{token}"),
    ("POST", "/v1/sessions"),
}
"""Operations of api_user without a scope that ask for no session either: the link in a mail, or a password."""
OF_A_SESSION = ("/v1/sessions", "/v1/me/password", "/v1/me/totp")
RIGHTS = {
    "POST /v1/mt/messages": "messages:send",
    "POST /v1/files": "messages:send",
    "GET /v1/files": "messages:send",
    "GET /v1/files/{id}": "messages:send",
    "DELETE /v1/files/{id}": "messages:send",
    "GET /v1/messages": "messages:read",
    "GET /v1/messages/{message_id}": "messages:read",
    "GET /v1/messages/{message_id}/content": "content:read",
    "GET /v1/requests": "messages:read",
    "GET /v1/requests/{request_id}": "messages:read",
    "PATCH /v1/requests/{request_id}": "messages:send",
    "POST /v1/requests/{request_id}/cancel": "messages:send",
    "GET /v1/search": "messages:read",
    "GET /v1/reports": "reports:read",
    "POST /v1/reports/replay": "reports:replay",
    "POST /v1/messages/{message_id}/report/replay": "reports:replay",
    "GET /v1/identities": "account:read",
    "POST /v1/identities": "account:write",
    "PUT /v1/identities/{id}": "account:write",
    "DELETE /v1/identities/{id}": "account:write",
    "POST /v1/identities/{id}/check": "account:write",
    "GET /v1/senders": "account:read",
    "POST /v1/senders": "account:write",
    "GET /v1/templates": "account:read templates:write",
    "POST /v1/templates": "templates:write",
    "PUT /v1/templates/{code}": "templates:write",
    "POST /v1/templates/{code}/submit": "templates:write",
    "DELETE /v1/templates/{code}": "templates:write",
    "GET /v1/uploads": "uploads:write",
    "POST /v1/uploads": "uploads:write",
    "GET /v1/uploads/{id}": "uploads:write",
    "PUT /v1/uploads/{id}": "uploads:write",
    "POST /v1/uploads/{id}/send": "uploads:write",
    "POST /v1/uploads/{id}/pause": "uploads:write",
    "POST /v1/uploads/{id}/resume": "uploads:write",
    "POST /v1/uploads/{id}/cancel": "uploads:write",
    "GET /v1/uploads/{id}/faults": "uploads:write",
    "GET /v1/uploads/{id}/rows/{n}": "uploads:write",
    "GET /v1/uploads/{id}/results": "uploads:write",
    "PUT /v1/devices": "contacts:write",
    "DELETE /v1/devices/{id}": "contacts:write",
    "GET /v1/contacts": "account:read contacts:write",
    "POST /v1/contacts": "contacts:write",
    "GET /v1/contacts/{id}": "account:read contacts:write",
    "PATCH /v1/contacts/{id}": "contacts:write",
    "DELETE /v1/contacts/{id}": "contacts:write",
    "GET /v1/groups": "account:read contacts:write",
    "POST /v1/groups": "contacts:write",
    "GET /v1/groups/{id}": "account:read contacts:write",
    "PATCH /v1/groups/{id}": "contacts:write",
    "DELETE /v1/groups/{id}": "contacts:write",
    "GET /v1/admin/identities": "operator",
    "POST /v1/admin/templates/{id}/approve": "operator",
    "POST /v1/admin/identities/{id}/approve": "operator",
    "GET /v1/exports": "exports:write",
    "POST /v1/exports": "exports:write",
    "GET /v1/exports/{id}/file": "exports:write",
    "DELETE /v1/exports/{id}": "exports:write",
    "GET /v1/callbacks/attempts": "content:read",
    "GET /v1/callbacks": "callbacks:write reports:read",
    "PUT /v1/callbacks": "callbacks:write",
    "POST /v1/callbacks/test": "callbacks:write",
    "POST /v1/callbacks/secrets/rotate": "callbacks:write",
    "GET /v1/keys": "keys:write",
    "POST /v1/keys": "keys:write",
    "GET /v1/keys/{id}": "keys:write",
    "DELETE /v1/keys/{id}": "keys:write",
    "POST /v1/keys/{id}/rotate": "keys:write",
    "POST /v1/admin/accounts/{username}/keys": "operator",
    "GET /v1/admin/secrets": "operator",
    "GET /v1/admin/messages/{message_id}": "operator",
    "POST /v1/admin/secrets/rotate": "operator:owner",
    "GET /v1/prices": "account:read",
    "GET /v1/usage": "account:read",
    "GET /v1/me": "account:read",
    "GET /v1/digests": "account:read",
    "PUT /v1/digests": "account:write",
    "GET /v1/digests/{date}": "account:read",
    "POST /v1/digests/{date}/send": "account:write",
}
"""Operation → the scopes that open it, as the contract has it."""
READ_ONLY = {
    "POST /v1/identities",
    "POST /v1/senders",
    "PUT /v1/callbacks",
    "POST /v1/callbacks/secrets/rotate",
    "POST /v1/keys",
    "DELETE /v1/keys/{id}",
    "POST /v1/keys/{id}/rotate",
    "PUT /v1/digests",
    "POST /v1/digests/{date}/send",
}
"""What a test key cannot do."""
PLACES = {"message_id": "01a20ca7-24ba-78bb-beb6-488995c000a0", "request_id": "01a20ca7-24ba-78bb-beb6-488995c00000"}

Json = dict[str, Any]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
async def ims(servers: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Context]:
    monkeypatch.setenv("IMS_MYSQL_URL", servers.demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", servers.demo["redis"].rpartition("/")[0])
    monkeypatch.setenv("IMS_KAFKA_BOOTSTRAP", servers.demo["kafka"])
    monkeypatch.setenv("IMS_SECRET_KEYS", RING)
    monkeypatch.setenv("IMS_KEY_CACHE_SECONDS", "0")
    settings.reset()
    context = Context("rights")
    use(context)
    yield context
    context.close()
    await context.redis.state.aclose()
    settings.reset()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Json


async def call(
    method: str, path: str, token: str | None, body: bytes = b"{}", query: str = "", headers: Json | None = None
) -> Answer:
    """One request to whichever function has the route."""
    (main,) = [
        loaded(f.name)
        for f in flow.FLOW
        if not f.handles and any(r.method == method and r.pattern[0].match(path) for r in loaded(f.name).routes)
    ]
    sent = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    sent |= headers or {}
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "client": ("192.0.2.7", 1),
        "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
    }  # fmt: skip

    async def receive() -> Json:
        return {"type": "http.request", "body": body if method != "GET" else b"", "more_body": False}

    response = await main(HttpRequest(scope, receive))
    readable = response.body and "json" in response.headers.get("content-type", "")
    return Answer(response.status_code, json.loads(response.body) if readable else {})


def add_key(conn: Connection, kind: str, account_id: int | None, **columns: Any) -> str:
    token = f"ims_{kind}_{os.urandom(12).hex()}"
    row = {"key_hash": hashlib.sha256(token.encode()).digest(), "account_id": account_id, "kind": kind, **columns}
    row["created_ms"] = now_ms()
    sql.insert(conn, "api_keys", ", ".join(row), [tuple(row.values())])
    return token


def filled(route: Route) -> str:
    return route.path.format_map({**dict.fromkeys(route.pattern[2], "none"), **PLACES, "date": "2026-01-31"})


@pytest.fixture
async def account(ims: Context) -> int:
    return await ims.db(add_account, f"rights-{os.urandom(4).hex()}")


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_routes_have_the_scopes_of_the_contract() -> None:
    found = {name_of(route): " ".join(route.scopes) for route in ROUTES}
    assert {name: found.get(name) for name in RIGHTS} == RIGHTS
    assert {name_of(route) for route in ROUTES if route.live_only} >= READ_ONLY


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_route_names_scopes_of_the_table(route: Route) -> None:
    assert route.scopes
    assert set(route.scopes) <= {*SCOPES, OPERATOR, OPERATOR_OWNER, OPERATOR_AUDIT}


def test_a_route_without_a_scope_is_one_of_those_that_are_proved_otherwise() -> None:
    bare = {(r.method, r.path) for r in loaded("api_user").routes if not r.scopes}
    assert {one for one in bare if not one[1].startswith(OF_A_SESSION)} == OPEN - {("POST", "/v1/sessions")}
    assert all(route.scopes for route in loaded("api_admin").routes)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_an_operation_is_open_to_exactly_the_keys_that_its_scopes_allow(
    ims: Context, account: int, route: Route
) -> None:
    operators = not {OPERATOR, OPERATOR_OWNER, OPERATOR_AUDIT}.isdisjoint(route.scopes)
    named = all(SCOPES[s].named for s in route.scopes if s in SCOPES) and not operators
    path = filled(route)

    async def status(kind: str, scopes: list[str] | None, **columns: Any) -> int:
        listed = None if scopes is None else json.dumps(scopes)
        token = await ims.db(add_key, kind, None if kind == "admin" else account, scopes=listed, **columns)
        answer = await call(route.method, path, token)
        assert answer.status < 500 or str(answer.body.get("type")).endswith("no-statistics"), answer
        return answer.status

    def opens(status: int) -> bool:
        return status not in (401, 403)

    assert (await call(route.method, path, None)).status == 401
    assert (await call(route.method, path, "ims_live_nobody")).status == 401
    assert opens(await status("live", None)) == (not operators and not named)
    assert opens(await status("test", None)) == (not operators and not named and not route.live_only)
    assert opens(await status("admin", None)) == operators
    for kind in ("live", "test", "admin"):
        assert await status(kind, []) == 403, kind
        assert await status(kind, ["messages:all", "*", ""]) == 403, kind
        assert await status(kind, None, revoked_ms=1) == 401, kind
        assert await status(kind, None, expires_ms=1) == 401, kind
        assert await status(kind, None, ip_allow='["nonsense", "192.0.2.0/99"]') == 403, kind
    for scope in SCOPES:
        assert opens(await status("live", [scope])) == (scope in route.scopes), scope
        allowed = scope in route.scopes and not route.live_only
        assert opens(await status("test", [scope])) == allowed, scope
        assert await status("admin", [scope]) == 403, scope
    assert opens(await status("live", [*SCOPES])) == (not operators)
    await ims.db(sql.execute, f"UPDATE accounts SET enabled=0 WHERE account_id={account}")
    ims.accounts.forget(account)
    assert await status("live", [*SCOPES]) == 403
    assert await status("test", [*SCOPES]) == 403


@pytest.mark.parametrize("stored", ["", "{", "7", '{"a": 1}', '"messages:read"', "[null, 1]"])
async def test_scopes_that_cannot_be_read_open_nothing(ims: Context, account: int, stored: str) -> None:
    token = await ims.db(add_key, "live", account, scopes=stored)
    assert (await call("GET", "/v1/messages", token)).status == 403


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        ('["nonsense", "192.0.2.0/24"]', 200),
        ('["192.0.2.7"]', 200),
        ('[" 192.0.2.0/24 "]', 200),
        ('["198.51.100.0/24"]', 403),
        ("[1, null, {}]", 403),
        ("nonsense", 403),
        ('"192.0.2.7"', 403),
        ("[]", 200),
    ],
)
async def test_a_bad_entry_of_an_allow_list_matches_nothing(
    ims: Context, account: int, allowed: str, status: int
) -> None:
    token = await ims.db(add_key, "live", account, ip_allow=allowed)
    assert (await call("GET", "/v1/messages", token)).status == status


def test_a_bad_entry_is_logged_once_and_mapped_addresses_are_those_of_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[Json] = []
    monkeypatch.setattr(accounts.log, "warning", lambda _, **facts: said.append(facts))
    key = accounts.ApiKey(1, "live", (), (f"bad-{os.urandom(4).hex()}", "192.0.2.0/24"), None)
    assert [key.allows_ip(a) for a in ("192.0.2.7", "::ffff:192.0.2.7", "198.51.100.1", "what", "")] == [
        True, True, False, False, False
    ]  # fmt: skip
    assert len(said) == 1


async def test_a_revoked_key_and_a_suspended_account_count_within_ten_seconds() -> None:
    assert settings.AcceptSettings().key_cache_seconds < 10
    with pytest.raises(ValueError, match="key_cache_seconds"):
        settings.AcceptSettings(key_cache_seconds=10.0)


# --- what test keys see -----------------------------------------------------------------------------------------------


@dataclass
class Pair:
    """An account with a live and a test key, and ways to make messages of each."""

    client: Client
    live: str
    test: str
    other: str

    async def get(self, path: str, token: str, **query: Any) -> Json:
        text = str(httpx2.QueryParams(query))
        answer = await call("GET", path, token, query=text)
        assert answer.status == 200, answer
        return answer.body


@pytest.fixture
async def pair(ims: Context) -> Pair:
    username = f"pair-{os.urandom(4).hex()}"
    account_id = await ims.db(add_account, username)
    tokens = [await ims.db(add_key, kind, account_id) for kind in ("live", "test")]
    stranger = await ims.db(add_account, f"{username}-b")
    other = await ims.db(add_key, "live", stranger)
    return Pair(Client(ims, None, account_id, username), *tokens, other)  # type: ignore[arg-type]


async def both(pair: Pair, **fields: Any) -> tuple[UUID, UUID]:
    """A finished message of a live key, and one of a test key."""
    given = {"callback_uri": "https://example.com/hook", **fields}
    (live,) = await pair.client.finished("01011112222", ref="same", **given)
    (test,) = await pair.client.finished("01011112222", ref="same", test=True, **given)
    return live, test


async def test_a_test_key_finds_messages_of_test_keys_only(pair: Pair) -> None:
    live, test = await both(pair)
    assert (await call("GET", f"/v1/messages/{live}", pair.test)).status == 404
    assert (await call("GET", f"/v1/messages/{test}", pair.test)).status == 200
    whole = UUID(int=live.int & ~0x1FFFFF)
    for query in (
        {},
        {"to": "01011112222"},
        {"ref": "same"},
        {"status": "delivered"},
        {"to": "01011112222", "ref": "same"},
    ):
        mine = await pair.get("/v1/messages", pair.test, **query)
        assert [m["message_id"] for m in mine["items"]] == [str(test)], query
        everything = await pair.get("/v1/messages", pair.live, **query)
        assert {m["message_id"] for m in everything["items"]} == {str(live), str(test)}, query
    assert not (await pair.get("/v1/messages", pair.test, request_id=whole))["items"]
    feed = await pair.get("/v1/reports", pair.test)
    assert [m["message_id"] for m in feed["items"]] == [str(test)]
    assert not (await pair.get("/v1/reports", pair.test, cursor=feed["next"]))["items"]
    assert not (await pair.get("/v1/reports", pair.test, request_id=whole))["items"]


async def test_pages_of_a_test_key_hold_its_messages_however_many_live_ones_lie_between(pair: Pair) -> None:
    wanted = []
    for _ in range(3):
        _, test = await both(pair)
        wanted.append(str(test))
        await pair.client.finished("01011112222", "01033334444")
    for path, expected in (("/v1/messages", wanted[::-1]), ("/v1/reports", wanted)):
        found, query = [], {"limit": 2}
        while True:
            page = await pair.get(path, pair.test, **query)
            found += [m["message_id"] for m in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert found == expected, path


async def test_others_ids_read_as_ids_that_never_were(pair: Pair) -> None:
    live, test = await both(pair)
    later = await pair.client.accept("01011112222", scheduled_at=now_ms() + HOUR)
    file_id, info = os.urandom(16), FileInfo("image/jpeg", 1, 1, 1)
    await pair.client.ims.db(files.insert_file, file_id, pair.client.account_id, "a.jpg", info, b"a", now_ms())
    path = f"/v1/files/{UUID(bytes=file_id)}"
    for method, token in (("GET", pair.test), ("DELETE", pair.test), ("GET", pair.other), ("DELETE", pair.other)):
        assert await call(method, path, token) == await call(method, "/v1/files/none", token)
        assert not (await pair.get("/v1/files", token))["items"]
    assert (await call("GET", path, pair.live)).status == 200
    (arriving,) = [pair.client.request("01011112222")]
    pipe = pair.client.ims.redis.state.pipeline()
    seen.note(pipe, [(arriving.request_id, pair.client.account_id, 1)])
    await pipe.execute()
    for token, message, request in (
        (pair.test, live, UUID(hex=later.request_id)),
        (pair.test, ids_of(arriving)[0], UUID(hex=arriving.request_id)),
        (pair.other, live, UUID(hex=later.request_id)),
        (pair.other, test, UUID(hex=arriving.request_id)),
    ):
        never = UUID(PLACES["message_id"]), UUID(PLACES["request_id"])
        for method, path, body in (
            ("GET", "/v1/messages/{0}", b""),
            ("POST", "/v1/messages/{0}/report/replay", b""),
            ("GET", "/v1/requests/{1}", b""),
            ("POST", "/v1/requests/{1}/cancel", b""),
            ("PATCH", "/v1/requests/{1}", b'{"scheduled_at": "2027-01-31T09:00:00+09:00"}'),
        ):
            answer = await call(method, path.format(message, request), token, body)
            assert answer == await call(method, path.format(*never), token, body), path
            assert answer.status == 404, path
    row = await pair.get(f"/v1/requests/{UUID(hex=later.request_id)}", pair.live)
    assert row["counts"] == {"scheduled": 1}


async def test_a_test_key_cancels_and_moves_reservations_of_test_keys(pair: Pair) -> None:
    mine = await pair.client.accept("01011112222", scheduled_at=now_ms() + HOUR, test=True)
    path = f"/v1/requests/{UUID(hex=mine.request_id)}"
    moved = await call("PATCH", path, pair.test, b'{"scheduled_at": "2027-01-31T09:00:00+09:00"}')
    assert (moved.status, moved.body["scheduled_at"]) == (200, "2027-01-31T00:00:00.000Z")
    canceled = await call("POST", f"{path}/cancel", pair.test)
    assert (canceled.status, canceled.body["canceled"]) == (200, 1)


async def test_a_test_key_replays_reports_of_test_keys_only(pair: Pair) -> None:
    live, test = await both(pair)
    for wish in ({"ids": [str(live)]}, {"request_id": str(UUID(int=live.int & ~0x1FFFFF))}):
        answer = await call("POST", "/v1/reports/replay", pair.test, json.dumps(wish).encode())
        assert (answer.status, answer.body["replaying"]) == (202, 0), wish
    for wish in ({"ids": [str(live), str(test)]}, {"to": "01011112222"}, {"ref": "same"}, {"status": "delivered"}):
        answer = await call("POST", "/v1/reports/replay", pair.test, json.dumps(wish).encode())
        assert (answer.status, answer.body["replaying"]) == (202, 1), wish
        whole = await call("POST", "/v1/reports/replay", pair.live, json.dumps(wish).encode())
        assert whole.body["replaying"] == 2, wish


async def test_a_test_key_cannot_change_what_it_shares(pair: Pair) -> None:

    async def shared() -> Json:
        found = {**await pair.get("/v1/callbacks", pair.live), **await pair.get("/v1/digests", pair.live)}
        return {k: v for k, v in found.items() if k != "health"}

    before = await shared()
    for path, body in (
        ("/v1/callbacks", {"callback_uri": "https://example.com/other"}),
        ("/v1/callbacks", {"secrets": ["whsec_" + "A" * 40]}),
        ("/v1/callbacks", {"enabled": False}),
        ("/v1/callbacks", {}),
        ("/v1/digests", {"enabled": True, "by": "callback", "callback_uri": "https://example.com/"}),
    ):
        answer = await call("PUT", path, pair.test, json.dumps(body).encode())
        assert answer.status == 403, path
        assert "test key" in answer.body["detail"]
    assert await shared() == before
    assert (await pair.get("/v1/callbacks", pair.test))["callback_uri"] == before["callback_uri"]


async def test_the_callbacks_health_and_the_digest_of_a_test_key_count_test_keys_messages(pair: Pair) -> None:
    await both(pair)
    live, test = await both(pair)
    await pair.client.accept("01011112222")
    now = now_ms()

    def tried(conn: Connection) -> None:
        for one in (live, live, test):
            row = (
                one.bytes,
                pair.client.account_id,
                "u",
                str(one),
                "https://example.com/hook",
                "pending",
                1,
                now,
                "{}",
            )
            columns = "message_id, account_id, username, webhook_id, callback_uri, state, tries, updated_ms, data"
            sql.insert(conn, "reports", columns, [row], "ON DUPLICATE KEY UPDATE tries=tries+1")
            at = now + (5 if one == live else 0)
            attempt = (pair.client.account_id, str(one), 1, "failed", 500 if one == live else 503, 7, 1, at)
            columns = "account_id, webhook_id, attempt, outcome, status, duration_ms, messages, at_ms"
            sql.insert(conn, "attempts", columns, [attempt], "ON DUPLICATE KEY UPDATE attempt=attempt")

    await pair.client.ims.db(tried)
    mine, whole = [(await pair.get("/v1/callbacks", token))["health"] for token in (pair.test, pair.live)]
    assert (mine["pending"], whole["pending"]) == (1, 2)
    assert (mine["last_hour"]["failed"], whole["last_hour"]["failed"]) == (1, 2)
    assert (mine["last_error"]["status"], whole["last_error"]["status"]) == (503, 500)
    day = day_at(now).isoformat()
    counted = [(await pair.get(f"/v1/digests/{day}", token))["totals"] for token in (pair.test, pair.live)]
    assert [totals["accepted"] for totals in counted] == [2, 3]


# --- cursors ----------------------------------------------------------------------------------------------------------


async def test_a_cursor_belongs_to_account_list_filters_and_kind_of_key(pair: Pair) -> None:
    for _ in range(3):
        await both(pair)
    stranger = replace(pair.client, account_id=await pair.client.ims.db(_account_of, pair.other))
    for _ in range(3):
        await stranger.finished("01011112222")
    for path, strange in (("/v1/messages", "/v1/reports"), ("/v1/reports", "/v1/messages")):
        cursor = (await pair.get(path, pair.live, limit=1))["next"]
        assert cursor
        assert (await call("GET", path, pair.live, query=f"limit=2&cursor={cursor}")).status == 200
        for token, where, more in (
            (pair.test, path, ""),
            (pair.other, path, ""),
            (pair.live, strange, ""),
            (pair.live, path, "&since=2020-01-01T00:00:00Z"),
        ):
            answer = await call("GET", where, token, query=f"limit=1&cursor={cursor}{more}")
            assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/cursor"), (where, more)


def _account_of(conn: Connection, token: str) -> int:
    digest = hashlib.sha256(token.encode()).digest()
    ((account_id,),) = sql.fetch(conn, "SELECT account_id FROM api_keys WHERE key_hash=%s", (digest,))
    return int(account_id)
