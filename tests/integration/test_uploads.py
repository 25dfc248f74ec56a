"""Bulk files on a real MySQL and Redis: checked by the rules of accepting, sent as a job, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from local.testing import Platform
from shared.domain.events import Accepted
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context, use
from shared.stores import optouts, retention, sql
from shared.stores import uploads as store
from shared.stores.retention import Uploads
from shared.uploads import sending, work
from tests import memory
from tests.memory import Json, Road
from tests.recording import record
from tests.sheets import one, row
from tests.wiring.functions import loaded

CONTENT = {"sender": "0215441234", "text": "#{name}님 안내"}
OWNER = b"testtest"


def to(n: int) -> str:
    return f"0102111{n:04}"


class Desk:
    """An account that uploads, and the function that works on its files."""

    def __init__(self, road: Road) -> None:
        self.road, self.ims = road, road.ims

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        main = loaded("api_user")
        app = httpx2.ASGITransport(app=_app(main))
        given = {"authorization": f"Bearer {self.road._key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if isinstance(body, dict):
            given.setdefault("content-type", "application/json")
        raw = json.dumps(body).encode() if isinstance(body, dict) else body
        async with httpx2.AsyncClient(transport=app, base_url="http://ims") as client:
            answer = await client.request(method, path, content=raw, headers=given)
        plain = path.partition("?")[0]
        route = next(r for r in main.routes if r.method == method and r.pattern[0].match(plain))
        said = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
        sent = body if not isinstance(body, bytes) else None
        record(route, path, sent, answer.status_code, dict(answer.headers), said)
        return answer

    async def good(self, method: str, path: str, body: Any = None, **headers: str) -> Json:
        answer = await self.ask(method, path, body, **headers)
        assert answer.status_code < 300, answer.text
        found: Json = answer.json()
        return found

    async def work(self) -> None:
        """Work on files until nothing is left to do."""
        while found := await self.ims.db(store.waiting, now_ms(), 10):
            for upload_id in found:
                row = await self.ims.db(store.take, upload_id, OWNER, now_ms(), 30_000)
                assert row is not None
                step = work.check if row.state == store.CHECKING else work.send
                await step(row, asyncio.get_running_loop().time() + 60, self.ims, OWNER)
                await self.ims.db(store.leave, upload_id, OWNER)

    async def upload(self, file: bytes | str, query: str = "channel=mt&lane=bulk&name=list.csv") -> Json:
        body = file.encode() if isinstance(file, str) else file
        made = await self.good("POST", f"/v1/uploads?{query}", body, content_type="text/csv")
        assert made["state"] == "checking"
        await self.work()
        return await self.good("GET", f"/v1/uploads/{made['id']}")

    async def checked(self, file: bytes | str, content: Json | None = None, **wish: Any) -> Json:
        found = await self.upload(file)
        wish.setdefault("mapping", {"to": "to", "variables": {"name": "name"}})
        await self.good("PUT", f"/v1/uploads/{found['id']}", {"content": content or CONTENT, **wish})
        await self.work()
        return await self.good("GET", f"/v1/uploads/{found['id']}")

    async def faults(self, upload: Json, **query: str) -> list[Json]:
        listed, cursor = [], ""
        while True:
            given = "&".join(f"{k}={v}" for k, v in {**query, **({"cursor": cursor} if cursor else {})}.items())
            page = await self.good("GET", f"/v1/uploads/{upload['id']}/faults?{given}")
            listed += page["items"]
            cursor = page["next"]
            if not cursor:
                return listed

    async def rows(self, path: str) -> list[dict[str, str]]:
        answer = await self.ask("GET", path, accept="text/csv")
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    def sent(self) -> Counter[str]:
        """Who got how many messages, by their ids."""
        messages = {
            (request.request_id, message.n): message.to
            for event in self.road.published
            if isinstance(event, Accepted)
            for request in event.requests
            for message in request.messages
        }
        return Counter(messages.values())


def _app(main: Any) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Route

    return Starlette(routes=[Route("/{path:path}", main, methods=["GET", "POST", "PUT"])])


@pytest.fixture
async def desk(servers: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("IMS_MYSQL_URL", servers.demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", servers.demo["redis"].rpartition("/")[0])
    monkeypatch.setenv("IMS_KEY_CACHE_SECONDS", "0")
    monkeypatch.setattr(memory, "WHO", [*memory.WHO, "api_user"])
    settings.reset()
    ims = Context("memory")
    use(ims)
    ims.db.run(lambda conn: sql.execute(conn, "DELETE FROM uploads"))
    yield Desk(Road(ims, lambda _: httpx2.Response(500), {}))
    ims.db.close()
    await ims.redis.state.aclose()
    settings.reset()


def sums(upload: Json) -> bool:
    parts = ("good", "faults", "twice", "opted_out", "blank")
    return bool(upload["rows"] == sum(upload[name] for name in parts))


async def test_a_file_is_checked_mended_and_sent_once(desk: Desk) -> None:
    lines = ["to,name", f"{to(1)},김", f"{to(2)},", "010-12,박", "010-2111-0001,김", ",,", f"1021110004,{'이' * 3}"]
    found = await desk.upload("\r\n".join([*lines, ""]))
    assert (found["state"], found["columns"], found["mapping"]["to"]) == ("checked", ["to", "name"], "to")
    assert found["suggested"]
    found = await desk.checked("\r\n".join([*lines, ""]))
    assert sums(found), found
    assert {n: found[n] for n in ("rows", "good", "faults", "twice", "blank")} == {
        "rows": 6, "good": 2, "faults": 2, "twice": 1, "blank": 1,
    }  # fmt: skip
    assert found["restored_zeros"] == 1
    faults = await desk.faults(found)
    assert [(f["row"], f["column"], f["value"], f["code"], f["class"]) for f in faults] == [
        (3, "name", "", "1010", "variable"), (4, "to", "010-12", "1001", "number"),
    ]  # fmt: skip
    assert faults[0]["detail"] == 'variable "name" is empty'
    assert [f["row"] for f in await desk.faults(found, **{"class": "twice"})] == [5]
    bad = await desk.rows(f"/v1/uploads/{found['id']}/faults")
    assert [(r["to"], bool(r["reason"])) for r in bad] == [(to(2), True), ("010-12", True)]
    seen = await desk.good("GET", f"/v1/uploads/{found['id']}/rows/2")
    assert seen["message"]["text"] == "김님 안내"
    assert not (await desk.good("GET", f"/v1/uploads/{found['id']}/rows/4"))["good"]
    assert (await desk.ask("GET", f"/v1/uploads/{found['id']}/rows/6")).status_code == 404
    started = await desk.good("POST", f"/v1/uploads/{found['id']}/send", {})
    assert started["state"] == "sending"
    await desk.work()
    done = await desk.good("GET", f"/v1/uploads/{found['id']}")
    assert (done["state"], done["accepted"], done["progress"]) == ("done", 2, 1)
    assert desk.sent() == {to(1): 1, to(4): 1}
    results = await desk.rows(f"/v1/uploads/{found['id']}/results")
    assert [(r["row"], r["to"], r["status"]) for r in results] == [
        ("2", "010-2111-0001", "accepted"), ("7", "010-2111-0004", "accepted"),
    ]  # fmt: skip
    assert len({r["message_id"] for r in results}) == 2


async def test_the_same_list_with_the_same_content_is_sent_again_only_if_that_is_said(desk: Desk) -> None:
    first = await desk.checked(f"to,name\n{to(1)},김\n{to(2)},이\n")
    await desk.good("POST", f"/v1/uploads/{first['id']}/send", {})
    await desk.work()
    sheet = one([row(1, ["name", "to"]), row(2, ["이", to(2)]), row(3, ["김", to(1)])])
    again = await desk.checked(sheet)
    assert [(s["id"], s["share"]) for s in again["same_as"]] == [(first["id"], 1.0)]
    refused = await desk.ask("POST", f"/v1/uploads/{again['id']}/send", {})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "sent-already")
    other = await desk.checked(sheet, {**CONTENT, "text": "다른 #{name}"})
    assert other["same_as"] == []
    assert (await desk.good("POST", f"/v1/uploads/{again['id']}/send", {"again": True}))["state"] == "sending"


async def test_steps_that_do_not_fit_are_refused_and_change_nothing(desk: Desk) -> None:
    found = await desk.checked(f"to,name\n{to(1)},김\n")
    at = f"/v1/uploads/{found['id']}"
    assert (await desk.ask("POST", f"{at}/pause")).status_code == 409
    assert (await desk.ask("POST", f"{at}/resume")).status_code == 409
    wrong = await desk.ask("PUT", at, {"mapping": {"to": "nobody"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/mapping/to")
    wrong = await desk.ask("PUT", at, {"content": {"sender": "0215441234", "recipients": [], "no": 1}})
    assert wrong.json()["errors"][0]["pointer"] == "/content/recipients"
    wrong = await desk.ask("PUT", at, {"content": {"sender": "0299999999", "text": "x"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/content/sender")
    changed = await desk.good("PUT", at, {"content": {**CONTENT, "text": "새 #{name}"}})
    assert changed["state"] == "checking"
    assert (await desk.ask("POST", f"{at}/send")).status_code == 409
    await desk.work()
    await desk.good("POST", f"{at}/send")
    refused = await desk.ask("PUT", at, {"content": CONTENT})
    assert (refused.status_code, refused.json()["state"]) == (409, "sending")
    assert (await desk.good("POST", f"{at}/pause"))["state"] == "paused"
    assert (await desk.good("POST", f"{at}/resume"))["state"] == "sending"
    assert (await desk.good("POST", f"{at}/cancel"))["state"] == "canceled"
    await desk.work()
    assert desk.sent() == {}
    none = await desk.checked("to,name\n010-12,김\n")
    assert (await desk.ask("POST", f"/v1/uploads/{none['id']}/send")).status_code == 409


async def test_columns_come_before_cells(desk: Desk) -> None:
    found = await desk.checked(
        f"전화번호,이름 ,전화번호,,이름\r\n{to(1)},김,{to(2)},x,이\r\n",
        {"sender": "0215441234", "text": "#{이름}"}, mapping={"to": "전화번호"},
    )  # fmt: skip
    assert (found["good"], found["faults"], sums(found)) == (0, 1, True)
    assert found["column_faults"][0]["detail"] == "전화번호 stands twice: A and C"
    listed = await desk.faults(found)
    assert {f["class"] for f in listed} == {"columns"}
    missing = await desk.checked(
        "TO, Name\r\n" + "x,김\r\n" * 500, {"sender": "0215441234", "text": "#{order}"}, mapping={"to": "to"}
    )
    assert (await desk.faults(missing))[0]["detail"].startswith("no column for #{order}")
    assert len(await desk.faults(missing)) == 1
    mended = await desk.good(
        "PUT", f"/v1/uploads/{missing['id']}", {"mapping": {"to": "to", "variables": {"order": "Name"}}}
    )
    await desk.work()
    mended = await desk.good("GET", f"/v1/uploads/{missing['id']}")
    assert (mended["faults"], mended["column_faults"]) == (500, [])


async def test_opted_out_and_hidden_rows_are_told_and_not_sent(desk: Desk) -> None:
    out = optouts.Optout(os.urandom(16), desk.road.account_id, "", to(2), "ads", "api", None, None, None, 1, 1)
    await desk.ims.db(optouts.add, out)
    rows = [
        row(i, ["to", "name"] if i == 1 else [to(i - 1), "김"], ' hidden="1"' if i == 4 else "") for i in range(1, 6)
    ]
    found = await desk.upload(one(rows), "channel=mt&lane=ad&name=ads.xlsx")
    content = {"sender": "0215441234", "text": "(광고)가게 #{name}", "opt_out_number": "0801234567"}
    answer = await desk.ask("PUT", f"/v1/uploads/{found['id']}", {"content": content})
    if answer.status_code == 422:  # advertisements name their 080 number otherwise
        content.pop("opt_out_number")
        content["text"] = "(광고)가게 #{name} 무료수신거부 080-123-4567"
        await desk.good("PUT", f"/v1/uploads/{found['id']}", {"content": content})
    await desk.work()
    found = await desk.good("GET", f"/v1/uploads/{found['id']}")
    assert (found["good"], found["opted_out"], found["hidden_rows"]) == (2, 1, 1), found
    assert sums(found)
    assert [f["row"] for f in await desk.faults(found, **{"class": "opted_out"})] == [3]


async def test_a_killed_check_and_a_killed_sending_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What died after each effect begins anew from what was committed, and makes the same message ids."""
    lines = [f"0102{n:07},김{n}" for n in range(4500)] + ["0102000" + "0001,다시", "x,나쁨"]
    found = await desk.upload("to,name\n" + "\n".join(lines) + "\n")
    await desk.good("PUT", f"/v1/uploads/{found['id']}", {"content": CONTENT})
    real, calls = store.add_part, [0]

    def dying(*args: Any) -> None:
        calls[0] += 1
        if calls[0] % 2:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(store, "add_part", dying)
    for _ in range(12):
        try:
            await desk.work()
            break
        except (KeyboardInterrupt, AssertionError):
            desk.ims.db.run(lambda conn: sql.execute(conn, "UPDATE uploads SET lease_until_ms=0"))
    monkeypatch.setattr(store, "add_part", real)
    await desk.work()
    found = await desk.good("GET", f"/v1/uploads/{found['id']}")
    assert (found["rows"], found["good"], found["faults"], found["twice"]) == (4502, 4500, 1, 1)
    await desk.good("POST", f"/v1/uploads/{found['id']}/send")
    monkeypatch.setattr(sending.store, "part_sent", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            await desk.work()
        desk.ims.db.run(lambda conn: sql.execute(conn, "UPDATE uploads SET lease_until_ms=0"))
    monkeypatch.undo()
    await desk.work()
    found = await desk.good("GET", f"/v1/uploads/{found['id']}")
    assert (found["state"], found["accepted"]) == ("done", 4500)
    assert set(desk.sent().values()) == {1}
    assert len(desk.sent()) == 4500


async def test_two_jobs_over_the_days_limit_get_exactly_the_limit(desk: Desk) -> None:
    desk.ims.db.run(
        lambda conn: sql.execute(conn, f"UPDATE accounts SET daily_limit=100 WHERE account_id={desk.road.account_id}")
    )
    made = []
    for first in (0, 100):
        body = "to,name\n" + "".join(f"{to(n)},김\n" for n in range(first, first + 60))
        made.append(await desk.checked(body))
    for one_ in made:
        await desk.good("POST", f"/v1/uploads/{one_['id']}/send")
    await desk.work()
    ended = [await desk.good("GET", f"/v1/uploads/{one_['id']}") for one_ in made]
    assert sum(one_["accepted"] for one_ in ended) == sum(desk.sent().values()) == 100
    assert {one_["state"] for one_ in ended} == {"done", "paused"}
    assert any("daily limit" in (one_["reason"] or "") for one_ in ended)


async def test_what_cannot_be_read_fails_with_words_and_can_be_read_otherwise(desk: Desk) -> None:
    found = await desk.upload(b"%PDF-1.7")
    assert (found["state"], "PDF" in found["reason"]) == ("failed", True)
    assert (await desk.ask("POST", f"/v1/uploads/{found['id']}/send")).status_code == 409
    assert (await desk.upload(b""))["state"] == "failed"
    other = await desk.ask("POST", "/v1/uploads", {"group": "x"})
    assert other.status_code == 415


async def test_a_form_is_taken_and_another_account_sees_nothing(desk: Desk, servers: Platform) -> None:
    head = 'content-disposition: form-data; name="file"; filename="명단.csv"'
    body = f"--b\r\n{head}\r\n\r\nto,name\n{to(1)},김\n\r\n--b--\r\n"
    made = await desk.good("POST", "/v1/uploads", body.encode(), content_type="multipart/form-data; boundary=b")
    assert made["name"] == "명단.csv"
    assert made["size"] == len(f"to,name\n{to(1)},김\n".encode())
    listed = (await desk.good("GET", "/v1/uploads"))["items"]
    assert [one_["id"] for one_ in listed] == [made["id"]]
    mine, desk.road._key = desk.road._key, servers.demo["live_key"]
    assert (await desk.ask("GET", f"/v1/uploads/{made['id']}")).status_code == 404
    assert (await desk.good("GET", "/v1/uploads"))["items"] == []
    desk.road._key = mine


async def test_a_file_goes_when_its_time_is_over(desk: Desk) -> None:
    found = await desk.checked(f"to,name\n{to(1)},김\n")
    week = now_ms() + 8 * 86_400_000
    while desk.ims.db.run(lambda conn: retention.run(conn, Uploads(), week, 500).more):  # type: ignore[union-attr]
        continue
    assert (await desk.ask("GET", f"/v1/uploads/{found['id']}")).status_code == 404
    for table in ("upload_chunks", "upload_parts"):
        left = desk.ims.db.run(
            lambda conn, t=table: sql.fetch(conn, f"SELECT COUNT(*) FROM {t} c JOIN uploads u USING (upload_id)")
        )
        assert left == [(0,)]
