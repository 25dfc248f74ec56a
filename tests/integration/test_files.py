"""Uploaded files on a real MySQL: kept as long as a message may need them, then removed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from functions_framework.aio import create_asgi_app

from local.testing import Platform
from shared.channels.common import FileInfo
from shared.domain.errors import Rejected
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context, current, use
from shared.runtime.mysql import Database
from shared.stores import files, sql
from shared.stores.retention import DAY_MS, FILES
from tests.builders import a_jpeg
from tests.past import NOW, Past

ROOT = Path(__file__).resolve().parents[2]
INFO = FileInfo("image/jpeg", 3, 1, 1)
ACCOUNT = 1


@pytest.fixture
def past(rows: Database) -> Past:
    return Past(rows)


def upload(db: Database, days: float, account: int = ACCOUNT) -> str:
    """A file of so many days ago; its name."""
    file_id = UUID(bytes=os.urandom(16))
    db.run(files.insert_file, file_id.bytes, account, "a.jpg", INFO, b"abc", int(NOW - days * DAY_MS))
    return str(file_id)


def there(db: Database) -> set[str]:
    return {str(UUID(bytes=i)) for (i,) in db.run(sql.fetch, "SELECT file_id FROM files")}


def used_ms(db: Database, name: str) -> int:
    ((at,),) = db.run(sql.fetch, "SELECT used_ms FROM files WHERE file_id=%s", (UUID(name).bytes,))
    return int(at)


def test_a_file_goes_thirty_days_after_its_last_use(past: Past) -> None:
    unused, young, used, reserved = (upload(past.db, days) for days in (31, 29, 300, 300))
    past.db.run(files.note_use, ACCOUNT, [used], int(NOW - 28 * DAY_MS))
    past.db.run(files.note_use, ACCOUNT, [reserved], int(NOW + 300 * DAY_MS))
    past.sweep("files")
    assert there(past.db) == {young, used, reserved}
    assert unused not in there(past.db)
    past.sweep("files", at=NOW + 301 * DAY_MS)
    assert there(past.db) == {reserved}
    past.sweep("files", at=NOW + 332 * DAY_MS)
    assert there(past.db) == set()


def test_a_use_is_never_forgotten_for_an_earlier_one_and_is_another_accounts_business(past: Past) -> None:
    name = upload(past.db, 1)
    for at in (NOW + 9 * DAY_MS, NOW, NOW + 9 * DAY_MS):
        past.db.run(files.note_use, ACCOUNT, [name, "no id", str(UUID(int=5))], int(at))
    assert NOW + 9 * DAY_MS <= used_ms(past.db, name) <= NOW + 10 * DAY_MS
    before = used_ms(past.db, name)
    past.db.run(files.note_use, ACCOUNT + 1, [name], int(NOW + 99 * DAY_MS))
    assert used_ms(past.db, name) == before


def test_many_files_go_few_at_a_time(past: Past) -> None:
    for _ in range(2 * FILES + 1):
        upload(past.db, 40)
    assert past.sweep("files", limit=500) == 2 * FILES + 1


def test_a_message_does_not_go_without_its_picture(past: Past) -> None:
    first, second = upload(past.db, 1), upload(past.db, 1)
    assert past.db.run(files.file_bodies, [first, second]) == [b"abc", b"abc"]
    for names in ([first, str(UUID(int=5))], ["f"]):
        with pytest.raises(Rejected) as gone:
            past.db.run(files.file_bodies, names)
        assert gone.value.code == "1011"


# --- at acceptance ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def http(servers: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """The function that accepts, and an account with a sender number."""
    demo = servers.demo
    for name, server in (("MYSQL_URL", "mysql"), ("KAFKA_BOOTSTRAP", "kafka"), ("REDIS_URL", "redis")):
        monkeypatch.setenv(f"IMS_{name}", demo[server])
    settings.reset()
    context = Context("api_mt")
    use(context)
    username = f"files-{os.urandom(3).hex()}"
    await context.db(_add_account, username)
    app = create_asgi_app("main", str(ROOT / "functions" / "api_mt" / "main.py"), "http")  # type: ignore[no-untyped-call]
    headers = {"authorization": f"Bearer ims_live_{username}"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://ims", headers=headers
    ) as client:
        yield client
    context.close()
    settings.reset()


def _add_account(conn: Any, username: str) -> None:
    row = (username, "[]", now_ms())
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO accounts (username, callback_secrets, created_ms) VALUES (%s, %s, %s)", row)
        account = int(cursor.lastrowid)
    key = hashlib.sha256(f"ims_live_{username}".encode()).digest()
    sql.insert(conn, "api_keys", "key_hash, account_id, kind, created_ms", [(key, account, "live", now_ms())])
    sql.insert(conn, "senders", "account_id, number, created_ms", [(account, "0215441234", now_ms())])


async def test_a_file_is_kept_for_the_reservation_that_was_accepted_with_it(
    past: Past, http: httpx2.AsyncClient
) -> None:
    uploaded = await http.post("/v1/files", content=a_jpeg(), headers={"content-type": "image/jpeg"})
    name = uploaded.json()["file_id"]
    at = now_ms() // 1000 * 1000 + 200 * DAY_MS
    when = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    body = {"sender": "0215441234", "text": "hi", "files": [name], "recipients": [{"to": "01012345678"}]}
    body["scheduled_at"] = when
    assert (await http.post("/v1/mt/messages?dry_run=true", json=body)).status_code == 200
    assert used_ms(past.db, name) < at, "nothing was accepted"
    accepted = await http.post("/v1/mt/messages", json=body)
    assert accepted.status_code == 202, accepted.text
    assert used_ms(past.db, name) >= at


# --- quota ------------------------------------------------------------------------------------------------------------


def quota(count: int = 100, size: int = 100) -> files.Quota:
    return files.Quota(count, size, 30 * DAY_MS)


def keep(db: Database, days: float, allowed: files.Quota | None, size: int = 10, test: bool = False) -> bytes:
    file_id = os.urandom(16)
    info = FileInfo("image/jpeg", size, 1, 1)
    at = int(NOW - days * DAY_MS)
    db.run(files.insert_file, file_id, ACCOUNT, "a.jpg", info, b"x" * size, at, test=test)
    if allowed is not None:
        db.run(files.room, ACCOUNT, test, 10, allowed, int(NOW))
    return file_id


def test_a_quota_counts_what_has_not_run_out_and_says_when_enough_will_have(past: Past) -> None:
    for days in (31, 20, 10, 5):
        keep(past.db, days, None)
    assert past.db.run(files.used, ACCOUNT, False, 30 * DAY_MS, int(NOW)) == (3, 30)
    past.db.run(files.room, ACCOUNT, False, 10, quota(4, 40), int(NOW))
    for allowed, size, days in ((quota(3), 10, 20), (quota(2), 10, 10), (quota(9, 39), 10, 20), (quota(9, 39), 29, 10)):
        with pytest.raises(files.Full) as full:
            past.db.run(files.room, ACCOUNT, False, size, allowed, int(NOW))
        assert full.value.frees_ms == int(NOW - days * DAY_MS) + 30 * DAY_MS
    for allowed in (quota(0), quota(9, 9)):
        with pytest.raises(files.Full) as never:
            past.db.run(files.room, ACCOUNT, False, 10, allowed, int(NOW))
        assert never.value.frees_ms is None


def test_files_of_test_keys_are_counted_apart_and_an_account_may_have_its_own_limits(past: Past) -> None:
    keep(past.db, 1, None)
    keep(past.db, 1, quota(2), test=True)
    with pytest.raises(files.Full):
        keep(past.db, 1, quota(2), test=True)
    past.db.run(files.room, ACCOUNT, False, 10, quota(2), int(NOW))
    ((before,),) = past.db.run(sql.fetch, f"SELECT COUNT(*) FROM accounts WHERE account_id={ACCOUNT}")
    assert before, "the demo account"
    past.db.run(sql.execute, f"UPDATE accounts SET files_count=1, files_bytes=15 WHERE account_id={ACCOUNT}")
    try:
        assert past.db.run(files.quota_of, ACCOUNT, quota()) == (1, 15, 30 * DAY_MS)
        with pytest.raises(files.Full):
            past.db.run(files.room, ACCOUNT, False, 10, quota(2), int(NOW))
    finally:
        past.db.run(sql.execute, f"UPDATE accounts SET files_count=NULL, files_bytes=NULL WHERE account_id={ACCOUNT}")


async def test_many_uploads_at_once_stay_within_the_quota(
    past: Past, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ims = current()
    monkeypatch.setattr(ims, "accept", ims.accept.model_copy(update={"files_count": 5}))
    kind = {"content-type": "image/jpeg"}
    answers = await asyncio.gather(*(http.post("/v1/files", content=a_jpeg(), headers=kind) for _ in range(12)))
    assert sorted(a.status_code for a in answers) == [201] * 5 + [429] * 7
    told = next(a for a in answers if a.status_code == 429)
    body = told.json()
    assert body["used"]["count"] == 5
    assert body["limit"]["count"] == 5
    assert body["type"].endswith("/files-full")
    assert int(told.headers["retry-after"]) > 29 * 86_400
    listed = (await http.get("/v1/files", params={"limit": 2})).json()
    assert (len(listed["items"]), listed["used"]["count"], listed["limit"]["count"]) == (2, 5, 5)
    assert listed["items"][0]["expires_at"] >= body["frees_at"]
    rest = (await http.get("/v1/files", params={"cursor": listed["next"]})).json()
    assert len(rest["items"]) == 3
    assert rest["next"] is None
    first = listed["items"][0]["id"]
    assert (await http.get(f"/v1/files/{first}")).json() == listed["items"][0]
    assert (await http.delete(f"/v1/files/{first}")).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await http.request(method, f"/v1/files/{first}")).status_code == 404
        assert (await http.request(method, "/v1/files/none")).status_code == 404
    assert (await http.post("/v1/files", content=a_jpeg(), headers=kind)).status_code == 201
    monkeypatch.setattr(ims, "accept", ims.accept.model_copy(update={"files_bytes": 10}))
    answer = await http.post("/v1/files", content=a_jpeg(), headers=kind)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (413, "file-quota")


async def test_a_file_that_a_message_may_need_is_not_deleted(past: Past, http: httpx2.AsyncClient) -> None:
    uploaded = await http.post("/v1/files", content=a_jpeg(), headers={"content-type": "image/jpeg"})
    name = uploaded.json()["id"]
    assert uploaded.json()["needed_until"] is None
    body = {"sender": "0215441234", "text": "hi", "files": [name], "recipients": [{"to": "01012345678"}]}
    assert (await http.post("/v1/mt/messages", json=body)).status_code == 202
    answer = await http.delete(f"/v1/files/{name}")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "in-use")
    assert answer.json()["needed_until"] == (await http.get(f"/v1/files/{name}")).json()["needed_until"]
    past.db.run(
        sql.execute, f"UPDATE files SET used_ms={now_ms() - 5 * DAY_MS} WHERE file_id={sql.literal(UUID(name).bytes)}"
    )
    assert (await http.delete(f"/v1/files/{name}")).status_code == 204
