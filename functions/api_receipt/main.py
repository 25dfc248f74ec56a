"""Take delivery receipts in each vendor's own format; answered as the vendor expects once they are in Kafka."""

from __future__ import annotations

from collections import defaultdict

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.events import MAX_MESSAGES, Dead, Event, Outcome, Result
from shared.domain.ids import parse_reference
from shared.runtime import Context, Route, http_function, logs
from shared.runtime.groups import Groups
from shared.runtime.http import read_body
from shared.runtime.problems import Problem
from shared.stores.vendors import Entry
from shared.vendors.base import BadReceipt, VendorResult

log = logs.get(__name__)
_publishers: dict[int, Groups[list[Event], None]] = {}


async def receipt(request: Request, ims: Context) -> Response:
    """401 for a bad proof, 404 for an unknown vendor account; anything else is kept before it is answered."""
    entry = await _entry(request, ims)
    body = await read_body(request)
    headers = {k.lower(): v for k, v in request.headers.items()}
    try:
        events = outcomes(entry, entry.adapter.read_receipt(entry.account, headers, body, ims.now_ms()), ims.now_ms())
    except BadReceipt as error:
        raise Problem(401, "The webhook's signature is missing or wrong.") from error
    except ValueError as error:
        log.error("unreadable receipt", vendor=entry.name, error=str(error)[:200])
        text = body.decode(errors="replace")
        events = [
            Dead(source_topic=request.url.path, reason="unreadable receipt", headers={}, body=text, at=ims.now_ms())
        ]
    await _publish(ims, events)
    status, answer_headers, answer = entry.adapter.receipt_reply()
    return Response(answer, status, dict(answer_headers))


async def _entry(request: Request, ims: Context) -> Entry:
    vendor, account = request.path_params["vendor"], request.path_params["account"]
    for entry in await ims.vendors.entries():
        if (entry.account.vendor, entry.account.account) == (vendor, account):
            return entry
    raise Problem(404, "There is no such vendor account.")


def outcomes(entry: Entry, results: list[VendorResult], now_ms: int) -> list[Event]:
    """The results as Outcome events, a lane each; a reference names its message, lane and hop."""
    by_lane: dict[str, list[Result]] = defaultdict(list)
    for r in results:
        reference = parse_reference(r.reference)
        if reference is None or not reference.hop:
            log.warning("receipt without our reference", vendor=entry.name, vendor_ref=r.vendor_ref)
            continue
        if r.state == "pending":
            continue
        by_lane[reference.lane].append(
            Result(
                id=reference.message_id.hex,
                hop=reference.hop,
                state=r.state,
                code=r.code,
                raw_code=r.raw_code or None,
                raw_text=r.raw_text or None,
                vendor_ref=r.vendor_ref or None,
                at=r.at_ms or now_ms,
            )
        )
    return [
        Outcome(
            lane=lane,
            channel=entry.channel,
            vendor=entry.account.vendor,
            account=entry.account.account,
            via="receipt",
            results=group[i : i + MAX_MESSAGES],
        )
        for lane, group in by_lane.items()
        for i in range(0, len(group), MAX_MESSAGES)
    ]


async def _publish(ims: Context, events: list[Event]) -> None:
    """Receipts that arrive while others are being published go out together."""
    if not events:
        return
    if id(ims) not in _publishers:

        async def publish(groups: list[list[Event]]) -> list[None]:
            events = [e for group in groups for e in group]
            dead = [e for e in events if isinstance(e, Dead)]
            await ims.bus.publish([*Outcome.merge([e for e in events if isinstance(e, Outcome)]), *dead])
            return [None] * len(groups)

        weigh = lambda events: sum(e.size() for e in events)  # noqa: E731
        _publishers[id(ims)] = Groups(publish, limit=MAX_MESSAGES, weigh=weigh, parallel=2)
    await _publishers[id(ims)](events)


main = http_function([Route("POST", "/v1/receipts/{vendor}/{account}", receipt)])
