"""Texts to foreign numbers: what each vendor takes, and what its words about them mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from shared.domain.text import INTERNATIONAL_PARTS, parts
from shared.vendors.base import Adapter, most_units
from shared.vendors.nhn.mt import CODES, sender_path
from shared.vendors.registry import REGISTRY
from tests.contract.vendor_bench import Bench, now_ms, outbound, reference, running_bench

TEXTS = [REGISTRY["nhn", "mt"], REGISTRY["solapi", "mt"]]
each_vendor = pytest.mark.parametrize("adapter", TEXTS, ids=lambda a: a.name)
NHN = REGISTRY["nhn", "mt"]
MEANINGS = ("1009", "1004", "1001", "4002", "4001", "4001", "3003", "4006", "4002", "4006")
"""Of the raw codes 4001 to 4010."""
FOREIGN = "+14155550123"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running_bench() as made:
        yield made


def abroad(text: str, **changes: Any) -> Any:
    return outbound(FOREIGN, text=text, international=True, **changes)


@each_vendor
@pytest.mark.parametrize("alphabet", ["a", "{", "가", "😀", "ñ", "ș"])
async def test_a_text_of_as_many_parts_as_the_adapter_says_is_taken(
    adapter: Adapter, bench: Bench, alphabet: str
) -> None:
    """None is held against what Korean handsets show, nor against their bytes."""
    most = most_units(adapter)
    text = alphabet
    while parts(text + alphabet) <= most:
        text += alphabet
    message, over = abroad(text), abroad(text + alphabet)
    assert (await bench.sent(adapter, message))[message.reference].state == "sent"
    refused = (await bench.sent(adapter, over))[over.reference]
    assert (refused.state, refused.code) == ("failed", "1002")


def test_acceptance_takes_as_many_parts_as_some_vendor_does() -> None:
    assert max(map(most_units, TEXTS)) == INTERNATIONAL_PARTS


@pytest.mark.parametrize("lane", ["realtime", "bulk", "ad", "auth"])
@each_vendor
async def test_every_lane_goes_abroad(adapter: Adapter, bench: Bench, lane: str) -> None:
    message = abroad("Your code is 123456 ✓", lane=lane)
    assert (await bench.sent(adapter, message))[message.reference].state == "sent"


def test_an_advertisement_abroad_needs_no_korean_form() -> None:
    assert sender_path(abroad("sale", lane="ad")) == "sender/sms"
    assert sender_path(outbound(lane="ad")) == "sender/ad-sms"


def hooks(event: str, *items: dict[str, Any], product: str = "SMS") -> list[Any]:
    body = orjson.dumps({"event": event, "productName": product, "hooks": items})
    return NHN.read_webhook({}, body, now_ms())  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("number", ["14155550123", "+14155550123", "81312345678", "442071234567"])
def test_the_code_of_success_says_sent_of_a_foreign_number(number: str) -> None:
    ours = reference()
    hook = {"requestId": "R", "recipientSeq": 2, "recipientNo": number, "recipientGroupingKey": ours}
    (told,) = hooks("MESSAGE_RESULT_UPDATE", {**hook, "messageStatus": "COMPLETED", "resultCode": "1000"})
    assert (told.reference, told.state, told.raw_code, told.vendor_ref) == (ours, "sent", "1000", "R:2")
    (told,) = hooks("MESSAGE_RESULT_UPDATE", {**hook, "messageStatus": "FAILED", "resultCode": "4005"})
    assert (told.state, told.code) == ("failed", "4001")


@pytest.mark.parametrize("number", ["01012345678", "0215441234", "821012345678", None])
def test_the_code_of_success_says_delivered_of_any_other(number: str | None) -> None:
    hook = {"requestId": "R", "recipientSeq": 2, "recipientNo": number, "recipientGroupingKey": reference()}
    (told,) = hooks("MESSAGE_RESULT_UPDATE", {**hook, "messageStatus": "COMPLETED", "resultCode": "1000"})
    assert told.state == "delivered"


@pytest.mark.parametrize(
    ("status", "error", "end"),
    [
        ("DELIVERED", "0", ("delivered", "0000", "DELIVERED")),
        ("DELIVERED", None, ("delivered", "0000", "DELIVERED")),
        ("EXPIRED", "0", ("failed", "4008", "EXPIRED")),
        ("EXPIRED", "2", ("failed", "4002", "DLR2")),
        ("FAILED", None, ("failed", "3003", "FAILED")),
        ("FAILED", "3", ("failed", "4001", "DLR3")),
        ("FAILED", 9, ("failed", "1007", "DLR9")),
        ("REJECTED", "6", ("failed", "4006", "DLR6")),
        ("REJECTED", "4711", ("failed", "3003", "DLR4711")),
    ],
)
def test_the_foreign_carriers_receipt_is_the_end(status: str, error: Any, end: tuple[str, str, str]) -> None:
    hook = {"requestId": "R", "recipientSeq": 1, "dlrStatus": status, "errorCode": error, "networkCode": "US"}
    (told,) = hooks("INTERNATIONAL_DELIVERY_RECEIPT", hook)
    assert (told.state, told.code, told.raw_code) == end
    assert (told.reference, told.vendor_ref) == ("", "R:1")


@pytest.mark.parametrize("status", ["ACCEPTED", "BUFFERED", "UNKNOWN", None, "NEW"])
def test_what_is_no_end_says_nothing(status: str | None) -> None:
    assert hooks("INTERNATIONAL_DELIVERY_RECEIPT", {"requestId": "R", "recipientSeq": 1, "dlrStatus": status}) == []


def test_a_receipt_that_cannot_be_read_stands_apart_and_can_be_read_again() -> None:
    good = {"requestId": "R", "recipientSeq": 1, "dlrStatus": "DELIVERED"}
    bad = [{"requestId": "R", "dlrStatus": "DELIVERED"}, {"requestId": "R", "recipientSeq": 2, "dlrStatus": 7}]
    first, *others = hooks("INTERNATIONAL_DELIVERY_RECEIPT", good, *bad)
    assert first.state == "delivered"
    assert [r.state for r in others] == ["unread"] * 2
    assert all(orjson.loads(r.raw_text)["event"] == "INTERNATIONAL_DELIVERY_RECEIPT" for r in others)


@pytest.mark.parametrize(
    ("raw", "code"),
    [(f"40{n:02}", code) for n, code in enumerate(MEANINGS, 1)]
    + [("E900", "3003"), ("-2050", "1009"), ("-2051", "1006"), ("-2053", "1006")],
)
def test_further_codes_of_texts_are_known(raw: str, code: str) -> None:
    assert CODES[raw].ims == code
