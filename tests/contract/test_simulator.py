"""The simulator keeps the contract of api.md: what it received, how it misbehaves, and receipts that never get lost."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Any

import httpx2
import orjson
import pytest
import pytest_asyncio
import uvicorn

from shared.domain import codes
from shared.domain.errors import Rejected, Uncertain
from shared.vendors.base import Adapter
from shared.vendors.registry import REGISTRY
from simulator.accounts import accounts
from simulator.admission import admit
from simulator.app import SLICE, Simulator
from simulator.behaviour import Behaviour, Throttle
from simulator.http import Receive, Reply, Request, Scope, Send, read, write
from simulator.settings import SimulatorSettings
from simulator.store import Record, Store
from simulator.vendors import nhn, solapi
from tests.contract.vendor_bench import TEXT_ADAPTERS, Bench, nonce, now_ms, outbound, running_bench

SOLAPI = REGISTRY["solapi", "mt"]
NHN = REGISTRY["nhn", "mt"]


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running_bench() as made:
        yield made


def _record(serial: int, to: str = "01012345678", ref: str = "r", delivered: bool = True) -> Record:
    return Record(
        serial, "solapi", "main", "mt", to, "s", "sms", "t", ref, "v", "g", 1, "", "4000", False, delivered, 0, 0
    )


async def test_it_is_healthy_and_knows_what_it_does_not_know(bench: Bench) -> None:
    assert await bench.get("/healthz") == {"status": "ok"}
    for path in ("/nothing", "/vendors/nobody/x", "/vendors/solapi/x", "/vendors/nhn/sms/v3.0/appKeys/x/y"):
        assert (await bench.client.get(path)).status_code == 404


async def test_received_lists_what_handsets_got_in_order_and_can_be_emptied(bench: Bench) -> None:
    batch = [outbound(f"0101234000{n}", text="t") for n in range(5)]
    await bench.sent(SOLAPI, *batch)
    await bench.sent(NHN, outbound("01012340000", text="again"))
    everything = (await bench.get("/received"))["items"]
    assert [i["to"] for i in everything] == [*(m.to for m in batch), "01012340000"]
    assert [i["vendor"] for i in (await bench.get("/received?to=01012340000"))["items"]] == ["solapi", "nhn"]
    assert [i["text"] for i in (await bench.get("/received?limit=1"))["items"]] == ["again"]
    assert {"to", "channel", "vendor", "text", "vendor_ref", "our_ref", "at"} <= everything[0].keys()
    assert (await bench.client.delete("/received")).status_code == 204
    assert (await bench.get("/received"))["items"] == []
    assert (await bench.get("/received?to=01012340000"))["items"] == []
    assert (await bench.get("/stats"))["received"] == 0


async def test_received_gives_all_or_the_last_few_the_oldest_first(bench: Bench) -> None:
    batch = [outbound(f"0101234{n:04d}", text="t") for n in range(250)]
    await bench.sent(SOLAPI, *batch)
    numbers = [m.to for m in batch]
    for query, wanted in {
        "": numbers, "?limit=": numbers, "?to=": numbers, "?to=&limit=": numbers, "?limit=1000": numbers,
        "?limit=120": numbers[-120:], "?to=&limit=2": numbers[-2:], "?limit=0": [], f"?to={numbers[7]}": [numbers[7]],
    }.items():  # fmt: skip
        assert [i["to"] for i in (await bench.get(f"/received{query}"))["items"]] == wanted, query
    assert (await bench.client.get("/received?limit=many")).status_code == 422


async def test_when_a_handset_got_its_message_is_an_rfc_3339_time_and_milliseconds(bench: Bench) -> None:
    await bench.sent(SOLAPI, outbound())
    (item,) = (await bench.get("/received"))["items"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["at"])
    assert round(datetime.fromisoformat(item["at"]).timestamp() * 1000) == item["at_ms"]
    assert abs(item["at_ms"] - now_ms()) < 60_000


async def test_a_hundred_thousand_received_are_given_while_other_work_goes_on(bench: Bench) -> None:
    count, turns = 100_000, 0
    bench.app.store.add(_record(n, to=f"010{n:08d}", ref=str(n)) for n in range(1, count + 1))

    async def watch() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    watching = asyncio.create_task(watch())
    response = await bench.client.get("/received")
    watching.cancel()
    assert len(orjson.loads(response.content)["items"]) == count
    assert turns >= count // SLICE - 1, "one between any two slices"


async def test_emptying_the_handsets_does_not_make_look_ups_lie(bench: Bench) -> None:
    message = outbound()
    await bench.sent(SOLAPI, message)
    await bench.client.delete("/received")
    assert await bench.look_up(SOLAPI, message) is not None


async def test_what_failed_never_reached_a_handset(bench: Bench) -> None:
    await bench.sent(SOLAPI, outbound("01090004001"), outbound("01090001004"), outbound())
    assert [i["to"] for i in (await bench.get("/received"))["items"]] == ["01012345678"]
    assert (await bench.get("/stats"))["vendors"]["solapi"] == {
        "calls": 1, "accepted": 2, "refused": 1, "received": 1, "failed": 1
    }  # fmt: skip


async def test_stats_count_references_that_came_twice(bench: Bench) -> None:
    message = outbound()
    await bench.sent(SOLAPI, message, outbound())
    await bench.sent(NHN, message)
    stats = await bench.get("/stats")
    assert (stats["received"], stats["unique_references"], stats["duplicates"], stats["unique_to"]) == (3, 2, 1, 1)
    assert stats["cpu_seconds"] > 0


async def test_behaviour_changes_only_what_is_given(bench: Bench) -> None:
    await bench.behave(latency_ms=5)
    await bench.behave(vendor="nhn", receipt_delay_ms=7)
    now = await bench.get("/behaviour")
    assert (now["solapi"]["latency_ms"], now["solapi"]["receipt_delay_ms"]) == (5, 0)
    assert (now["nhn"]["latency_ms"], now["nhn"]["receipt_delay_ms"]) == (5, 7)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"error_rate": 2}', 422), (b'{"colour": 1}', 422), (b"[]", 422), (b'{"vendor": "nobody"}', 404)],
)
async def test_a_wrong_behaviour_is_refused(bench: Bench, body: bytes, status: int) -> None:
    assert (await bench.client.put("/behaviour", content=body)).status_code == status


@pytest.mark.parametrize(
    ("adapter", "table"), [(SOLAPI, solapi.RAW_CODES), (NHN, nhn.RAW_CODES)], ids=["solapi", "nhn"]
)
def test_a_magic_number_gives_the_vendors_own_code(adapter: Adapter, table: dict[str, str]) -> None:
    for ims, raw in table.items():
        assert ims in codes.CODES
        assert ims == "0000" or adapter.codes[raw].ims == ims


async def test_a_magic_code_that_the_vendor_does_not_have_is_delivered(bench: Bench) -> None:
    await bench.sent(SOLAPI, outbound("01090002004"))
    (end,) = await bench.receipts(SOLAPI)
    assert (end.state, end.code) == ("delivered", "0000")


async def test_9901_answers_slowly(bench: Bench) -> None:
    started = time.monotonic()
    await bench.sent(SOLAPI, outbound("01090009901"))
    assert time.monotonic() - started > 2.9


async def test_9903_sends_its_receipt_late(bench: Bench) -> None:
    started = time.monotonic()
    await bench.sent(SOLAPI, outbound("01090009903"), outbound())
    assert len(await bench.receipts(SOLAPI, 1)) == 1
    assert len(await bench.receipts(SOLAPI, 2, within_s=60)) == 2
    assert time.monotonic() - started > 2.9


async def test_9904_sends_its_receipt_before_the_answer(bench: Bench) -> None:
    await bench.behave(latency_ms=10)
    await bench.send(SOLAPI, [outbound("01090009904")])
    assert len(await bench.receipts(SOLAPI, 1, within_s=0.001)) == 1


async def test_receipts_can_be_lost_or_doubled(bench: Bench) -> None:
    await bench.behave(receipt_lost_rate=1)
    await bench.sent(SOLAPI, outbound())
    await bench.behave(receipt_lost_rate=0, receipt_twice_rate=1)
    second = outbound()
    await bench.sent(SOLAPI, second)
    assert [r.reference for r in await bench.receipts(SOLAPI, 2)] == [second.reference] * 2


async def test_receipts_wait_for_a_receiver_that_is_down(bench: Bench) -> None:
    bench.status = 503
    batch = [outbound(f"0101234{n:04d}", text="t") for n in range(20)]
    await bench.sent(SOLAPI, *batch)
    await bench.receipts(SOLAPI, 20)
    assert (await bench.get("/stats"))["receipts"]["pending"] == 20
    bench.status = 200
    refused = len(bench.webhooks)
    async with asyncio.timeout(60):
        while (await bench.get("/stats"))["receipts"]["pending"]:  # noqa: ASYNC110 (it is another program's counter)
            await asyncio.sleep(0.02)
    taken = [event for hook in bench.webhooks[refused:] for event in orjson.loads(hook.body)]
    assert {event["data"]["customFields"]["ref"] for event in taken} == {m.reference for m in batch}
    assert all(event["retryCount"] > 0 for event in taken)
    assert (await bench.get("/stats"))["receipts"]["dropped"] == 0


async def test_a_time_out_by_rate_is_told_truly_by_the_look_up(bench: Bench) -> None:
    await bench.behave(timeout_rate=1)
    batches = [[outbound(f"0102000{n:04d}", text="t")] for n in range(20)]
    for batch in batches:
        with pytest.raises(Uncertain):
            SOLAPI.read_send(batch, await bench.send(SOLAPI, batch), now_ms())
    known = {batch[0].reference for batch in batches if await bench.look_up(SOLAPI, batch[0])}
    got = {i["our_ref"] for i in (await bench.get("/received"))["items"]}
    assert known == got
    assert 0 < len(got) < 20


async def test_a_solapi_signature_serves_once_and_not_for_long(bench: Bench) -> None:
    account, batch = bench.account(SOLAPI), [outbound()]
    call = SOLAPI.send(account, batch, now_ms(), nonce())
    assert (await bench.call(call)).status == 200
    assert orjson.loads((await bench.call(call)).body)["errorCode"] == "DuplicatedSignature"
    old = SOLAPI.send(account, batch, now_ms() - 16 * 60_000, nonce())
    assert orjson.loads((await bench.call(old)).body)["errorCode"] == "RequestTimeTooSkewed"


@pytest.mark.parametrize("adapter", TEXT_ADAPTERS, ids=lambda a: a.name)
@pytest.mark.parametrize(("changes", "code"), [({"text": "가" * 2001}, "1002"), ({"text": "😀"}, "1003")])
async def test_texts_that_no_handset_could_show_are_refused(
    bench: Bench, adapter: Adapter, changes: dict[str, str], code: str
) -> None:
    message = outbound(**changes)
    answer = await bench.send(adapter, [message])
    try:
        (told,) = (r.code for r in adapter.read_send([message], answer, now_ms()))
    except Rejected as refused:
        told = refused.code
    assert told == code


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages":1,"recipientList":1}', b'{"messages":[1]}'])
@pytest.mark.parametrize("adapter", TEXT_ADAPTERS, ids=lambda a: a.name)
async def test_an_unreadable_call_is_the_callers_fault(bench: Bench, adapter: Adapter, body: bytes) -> None:
    call = adapter.send(bench.account(adapter), [outbound()], now_ms(), nonce())
    response = await bench.client.post(call.url, headers=dict(call.headers), content=body)
    assert response.status_code < 500
    assert response.json()


def test_the_ring_forgets_the_oldest_and_its_index_too() -> None:
    store = Store(3)
    store.add([_record(n, to=str(n % 2), ref=str(n)) for n in range(5)])
    assert [r.serial for r in store.received(None, 10)] == [2, 3, 4]
    assert [r.serial for r in store.to("0")] == [2, 4]
    store.add([_record(9, to="9")] * 3)
    assert store.to("0") == []


def test_a_throttle_lets_a_second_s_worth_pass_each_second() -> None:
    throttle = Throttle()
    passed = sum(throttle.allows(1, 10, at / 100) for at in range(1000))
    assert 90 <= passed <= 111
    assert Throttle().allows(500, 1, 0.0)
    assert throttle.allows(10**6, None, 0.0)


def test_more_credentials_can_be_given() -> None:
    given = '{"solapi": {"main": {"api_secret": "other"}, "third": {"api_key": "k"}}}'
    known = {(a.vendor, a.account): a for a in accounts("http://h:1", given)}
    assert known["solapi", "main"].settings["api_secret"] == "other"
    assert known["solapi", "main"].settings["api_key"]
    assert known["solapi", "third"].base_url == "http://h:1/vendors/solapi"


def test_five_hundred_messages_cost_little() -> None:
    """The simulator must never be the bottleneck: under 40 µs a message even where other work disturbs the clock."""
    app = Simulator(SimulatorSettings())
    vendor, adapter = app.vendors["solapi"], SOLAPI
    account = next(a for a in accounts() if a.vendor == "solapi")
    batch = [outbound(f"0101234{n:04d}", text="t") for n in range(500)]
    body = adapter.send(account, batch, now_ms(), nonce()).body
    request = Request("POST", "/messages/v4/send-many/detail", {}, {}, body)
    started = time.process_time()
    call = vendor.submission(request, now_ms(), 0)
    admission = admit(vendor, "main", call, Behaviour(), Random(1), now_ms(), 0)
    app.store.add(admission.records)
    vendor.accepted(call, admission.records)
    vendor.webhook(account, admission.receipts, 0)
    assert (time.process_time() - started) / 500 < 40e-6


class Receiver:
    """Another server, which takes webhooks."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.got = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append((await read(scope, receive)).body)
        self.got.set()
        await write(send, Reply(200))


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """The port at which uvicorn serves an application."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve([listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await task


async def test_it_serves_over_a_real_socket_and_posts_real_webhooks() -> None:
    receiver = Receiver()
    async with served(receiver) as sink:
        app = Simulator(SimulatorSettings(receipt_url=f"http://127.0.0.1:{sink}/{{vendor}}/{{account}}"))
        async with served(app) as port, httpx2.AsyncClient(trust_env=False) as client:
            account = accounts(f"http://127.0.0.1:{port}")[0]
            message = outbound()
            call = SOLAPI.send(account, [message], now_ms(), nonce())
            response = await client.post(call.url, headers=dict(call.headers), content=call.body)
            assert response.status_code == 200
            async with asyncio.timeout(60):
                await receiver.got.wait()
        await app.receipts.stop()
    assert message.reference.encode() in receiver.bodies[0]
