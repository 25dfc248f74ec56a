"""What every vendor adapter owes IMS, run over all of REGISTRY against the simulator's APIs."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
import pytest_asyncio

from shared.domain import codes
from shared.domain.defaults import next_ad_time
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.domain.routing import End, Wait
from shared.domain.states import State
from shared.vendors.base import Adapter, Answer, BadReceipt
from shared.vendors.registry import REGISTRY
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from tests.contract.vendor_bench import AD_TEXT, TEXT_ADAPTERS, Bench, nonce, now_ms, outbound, reference, running_bench
from tests.unit.test_routing import NOON_KST, message, plan, result, world

pytestmark = pytest.mark.parametrize("adapter", TEXT_ADAPTERS, ids=lambda a: f"{a.name}-{a.channel}")
NIGHT = NOON_KST + 9 * 3_600_000
TEXT_CODES = {
    "1001": {"nhn": "1002 3003", "solapi": "3010"},
    "1002": {"nhn": "-2015", "solapi": "1031"},
    "1003": {"nhn": "-2023", "solapi": "1029"},
    "1004": {"nhn": "-2312", "solapi": "1062 2062"},
    "1005": {"nhn": "E915", "solapi": "1026"},
    "1006": {"nhn": "-2052", "solapi": "1030 2230"},
    "1007": {"nhn": "-6001", "solapi": "1061 2061"},
    "1008": {"nhn": "E919 -6003", "solapi": "3108"},
    "3001": {"nhn": "", "solapi": "3012"},
    "3002": {"nhn": "1001", "solapi": ""},
    "4001": {"nhn": "3001", "solapi": "3032"},
    "4002": {"nhn": "2003 2005", "solapi": "3043 3042"},
    "4003": {"nhn": "2004 3005", "solapi": "3044 3041"},
    "4004": {"nhn": "3010", "solapi": "3050"},
    "4005": {"nhn": "3006", "solapi": "3047"},
    "4006": {"nhn": "3012", "solapi": "3054 3055"},
    "4007": {"nhn": "3017 3018 3019", "solapi": "3059 1064"},
    "4008": {"nhn": "2000 1019", "solapi": "3040"},
}
"""The agreed result-code table, as far as it speaks of texts: IMS code → each vendor's raw codes."""
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running_bench() as made:
        yield made


def test_the_registry_names_an_adapter_by_its_vendor_and_channel(adapter: Adapter) -> None:
    assert REGISTRY[adapter.name, adapter.channel] is adapter
    assert adapter.types <= {"sms", "lms", "mms"}
    assert adapter.types <= adapter.prices.keys()
    assert 0 < adapter.max_batch <= 500


def test_every_raw_code_maps_to_an_ims_code_of_the_table(adapter: Adapter) -> None:
    assert adapter.codes
    for raw, row in adapter.codes.items():
        assert row.ims in codes.CODES, raw
        assert row.ims != codes.DELIVERED, raw
        assert row.text, raw
        assert len(raw) <= 32


@pytest.mark.parametrize(("ims", "raws"), TEXT_CODES.items())
def test_the_result_code_table_holds_for_texts(adapter: Adapter, ims: str, raws: dict[str, str]) -> None:
    for raw in raws[adapter.name].split():
        assert adapter.codes[raw].ims == ims


@pytest.mark.parametrize(("ims", "raws"), TEXT_CODES.items())
def test_a_magic_number_asks_for_each_code_of_the_table(adapter: Adapter, ims: str, raws: dict[str, str]) -> None:
    if known := raws[adapter.name].split():
        assert Simulator(SimulatorSettings()).vendors[adapter.name].magic[f"0109000{ims}"].raw in known


async def test_an_advertisement_refused_for_its_hour_is_held_until_the_morning(adapter: Adapter, bench: Bench) -> None:
    await bench.sent(adapter, outbound("01090001008", lane="ad", text=AD_TEXT, reference=reference(lane="ad")))
    (end,) = await bench.receipts(adapter)
    assert (end.state, end.code) == ("failed", "1008")
    sent = message(State.sent, vendor=adapter.name)
    step = result(sent, end.state, end.code, plan("ad"), around=world(now=NIGHT))
    assert step == Wait("held", next_ad_time(NIGHT), State.held, 2, 0, 0)
    assert result(sent, end.state, end.code, plan("ad")) == End(State.failed, "1008")


