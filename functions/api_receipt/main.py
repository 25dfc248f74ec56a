"""Take delivery receipts in each vendor's own format; answered as the vendor expects once they are in Kafka."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.events import MAX_MESSAGES, Event
from shared.receiving import letters, nameless, outcomes, read, take_wishes, unread
from shared.runtime import Context, Route, http_function
from shared.runtime.groups import Groups
from shared.runtime.http import own_body, read_body
from shared.runtime.problems import Problem
from shared.stores.vendors import Entry
from shared.vendors.base import ProvedByHeaders, VendorResult, Webhooks, able

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a webhook. No vendor documents how long its webhooks may be; the largest list of results that one documents
is 1,000 at once (LG U+), which is about 1 MB as the most wordy of them (Solapi) writes a result."""

_publishers: dict[int, Groups[list[Event], None]] = {}


async def receipt(request: Request, ims: Context) -> Response:
    """401 for a bad proof, 404 for an unknown vendor account, both before the body is read as far as headers tell;
    anything else is kept before it is answered."""
    headers = {k.lower(): v for k, v in request.headers.items()}
    entries = _proved(await _entries(request, ims), headers, ims.now_ms())
    own_body(request, f"vendor:{entries[0].name}")
    body = await read_body(request, MAX_BODY)
    found = read(entries, headers, body, ims.now_ms())
    if found is None:
        raise _unproved()
    entry, results = found
    events = _events(entry, results, headers, body, request.query_params.get("channel"), ims.now_ms())
    if results == []:
        bad = await take_wishes(ims, entry, body, ims.now_ms())
        events += letters(entry.account, entry.channel, headers, bad, ims.now_ms())
    await _publish(ims, events)
    status, answer_headers, answer = entry.adapter.receipt_reply()
    return Response(answer, status, dict(answer_headers))


def _events(
    entry: Entry, results: list[VendorResult] | None, headers: dict[str, str], body: bytes, named: str | None, now: int
) -> list[Event]:
    """What a webhook says, and letters of what of it nobody can read."""
    if results is None:
        return [*letters(entry.account, named, headers, [body], now)]
    bad = [body] if nameless(results) else unread(results)
    return [
        *outcomes(entry, results, now),
        *letters(entry.account, entry.channel, headers, bad, now),
    ]


async def _entries(request: Request, ims: Context) -> list[Entry]:
    """The vendor's account, on the channel that `?channel=` names, or on each of its channels."""
    vendor, account = request.path_params["vendor"], request.path_params["account"]
    channel = request.query_params.get("channel")
    found = [
        entry
        for entry in await ims.vendors.entries()
        if (entry.account.vendor, entry.account.account) == (vendor, account)
        and channel in (None, entry.channel)
        and able(entry.adapter, Webhooks)
    ]
    if not found:
        raise Problem(404, "There is no such vendor account.")
    return found


def _proved(entries: Sequence[Entry], headers: dict[str, str], now_ms: int) -> list[Entry]:
    """The accounts whose proof may be in these headers; 401 when there is none."""
    found = [
        entry
        for entry in entries
        if (proved := able(entry.adapter, ProvedByHeaders)) is None
        or proved.may_be_from(entry.account, headers, now_ms)
    ]
    if not found:
        raise _unproved()
    return found


def _unproved() -> Problem:
    return Problem(401, "The webhook's signature is missing or wrong.")


async def _publish(ims: Context, events: list[Event]) -> None:
    """Receipts that arrive while others are being published go out together."""
    if not events:
        return
    if id(ims) not in _publishers:

        async def publish(groups: list[list[Event]]) -> list[None]:
            events = [e for group in groups for e in group]
            kinds = dict.fromkeys(type(e) for e in events)
            await ims.bus.publish([m for kind in kinds for m in kind.merge([e for e in events if type(e) is kind])])
            return [None] * len(groups)

        weigh = lambda events: sum(e.size() for e in events)  # noqa: E731
        _publishers[id(ims)] = Groups(publish, limit=MAX_MESSAGES, weigh=weigh, parallel=2)
    await _publishers[id(ims)](events)


main = http_function([Route("POST", "/v1/receipts/{vendor}/{account}", receipt)])
