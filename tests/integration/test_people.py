"""People on a real MySQL: signing in, second factors, rights by role, invitations, the last owner, and the audit."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from dataclasses import dataclass, field
from email import message_from_string
from typing import Any

import pyotp
import pytest
from starlette.requests import Request

from shared import flow
from shared.accounts.secrets import ring
from shared.edge.auditing import ANCHOR
from shared.people import factors, mails, passwords
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.stores import audit, people, sql
from shared.stores.sql import Connection
from tests.integration.test_api_report import add_account
from tests.integration.test_rights import add_key
from tests.integration.test_rights import ims as rights_ims
from tests.recording import record
from tests.wiring.functions import loaded

Json = dict[str, Any]
PASSWORD = "correct horse battery"
LINK = re.compile(r"/(invitations|reset)/([\w-]+)")
real_ims = rights_ims


@dataclass
class Answer:
    """What came back, with the cookies that were set."""

    status: int
    body: Json
    headers: dict[str, str]
    cookies: dict[str, str]

    @property
    def kind(self) -> str:
        return str(self.body["type"]).rpartition("/")[2]


@dataclass
class Browser:
    """Keeps cookies and the CSRF token, as a browser with the console does."""

    address: str = "192.0.2.7"
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> Answer:
        sent = {"content-type": "application/json", "host": "ims.test", "x-csrf-token": self.csrf, **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = await ask(method, path, body, sent, self.address)
        self.cookies |= answer.cookies
        if answer.body.get("csrf"):
            self.csrf = answer.body["csrf"]
        return answer

    async def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> Answer:
        return await self.ask("POST", "/v1/sessions", {"email": email, "password": password, **more})


async def ask(method: str, path: str, body: Json | None, headers: Json, address: str = "192.0.2.7") -> Answer:
    path, _, query = path.partition("?")
    mains = [
        loaded(f.name)
        for f in flow.FLOW
        if not f.handles and any(r.pattern[0].match(path) for r in loaded(f.name).routes)
    ]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "client": (address, 1),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    raw = b"" if body is None else json.dumps(body).encode()

    async def receive() -> Json:
        return {"type": "http.request", "body": raw, "more_body": False}

    response = await mains[0](Request(scope, receive))
    set_ = [v.decode() for k, v in response.raw_headers if k == b"set-cookie"]
    cookies = dict(one.partition(";")[0].split("=", 1) for one in set_)
    text = response.body.decode()
    shown = json.loads(text) if "json" in response.headers.get("content-type", "") else {}
    for route in mains[0].routes:
        if (route.method == method and path == route.path) or (route.pattern[0].match(path) and route.method == method):
            record(route, path, body, response.status_code, dict(response.headers), shown or text)
            break
    return Answer(response.status_code, shown, dict(response.headers), cookies)


@pytest.fixture
def ims(real_ims: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("IMS_SECRET_KEYS", base64.b64encode(bytes(32)).decode())
    monkeypatch.setenv("IMS_SMTP_HOST", "mail.test")
    monkeypatch.setenv("IMS_CONSOLE_URL", "http://ims.test/console")
    settings.reset()
    return real_ims


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Mails that were sent: to, text."""
    sent: list[tuple[str, str]] = []

    def keep(_settings: Any, mail: Any, to: str, _until: float) -> None:
        text = message_from_string(mail.as_string()).get_payload(decode=True)
        assert isinstance(text, bytes)
        sent.append((to, text.decode()))

    monkeypatch.setattr("shared.people.mails.smtp.send", keep)
    return sent


@dataclass
class Tenant:
    """An account with its owner, who is signed in."""

    account_id: int
    username: str
    email: str
    owner: Browser


def add_person(conn: Connection, account_id: int, roles: str, hashed: str, totp: str | None = None) -> str:
    person = os.urandom(16)
    email = f"{person.hex()[:12]}@client.example"
    people.add(conn, person, email, "사람", hashed, now_ms())
    if totp:
        people.change(conn, person, now_ms(), totp=factors.sealed(totp, person))
    people.join(conn, account_id, person, tuple(roles.split()), now_ms())
    return email