async def test_a_batch_is_accepted_message_by_message_and_receipts_say_the_end(adapter: Adapter, bench: Bench) -> None:
    batch = [outbound(f"0101234{n:04d}") for n in range(50)]
    results = await bench.sent(adapter, *batch)
    assert results.keys() == {m.reference for m in batch}
    assert {r.state for r in results.values()} == {"sent"}
    assert len({r.vendor_ref for r in results.values()}) == 50
    ends = {r.reference: r for r in await bench.receipts(adapter, 50)}
    assert ends.keys() == results.keys()
    assert {(r.state, r.code) for r in ends.values()} == {("delivered", "0000")}
    assert {r.vendor_ref for r in ends.values()} == {r.vendor_ref for r in results.values()}
    assert all(r.at_ms and abs(r.at_ms - now_ms()) < 60_000 for r in ends.values())


async def test_the_handset_gets_the_very_text(adapter: Adapter, bench: Bench) -> None:
    message = outbound(text='안녕 "따옴표" \n둘째 줄 100% ##x## #{y}')
    await bench.sent(adapter, message)
    (item,) = (await bench.get(f"/received?to={message.to}"))["items"]
    assert (item["text"], item["our_ref"], item["vendor"]) == (message.payload.text, message.reference, adapter.name)


async def test_two_messages_to_one_number_are_two_messages(adapter: Adapter, bench: Bench) -> None:
    first, second = outbound(), outbound()
    results = await bench.sent(adapter, first, second)
    assert {r.state for r in results.values()} == {"sent"}
    assert len(await bench.receipts(adapter, 2)) == 2


@pytest.mark.parametrize(
    ("lane", "text"), [("auth", "인증번호 1234"), ("auth", "plain"), ("bulk", "x"), ("ad", AD_TEXT)]
)
@pytest.mark.parametrize("kind", ["sms", "lms"])
async def test_every_lane_is_sent_and_can_be_asked_for(
    adapter: Adapter, bench: Bench, lane: str, text: str, kind: str
) -> None:
    message = outbound(lane=lane, type=kind, text=text, reference=reference(lane=lane))
    assert (await bench.sent(adapter, message))[message.reference].state == "sent"
    found = await bench.look_up(adapter, message)
    assert found is not None
    assert found.state == "delivered"


async def test_a_long_message_carries_its_subject_or_does_without(adapter: Adapter, bench: Bench) -> None:
    for subject in ("제목", None):
        message = outbound(type="lms", text="가" * 500, subject=subject)
        assert (await bench.sent(adapter, message))[message.reference].state == "sent"


async def test_pictures_are_uploaded_first_and_then_named(adapter: Adapter, bench: Bench) -> None:
    message = outbound(type="mms", files=[JPEG] * adapter.max_files)
    calls = adapter.uploads(bench.account(adapter), message, now_ms(), nonce())
    assert len(calls) == adapter.max_files
    assert all(base64.b64encode(JPEG) in call.body for call in calls)
    file_ids = [adapter.read_upload(await bench.call(call)) for call in calls]
    assert len(set(file_ids)) == adapter.max_files
    ready = replace(message, file_ids=file_ids)
    assert (await bench.sent(adapter, ready))[message.reference].state == "sent"


def test_more_pictures_than_the_vendor_carries_are_refused_not_dropped(adapter: Adapter) -> None:
    message = outbound(type="mms", files=[JPEG] * (adapter.max_files + 1))
    with pytest.raises(Rejected) as refused:
        adapter.uploads(Bench().account(adapter), message, now_ms(), nonce())
    assert codes.fails_over(refused.value.code)


def test_nothing_is_uploaded_for_a_text(adapter: Adapter) -> None:
    assert adapter.uploads(Bench().account(adapter), outbound(), now_ms(), nonce()) == []


async def test_a_foreign_number_reaches_its_handset(adapter: Adapter, bench: Bench) -> None:
    message = outbound("+14155550123", text="hello")
    assert (await bench.sent(adapter, message))[message.reference].state == "sent"
    items = (await bench.get("/received?to=%2B14155550123"))["items"]
    assert [i["our_ref"] for i in items] == [message.reference]
    found = await bench.look_up(adapter, message)
    assert found is not None
    told = ["sent", "delivered"] if adapter.name == "nhn" else ["delivered"]
    """NHN's own code of success only means that a foreign carrier has it; that carrier's receipt follows."""
    assert found.state == told[0]
    assert [r.state for r in await bench.receipts(adapter, len(told))] == told


