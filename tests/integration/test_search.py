"""One box for whatever somebody has in hand, on a real MySQL: ids, names and numbers, of the own account alone."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from shared.runtime.context import Context
from shared.stores import sql
from tests.integration.test_people import ask
from tests.integration.test_rights import Pair
from tests.integration.test_rights import ims as ims
from tests.integration.test_rights import pair as pair

Json = dict[str, Any]


async def look(token: str, text: str) -> Json:
    answer = await ask("GET", f"/v1/search?q={quote(text)}", None, {"authorization": f"Bearer {token}"})
    assert answer.status == 200, answer
    return answer.body


def ids(found: Json) -> list[tuple[str, str]]:
    return [(item["kind"], item["id"]) for item in found["items"]]


async def test_anything_finds_what_bears_it_and_only_of_the_own_account(ims: Context, pair: Pair) -> None:
    request_ref, ref, theirs = (f"{kind} {os.urandom(4).hex()}" for kind in ("order", "row", "vendor"))
    (one,) = await pair.client.finished("01011112222", request_ref=request_ref, ref=ref)
    (two,) = await pair.client.finished("01033334444", ref=ref, test=True)
    await ims.db(sql.execute, f"UPDATE hops SET vendor_ref={sql.literal(theirs)} WHERE message_id=0x{one.hex}")
    request = str(UUID(int=one.int & ~0x1FFFFF))
    first, second = ("message", str(one)), ("message", str(two))
    names = ["request_ref", "ref", "vendor_ref", "to"]
    for text, wanted, looked_at in (
        (str(one), [first], ["message_id", *names]),
        (one.hex.upper(), [first], ["message_id", *names]),
        (request, [("request", request)], ["request_id", *names]),
        (request_ref, [("request", request)], names),
        (f"  {request_ref} ", [("request", request)], names),
        (request_ref.upper(), [], names),
        (ref, [second, first], names),
        (theirs, [first], names),
        ("01011112222", [first], names),
        ("010-1111-2222", [first], names),
        ("+82 10 1111 2222", [first], names),
        ("010 3333 4444", [second], names),
        ("01011112223", [], names),
        ("😀' OR 1=1 -- \\", [], names),
        ("\x00", [], names),
        ("%", [], names),
    ):
        found = await look(pair.live, text)
        assert ids(found) == wanted, text
        assert found["looked_at"] == looked_at, text
        assert not (await look(pair.other, text))["items"], text
        assert ids(await look(pair.test, text)) == [item for item in wanted if item == second], text


async def test_a_title_says_what_was_found_and_shows_no_whole_number(pair: Pair) -> None:
    await pair.client.finished("01011112222", request_ref="spring")
    ((title,), (of_request,)) = [
        [item["title"] for item in (await look(pair.live, text))["items"]] for text in ("01011112222", "spring")
    ]
    assert title == "mt 010****2222 delivered 0000"
    assert of_request == "realtime spring 1 message(s)"


@pytest.mark.parametrize("query", ["", "q=", "q=%20", f"q={'x' * 255}", "q=a&q=b", "q=a&offset=1"])
async def test_what_cannot_be_looked_for_is_refused_by_its_name(pair: Pair, query: str) -> None:
    answer = await ask("GET", f"/v1/search?{query}", None, {"authorization": f"Bearer {pair.live}"})
    assert answer.status == 422
    assert answer.body["errors"][0]["pointer"] == ("/offset" if "offset" in query else "/q")
