"""Tries of reports as their client lists them: from the callback's answer to the page, on a real MySQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.domain.events import Attempt
from shared.following import attempts
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.runtime.egress import SAID, Egress
from shared.runtime.settings import EgressSettings
from shared.stores import reports
from tests.integration.test_rights import Pair, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]


@pytest.mark.parametrize("status", [200, 500, 302])
async def test_a_refusal_is_heard_with_its_headers_and_body_a_2xx_is_not(ims: Context, status: int) -> None:
    body = b'{"why": "full"}' + b"x" * 5000

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} Odd\r\nx-why: disk\r\nset-cookie: a=b\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        await asyncio.sleep(0.01)  # so that the body comes by itself
        writer.write(body)
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    egress = Egress(EgressSettings(egress_http=True, egress_allow="127.0.0.1/32"))
    try:
        port = server.sockets[0].getsockname()[1]
        heard = await egress.post(f"http://127.0.0.1:{port}/", b"", [])
    finally:
        egress.close()
        server.close()
    assert heard.status == status
    if status == 200:
        assert heard.said == b""
        return
    assert len(heard.said) == SAID
    shown = attempts.answered(heard.said.decode())
    assert (shown["headers"]["x-why"], shown["headers"]["set-cookie"]) == ("disk", "…")
    assert shown["body"].startswith('{"why": "full"}')


def attempt(pair: Pair, message: Any, number: int, at: int, **more: Any) -> Attempt:
    given = {"outcome": "failed", "status": 500, "duration_ms": 12, "next_due": at + 60_000, **more}
    return Attempt(
        webhook_id=str(message), ids=[message.hex], account_id=pair.client.account_id, username="x",
        callback_uri="https://client.example/", attempt=number, at=at, first_failed_at=at, **given,
    )  # fmt: skip


async def test_tries_are_listed_newest_first_page_by_page_with_what_was_answered(ims: Context, pair: Pair) -> None:
    (live,) = await pair.client.finished("01011112222", callback_uri="https://client.example/")
    start = now_ms() - 100_000
    answer = "HTTP/1.1 500 No\r\ncontent-type: text/html\r\n\r\n<b>\x00\x1b[31mno"
    told = [attempt(pair, live, n, start + n // 2, answer=answer if n == 3 else None) for n in range(1, 8)]
    told.append(attempt(pair, live, 8, start + 50, outcome="delivered", status=204, next_due=None))
    await ims.db(reports.save_attempts, told)
    await ims.db(reports.save_attempts, told)
    found, query = [], {"limit": 2}
    while True:
        page = await pair.get("/v1/callbacks/attempts", pair.live, **query)
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [a["attempt"] for a in found] == [8, 7, 6, 5, 4, 3, 2, 1]
    (third,) = [a for a in found if a["attempt"] == 3]
    assert (third["outcome"], third["status"], third["headers"]) == ("failed", 500, {"content-type": "text/html"})
    assert third["body"] == "<b>\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31mno"
    only = await pair.get("/v1/callbacks/attempts", pair.live, outcome="delivered")
    assert [a["status"] for a in only["items"]] == [204]
    since = await pair.get("/v1/callbacks/attempts", pair.live, since=found[0]["at"])
    assert [a["attempt"] for a in since["items"]] == [8]
    until = await pair.get("/v1/callbacks/attempts", pair.live, until=found[0]["at"], limit=1)
    assert [a["attempt"] for a in until["items"]] == [7]
    for token in (pair.other, pair.test):
        assert not (await pair.get("/v1/callbacks/attempts", token))["items"]
    assert (await call("GET", "/v1/callbacks/attempts", pair.live, query="outcome=odd")).status == 422