@pytest.mark.parametrize("code", ["1001", "1004", "1007", "4001", "4002", "4003", "4006", "4008"])
async def test_a_failure_belongs_to_its_message_alone(adapter: Adapter, bench: Bench, code: str) -> None:
    good, bad = outbound(), outbound(f"0109000{code}")
    results = await bench.sent(adapter, good, bad)
    assert results[good.reference].state == "sent"
    told = results[bad.reference]
    if told.state == "sent":
        ends = {r.reference: r for r in await bench.receipts(adapter, 2)}
        told = ends[bad.reference]
    assert (told.state, told.code) == ("failed", code)
    assert adapter.codes[told.raw_code].ims == code
    assert told.raw_text


async def test_each_call_is_proved_anew(adapter: Adapter, bench: Bench) -> None:
    batch = [outbound()]
    for _ in range(2):
        answer = await bench.send(adapter, batch)
        assert adapter.read_send(batch, answer, now_ms())[0].state == "sent"


@pytest.mark.parametrize("which", [0, 1])
async def test_a_wrong_secret_is_refused_by_the_vendor(adapter: Adapter, bench: Bench, which: int) -> None:
    account = bench.account(adapter)
    name = list(account.settings)[which]
    wrong = replace(account, settings={**account.settings, name: "wrong"})
    batch = [outbound()]
    answer = await bench.send(adapter, batch, wrong)
    with pytest.raises(Rejected) as refused:
        adapter.read_send(batch, answer, now_ms())
    assert refused.value.code == "3004"
    assert (await bench.get("/received"))["items"] == []


async def test_the_test_account_is_another_account(adapter: Adapter, bench: Bench) -> None:
    batch = [outbound()]
    answer = await bench.send(adapter, batch, bench.account(adapter, "test"))
    assert adapter.read_send(batch, answer, now_ms())[0].state == "sent"
    assert await bench.look_up(adapter, batch[0]) is None


async def test_a_throttled_call_was_certainly_not_accepted(adapter: Adapter, bench: Bench) -> None:
    await bench.behave(vendor=adapter.name, throttle_per_s=1)
    batch = [outbound()]
    await bench.sent(adapter, *batch)
    answer = await bench.send(adapter, batch)
    assert answer.status == 429
    with pytest.raises(Unavailable) as later:
        adapter.read_send(batch, answer, now_ms())
    assert later.value.retry_after == 1


async def test_a_vendor_that_is_down_has_accepted_nothing(adapter: Adapter, bench: Bench) -> None:
    await bench.behave(vendor=adapter.name, down=True)
    batch = [outbound()]
    with pytest.raises(Unavailable):
        adapter.read_send(batch, await bench.send(adapter, batch), now_ms())


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_leaves_it_open(adapter: Adapter, status: int) -> None:
    with pytest.raises(Uncertain):
        adapter.read_send([outbound()], Answer(status, {}, b"oops"), now_ms())


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"header":{}}', b'{"header":{"isSuccessful":true}}']
)
def test_a_2xx_that_cannot_be_read_is_never_success(adapter: Adapter, body: bytes) -> None:
    with pytest.raises((Uncertain, Rejected)):
        adapter.read_send([outbound()], Answer(200, {}, body), now_ms())


async def test_a_server_error_of_the_vendor_is_uncertain(adapter: Adapter, bench: Bench) -> None:
    await bench.behave(error_rate=1)
    batch = [outbound()]
    with pytest.raises(Uncertain):
        adapter.read_send(batch, await bench.send(adapter, batch), now_ms())
    await bench.behave(error_rate=0)
    assert await bench.look_up(adapter, batch[0]) is None


async def test_a_message_that_timed_out_but_was_sent_is_found(adapter: Adapter, bench: Bench) -> None:
    message = outbound("01090000300")
    with pytest.raises(Uncertain):
        adapter.read_send([message], await bench.send(adapter, [message]), now_ms())
    found = await bench.look_up(adapter, message)
    assert found is not None
    assert (found.state, found.code) == ("delivered", "0000")
    (end,) = await bench.receipts(adapter)
    assert (end.reference, end.state) == (message.reference, "delivered")


