"""What api_receipt makes of a webhook: which account it is for, and events for what it says."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.testclient import TestClient

from shared.domain.events import Dead, Event, Outcome, Receipts, Unread
from shared.domain.ids import message_id, vendor_reference
from shared.receiving import letters
from shared.runtime.bus import records
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.context import use
from shared.stores.vendors import Entry
from shared.vendors.base import BadReceipt, VendorAccount, VendorResult
from shared.vendors.registry import REGISTRY
from shared.vendors.solapi.api import webhook_proof
from tests.wiring.functions import loaded


@dataclass
class Reads:
    """An adapter that reads every webhook as the same results, if its proof is `secret`."""

    secret: str
    results: list[VendorResult]
    error: type[Exception] | None = None

    def read_receipt(self, account: Any, headers: Mapping[str, str], body: bytes, now: int) -> list[VendorResult]:
        if headers.get("proof") != self.secret:
            raise BadReceipt("wrong")
        if self.error:
            raise self.error("odd")
        return self.results

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        return 200, {}, b"{}"


class Ims:
    """A process that knows these vendor accounts and keeps what it publishes."""

    def __init__(self, *entries: Entry) -> None:
        self.published: list[Event] = []
        self.vendors = SimpleNamespace(entries=self._entries)
        self.bus = SimpleNamespace(publish=self._publish)
        self._known = list(entries)

    def now_ms(self) -> int:
        return now_ms()

    async def _entries(self) -> list[Entry]:
        return self._known

    async def _publish(self, events: list[Event]) -> None:
        self.published += events

    def post(self, path: str = "/v1/receipts/nhn/main", proof: str = "mt") -> int:
        use(self)  # type: ignore[arg-type]
        from starlette.applications import Starlette
        from starlette.routing import Route

        main = loaded("api_receipt")
        client = TestClient(Starlette(routes=[Route("/{path:path}", main, methods=["POST"])]))
        return client.post(path, headers={"proof": proof}, content=os.urandom(4)).status_code


def entry(channel: str, *results: VendorResult, error: type[Exception] | None = None) -> Entry:
    account = VendorAccount("nhn", "main", "http://vendor", {})
    return Entry(account, Reads(channel, list(results), error), channel, 1, sandbox=False)  # type: ignore[arg-type]


def named(lane: str = "bulk", vendor_ref: str = "r:1") -> VendorResult:
    one = message_id(UUID(int=new_request_id(now_ms()).int), 1, lane)
    return VendorResult(vendor_reference(one, 1), "delivered", "0000", "1000", "", vendor_ref, 1)


UNNAMED = VendorResult("", "failed", "4001", "3004", "gone", "r:2", 2)


def test_a_receipt_with_our_reference_goes_to_its_lane() -> None:
    ims = Ims(entry("mt", named("bulk")))
    assert ims.post() == 200
    (event,) = ims.published
    assert isinstance(event, Outcome)
    assert (event.lane, event.channel, event.via) == ("bulk", "mt", "receipt")


def test_a_receipt_without_our_reference_travels_by_the_vendors() -> None:
    ims = Ims(entry("mt", named(), UNNAMED, replace_reference("0" * 32)))
    assert ims.post() == 200
    outcome, receipts = ims.published
    assert isinstance(outcome, Outcome)
    assert isinstance(receipts, Receipts)
    assert [(r.vendor_ref, r.state, r.code, r.at) for r in receipts.receipts] == [("r:2", "failed", "4001", 2)] * 2


def replace_reference(reference: str) -> VendorResult:
    return UNNAMED._replace(reference=reference)


def test_a_receipt_that_names_nothing_is_kept_as_a_dead_letter() -> None:
    ims = Ims(entry("mt", named(), UNNAMED._replace(vendor_ref="")))
    assert ims.post() == 200
    assert [type(e) for e in ims.published] == [Outcome, Dead]


@pytest.mark.parametrize("proof", ["mt", "kakao"])
def test_of_two_channels_with_one_account_name_the_one_whose_proof_it_is_takes_it(proof: str) -> None:
    ims = Ims(entry("kakao", named()), entry("mt", named()))
    assert ims.post(proof=proof) == 200
    (event,) = ims.published
    assert isinstance(event, Outcome)
    assert event.channel == proof


def test_the_channel_can_be_named() -> None:
    both = entry("kakao", named()), replace(entry("mt", named()), adapter=Reads("kakao", [named()]))  # type: ignore[arg-type]
    ims = Ims(*both)
    assert ims.post("/v1/receipts/nhn/main?channel=mt", "kakao") == 200
    (event,) = ims.published
    assert isinstance(event, Outcome)
    assert event.channel == "mt"
    assert ims.post("/v1/receipts/nhn/main?channel=rcs", "kakao") == 404


def test_a_format_that_is_another_channels_goes_to_that_channel() -> None:
    other = replace(entry("kakao", error=ValueError), adapter=Reads("mt", [], ValueError))  # type: ignore[arg-type]
    ims = Ims(other, entry("mt", named()))
    assert ims.post() == 200
    assert [type(e) for e in ims.published] == [Outcome]


def test_a_wrong_proof_is_401_an_unknown_account_404_and_an_unreadable_body_a_dead_letter() -> None:
    ims = Ims(entry("mt", error=ValueError))
    assert ims.post(proof="other") == 401
    assert ims.post("/v1/receipts/nhn/other") == 404
    assert ims.published == []
    assert ims.post() == 200
    assert [type(e) for e in ims.published] == [Dead]


@pytest.mark.parametrize(
    ("vendor", "header", "proof"),
    [("solapi", "x-solapi-secret", webhook_proof("s3cret")), ("nhn", "x-toast-webhook-signature", "s3cret")],
)
@pytest.mark.parametrize("given", [None, "", "wrong", "s3cre", "s3cret "])
async def test_without_its_proof_a_webhook_is_refused_before_its_body_is_read(
    vendor: str, header: str, proof: str, given: str | None
) -> None:
    account = VendorAccount(vendor, "main", "http://vendor", {"webhook_secret": "s3cret"})
    use(Ims(Entry(account, REGISTRY.deferred((vendor, "mt")), "mt", 1, sandbox=False)))  # type: ignore[arg-type]
    main, asked = loaded("api_receipt"), list[str]()

    async def post(path: str, value: str | None) -> int:
        async def receive() -> dict[str, Any]:
            asked.append(path)
            await asyncio.Event().wait()
            return {}

        headers = [(b"content-length", b"999999999")] + ([(header.encode(), value.encode())] if value else [])
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        response: Response = await asyncio.wait_for(main(Request(scope, receive)), 2)
        return response.status_code

    assert await post(f"/v1/receipts/{vendor}/main", given) == 401
    assert await post(f"/v1/receipts/{vendor}/other", proof) == 404
    assert await post("/v1/receipts/nobody/main", proof) == 404
    assert asked == [], "no byte of a body was asked for"
    assert await post(f"/v1/receipts/{vendor}/main", proof) == 413


@pytest.mark.parametrize("body", [b"[" + b"{}," * 300_000 + b"{}]", b"[" + b"[]," * 300_000 + b"{}]"])
def test_a_webhook_of_absurdly_many_parts_is_kept_without_being_taken_apart(body: bytes) -> None:
    account = VendorAccount("nhn", "main", "http://vendor", {"webhook_secret": "s3cret"})
    ims = Ims(Entry(account, REGISTRY.deferred(("nhn", "mt")), "mt", 1, sandbox=False))
    use(ims)  # type: ignore[arg-type]
    main = loaded("api_receipt")
    client = TestClient(Starlette(routes=[StarletteRoute("/{path:path}", main, methods=["POST"])]))
    answer = client.post("/v1/receipts/nhn/main", headers={"x-toast-webhook-signature": "s3cret"}, content=body)
    assert answer.status_code == 200
    assert [type(e) for e in ims.published] == [Dead]


def test_the_same_receipt_a_thousand_times_is_one() -> None:
    ims = Ims(entry("mt", *[named()] * 1000, *[UNNAMED] * 1000))
    assert ims.post() == 200
    assert [e.size() for e in ims.published] == [1, 1]


def test_what_cannot_be_read_is_a_letter_beside_the_good_results() -> None:
    bad = VendorResult("", "unread", "", raw_text='{"odd": 1}')
    ims = Ims(entry("mt", named(), bad, bad, bad._replace(raw_text='{"odd": 2}')))
    assert ims.post() == 200
    outcome, letter = ims.published
    assert isinstance(outcome, Outcome)
    assert isinstance(letter, Dead)
    event = Unread.model_validate_json(letter.body)
    assert event.bodies == ['{"odd": 1}', '{"odd": 2}']
    assert (letter.headers["ce_type"], event.vendor, event.account, event.channel) == (Unread.TYPE, "nhn", "main", "mt")


@pytest.mark.parametrize(
    ("body", "whole"), [(b"", True), (b"\xff\xfe\x00", True), (b'"' * 400_000, True), (b"\xff" * 2_000_000, False)]
)
def test_a_letter_keeps_as_much_of_a_body_as_a_record_takes(body: bytes, whole: bool) -> None:
    account = VendorAccount("nhn", "main", "http://vendor", {})
    (letter,) = letters(account, None, {}, [body], 1)
    ((_, value, _),) = records(letter, "/test", None)
    assert len(value) < 1_000_000
    event = Unread.model_validate_json(letter.body)
    (written,) = event.bodies
    kept = written.encode() if event.text else base64.b64decode(written)
    assert kept == body if whole else body.startswith(kept)
    assert ("beginning" in letter.reason) is not whole


def test_ten_thousand_unreadable_parts_are_a_few_letters() -> None:
    account = VendorAccount("nhn", "main", "http://vendor", {})
    made = list(letters(account, "mt", {}, [b'{"n": "%d", "text": "x"}' % n for n in range(10_000)], 1))
    assert len(made) < 5
    assert sum(len(Unread.model_validate_json(letter.body).bodies) for letter in made) == 10_000
    again = letters(account, "mt", {}, [b'{"n": "%d", "text": "x"}' % n for n in range(10_000)], 2)
    assert [letter.headers["ce_id"] for letter in again] == [letter.headers["ce_id"] for letter in made]
