"""Answers that no vendor documents: whatever comes, a message ends as taken, not taken or uncertain, and rightly so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from shared.domain.errors import ImsError, Overloaded, Rejected, Unavailable, Uncertain
from shared.vendors.base import Adapter, Answer, Outbound
from tests.contract.vendor_bench import ADAPTERS, Bench, example, now_ms, running_bench

pytestmark = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda a: f"{a.name}-{a.channel}")
HTML = b"<html><body>Bad Gateway</body></html>"
ODD: tuple[Any, ...] = (None, "", [], {}, "text", ["text"], 7, True)
"""What stands for any field in turn."""


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running_bench() as made:
        yield made


def error(adapter: Adapter, status: int, body: bytes, **headers: str) -> ImsError:
    """What reading such an answer raises."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(ImsError) as raised:
        adapter.read_send([example(adapter)], Answer(status, named, body), now_ms())
    return raised.value


@pytest.mark.parametrize("body", [b"", HTML, b"{}", b'{"message": "no route"}', b"null", b"[]", b'"x"'])
@pytest.mark.parametrize("status", [400, 404, 405, 409, 422, 425, 451])
def test_a_refusal_that_is_not_the_vendors_own_has_taken_nothing(adapter: Adapter, status: int, body: bytes) -> None:
    assert type(error(adapter, status, body)) is Unavailable


@pytest.mark.parametrize("body", [b"", HTML, b"{}"])
@pytest.mark.parametrize("status", [408, 500, 501, 502, 504, 520, 599])
def test_a_fault_on_the_way_leaves_it_open(adapter: Adapter, status: int, body: bytes) -> None:
    assert isinstance(error(adapter, status, body), Uncertain)


@pytest.mark.parametrize("body", [b"", HTML, b"null", b"[]", b'"x"', b"7", b"{}", b"\xff\xfe", b'{"header": 1}'])
@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_a_2xx_without_the_vendors_words_leaves_it_open(adapter: Adapter, status: int, body: bytes) -> None:
    assert isinstance(error(adapter, status, body), Uncertain)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_no_success_whatever_its_body(adapter: Adapter, bench: Bench, status: int) -> None:
    batch = [example(adapter)]
    taken = await bench.send(adapter, batch)
    assert isinstance(error(adapter, status, taken.body, location="https://elsewhere.example/"), Uncertain)
    assert isinstance(error(adapter, status, HTML), Uncertain)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 1.0),
        ({"retry_after": "30"}, 30.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "-5"}, 0.0),
        ({"retry_after": "1e9"}, 300.0),
        ({"retry_after": "nan"}, 1.0),
        ({"retry_after": "inf"}, 1.0),
        ({"retry_after": "soon"}, 1.0),
        ({"retry_after": "Tue, 24 Nov 2026 00:00:20 GMT", "date": "Tue, 24 Nov 2026 00:00:00 GMT"}, 20.0),
        ({"retry_after": "Tue, 24 Nov 2026 00:00:20 GMT"}, 1.0),
    ],
)
def test_slow_down_has_taken_nothing_and_says_until_when(
    adapter: Adapter, headers: dict[str, str], seconds: float
) -> None:
    for body in (b"", HTML, b"{}"):
        told = error(adapter, 429, body, **headers)
        assert isinstance(told, Overloaded)
        assert told.retry_after == seconds
        down = error(adapter, 503, body, **headers)
        assert type(down) is Unavailable
        assert down.retry_after == seconds


@pytest.mark.parametrize(("status", "code"), [(401, "3004"), (403, "3004"), (413, "1009")])
def test_a_refused_account_or_size_is_final_for_this_vendor(adapter: Adapter, status: int, code: str) -> None:
    told = error(adapter, status, HTML)
    assert isinstance(told, Rejected)
    assert told.code == code


async def test_a_field_of_another_kind_never_makes_a_taken_message_fail(adapter: Adapter, bench: Bench) -> None:
    batch = [example(adapter, "01011111111"), example(adapter, "01022222222")]
    taken = orjson.loads((await bench.send(adapter, batch)).body)
    tried = 0
    for odd in changed(taken):
        tried += 1
        for result in _results(adapter, batch, odd):
            assert result.reference in {m.reference for m in batch}, odd
            assert result.state in ("sent", "pending") or result.raw_code in ("text", "7"), odd
            assert isinstance(result.vendor_ref, str)
            assert isinstance(result.raw_text, str)
    assert tried > 50


def _results(adapter: Adapter, batch: list[Outbound], body: Any) -> list[Any]:
    """No more than one result a message; an answer that cannot be read leaves it open."""
    try:
        results = adapter.read_send(batch, Answer(200, {}, orjson.dumps(body)), now_ms())
    except Uncertain:
        return []
    assert len({r.reference for r in results}) == len(results)
    return results


async def test_an_odd_look_up_is_not_taken_for_unknown(adapter: Adapter, bench: Bench) -> None:
    """Unknown means: send it again. Only an answer that is whole says so."""
    message = example(adapter)
    await bench.sent(adapter, message)
    call = adapter.look_up(bench.account(adapter), message, now_ms() - 1000, now_ms(), "0" * 32)
    assert call is not None
    known = await bench.call(call)
    whole = orjson.loads(known.body)
    assert adapter.read_look_up(message, known) is not None
    for odd in (*changed(whole), None, [], "x"):
        if not _an_empty_list(odd):
            assert not _unknown(adapter, message, Answer(200, {}, orjson.dumps(odd))), odd
    for status in (302, 404, 408, 413, 500):
        assert not _unknown(adapter, message, Answer(status, {}, known.body if status < 400 else HTML))


def _unknown(adapter: Adapter, message: Outbound, answer: Answer) -> bool:
    try:
        return adapter.read_look_up(message, answer) is None
    except Unavailable:
        return False


def _an_empty_list(body: Any) -> bool:
    """Of the two vendors' answers, those that say that there are no messages, or only messages of others."""
    if not isinstance(body, dict):
        return False
    items = body.get(
        "messageList", (body.get("body") or {}).get("data") if isinstance(body.get("body"), dict) else None
    )
    items = list(items.values()) if isinstance(items, dict) else items
    return isinstance(items, list) and all(isinstance(i, dict) and _of_another(i) for i in items)


def _of_another(item: dict[str, Any]) -> bool:
    fields = item.get("customFields") if "recipientGroupingKey" not in item else {"ref": item["recipientGroupingKey"]}
    return not isinstance(fields, dict) or len(str(fields.get("ref"))) != 32


def changed(value: Any, depth: int = 9) -> Iterator[Any]:
    """The value with each of its fields in turn replaced by something odd, or left out."""
    if depth == 0 or not isinstance(value, (dict, list)):
        return
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        for odd in (*ODD, *changed(value[key], depth - 1)):
            copy = value.copy()
            copy[key] = odd
            yield copy
        if isinstance(value, dict):
            yield {k: v for k, v in value.items() if k != key}