async def test_a_look_up_before_the_end_is_pending(adapter: Adapter, bench: Bench) -> None:
    await bench.behave(receipt_delay_ms=60_000)
    message = outbound()
    sent = (await bench.sent(adapter, message))[message.reference]
    found = await bench.look_up(adapter, message)
    assert found is not None
    assert (found.state, found.vendor_ref) == ("pending", sent.vendor_ref)


async def test_a_look_up_tells_the_failure(adapter: Adapter, bench: Bench) -> None:
    message = outbound("01090004001")
    await bench.sent(adapter, message)
    found = await bench.look_up(adapter, message)
    assert found is not None
    assert (found.state, found.code) == ("failed", "4001")


async def test_a_look_up_does_not_take_one_message_for_another(adapter: Adapter, bench: Bench) -> None:
    await bench.sent(adapter, outbound())
    assert await bench.look_up(adapter, outbound()) is None


@pytest.mark.parametrize("status", [401, 429, 500, 503, 504])
def test_a_look_up_that_fails_says_nothing_of_the_message(adapter: Adapter, status: int) -> None:
    with pytest.raises(Unavailable):
        adapter.read_look_up(outbound(), Answer(status, {}, b"{}"))


def test_a_look_up_without_a_result_is_not_taken_for_unknown(adapter: Adapter) -> None:
    with pytest.raises(Unavailable):
        adapter.read_look_up(outbound(), Answer(200, {}, b"{}"))


async def test_a_receipt_with_a_wrong_or_missing_proof_is_refused(adapter: Adapter, bench: Bench) -> None:
    await bench.sent(adapter, outbound())
    await bench.receipts(adapter)
    (hook,) = bench.webhooks
    account = bench.account(adapter)
    forged = {name: "00" if "secret" in name or "signature" in name else value for name, value in hook.headers.items()}
    for headers in (forged, {"content-type": "application/json"}):
        with pytest.raises(BadReceipt):
            adapter.read_receipt(account, headers, hook.body, now_ms())
    with pytest.raises(BadReceipt):
        adapter.read_receipt(bench.account(adapter, "test"), hook.headers, hook.body, now_ms())
    unset = replace(account, settings={k: v for k, v in account.settings.items() if k != "webhook_secret"})
    with pytest.raises(BadReceipt):
        adapter.read_receipt(unset, hook.headers, hook.body, now_ms())


@pytest.mark.parametrize("body", [b"", b"nothing", b"1", b'{"a":1}', b"[1]", b'[{"data":1}]', b"[{}]"])
async def test_an_unreadable_receipt_is_a_value_error(adapter: Adapter, bench: Bench, body: bytes) -> None:
    await bench.sent(adapter, outbound())
    await bench.receipts(adapter)
    headers = bench.webhooks[0].headers
    with pytest.raises(ValueError, match=r"."):
        adapter.read_receipt(bench.account(adapter), headers, body, now_ms())


async def test_a_receipt_read_twice_says_the_same(adapter: Adapter, bench: Bench) -> None:
    await bench.sent(adapter, outbound("01090009902"))
    first, second = await bench.receipts(adapter, 2)
    assert first == second


async def test_a_code_that_was_never_documented_is_an_unknown_failure(adapter: Adapter, bench: Bench) -> None:
    await bench.sent(adapter, outbound("01090004001"))
    await bench.receipts(adapter)
    hook = bench.webhooks[0]
    raw = next(raw for raw, row in adapter.codes.items() if row.ims == "4001")
    body = hook.body.replace(orjson.dumps(raw), b'"8765"')
    (end,) = adapter.read_receipt(bench.account(adapter), hook.headers, body, now_ms())
    assert (end.state, end.code, end.raw_code) == ("failed", codes.UNKNOWN, "8765")


def test_the_webhook_is_answered_with_a_2xx(adapter: Adapter) -> None:
    status, _, body = adapter.receipt_reply()
    assert 200 <= status < 300
    orjson.loads(body)


def test_secrets_are_not_shown(adapter: Adapter) -> None:
    account = Bench().account(adapter)
    assert not any(secret in repr(account) for secret in account.settings.values())
