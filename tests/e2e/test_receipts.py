"""A vendor's webhook that names messages only by the vendor's own reference, through the gateway to the client."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from shared.vendors.solapi.api import webhook_proof
from tests.builders import a_text, numbers
from tests.road import Road, until


def webhook(vendor: str, ref: str, secret: str) -> tuple[Any, dict[str, str]]:
    """A report of a delivery without our reference, as the vendor writes it, with its proof."""
    if vendor == "solapi":
        report = {"messageId": ref, "statusCode": "4000", "dateReceived": datetime.now(UTC).isoformat()}
        return [report], {"x-solapi-secret": webhook_proof(secret)}
    request, _, seq = ref.partition(":")
    hook = {"requestId": request, "recipientSeq": int(seq), "resultCode": "1000", "messageStatus": "COMPLETED"}
    return {"event": "MESSAGE_RESULT_UPDATE", "hooks": [hook]}, {"x-toast-webhook-signature": secret}


def secret_of(road: Road, vendor: str) -> str:
    return road.platform.home.secret(f"{vendor}_main_webhook_secret")


def test_a_receipt_without_our_reference_ends_its_message(road: Road) -> None:
    with road.vendors(receipt_lost_rate=1):
        for _ in range(4):
            road.send(a_text("접수번호 시험").to(*numbers(1)))
        until(lambda: road.count("status = 6") >= 4, "the vendors to have them")
    hops = road.sql(
        "SELECT h.vendor, h.vendor_ref FROM hops h JOIN messages m USING (message_id) "
        f"WHERE m.account_id={road.account_id}"
    )
    for vendor, ref in hops:
        body, proof = webhook(vendor, ref, secret_of(road, vendor))
        answer = road.http.post(f"/v1/receipts/{vendor}/main", json=body, headers=proof)
        assert answer.status_code == 200, answer.text
        assert road.http.post(f"/v1/receipts/{vendor}/main", json=body).status_code == 401
    road.wait_for_all()
    assert road.count("status = 11") == 4
    road.assert_sound()


def test_a_webhook_of_bad_and_repeated_parts_ends_its_messages_once(road: Road) -> None:
    """The same receipt 1,000 times, one of 1970, and parts that nobody can read beside them."""
    with road.vendors(receipt_lost_rate=1):
        for _ in range(4):
            road.send(a_text("접수번호 시험").to(*numbers(1)))
        until(lambda: road.count("status = 6") >= 4, "the vendors to have them")
    hops = road.sql(
        "SELECT h.vendor, h.vendor_ref FROM hops h JOIN messages m USING (message_id) "
        f"WHERE m.account_id={road.account_id}"
    )
    for vendor, ref in hops:
        body, proof = webhook(vendor, ref, secret_of(road, vendor))
        parts = body if vendor == "solapi" else body["hooks"]
        parts[0]["dateReceived" if vendor == "solapi" else "receiveDate"] = "1970-01-01T00:00:00+09:00"
        parts[:] = [7, {}, *parts * 1000, {"statusCode": {}}, None]
        answer = road.http.post(f"/v1/receipts/{vendor}/main", json=body, headers=proof)
        assert answer.status_code == 200, answer.text
    road.wait_for_all()
    assert road.count("status = 11") == 4
    road.assert_sound()
    noted = road.sql(
        "SELECT h.raw_text FROM hops h JOIN messages m USING (message_id) "
        f"WHERE m.account_id={road.account_id} AND INSTR(h.raw_text, 'time not believed') > 0"
    )
    assert len(noted) == 4
    kept = until(lambda: road.sql("SELECT topic FROM dead_letters WHERE reason='unreadable receipt'"), "the letters")
    assert {topic for (topic,) in kept} <= {f"/v1/receipts/{vendor}/main" for vendor, _ in hops}


def test_variables_of_much_more_than_is_sent_leave_at_their_time(road: Road) -> None:
    values = {f"v{i}": "😀" * 4000 for i in range(5)}
    text = "주문" + "".join(f"#{{{name}}}" for name in values)
    later = datetime.fromtimestamp(time.time() + 3, UTC).isoformat()
    for fields in ({}, {"scheduled_at": later}):
        road.send(a_text(text).to(*numbers(1), variables=values).with_(on_unsupported="replace", **fields))
    road.wait_for_all()
    assert road.count("status = 11") == 2
    road.assert_sound()