async def tenant_of(ims: Context) -> Tenant:
    username = f"people-{os.urandom(4).hex()}"
    account_id = await ims.db(add_account, username)
    email = await ims.db(add_person, account_id, "owner", await passwords.hashed(PASSWORD))
    owner = Browser()
    assert (await owner.sign_in(email)).status == 201
    assert (await owner.ask("POST", "/v1/sessions/current/confirm", {"password": PASSWORD})).status == 200
    return Tenant(account_id, username, email, owner)


@pytest.fixture
async def tenant(ims: Context) -> Tenant:
    return await tenant_of(ims)


async def member(ims: Context, tenant: Tenant, roles: str) -> tuple[str, Browser]:
    email = await ims.db(add_person, tenant.account_id, roles, await passwords.hashed(PASSWORD))
    browser = Browser()
    assert (await browser.sign_in(email)).status == 201
    return email, browser


# --- signing in -------------------------------------------------------------------------------------------------------


async def test_a_session_says_who_it_is_and_what_it_may_do(tenant: Tenant) -> None:
    shown = (await tenant.owner.ask("GET", "/v1/sessions/current")).body
    assert (shown["username"], shown["roles"], shown["operator"]) == (tenant.username, ["owner"], False)
    assert shown["person"]["email"] == tenant.email
    assert "people:write" in shown["scopes"]
    assert (await tenant.owner.ask("GET", "/v1/me")).body["username"] == tenant.username
    assert (await tenant.owner.ask("DELETE", "/v1/sessions/current")).status == 204
    assert (await tenant.owner.ask("GET", "/v1/me")).status == 401


@pytest.mark.parametrize(
    "how", ["no token", "another's token", "another site", "another origin", "no origin", "broken origin"]
)
async def test_a_change_by_cookie_needs_our_own_page(ims: Context, tenant: Tenant, how: str) -> None:
    other = await tenant_of(ims)
    browser = tenant.owner
    headers: dict[str, str] = {}
    if how == "no token":
        headers = {"x-csrf-token": ""}
    elif how == "another's token":
        headers = {"x-csrf-token": other.owner.csrf}
    elif how == "another site":
        headers = {"sec-fetch-site": "cross-site"}
    else:
        origins = {"no origin": "null", "broken origin": "http://["}
        headers = {"origin": origins.get(how, "https://evil.example")}
    answer = await browser.ask("PUT", "/v1/digests", {"enabled": False}, **headers)
    assert (answer.status, answer.kind) == (403, "csrf")
    good = await browser.ask("PUT", "/v1/digests", {"enabled": False}, origin="http://ims.test")
    assert good.status == 200, good.body


async def test_a_bad_key_beside_a_good_cookie_is_refused(tenant: Tenant) -> None:
    for header in ("Bearer ims_live_nobody", 'Bearer "x"', "Basic eDp5", "Bearer"):
        assert (await tenant.owner.ask("GET", "/v1/me", authorization=header)).status == 401


async def test_wrong_passwords_lock_the_login_but_not_the_browser_that_knows_it(
    ims: Context, tenant: Tenant, box: list[tuple[str, str]]
) -> None:
    stranger = Browser("198.51.100.7")
    found = [(await stranger.sign_in(tenant.email, f"wrong {n}")).status for n in range(5)]
    locked = await stranger.sign_in(tenant.email)
    assert (found, locked.status, locked.kind) == ([401] * 5, 429, "locked")
    assert 0 < int(locked.headers["retry-after"]) <= 60
    assert (await tenant.owner.sign_in(tenant.email)).status == 201
    for _ in range(100):
        if box:
            break
        await asyncio.sleep(0.02)
    assert [to for to, _ in box] == [tenant.email]


async def test_an_unknown_login_is_answered_like_a_wrong_password(tenant: Tenant) -> None:
    known = await Browser("198.51.100.8").sign_in(tenant.email, "wrong password")
    unknown = await Browser("198.51.100.8").sign_in("nobody@client.example", "wrong password")
    assert (known.status, known.body) == (unknown.status, unknown.body)


