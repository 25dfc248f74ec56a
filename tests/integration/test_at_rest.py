"""Secrets at rest, on a real MySQL: what was in clear is sealed while it is used, and no column holds a usable one."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

from local.testing import Platform
from shared.accounts import at_rest
from shared.reports import callback
from shared.runtime import Context, settings
from shared.runtime.clock import now_ms
from shared.runtime.mysql import Database
from shared.stores import sql
from shared.stores.accounts import read_account
from shared.stores.vendors import read_entries
from tests.integration.test_api_report import RING
from tests.integration.test_rights import Pair, add_key, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]
MOST = 20_000
"""Rows of a table that are looked at: what is seeded comes first, other tests' rows after it."""
OLD, NEW = RING, base64.b64encode(b"n" * 32).decode()
CLEAR = "whsec_" + base64.b64encode(b"c" * 32).decode()


def use_keys(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    monkeypatch.setenv("IMS_SECRET_KEYS", ",".join(keys))
    settings.reset()
    at_rest._opened.cache_clear()


async def holding(ims: Context, pair: Pair) -> tuple[str, ...]:
    account = await ims.db(read_account, pair.client.account_id)
    assert account is not None
    return callback.signing(account, now_ms())


async def vendor(ims: Context, name: str) -> Json:
    (entry,) = [e for e in await ims.db(read_entries) if e.account.account == name]
    return dict(entry.account.settings)


async def test_what_stands_in_clear_or_by_an_old_key_is_sealed_by_the_new_one_and_used_all_the_time(
    ims: Context, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, name = await ims.db(add_key, "admin", None), os.urandom(4).hex()
    given = {"api_key": "k-" + name, "api_secret": "s-" + name, "port": 25, "more": {"a": ["b"]}}
    row = ("solapi", name, "mt", "http://v.example", json.dumps(given))
    await ims.db(sql.insert, "vendor_accounts", "vendor, account, channel, base_url, settings", [row])
    former = json.dumps([[CLEAR + "=", now_ms() + 60_000]])
    texts = f"callback_secrets={sql.literal(json.dumps([CLEAR]))}, former_secrets={sql.literal(former)}"
    await ims.db(sql.execute, f"UPDATE accounts SET {texts} WHERE account_id={pair.client.account_id}")
    wish = {"channel": "push", "kind": "app", "value": name}
    app = await call("POST", "/v1/identities", pair.live, json.dumps(wish).encode())
    assert app.status == 201, app

    async def check() -> None:
        assert await holding(ims, pair) == (CLEAR, CLEAR + "=")
        assert await vendor(ims, name) == given

    await check()
    use_keys(monkeypatch, NEW, OLD)
    await check()
    before = (await call("GET", "/v1/admin/secrets", admin)).body["kinds"]
    assert before["callbacks"]["clear"] >= 2
    assert before["vendors"]["clear"] >= 4
    assert before["identities"]["stale"] >= 1
    told = await call("POST", "/v1/admin/secrets/rotate", admin)
    assert (told.status, told.body["done"]) == (200, True)
    assert told.body["resealed"] >= 7
    for counts in told.body["kinds"].values():
        assert (counts["stale"], counts["clear"]) == (0, 0)
    await check()
    use_keys(monkeypatch, NEW)
    await check()
    assert (await call("POST", "/v1/admin/secrets/rotate", admin)).body["resealed"] == 0
    shown = (await call("GET", "/v1/callbacks", pair.live)).body["secrets"]
    assert shown[0]["set"]
    assert shown[0]["since"]
    use_keys(monkeypatch, OLD)
    lost = (await call("GET", "/v1/admin/secrets", admin)).body["kinds"]
    assert lost["vendors"]["unreadable"] >= 4
    with pytest.raises(at_rest.Unavailable):
        await vendor(ims, name)
    await ims.db(sql.execute, f"DELETE FROM vendor_accounts WHERE account='{name}'")


async def test_a_secret_that_is_moved_to_another_account_opens_nothing(ims: Context, pair: Pair) -> None:
    assert (await call("POST", "/v1/callbacks/secrets/rotate", pair.live)).status == 200
    moved = f"(SELECT callback_secrets FROM (SELECT * FROM accounts) a WHERE account_id={pair.client.account_id})"
    stranger = f"{pair.client.username}-b"
    await ims.db(sql.execute, f"UPDATE accounts SET callback_secrets={moved} WHERE username='{stranger}'")
    ((number,),) = await ims.db(sql.fetch, "SELECT account_id FROM accounts WHERE username=%s", (stranger,))
    account = await ims.db(read_account, number)
    assert account is not None
    with pytest.raises(at_rest.Unavailable, match="moved"):
        callback.signing(account, now_ms())


def cells(rows: Database) -> list[tuple[str, str, Any]]:
    """(table, column, value) of everything that MySQL holds."""
    names = "SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE() AND table_type='BASE TABLE'"
    found = []
    for (table,) in rows.run(sql.fetch, names):
        columns = [c for (c, *_) in rows.run(sql.fetch, f"SHOW COLUMNS FROM `{table}`")]
        for row in rows.run(sql.fetch, f"SELECT * FROM `{table}` LIMIT {MOST}"):
            found += [(table, column, value) for column, value in zip(columns, row, strict=True)]
    return found


def test_no_column_of_a_seeded_database_holds_a_usable_secret(servers: Platform) -> None:
    """Each secret of the platform in clear, in base64, in hexadecimal, and without its prefix."""
    rows = Database(servers.demo["mysql"])
    kept = json.loads((servers.home.path / "secrets.json").read_text())
    kept |= {name: servers.demo[name] for name in ("live_key", "test_key", "admin_key", "webhook_secret")}
    wanted = {name: str(value) for name, value in kept.items() if len(str(value)) >= 12}
    assert {"admin_key", "callback_secret", "solapi_main_api_secret"} <= wanted.keys()
    forms = {}
    for name, value in wanted.items():
        bare = value.rpartition("_")[2] if value.startswith(("ims_", "whsec_")) else value
        for form in (value, bare, base64.b64encode(value.encode()).decode().rstrip("="), value.encode().hex()):
            forms[form] = name
    try:
        found = cells(rows)
    finally:
        rows.close()
    assert {table for table, _, _ in found} >= {"accounts", "vendor_accounts", "api_keys", "identities"}
    leaks = set()
    for table, column, value in found:
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        leaks |= {(table, column, name) for form, name in forms.items() if form in text}
        if "PRIVATE KEY" in text:
            leaks.add((table, column, "a private key"))
    assert leaks == set()
