"""Take delivery receipts in each vendor's own format; answered as the vendor expects once they are in Kafka."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.events import MAX_MESSAGES, Dead, Event, Outcome, Receipt, Receipts, Result
from shared.domain.ids import parse_reference
from shared.runtime import Context, Route, http_function, logs
from shared.runtime.groups import Groups
from shared.runtime.http import own_body, read_body
from shared.runtime.problems import Problem
from shared.stores.vendors import Entry
from shared.vendors.base import BadReceipt, ProvedByHeaders, VendorResult

log = logs.get(__name__)
MAX_BODY = 4 * 1024 * 1024
"""Bytes of a webhook. No vendor documents how long its webhooks may be; the largest list of results that one documents
is 1,000 at once (LG U+), which is about 1 MB as the most wordy of them (Solapi) writes a result."""
MAX_PARTS = 200_000
"""Objects, lists and members of one webhook; 1,000 results have 40,000. What has more is kept as unreadable."""
DEAD_BYTES = 300_000
"""Of a body that nobody can read, the beginning is kept: it must fit into one record."""

_publishers: dict[int, Groups[list[Event], None]] = {}


async def receipt(request: Request, ims: Context) -> Response:
    """401 for a bad proof, 404 for an unknown vendor account, both before the body is read as far as headers tell;
    anything else is kept before it is answered."""
    headers = {k.lower(): v for k, v in request.headers.items()}
    entries = _proved(await _entries(request, ims), headers, ims.now_ms())
    own_body(request, f"vendor:{entries[0].name}")
    body = await read_body(request, MAX_BODY)
    entry, results = _read(entries, headers, body, ims.now_ms())
    events = [] if results is None else outcomes(entry, results, ims.now_ms())
    if results is None or any(not (r.vendor_ref or _named(r)) for r in results):
        log.error("unreadable receipt", vendor=entry.name)
        text = body[:DEAD_BYTES].decode(errors="replace")
        dead = Dead(source_topic=request.url.path, reason="unreadable receipt", headers={}, body=text, at=ims.now_ms())
        events.append(dead)
    await _publish(ims, events)
    status, answer_headers, answer = entry.adapter.receipt_reply()
    return Response(answer, status, dict(answer_headers))


async def _entries(request: Request, ims: Context) -> list[Entry]:
    """The vendor's account, on the channel that `?channel=` names, or on each of its channels."""
    vendor, account = request.path_params["vendor"], request.path_params["account"]
    channel = request.query_params.get("channel")
    found = [
        entry
        for entry in await ims.vendors.entries()
        if (entry.account.vendor, entry.account.account) == (vendor, account) and channel in (None, entry.channel)
    ]
    if not found:
        raise Problem(404, "There is no such vendor account.")
    return found


def _proved(entries: Sequence[Entry], headers: dict[str, str], now_ms: int) -> list[Entry]:
    """The accounts whose proof may be in these headers; 401 when there is none."""
    found = [
        entry
        for entry in entries
        if not isinstance(entry.adapter, ProvedByHeaders) or entry.adapter.may_be_from(entry.account, headers, now_ms)
    ]
    if not found:
        raise _unproved()
    return found


def _unproved() -> Problem:
    return Problem(401, "The webhook's signature is missing or wrong.")


def _read(
    entries: Sequence[Entry], headers: dict[str, str], body: bytes, now_ms: int
) -> tuple[Entry, list[VendorResult] | None]:
    """The first account whose proof and format it is, with the results; None when only the proof was right."""
    proved: Entry | None = None
    costly = sum(body.count(sign) for sign in (b"{", b"[", b",")) > MAX_PARTS
    for entry in entries:
        if costly and isinstance(entry.adapter, ProvedByHeaders):
            return entry, None
        try:
            return entry, entry.adapter.read_receipt(entry.account, headers, body, now_ms)
        except BadReceipt:
            continue
        except ValueError as error:
            log.warning("not a receipt", vendor=entry.name, channel=entry.channel, error=str(error)[:200])
            proved = proved or entry
    if proved is None:
        raise _unproved()
    return proved, None


def _named(result: VendorResult) -> bool:
    reference = parse_reference(result.reference)
    return reference is not None and reference.hop > 0


def outcomes(entry: Entry, results: Iterable[VendorResult], now_ms: int) -> list[Event]:
    """The results as events: an Outcome a lane, for our reference names message, lane and hop; Receipts without it."""
    by_lane: dict[str, list[Result]] = defaultdict(list)
    others: list[Receipt] = []
    for r in results:
        if r.state not in ("delivered", "failed"):
            continue
        said = {"state": r.state, "code": r.code, "raw_code": r.raw_code or None, "raw_text": r.raw_text or None}
        said |= {"vendor_ref": r.vendor_ref or None, "at": r.at_ms or now_ms}
        reference = parse_reference(r.reference)
        if reference is not None and reference.hop:
            by_lane[reference.lane].append(Result(id=reference.message_id.hex, hop=reference.hop, **said))
        elif r.vendor_ref:
            others.append(Receipt(**said))
    who = {"channel": entry.channel, "vendor": entry.account.vendor, "account": entry.account.account}
    named = [
        Outcome(lane=lane, via="receipt", results=part, **who) for lane, rs in by_lane.items() for part in _parts(rs)
    ]
    return [*named, *(Receipts(receipts=part, **who) for part in _parts(others))]


def _parts(items: list[Any]) -> Iterable[list[Any]]:
    return (items[i : i + MAX_MESSAGES] for i in range(0, len(items), MAX_MESSAGES))


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