@pytest.mark.parametrize("password", ["a" * 1025, "가" * 400])
async def test_a_huge_password_is_refused_without_hashing(
    tenant: Tenant, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed(*_: object) -> bool:
        raise AssertionError("hashed")

    monkeypatch.setattr(passwords, "_verify", hashed)
    assert (await Browser("198.51.100.9").sign_in(tenant.email, password)).status in (401, 422)


async def test_passwords_are_compared_in_one_form(ims: Context, tenant: Tenant) -> None:
    composed, decomposed = "한글비밀번호열두글자입니다", "한글비밀번호열두글자입니다"
    body = {"current": PASSWORD, "password": decomposed}
    assert (await tenant.owner.ask("PUT", "/v1/me/password", body)).status == 204
    assert (await Browser().sign_in(tenant.email, composed)).status == 201


# --- the second factor ------------------------------------------------------------------------------------------------


async def test_a_second_factor_is_asked_for_and_each_code_counts_once(ims: Context, tenant: Tenant) -> None:
    begun = (await tenant.owner.ask("POST", "/v1/me/totp")).body
    code = pyotp.TOTP(begun["secret"]).now()
    codes = (await tenant.owner.ask("PUT", "/v1/me/totp", {"code": code})).body["recovery_codes"]
    assert len(codes) == 10
    without = await Browser().sign_in(tenant.email)
    assert (without.status, without.kind) == (401, "code-needed")
    assert (await Browser().sign_in(tenant.email, code=code)).status == 401, "the code of the enrolment is used up"
    later = pyotp.TOTP(begun["secret"]).at(now_ms() // 1000 + 30)
    full = "".join(chr(ord(c) + 0xFEE0) for c in later)
    assert (await Browser().sign_in(tenant.email, code=full[:3] + " " + full[3:])).status == 201
    recovered = await Browser().sign_in(tenant.email, code=codes[0].lower().replace("-", " "))
    assert (recovered.status, recovered.body["recovery_codes_left"]) == (201, 9)
    assert (await Browser().sign_in(tenant.email, code=codes[0])).status == 401
    twice = await asyncio.gather(*(Browser().sign_in(tenant.email, code=codes[1]) for _ in range(2)))
    assert sorted(one.status for one in twice) == [201, 401]


@pytest.mark.parametrize("code", ["ㅁㅠㅊ123", "é12345", "١٢٣٤٥٦", "-"])
async def test_a_code_in_other_letters_is_a_wrong_code(ims: Context, tenant: Tenant, code: str) -> None:
    secret = pyotp.random_base32()
    hashed = await passwords.hashed(PASSWORD)
    email = await ims.db(add_person, tenant.account_id, "viewer", hashed, secret)
    answer = await Browser("198.51.100.10").sign_in(email, code=code)
    assert (answer.status, answer.kind) == (401, "sign-in-failed")


async def test_a_second_factor_is_set_up_only_by_who_knows_the_password(ims: Context, tenant: Tenant) -> None:
    _, thief = await member(ims, tenant, "viewer")
    begun = (await thief.ask("POST", "/v1/me/totp")).body
    code = {"code": pyotp.TOTP(begun["secret"]).now()}
    refused = await thief.ask("PUT", "/v1/me/totp", code)
    assert (refused.status, refused.kind) == (403, "confirm-needed")
    assert (await thief.ask("POST", "/v1/sessions/current/confirm", {"password": PASSWORD})).status == 200
    assert (await thief.ask("PUT", "/v1/me/totp", code)).status == 200


async def test_an_operator_needs_a_second_factor(ims: Context) -> None:
    hashed = await passwords.hashed(PASSWORD)
    without = await ims.db(add_person, 0, "owner", hashed)
    browser = Browser()
    assert (await browser.sign_in(without)).body["operator"] is True
    refused = await browser.ask("GET", "/v1/admin/identities")
    assert (refused.status, refused.kind) == (403, "totp-needed")
    secret = pyotp.random_base32()
    email = await ims.db(add_person, 0, "owner", hashed, secret)
    with_it = Browser()
    assert (await with_it.sign_in(email, code=pyotp.TOTP(secret).now())).status == 201
    assert (await with_it.ask("GET", "/v1/admin/identities")).status == 200
    assert (await with_it.ask("GET", "/v1/me")).status == 403


# --- rights -----------------------------------------------------------------------------------------------------------

WRITES = [
    ("POST", "/v1/mt/messages", "sender owner"),
    ("PUT", "/v1/callbacks", "developer owner"),
    ("POST", "/v1/keys", "developer owner"),
    ("PUT", "/v1/digests", "owner"),
    ("POST", "/v1/identities", "owner"),
    ("POST", "/v1/templates", "sender owner"),
    ("PUT", "/v1/devices", "sender owner"),
    ("POST", "/v1/reports/replay", "developer owner"),
    ("POST", "/v1/people/invitations", "owner"),
    ("GET", "/v1/people", "owner"),
    ("GET", "/v1/audit", "owner"),
    ("GET", "/v1/messages", "viewer sender developer owner"),
]


@pytest.mark.parametrize("role", ["viewer", "sender", "developer", "owner"])
async def test_a_role_opens_what_its_scopes_say(ims: Context, tenant: Tenant, role: str) -> None:
    _, browser = await member(ims, tenant, role)
    await browser.ask("POST", "/v1/sessions/current/confirm", {"password": PASSWORD})
    for method, path, roles in WRITES:
        answer = await browser.ask(method, path, None if method == "GET" else {})
        allowed = role in roles.split()
        assert (answer.status != 403) is allowed, (role, method, path, answer.body)
        if not allowed:
            assert answer.body["roles"] == roles.split()
        hidden = await browser.ask("GET", path, None, x_http_method_override=method)
        assert hidden.status < 500


async def test_a_role_that_was_taken_counts_at_the_next_request(ims: Context, tenant: Tenant) -> None:
    email, browser = await member(ims, tenant, "owner")
    listed = (await tenant.owner.ask("GET", "/v1/people")).body["items"]
    (one,) = [p for p in listed if p["email"] == email]
    assert (await browser.ask("PUT", "/v1/digests", {"enabled": False})).status == 200
    changed = await tenant.owner.ask("PATCH", f"/v1/people/{one['id']}", {"roles": ["viewer"]})
    assert changed.body["roles"] == ["viewer"]
    assert (await browser.ask("PUT", "/v1/digests", {"enabled": False})).status == 403
    await tenant.owner.ask("PATCH", f"/v1/people/{one['id']}", {"state": "disabled"})
    assert (await browser.ask("GET", "/v1/me")).status == 401
    assert (await Browser().sign_in(email)).status == 401


async def test_dangerous_steps_need_the_password_again_in_that_session(ims: Context, tenant: Tenant) -> None:
    other = Browser()
    await other.sign_in(tenant.email)
    refused = await other.ask("POST", "/v1/keys", {"name": "k"})
    assert (refused.status, refused.kind) == (403, "confirm-needed")
    wrong = await other.ask("POST", "/v1/sessions/current/confirm", {"password": "something else"})
    assert wrong.status == 422
    made = await tenant.owner.ask("POST", "/v1/keys", {"name": "k"})
    assert made.status == 201
    assert made.body["key"].startswith("ims_live_")


async def test_what_belongs_to_another_account_is_not_there(ims: Context, tenant: Tenant) -> None:
    other = await tenant_of(ims)
    theirs = (await other.owner.ask("GET", "/v1/people")).body["items"][0]
    absent = await tenant.owner.ask("PATCH", f"/v1/people/{os.urandom(16).hex()}", {"roles": ["viewer"]})
    found = await tenant.owner.ask("PATCH", f"/v1/people/{theirs['id']}", {"roles": ["viewer"]})
    assert (found.status, found.body) == (absent.status, absent.body)
    await other.owner.ask("PUT", "/v1/digests", {"enabled": False})
    page = (await other.owner.ask("GET", "/v1/audit?limit=1")).body["next"]
    assert page
    assert (await tenant.owner.ask("GET", f"/v1/audit?limit=1&cursor={page}")).status == 422


# --- people -----------------------------------------------------------------------------------------------------------


async def test_the_last_owner_stays_also_when_two_leave_at_once(ims: Context, tenant: Tenant) -> None:
    email, second = await member(ims, tenant, "owner")
    await second.ask("POST", "/v1/sessions/current/confirm", {"password": PASSWORD})
    listed = {p["email"]: p["id"] for p in (await tenant.owner.ask("GET", "/v1/people")).body["items"]}
    left = await asyncio.gather(
        tenant.owner.ask("PATCH", f"/v1/people/{listed[tenant.email]}", {"roles": ["viewer"]}),
        second.ask("DELETE", f"/v1/people/{listed[email]}"),
    )
    assert sorted(one.status for one in left) in ([200, 409], [204, 409])
    refused = next(one for one in left if one.status == 409)
    assert refused.kind == "last-owner"


async def test_one_is_invited_looks_and_comes_once(ims: Context, tenant: Tenant, box: list[tuple[str, str]]) -> None:
    address = f"  New.{os.urandom(4).hex()}@Client.Example "
    asked = await tenant.owner.ask("POST", "/v1/people/invitations", {"email": address, "roles": ["developer"]})
    assert (asked.status, asked.body["email"], asked.body["mailed"]) == (201, address.strip().lower(), True)
    again = await tenant.owner.ask("POST", "/v1/people/invitations", {"email": address.strip(), "roles": ["sender"]})
    assert again.body["id"] == asked.body["id"]
    first, second = (LINK.search(text)[2] for _, text in box)  # type: ignore[index]
    assert (await Browser().ask("GET", f"/v1/invitations/{first}")).status == 404
    for _ in range(3):
        seen = await Browser().ask("GET", f"/v1/invitations/{second}")
        assert (seen.status, seen.body["username"], seen.cookies) == (200, tenant.username, {})
    stranger = await tenant.owner.ask("POST", f"/v1/invitations/{second}", {"name": "x", "password": PASSWORD})
    assert (stranger.status, stranger.kind) == (409, "somebody-else")
    short = await Browser().ask("POST", f"/v1/invitations/{second}", {"name": "x", "password": "short"})
    assert short.status == 422
    came = await Browser().ask("POST", f"/v1/invitations/{second}", {"name": "새 사람", "password": PASSWORD})
    assert came.status == 201, came.body
    gone = await Browser().ask("POST", f"/v1/invitations/{second}", {"name": "x", "password": PASSWORD})
    assert gone.status == 404
    assert (await Browser().sign_in(address.strip())).body["roles"] == ["sender"]


async def test_the_last_owner_does_not_come_in_anew_as_less(
    ims: Context, tenant: Tenant, box: list[tuple[str, str]]
) -> None:
    body = {"email": tenant.email, "roles": ["viewer"]}
    assert (await tenant.owner.ask("POST", "/v1/people/invitations", body)).status == 201
    link = LINK.search(box[0][1])[2]  # type: ignore[index]
    refused = await tenant.owner.ask("POST", f"/v1/invitations/{link}", {})
    assert (refused.status, refused.kind) == (409, "last-owner")
    await member(ims, tenant, "owner")
    assert (await tenant.owner.ask("POST", f"/v1/invitations/{link}", {})).status == 201
    assert (await tenant.owner.ask("GET", "/v1/sessions/current")).body["roles"] == ["viewer"]


async def test_nobody_gives_a_role_that_can_do_more(ims: Context, tenant: Tenant) -> None:
    key = await ims.db(add_key, "live", tenant.account_id, scopes='["people:write", "account:read", "messages:read"]')
    bearer = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    body = {"email": "who@client.example", "roles": ["owner"]}
    assert (await ask("POST", "/v1/people/invitations", body, bearer)).status == 403


async def test_a_reset_ends_every_session_and_the_link_works_once(
    ims: Context, tenant: Tenant, box: list[tuple[str, str]]
) -> None:
    for email in (tenant.email, "nobody@client.example"):
        assert (await Browser().ask("POST", "/v1/passwords/reset", {"email": email})).status == 202
    while mails._under_way:
        await asyncio.gather(*mails._under_way)
    assert [to for to, _ in box] == [tenant.email]
    token = LINK.search(box[0][1])[2]  # type: ignore[index]
    new = "an entirely new password"
    assert (await Browser().ask("POST", f"/v1/passwords/{token}", {"password": new})).status == 204
    assert (await Browser().ask("POST", f"/v1/passwords/{token}", {"password": new})).status == 404
    assert (await tenant.owner.ask("GET", "/v1/me")).status == 401
    assert (await Browser().sign_in(tenant.email, new)).status == 201


async def test_a_link_that_never_was_costs_no_hash(ims: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hashed(_: str) -> str:
        raise AssertionError("hashed")

    monkeypatch.setattr(passwords, "hashed", hashed)
    assert (await Browser().ask("POST", "/v1/passwords/never", {"password": "an entirely new password"})).status == 404


async def test_a_stranger_cannot_fill_a_box_with_links(
    ims: Context, tenant: Tenant, box: list[tuple[str, str]]
) -> None:
    for _ in range(8):
        assert (await Browser().ask("POST", "/v1/passwords/reset", {"email": tenant.email})).status == 202
    while mails._under_way:
        await asyncio.gather(*mails._under_way)
    assert len(box) == 5
    tokens = [LINK.search(text)[2] for _, text in box]  # type: ignore[index]
    new = {"password": "an entirely new password"}
    assert sorted([(await Browser().ask("POST", f"/v1/passwords/{one}", new)).status for one in tokens]) == [
        204, 404, 404, 404, 404,
    ]  # fmt: skip


# --- the audit --------------------------------------------------------------------------------------------------------


async def test_changes_stand_in_the_audit_without_their_secrets(ims: Context, tenant: Tenant) -> None:
    key = (await tenant.owner.ask("POST", "/v1/keys", {"name": "audited"})).body
    await tenant.owner.ask("PUT", "/v1/callbacks", {"secrets": ["whsec_" + "QUJD" * 8]})
    rows = (await tenant.owner.ask("GET", "/v1/audit")).body["items"]
    made = next(row for row in rows if row["action"] == "key.create")
    assert (made["actor"]["kind"], made["actor"]["name"]) == ("person", tenant.email)
    assert (made["object"], made["from"], made["username"]) == (f"key:{key['id']}", "192.0.2.7", tenant.username)
    assert key["key"] not in json.dumps(rows)
    assert "QUJDQUJD" not in json.dumps(rows)
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)


@pytest.mark.parametrize("harm", ["none", "changed", "removed", "newest removed", "all removed", "relinked end"])
async def test_verify_finds_what_was_changed_or_removed(ims: Context, tenant: Tenant, harm: str) -> None:
    await tenant.owner.ask("PUT", "/v1/digests", {"enabled": False})
    admin = {"authorization": f"Bearer {await ims.db(add_key, 'admin', None)}"}

    def spoil(conn: Connection) -> list[tuple[Any, ...]]:
        kept = sql.fetch(conn, f"SELECT {audit._COLUMNS} FROM audit ORDER BY seq")
        head = audit.head(conn)
        last = head[0]
        {
            "none": lambda: None,
            "changed": lambda: sql.execute(conn, f"UPDATE audit SET object='x' WHERE seq={last - 1}"),
            "removed": lambda: sql.execute(conn, f"DELETE FROM audit WHERE seq={last - 1}"),
            "newest removed": lambda: sql.execute(conn, f"DELETE FROM audit WHERE seq>{last - 2}"),
            "all removed": lambda: sql.execute(conn, "DELETE FROM audit"),
            "relinked end": lambda: (
                sql.execute(conn, f"DELETE FROM audit WHERE seq={last}"),
                sql.execute(
                    conn, f"UPDATE audit_head SET seq={last - 1}, hash=(SELECT hash FROM audit WHERE seq={last - 1})"
                ),
            ),
        }[harm]()
        return [kept, head]

    kept, head = await ims.db(spoil)
    try:
        found = (await ask("GET", "/v1/admin/audit/verify", None, admin)).body
    finally:

        def mend(conn: Connection) -> None:
            sql.execute(conn, "DELETE FROM audit")
            sql.insert(conn, "audit", audit._COLUMNS, kept)
            sql.execute(conn, f"UPDATE audit_head SET seq={head[0]}, hash={sql.literal(head[1])}")

        await ims.db(mend)
    assert found["ok"] is (harm == "none"), found
    assert (found["broken_at"] is None) is (harm == "none")
    assert await ims.redis.state.get(ANCHOR)


class Undo(Exception):
    """Takes a transaction back."""


async def test_verify_finds_a_last_row_that_was_written_anew_also_without_redis(ims: Context, tenant: Tenant) -> None:
    await tenant.owner.ask("PUT", "/v1/digests", {"enabled": False})
    found: list[audit.Verdict] = []

    def spoil(conn: Connection) -> None:
        found.append(audit.verify(conn))
        last = list(audit.batches(conn))[-1][-1]
        made = audit.digest(last.seq, last.entry._replace(object="x"), last.previous)
        sql.execute(conn, f"UPDATE audit SET object='x', hash={sql.literal(made)} WHERE seq={last.seq}")
        found.append(audit.verify(conn))
        raise Undo

    with pytest.raises(Undo):
        await ims.db(spoil)
    assert [one.ok for one in found] == [True, False]
    assert found[1].broken_at == found[0].rows


async def test_the_ring_seals_the_second_factor(ims: Context) -> None:
    secret = pyotp.random_base32()
    person = os.urandom(16)
    assert secret not in factors.sealed(secret, person)
    assert ring().open(factors.sealed(secret, person), f"totp:{person.hex()}") == secret


async def test_operators_invite_owners_and_manage_each_other(ims: Context, tenant: Tenant) -> None:
    bearer = {"authorization": f"Bearer {await ims.db(add_key, 'admin', None)}", "content-type": "application/json"}

    async def operator(method: str, path: str, body: Json | None = None) -> Answer:
        return await ask(method, f"/v1/admin/{path}", body, bearer)

    who = {"email": f"{os.urandom(4).hex()}@client.example", "roles": ["owner"]}
    invited = await operator("POST", f"accounts/{tenant.username}/people/invitations", who)
    assert invited.status == 201
    assert (await operator("POST", "accounts/nobody-here/people/invitations", who)).status == 404
    listed = (await operator("GET", f"accounts/{tenant.username}/people")).body["items"]
    assert [p["email"] for p in listed] == [tenant.email]
    path = f"accounts/{tenant.username}/people/{listed[0]['id']}"
    last = await operator("PATCH", path, {"state": "disabled"})
    assert (last.status, last.kind) == (409, "last-owner")
    email = await ims.db(add_person, 0, "operator", await passwords.hashed(PASSWORD))
    people_ = (await operator("GET", "people?limit=200")).body["items"]
    one = next(p for p in people_ if p["email"] == email)
    assert (await operator("GET", f"people/{one['id']}")).body["roles"] == ["operator"]
    assert (await operator("PATCH", f"people/{one['id']}", {"roles": ["boss"]})).status == 422
    assert (await operator("PATCH", f"people/{one['id']}", {"roles": ["viewer"]})).body["roles"] == ["viewer"]
    assert (await operator("DELETE", f"people/{one['id']}")).status == 204
    asked = await operator("POST", "people/invitations", {"email": who["email"], "roles": ["viewer"]})
    open_ = (await operator("GET", "people/invitations?limit=200")).body["items"]
    assert asked.body["id"] in {i["id"] for i in open_}
    assert (await operator("DELETE", f"people/invitations/{asked.body['id']}")).status == 204
    assert (await operator("DELETE", f"people/invitations/{asked.body['id']}")).status == 404
    rows = (await operator("GET", f"audit?username={tenant.username}")).body["items"]
    assert rows[0]["action"] == "person.invite"
    assert rows[0]["actor"]["kind"] == "admin-key"
    own = (await tenant.owner.ask("GET", "/v1/audit")).body["items"]
    assert rows[0] in own, "what an operator does to an account stands in the account's audit"
    export = await operator("GET", "audit/export?purpose=monthly%20look")
    assert export.headers["content-type"].startswith("text/csv")
    assert (await operator("GET", "audit")).body["items"][0]["purpose"] == "monthly look"


async def test_an_operator_reads_changes_or_owns_as_its_role_says(ims: Context) -> None:
    hashed = await passwords.hashed(PASSWORD)
    for role, read, change, own in (("viewer", 1, 0, 0), ("operator", 1, 1, 0), ("owner", 1, 1, 1)):
        secret = pyotp.random_base32()
        browser = Browser()
        email = await ims.db(add_person, 0, role, hashed, secret)
        await browser.sign_in(email, code=pyotp.TOTP(secret).now())
        await browser.ask("POST", "/v1/sessions/current/confirm", {"password": PASSWORD})
        wanted = {
            ("GET", "/v1/admin/identities"): read,
            ("POST", f"/v1/admin/identities/{os.urandom(16).hex()}/approve"): change,
            ("GET", "/v1/admin/people"): own,
            ("GET", "/v1/admin/audit"): own,
        }
        found = {key: (await browser.ask(*key, {})).status != 403 for key in wanted}
        assert found == {key: bool(value) for key, value in wanted.items()}, role


async def test_a_person_sees_and_ends_its_sessions_and_goes_to_another_account(ims: Context, tenant: Tenant) -> None:
    second = await tenant_of(ims)
    person = (await tenant.owner.ask("GET", "/v1/sessions/current")).body["person"]["id"]
    join = people.join
    await ims.db(join, second.account_id, bytes.fromhex(person.replace("-", "")), ("viewer",), now_ms())
    moved = await tenant.owner.ask("PUT", "/v1/sessions/current", {"username": second.username})
    assert (moved.body["username"], moved.body["roles"]) == (second.username, ["viewer"])
    assert {a["username"] for a in moved.body["accounts"]} == {tenant.username, second.username}
    assert (await tenant.owner.ask("PUT", "/v1/sessions/current", {"username": "nobody"})).status == 422
    others = [Browser(), Browser()]
    for other in others:
        assert (await other.sign_in(tenant.email, username=tenant.username)).status == 201
    listed = (await tenant.owner.ask("GET", "/v1/sessions")).body["items"]
    assert [one["current"] for one in listed].count(True) == 1
    ended = next(one["id"] for one in listed if not one["current"])
    assert (await tenant.owner.ask("DELETE", f"/v1/sessions/{ended}")).status == 204
    assert (await tenant.owner.ask("DELETE", f"/v1/sessions/{ended}")).status == 404
    assert (await tenant.owner.ask("DELETE", "/v1/sessions")).status == 204
    assert [(await other.ask("GET", "/v1/sessions/current")).status for other in others] == [401, 401]
    assert (await tenant.owner.ask("GET", "/v1/sessions/current")).status == 200


async def test_recovery_codes_are_made_anew_and_the_factor_is_taken_off(ims: Context, tenant: Tenant) -> None:
    begun = (await tenant.owner.ask("POST", "/v1/me/totp")).body
    wrong = await tenant.owner.ask("PUT", "/v1/me/totp", {"code": "000000 not it"})
    assert wrong.status == 422
    code = pyotp.TOTP(begun["secret"]).now()
    old = (await tenant.owner.ask("PUT", "/v1/me/totp", {"code": code})).body["recovery_codes"]
    new = (await tenant.owner.ask("POST", "/v1/me/totp/recovery")).body["recovery_codes"]
    assert (await Browser().sign_in(tenant.email, code=old[0])).status == 401
    assert (await Browser().sign_in(tenant.email, code=new[0])).status == 201
    assert (await tenant.owner.ask("DELETE", "/v1/me/totp")).status == 204
    assert (await Browser().sign_in(tenant.email)).status == 201


async def test_one_person_is_shown_invited_and_removed(ims: Context, tenant: Tenant) -> None:
    email, browser = await member(ims, tenant, "viewer")
    listed = {p["email"]: p["id"] for p in (await tenant.owner.ask("GET", "/v1/people")).body["items"]}
    one = await tenant.owner.ask("GET", f"/v1/people/{listed[email]}")
    assert (one.body["email"], one.headers["etag"]) == (email, '"1"')
    stale = await tenant.owner.ask("PATCH", f"/v1/people/{listed[email]}", {"roles": ["sender"]}, if_match='"7"')
    assert stale.status == 412
    assert (await tenant.owner.ask("DELETE", f"/v1/people/{listed[email]}")).status == 204
    assert (await browser.ask("GET", "/v1/me")).status == 401
    asked = await tenant.owner.ask("POST", "/v1/people/invitations", {"email": email, "roles": ["viewer"]})
    open_ = (await tenant.owner.ask("GET", "/v1/people/invitations")).body["items"]
    assert [i["email"] for i in open_] == [email]
    assert (await tenant.owner.ask("DELETE", f"/v1/people/invitations/{asked.body['id']}")).status == 204
