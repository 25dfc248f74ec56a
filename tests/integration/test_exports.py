"""Exports on a real MySQL: whole however often the work is broken off, safe in a spreadsheet, and in the audit."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from shared.edge.csv_out import guarded
from shared.exporting import sheets, work
from shared.runtime import Context
from shared.stores import exports as store
from shared.stores import sql
from tests.integration.test_keys import maker
from tests.integration.test_rights import Answer, Pair, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair
from tests.wiring.functions import loaded

Json = dict[str, Any]


@pytest.fixture
async def owner(ims: Context, pair: Pair) -> str:
    return await maker(ims, pair, ["exports:write"])


async def ask(token: str, **wish: Any) -> Answer:
    given = {"what": "messages", "purpose": "the month's figures", **wish}
    return await call("POST", "/v1/exports", token, json.dumps(given).encode())


async def done(token: str, path: str) -> Json:
    for _ in range(600):
        found = (await call("GET", path, token)).body
        if found["state"] != "running":
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def fetched(token: str, path: str) -> str:
    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "client": ("192.0.2.7", 1),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }  # fmt: skip
    response = await loaded("api_report")(Request(scope))
    assert isinstance(response, StreamingResponse), response.body
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return b"".join([part async for part in response.body_iterator]).decode()  # type: ignore[misc]


def read(text: str) -> list[Json]:
    assert text.startswith("\ufeff")
    assert text.replace("\r\n", "").find("\n") < 0
    return list(csv.DictReader(io.StringIO(text[1:])))


async def test_an_export_holds_what_its_filter_names_and_is_safe_to_open(
    ims: Context, pair: Pair, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "SLICE", 2)
    made = [(await pair.client.finished("01011112222", ref=f"=cmd|'{i}'!A1", request_ref="-7"))[0] for i in range(5)]
    await pair.client.finished("01033334444", ref="other")
    asked = await ask(owner, filter={"to": "010-1111-2222"})
    assert asked.status == 202
    path = f"/v1/exports/{asked.body['id']}"
    late = await pair.client.finished("01011112222")
    found = await done(owner, path)
    assert (found["state"], found["rows"], found["file"]) == ("done", 5, f"{path}/file")
    rows = read(await fetched(owner, f"{path}/file"))
    assert [row["message_id"] for row in rows] == [str(m) for m in reversed(made)]
    assert str(late[0]) not in [row["message_id"] for row in rows]
    assert {row["ref"] for row in rows} == {f"'=cmd|'{i}'!A1" for i in range(5)}
    assert {(row["request_ref"], row["to"], row["status"]) for row in rows} == {("-7", "01011112222", "delivered")}
    assert all(row["accepted_at"].endswith("+09:00") for row in rows)
    deeds = await ims.db(
        sql.fetch, "SELECT action, purpose FROM audit WHERE account_id=%s AND action LIKE 'exports.%%' ORDER BY seq",
        (pair.client.account_id,),
    )  # fmt: skip
    assert deeds == [(f"exports.{a}", "the month's figures") for a in ("create", "download")]
    assert (await call("GET", path, pair.live)).status == 403
    assert (await call("DELETE", path, owner)).status == 204
    for method, place in (("GET", path), ("GET", f"{path}/file"), ("DELETE", path)):
        assert (await call(method, place, owner)).status == 404


async def test_an_export_whose_process_died_goes_on_at_the_next_look_with_nothing_twice(
    ims: Context, pair: Pair, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "SLICE", 1)
    monkeypatch.setattr(work, "go_on", lambda *_: None)
    monkeypatch.setattr("shared.exporting.api.go_on", lambda *_: None)
    made = [(await pair.client.finished("01011112222"))[0] for _ in range(4)]
    asked = await ask(owner, what="messages")
    export_id, path = bytes.fromhex(asked.body["id"].replace("-", "")), f"/v1/exports/{asked.body['id']}"
    dead, other = os.urandom(8), os.urandom(8)
    assert await work._step(ims, export_id, dead)
    assert not await work._step(ims, export_id, other)
    assert (await call("GET", f"{path}/file", owner)).status == 409
    await ims.db(sql.execute, f"UPDATE exports SET lease_ms=0 WHERE export_id=0x{export_id.hex()}")
    row = await ims.db(store.one, pair.client.account_id, export_id, test=False)
    assert row is not None
    while await work._step(ims, export_id, other):
        continue
    stale = store.Part(b"", 1, 1, row.place)
    assert not await ims.db(store.add_part, row, dead, stale, ims.now_ms(), end=False)
    assert (await done(owner, path))["rows"] == 4
    rows = read(await fetched(owner, f"{path}/file"))
    assert [r["message_id"] for r in rows] == [str(m) for m in reversed(made)]
    await ims.db(sql.execute, f"UPDATE exports SET expires_ms=1 WHERE export_id=0x{export_id.hex()}")
    assert (await call("GET", f"{path}/file", owner)).status == 410


async def test_requests_and_tries_can_be_exported_and_what_is_wrong_is_named(
    ims: Context, pair: Pair, owner: str
) -> None:
    await pair.client.finished("01011112222", request_ref="order")
    for what, filters, count in (("requests", {"request_ref": "order"}, 1), ("attempts", {"outcome": "failed"}, 0)):
        asked = await ask(owner, what=what, filter=filters)
        path = f"/v1/exports/{asked.body['id']}"
        assert (await done(owner, path))["rows"] == count
        assert len(read(await fetched(owner, f"{path}/file"))) == count
    for wish, pointer in (
        ({"what": "secrets"}, "/what"),
        ({"purpose": ""}, "/purpose"),
        ({"filter": {"status": "odd"}}, "/filter/status"),
        ({"filter": {"cursor": "x"}}, "/filter/cursor"),
        ({"filter": {"to": 7}}, "/filter/to"),
        ({"what": "requests", "filter": {"to": "01011112222"}}, "/filter/to"),
    ):
        answer = await ask(owner, **wish)
        assert answer.status == 422, wish
        assert answer.body["errors"][0]["pointer"] == pointer
    again = await maker(ims, pair, ["exports:write"])
    assert len((await call("GET", "/v1/exports", again)).body["items"]) == 2


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("+82-10", "'+82-10"), ("-7", "-7"), ("+8210", "+8210"), ("-1.5", "-1.5"), ("@a", "'@a"),
     ("\tx", "'\tx"), ("a=b", "a=b"), (None, ""), (0, "0"), (True, "true"), ("", ""), ("-", "'-"), ("'=1", "'=1")],
)  # fmt: skip
def test_what_would_begin_a_formula_is_guarded_and_a_number_stays(value: Any, cell: str) -> None:
    assert guarded(value) == cell
