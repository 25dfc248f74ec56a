"""KakaoTalk's vendors against the simulator: sent, received, refused, looked up, reported; templates reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from shared.channels.kakao.payload import KakaoPayload
from shared.domain.errors import Rejected, Uncertain
from shared.receiving import outcomes
from shared.runtime import metrics
from shared.stores.vendors import Entry
from shared.vendors.base import Adapter, Answer, Outbound, VendorAccount
from shared.vendors.nhn.kakao import ADAPTER as NHN
from shared.vendors.nhn.kakao import by_auth_path
from shared.vendors.solapi.kakao import ADAPTER as SOLAPI
from simulator.vendors import nhn_kakao, solapi_kakao
from tests.contract.vendor_bench import SENDER_KEY, Bench, alimtalk, nonce, now_ms, reference, running_bench

BOTH = pytest.mark.parametrize("adapter", [NHN, SOLAPI], ids=lambda a: a.name)
RAW = {"nhn": nhn_kakao.RAW_CODES, "solapi": solapi_kakao.RAW_CODES}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running_bench() as made:
        yield made


@BOTH
async def test_an_alimtalk_arrives_as_the_template_filled_in(adapter: Adapter, bench: Bench) -> None:
    message = alimtalk()
    assert (await bench.sent(adapter, message))[message.reference].state == "sent"
    (got,) = (await bench.get("/received"))["items"]
    assert (got["channel"], got["type"], got["to"]) == ("kakao", "alimtalk", message.to)
    assert got["text"] == "김하나님, 주문 A-1이(가) 발송되었습니다."
    (end,) = await bench.receipts(adapter)
    assert (end.reference, end.state, end.code) == (message.reference, "delivered", "0000")


@BOTH
async def test_no_vendor_fails_over_by_itself(adapter: Adapter, bench: Bench) -> None:
    await bench.sent(adapter, alimtalk())
    (record,) = bench.app.store.remembered()
    assert record.extra.kept in ("RSC01", "")


@pytest.mark.parametrize(
    ("adapter", "code"), [(a, code) for a in (NHN, SOLAPI) for code in RAW[a.name]], ids=lambda x: getattr(x, "name", x)
)
async def test_a_magic_number_gets_its_code(adapter: Adapter, code: str, bench: Bench) -> None:
    good, bad = alimtalk(), alimtalk(f"0109000{code}")
    answered = await bench.sent(adapter, good, bad)
    assert answered[good.reference].state == "sent"
    if answered[bad.reference].state == "failed":
        end = answered[bad.reference]
    else:
        (end,) = [r for r in await bench.receipts(adapter, 2) if r.reference == bad.reference]
    assert (end.state, end.code) == ("failed", code)


@BOTH
async def test_another_text_is_refused_where_the_vendor_compares(adapter: Adapter, bench: Bench) -> None:
    payload: KakaoPayload = alimtalk().payload
    message = alimtalk(payload=payload._replace(text=payload.text + " ", variables=(("name", "김"),)))
    found = (await bench.sent(adapter, message))[message.reference]
    assert (found.state, found.code) == ("failed", "2002")


@BOTH
async def test_an_unknown_template_is_2001(adapter: Adapter, bench: Bench) -> None:
    payload: KakaoPayload = alimtalk().payload
    message = alimtalk(payload=payload._replace(template_code="NOBODY"))
    try:
        found = (await bench.sent(adapter, message))[message.reference]
        code = found.code
    except Rejected as error:
        code = error.code
    assert code == "2001"


@BOTH
async def test_a_message_is_found_by_our_reference(adapter: Adapter, bench: Bench) -> None:
    message = alimtalk()
    await bench.sent(adapter, message)
    found = await bench.look_up(adapter, message)
    assert found is not None
    assert found.reference == message.reference
    assert await bench.look_up(adapter, alimtalk("01099990000")) is None


async def test_the_same_call_again_says_that_the_first_arrived(bench: Bench) -> None:
    batch = [alimtalk(), alimtalk("01011112222")]
    await bench.send(NHN, batch)
    with pytest.raises(Uncertain):
        NHN.read_send(batch, await bench.send(NHN, batch), now_ms())
    assert len((await bench.get("/received"))["items"]) == 2


async def test_all_refused_is_each_ones_own_refusal(bench: Bench) -> None:
    payload: KakaoPayload = alimtalk().payload
    wrong = [alimtalk(f"0101111000{n}", payload=payload._replace(text="x")) for n in range(3)]
    answered = await bench.sent(NHN, *wrong)
    assert {(r.state, r.code) for r in answered.values()} == {("failed", "2002")}


@pytest.mark.parametrize(
    ("text", "urgent"),
    [
        ("인증번호 1", True), ("인 증", False), ("verification 1", True), ("VERIFY", True), ("AUTH", True),
        ("코드 1", False),
    ],
)  # fmt: skip
def test_passwords_go_the_urgent_path_only_with_one_of_its_words(text: str, urgent: bool) -> None:
    payload = KakaoPayload("alimtalk", SENDER_KEY, "OTP", text)
    message = Outbound(reference(lane="auth"), "01012345678", "alimtalk", lane="auth", payload=payload)
    assert by_auth_path(message) is urgent
    assert not by_auth_path(replace(message, lane="realtime"))


def brand(to: str = "01012345678", text: str = "(광고) 봄 할인", **parts: Any) -> Outbound:
    shown = {"bubble": "TEXT", "targeting": "I", **parts}
    payload = KakaoPayload("brand", SENDER_KEY, "", text, orjson.dumps(shown))
    return Outbound(reference(lane="ad"), to, "brand", lane="ad", payload=payload)


async def test_brand_messages_are_told_apart_though_the_answer_names_only_numbers(bench: Bench) -> None:
    first, again, other = brand(), brand(), brand("01011112222")
    answered = await bench.sent(NHN, first, again, other)
    refs = [answered[m.reference].vendor_ref.split(":")[1] for m in (first, again, other)]
    assert refs == ["1", "2", "3"]
    ends = await bench.receipts(NHN, 3)
    assert {r.reference for r in ends if r.state == "delivered"} == {first.reference, again.reference, other.reference}


async def test_an_image_is_uploaded_before_its_message(bench: Bench) -> None:
    message = replace(brand(bubble="IMAGE", image="f"), files=[b"\xff\xd8\xff image"])
    (call,) = NHN.uploads(bench.account(NHN), message, now_ms(), nonce())  # type: ignore[attr-defined]
    url = NHN.read_upload(await bench.call(call))  # type: ignore[attr-defined]
    await bench.sent(NHN, replace(message, file_ids=[url]))
    (got,) = (await bench.get("/received"))["items"]
    assert got["media"][0]["imageUrl"] == url


def hook(**fields: Any) -> Answer:
    body = {
        "event": "MESSAGE_RESULT_UPDATE",
        "hooks": [{"recipientGroupingKey": reference(), "requestId": "r", **fields}],
    }
    return Answer(200, {}, orjson.dumps(body))


def test_a_resend_by_the_vendor_itself_is_told() -> None:
    body = hook(recipientSeq=1, resultCode="1000", resendStatus="RSC04").body
    (found,) = NHN.read_webhook({}, body, now_ms())  # type: ignore[attr-defined]
    assert found.state == "delivered"
    assert "RSC04" in found.raw_text
    entry = Entry(VendorAccount("nhn", "resends", "", {}), NHN, "kakao", 1, sandbox=False)
    count = metrics.VENDOR_RESENT.labels("nhn", "resends", "kakao")._value
    quiet = hook(recipientSeq=1, resultCode="1000", resendStatus="RSC01").body
    assert outcomes(entry, NHN.read_webhook({}, quiet, now_ms()), now_ms())  # type: ignore[attr-defined]
    assert count.get() == 0
    assert outcomes(entry, [found, found], now_ms())
    assert count.get() == 1, "an alarm is raised, once for a result that is told twice"


def test_sent_but_unsure_is_uncertain() -> None:
    body = hook(recipientSeq=1, resultCode="3005").body
    (found,) = NHN.read_webhook({}, body, now_ms())  # type: ignore[attr-defined]
    assert found.code == "0300"


TEMPLATE = {
    "code": "RSV_OK",
    "name": "예약 확정",
    "version": 1,
    "content": {"sender_key": SENDER_KEY, "text": "#{name}님 예약이 확정되었습니다."},
}


async def state(bench: Bench, template: dict[str, Any]) -> Any:
    account: Any = bench.account(NHN)
    return NHN.read_template(await bench.call(NHN.ask_template(account, template, nonce())))  # type: ignore[attr-defined]


async def register(bench: Bench, template: dict[str, Any]) -> Any:
    account: Any = bench.account(NHN)
    return NHN.read_register(await bench.call(NHN.register_template(account, template, nonce())))  # type: ignore[attr-defined]


async def reviewed(bench: Bench, template: dict[str, Any]) -> Any:
    async with asyncio.timeout(30):
        while (said := await state(bench, template)).state not in ("approved", "rejected"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return said


async def test_a_template_is_reviewed_and_then_carries_messages(bench: Bench) -> None:
    assert (await register(bench, TEMPLATE)).state == "submitted"
    assert (await reviewed(bench, TEMPLATE)).state == "approved"
    payload = KakaoPayload("alimtalk", SENDER_KEY, "RSV_OK", "김하나님 예약이 확정되었습니다.")
    message = alimtalk(payload=payload)
    assert (await bench.sent(NHN, message))[message.reference].state == "sent"


async def test_a_refused_template_comes_with_the_reviewers_words(bench: Bench) -> None:
    bad = {**TEMPLATE, "content": {**TEMPLATE["content"], "text": "#{name}님 거절될 문구"}}  # type: ignore[dict-item]
    await register(bench, bad)
    said = await reviewed(bench, bad)
    assert said.state == "rejected"
    assert said.comments[0]["text"]


async def test_the_text_in_use_stays_valid_while_its_change_is_reviewed(bench: Bench) -> None:
    await register(bench, TEMPLATE)
    await reviewed(bench, TEMPLATE)
    changed = {**TEMPLATE, "version": 2, "content": {**TEMPLATE["content"], "text": "#{name}님 예약 확정!"}}  # type: ignore[dict-item]
    await register(bench, changed)
    message = alimtalk(payload=KakaoPayload("alimtalk", SENDER_KEY, "RSV_OK", "김님 예약이 확정되었습니다."))
    assert (await bench.sent(NHN, message))[message.reference].state == "sent"
