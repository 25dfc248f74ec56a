"""Identities and sender numbers on a real MySQL, with a name server of our own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.accounts import secrets
from shared.channels.common import FileInfo, Wants
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.stores import accounts, files, known, sql
from shared.stores import identities as store
from tests.integration.test_rights import Answer, Pair, add_account, add_key, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]
PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
GOOGLE = {"project_id": "p", "client_email": "a@p.iam", "private_key": PEM}
APP = {"channel": "push", "kind": "app", "value": "a"}
VALUES = {
    ("mt", "number"): ("02-1544-1234", "0215441234"),
    ("kakao", "profile"): ("k" * 40, "k" * 40),
    ("email", "domain"): ("Shop.Example.", "shop.example"),
    ("push", "app"): ("my-app", "my-app"),
    ("rcs", "brand"): ("my-brand", "my-brand"),
    ("rcs", "chatbot"): ("02 1544 1234", "0215441234"),
}


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("IMS_SECRET_KEYS", base64.b64encode(os.urandom(32)).decode())
    settings.reset()
    yield
    settings.reset()


async def ask(method: str, path: str, key: str, /, **body: Any) -> Answer:
    return await call(method, path, key, json.dumps(body).encode())


async def made(pair: Pair, channel: str, kind: str, value: str, **more: Any) -> Json:
    answer = await ask("POST", "/v1/identities", pair.live, channel=channel, kind=kind, value=value, **more)
    assert answer.status == 201, answer
    return answer.body


@pytest.fixture
async def admin(ims: Context) -> str:
    return await ims.db(add_key, "admin", None)


@pytest.mark.parametrize(("channel", "kind"), VALUES)
async def test_an_identity_is_asked_for_decided_and_removed(pair: Pair, admin: str, channel: str, kind: str) -> None:
    written, value = VALUES[channel, kind]
    one = await made(pair, channel, kind, written)
    assert (one["value"], one["state"], one["reason"]) == (value, "pending", None)
    again = await ask("POST", "/v1/identities", pair.live, channel=channel, kind=kind, value=written)
    assert (again.status, again.body["id"]) == (409, one["id"])
    path = f"/v1/identities/{one['id']}"
    assert (await ask("GET", path, pair.live)).body == one
    assert (await ask("GET", path, pair.test)).body == one, "settings are readable with a test key"
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await ask(method, path, pair.test)).status == 403
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        never = await ask(method, "/v1/identities/none", pair.other)
        assert (never.status, await ask(method, path, pair.other)) == (404, never), method
    waiting = [i["id"] for i in await everything("/v1/admin/identities", admin, "state=pending")]
    assert one["id"] in waiting
    assert (await ask("POST", f"/v1/admin{path[3:]}/reject", admin)).status == 422, "a reason is needed"
    refused = await ask("POST", f"/v1/admin{path[3:]}/reject", admin, reason="no proof")
    assert (refused.body["state"], refused.body["reason"], refused.body["username"]) == (
        "rejected", "no proof", pair.client.username
    )  # fmt: skip
    mended = await ask("PUT", path, pair.live, proof=[])
    assert (mended.body["state"], mended.body["reason"]) == ("pending", "no proof")
    stale = await ask("POST", f"/v1/admin{path[3:]}/approve", admin, version=1)
    assert (stale.status, stale.body["version"]) == (409, mended.body["version"])
    approved = await ask("POST", f"/v1/admin{path[3:]}/approve", admin, version=mended.body["version"])
    assert (approved.body["state"], approved.body["reason"]) == ("approved", None)
    found = await look_up(pair, {channel: Wants(identities=frozenset({(kind, value), (kind, "other"), ("x", "ü")}))})
    assert {k: i.state for k, i in found.identities.items()} == {(channel, kind, value): "approved"}
    assert (await ask("DELETE", path, pair.live)).status == 204
    assert (await ask("GET", path, pair.live)).status == 404


async def look_up(pair: Pair, wants: dict[str, Wants]) -> known.Known:
    return await pair.client.ims.db(known.look_up, pair.client.account_id, wants, False)


async def everything(path: str, token: str, query: str = "") -> list[Json]:
    items, cursor = [], ""
    while True:
        page = await call("GET", path, token, query=f"{query}&limit=3{cursor}")
        assert page.status == 200, page
        items += page.body["items"]
        if page.body["next"] is None:
            return items
        cursor = f"&cursor={page.body['next']}"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/channel", "/kind", "/value"]),
        ({"channel": "mt", "kind": "profile", "value": "x"}, ["/kind"]),
        ({"channel": "kakao", "kind": "profile", "value": "short"}, ["/value"]),
        ({"channel": "rcs", "kind": "chatbot", "value": "01012345678"}, ["/value"]),
        ({"channel": "mt", "kind": "number", "value": "0101"}, ["/value"]),
        ({"channel": "email", "kind": "domain", "value": "localhost"}, ["/value"]),
        ({"channel": "email", "kind": "domain", "value": "127.0.0.1"}, ["/value"]),
        ({"channel": "push", "kind": "app", "value": "a b"}, ["/value"]),
        ({**APP, "settings": {"colour": 1}}, ["/settings/colour"]),
        ({**APP, "settings": {"apns_key": "no pem at all"}}, ["/settings/apns_key"]),
        ({**APP, "settings": {"fcm_service_account": {}}}, ["/settings/fcm_service_account"]),
        ({"channel": "rcs", "kind": "brand", "value": "a", "proof": ["none"]}, ["/proof/0"]),
        ({"channel": "rcs", "kind": "brand", "value": "a", "colour": 1}, ["/colour"]),
    ],
)  # fmt: skip
async def test_what_cannot_be_an_identity_is_refused_at_its_field(pair: Pair, body: Json, pointers: list[str]) -> None:
    answer = await ask("POST", "/v1/identities", pair.live, **body)
    assert (answer.status, [e["pointer"] for e in answer.body["errors"]]) == (422, pointers)


async def test_secrets_are_written_and_never_read(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    given = {"apns_key": PEM, "apns_key_id": "K1", "fcm_service_account": GOOGLE}
    one = await made(pair, "push", "app", "app", settings=given)
    path = f"/v1/identities/{one['id']}"
    shown = one["settings"]["apns_key"]
    assert shown["set"] is True
    assert one["settings"]["apns_key_id"] == "K1"
    assert len(base64.urlsafe_b64decode(one["public_key"] + "==")) == 65
    stored = await pair.client.ims.db(sql.fetch, "SELECT settings, secrets FROM identities WHERE value='app'")
    for text in (json.dumps(one), repr(stored), caplog.text):
        assert "PRIVATE KEY" not in text
        assert "iam" not in text
    for mask in (shown, shown["fingerprint"], "********"):
        answer = await ask("PATCH", path, pair.live, settings={"apns_key": mask})
        assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/settings/apns_key"), mask
    same = (await ask("PATCH", path, pair.live, settings={"apns_key_id": "K2"})).body["settings"]
    assert (same["apns_key"], same["apns_key_id"]) == (shown, "K2")
    gone = (await ask("PATCH", path, pair.live, settings={"apns_key": None})).body["settings"]
    assert gone["apns_key"] == {"set": False}
    assert gone["fcm_service_account"]["set"] is True


async def test_credentials_are_opened_for_an_approved_identity_only(pair: Pair, admin: str) -> None:
    one = await made(pair, "push", "app", "app", settings={"fcm_service_account": GOOGLE, "apns_topic": "t"})
    wanted = (pair.client.account_id, "push", "app", "app")
    assert await pair.client.ims.db(store.credentials, *wanted) is None
    await ask("POST", f"/v1/admin/identities/{one['id']}/approve", admin)
    plain, secret = await pair.client.ims.db(store.credentials, *wanted) or ({}, {})
    assert (plain["apns_topic"], plain["public_key"]) == ("t", one["public_key"])
    assert json.loads(secret["fcm_service_account"]) == GOOGLE
    assert "PRIVATE KEY" in secret["vapid_key"]


async def test_without_a_key_ring_no_secret_is_kept(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_SECRET_KEYS", "")
    settings.reset()
    answer = await ask("POST", "/v1/identities", pair.live, channel="push", kind="app", value="app")
    assert answer.status == 503
    assert (await made(pair, "rcs", "brand", "b"))["state"] == "pending"


async def test_a_change_of_what_was_not_read_is_refused(pair: Pair) -> None:
    one = await made(pair, "rcs", "chatbot", "0215441234")
    path = f"/v1/identities/{one['id']}"

    async def put(version: str, **body: Any) -> Answer:
        return await call("PUT", path, pair.live, json.dumps(body).encode(), headers={"if-match": version})

    assert (await put('"7"', settings={"brand_id": "a"})).status == 412
    answer = await put('"1"', settings={"brand_id": "a"})
    assert (answer.status, answer.body["version"], answer.body["settings"]) == (200, 2, {"brand_id": "a"})


async def test_proof_files_are_kept(pair: Pair) -> None:
    file_id = os.urandom(16)
    info = FileInfo("image/jpeg", 1, 1, 1)
    await pair.client.ims.db(files.insert_file, file_id, pair.client.account_id, "a.jpg", info, b"a", now_ms())
    await made(pair, "rcs", "brand", "b", proof=[file_id.hex()])
    row = await pair.client.ims.db(files.one, pair.client.account_id, file_id)
    assert row is not None
    assert row.needed_until_ms > now_ms() + 365 * 86_400_000


# --- sender numbers ---------------------------------------------------------------------------------------------------


async def test_a_sender_number_can_be_used_once_it_is_approved(pair: Pair, admin: str) -> None:
    for wrong in ({}, {"number": "0101"}, {"number": "080-123-4567"}):
        answer = await ask("POST", "/v1/senders", pair.live, **wrong)
        assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/number")
    one = (await ask("POST", "/v1/senders", pair.live, number="1599-1234")).body
    assert (one["number"], one["state"]) == ("15991234", "pending")
    await made(pair, "mt", "number", "080-123-4567")
    await made(pair, "rcs", "brand", "b")

    async def senders() -> frozenset[str]:
        account = await pair.client.ims.db(accounts.read_account, pair.client.account_id)
        assert account is not None
        return account.senders

    assert await senders() == frozenset()
    for identity in await everything("/v1/identities", pair.live):
        await ask("POST", f"/v1/admin/identities/{identity['id']}/approve", admin)
    assert await senders() == {"15991234"}
    assert [s["number"] for s in await everything("/v1/senders", pair.live)] == ["15991234"]
    assert (await ask("GET", f"/v1/senders/{one['id']}", pair.live)).body["state"] == "approved"
    (optout,) = [i for i in await everything("/v1/identities", pair.live) if i["value"] == "0801234567"]
    assert (await ask("DELETE", f"/v1/senders/{optout['id']}", pair.live)).status == 404
    assert (await ask("DELETE", f"/v1/senders/{one['id']}", pair.live)).status == 204
    assert await senders() == frozenset()


async def test_a_number_that_a_script_inserts_is_an_identity(ims: Context) -> None:
    account = await ims.db(add_account, f"script-{os.urandom(4).hex()}")
    await ims.db(sql.insert, "senders", "account_id, number, created_ms", [(account, "0215441234", 5)])
    await ims.db(sql.insert_ignore, "senders", "account_id, number, created_ms", [(account, "0215441234", 6)])
    token = await ims.db(add_key, "live", account)
    (one,) = (await ask("GET", "/v1/identities", token)).body["items"]
    assert (one["channel"], one["kind"], one["value"], one["state"]) == ("mt", "number", "0215441234", "approved")


# --- domains ----------------------------------------------------------------------------------------------------------


class NameServer(asyncio.DatagramProtocol):
    """Answers from a table of (name, type); what is not there does not exist."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        asked = query.question[0]
        name, kind = asked.name.to_text().rstrip("."), dns.rdatatype.to_text(asked.rdtype)
        texts = self.records.get((name, kind), [])
        if texts:
            answer.answer.append(dns.rrset.from_text_list(asked.name, 5, "IN", kind, texts))
        elif not any(n == name for n, _ in self.records):
            answer.set_rcode(3)
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def nameserver(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    server = NameServer()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    monkeypatch.setenv("IMS_DNS_NAMESERVERS", f"127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    settings.reset()
    return server


def quoted(text: str) -> str:
    """A TXT record as zones hold it: strings of at most 255 bytes."""
    return " ".join(f'"{text[i : i + 250]}"' for i in range(0, len(text), 250))


def publish(server: NameServer, records: list[Json], **other: str) -> None:
    for record in records:
        value = other.get(record["purpose"], record["value"])
        text = f"{value}." if record["type"] == "MX" else quoted(value)
        server.records[record["name"], record["type"]] = [quoted("unrelated"), text] if text[0] == '"' else [text]


async def test_a_domain_is_approved_once_its_records_are_there(pair: Pair, nameserver: NameServer) -> None:
    one = await made(pair, "email", "domain", "shop.example", settings={"return_path": "mail.shop.example"})
    assert {r["purpose"]: r["state"] for r in one["dns"]} == dict.fromkeys(
        ("dkim_rsa", "dkim_ed25519", "return_path", "spf", "dmarc"), "unchecked"
    )
    path = f"/v1/identities/{one['id']}"

    async def checked() -> Json:
        answer = await ask("POST", f"{path}/check", pair.live)
        assert answer.status == 200, answer
        return answer.body

    first = await checked()
    assert {r["state"] for r in first["dns"]} == {"missing"}
    assert first["state"] == "pending"
    publish(nameserver, one["dns"], dkim_rsa="v=DKIM1; k=rsa; p=AAAA", return_path="10 elsewhere.example")
    second = await checked()
    assert {r["purpose"]: r["state"] for r in second["dns"]} == {
        "dkim_rsa": "wrong", "dkim_ed25519": "ok", "return_path": "wrong", "spf": "ok", "dmarc": "ok"
    }  # fmt: skip
    assert second["state"] == "pending"
    publish(nameserver, one["dns"], dmarc="v=DMARC1; p=reject; rua=mailto:a@shop.example")
    del nameserver.records[next(r["name"] for r in one["dns"] if r["purpose"] == "dkim_ed25519"), "TXT"]
    third = await checked()
    assert (third["state"], third["checked_at"] is not None) == ("approved", True)
    nameserver.records.clear()
    assert (await checked())["state"] == "approved", "only people take back what was approved"


async def test_a_rejected_domain_is_not_approved_by_its_records(pair: Pair, admin: str, nameserver: NameServer) -> None:
    one = await made(pair, "email", "domain", "shop.example")
    publish(nameserver, one["dns"])
    await ask("POST", f"/v1/admin/identities/{one['id']}/reject", admin, reason="not yours")
    assert (await ask("POST", f"/v1/identities/{one['id']}/check", pair.live)).body["state"] == "rejected"


async def test_a_check_that_nobody_answers_says_so_and_other_kinds_have_none(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMS_DNS_NAMESERVERS", "127.0.0.1:9")
    monkeypatch.setenv("IMS_DNS_TIMEOUT_SECONDS", "0.2")
    settings.reset()
    one = await made(pair, "email", "domain", "shop.example")
    assert (await ask("POST", f"/v1/identities/{one['id']}/check", pair.live)).status == 503
    brand = await made(pair, "rcs", "brand", "b")
    assert (await ask("POST", f"/v1/identities/{brand['id']}/check", pair.live)).status == 422


async def test_the_demo_account_speaks_as_the_contract_says(ims: Context) -> None:
    ((account,),) = await ims.db(sql.fetch, "SELECT account_id FROM accounts WHERE username='demo'")
    found = [row for row, _ in await ims.db(store.page, account, bytes(16), 50, {})]
    assert {(r.channel, r.kind, r.value) for r in found} >= {
        ("mt", "number", "0215441234"),
        ("mt", "number", "15991234"),
        ("mt", "number", "0801234567"),
        ("kakao", "profile", "demo" + "0" * 36),
        ("email", "domain", "demo.example"),
        ("push", "app", "demo-app"),
        ("rcs", "brand", "demo-brand"),
        ("rcs", "chatbot", "0215441234"),
    }
    assert {r.state for r in found} == {"approved"}
    assert await ims.db(store.numbers, account) == {"0215441234", "15991234"}
    app = ("apns_key", "fcm_service_account", "vapid_key")
    assert {tuple(sorted(r.secrets)) for r in found} == {(), ("dkim_ed25519", "dkim_rsa"), app}
    assert not secrets.opens(secrets.ring(), next(r for r in found if r.secrets).secrets, found[0].place)
