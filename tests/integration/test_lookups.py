"""Requests in a list, messages by further names, and what a message says, on a real MySQL."""

from __future__ import annotations

import json
import os
from typing import Any
from uuid import UUID

import pytest

from shared.following import content as reader
from shared.runtime.context import Context
from shared.stores import sql
from shared.stores.removal import remove_content
from tests.integration.test_rights import Pair, call
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]


async def test_requests_are_listed_newest_first_with_their_counts(pair: Pair) -> None:
    made = [await pair.client.accept("01011112222", "01033334444", request_ref=f"r-{i}") for i in range(3)]
    (done,) = await pair.client.finished("01055556666", lane="bulk", request_ref="r-9", test=True)
    wanted = [str(UUID(hex=r.request_id)) for r in reversed(made)]
    found, query = [], {"limit": 2}
    while True:
        page = await pair.get("/v1/requests", pair.live, **query)
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [r["request_id"] for r in found][1:] == wanted
    assert found[0]["counts"] == {"delivered": 1}
    assert [r["counts"] for r in found[1:]] == [{"routed": 2}] * 3
    mine = (await pair.get("/v1/requests", pair.test))["items"]
    assert [r["request_ref"] for r in mine] == ["r-9"]
    assert not (await pair.get("/v1/requests", pair.other))["items"]
    for filters, refs in (
        ({"request_ref": "r-1"}, ["r-1"]),
        ({"request_ref": "R-1"}, []),
        ({"request_ref": "100 %s off"}, []),
        ({"lane": "bulk"}, ["r-9"]),
        ({"until": "2020-01-01T00:00:00Z"}, []),
        ({"since": found[0]["accepted_at"]}, ["r-9"]),
    ):
        page = await pair.get("/v1/requests", pair.live, **filters)
        assert [r["request_ref"] for r in page["items"]] == refs, filters
    for wrong in ({"lane": "fast"}, {"limit": "0"}, {"since": "yesterday"}, {"cursor": "x"}, {"offset": "1"}):
        query_text = "&".join(f"{k}={v}" for k, v in wrong.items())
        answer = await call("GET", "/v1/requests", pair.live, query=query_text)
        assert answer.status == 422, wrong
        assert answer.body["errors"][0]["pointer"] == f"/{next(iter(wrong))}"
    assert done


async def test_messages_are_found_by_vendor_lane_and_the_names_that_others_gave(ims: Context, pair: Pair) -> None:
    ref, ours = f"v-{os.urandom(4).hex()}", f"order {os.urandom(4).hex()}"
    (one,) = await pair.client.finished("01011112222", request_ref=ours, lane="bulk")
    (two,) = await pair.client.finished("01011112222", request_ref=ours)
    (old,) = await pair.client.finished("01033334444")
    where = f"message_id IN (0x{one.hex}, 0x{two.hex})"
    await ims.db(sql.execute, f"UPDATE hops SET vendor_ref={sql.literal(ref)} WHERE {where}")
    ((vendor,),) = await ims.db(sql.fetch, f"SELECT vendor FROM messages WHERE message_id=0x{one.hex}")
    for filters, wanted in (
        ({"request_ref": ours}, {one, two}),
        ({"request_ref": ours.upper()}, set()),
        ({"request_ref": "100 %s off"}, set()),
        ({"request_ref": ours, "to": "01011112222"}, {one, two}),
        ({"request_ref": ours, "lane": "bulk"}, {one}),
        ({"vendor_ref": ref}, {one, two}),
        ({"vendor_ref": ref, "lane": "realtime"}, {two}),
        ({"vendor_ref": ref, "to": "01033334444"}, set()),
        ({"vendor": vendor}, {one, two, old}),
        ({"vendor": "nobody"}, set()),
        ({"lane": "realtime"}, {two, old}),
        ({"lane": "realtime", "to": "01011112222"}, {two}),
    ):
        page = await pair.get("/v1/messages", pair.live, **filters)
        assert {UUID(m["message_id"]) for m in page["items"]} == wanted, filters
        assert not (await pair.get("/v1/messages", pair.other, **filters))["items"], filters
    for wrong in ("lane=slow", "vendor=A%20B"):
        assert (await call("GET", "/v1/messages", pair.live, query=wrong)).status == 422


async def test_content_is_shown_masked_in_auth_audited_and_gone_after_retention(ims: Context, pair: Pair) -> None:
    (plain,) = await pair.client.finished("01011112222")
    (secret,) = await pair.client.finished("01011112222", lane="auth")
    path = f"/v1/messages/{plain}/content"
    told = await pair.get(path, pair.live, purpose="a question")
    assert (told["lane"], told["masked"], told["hops"][0]["channel"]) == ("realtime", False, "mt")
    assert told["hops"][0]["content"]["text"] == "hi"
    plan = [
        {"channel": "mt", "content": {"text": "[#{shop}] code 123456 AB-77", "sender": "0215441234", "type": "sms"}}
    ]
    request = f"0x{UUID(int=secret.int & ~0x1FFFFF).hex}"
    await ims.db(sql.execute, f"UPDATE requests SET plan={sql.literal(json.dumps(plan))} WHERE request_id={request}")
    gone = await call("GET", f"/v1/messages/{secret}/content", pair.live)
    assert gone.status == 410
    values = sql.literal(json.dumps({"shop": "letters"}))
    await ims.db(sql.execute, f"UPDATE messages SET vars={values} WHERE message_id=0x{secret.hex}")
    shown = await pair.get(f"/v1/messages/{secret}/content", pair.live)
    assert shown["masked"]
    assert shown["hops"][0]["content"]["text"] == "[•••] code ••• •••"
    assert shown["hops"][0]["content"]["sender"] == "0215441234"
    assert (await call("GET", path, pair.other)).status == 404
    assert (await call("GET", path, pair.test)).status == 404
    looks = await ims.db(
        sql.fetch, "SELECT object, purpose FROM audit WHERE action='messages.content' AND account_id=%s ORDER BY seq",
        (pair.client.account_id,),
    )  # fmt: skip
    assert looks == [(f"message {plain}", "a question"), (f"message {secret}", None)]
    await ims.db(remove_content, [UUID(int=plain.int & ~0x1FFFFF).bytes], 100)
    assert (await call("GET", path, pair.live)).status == 410


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Your code is 482913.", "Your code is •••"),
        ("[IMS] 인증번호 482913", "[IMS] 인증번호 •••"),
        ("A1B2-C3 please", "••• please"),
        ("no digits", "no digits"),
    ],
)
def test_words_with_digits_are_masked(text: str, shown: str) -> None:
    assert reader.hidden({"text": text, "sender": "0215441234", "cards": [{"title": text}]}) == {
        "text": shown, "sender": "0215441234", "cards": [{"title": shown}]
    }  # fmt: skip
