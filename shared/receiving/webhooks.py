"""From a vendor's webhook to events. What of it cannot be read becomes a dead letter, by itself: the rest counts.

A letter holds an `Unread` event, so whoever has mended the reading publishes it again (`ims dead replay`); route reads
it then (`read_again`).
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.domain.batches import packed
from shared.domain.cutting import RAW_CODE, RAW_TEXT, VENDOR_REF, cut, cut_name
from shared.domain.events import MAX_MESSAGES, Dead, Event, Outcome, Receipt, Receipts, Result, Unread
from shared.domain.ids import parse_reference
from shared.domain.moments import storable
from shared.runtime import logs, metrics
from shared.stores.vendors import Entry
from shared.vendors.base import BadReceipt, ProvedByHeaders, ReadsAgain, VendorAccount, VendorResult, Webhooks, able

LETTER_BYTES = 600_000
"""Of what nobody can read, as much as fits into one record; of a larger piece the beginning is kept."""
MAX_PARTS = 200_000
"""Objects, lists and members of one webhook; 1,000 results have 40,000. What has more is kept as unreadable."""
KEPT_HEADERS = ("content-type",)
REASON = "unreadable receipt"

log = logs.get(__name__)


def read(
    entries: Sequence[Entry], headers: Mapping[str, str], body: bytes, now_ms: int
) -> tuple[Entry, list[VendorResult] | None] | None:
    """The first account whose proof and format it is, with the results; no results when only the proof was right, and
    None when no proof was."""
    proved: Entry | None = None
    costly = sum(body.count(sign) for sign in (b"{", b"[", b",")) > MAX_PARTS
    for entry in entries:
        adapter = able(entry.adapter, Webhooks)
        if adapter is None:
            continue
        if costly and able(entry.adapter, ProvedByHeaders) is not None:
            return entry, None
        try:
            return entry, adapter.read_receipt(entry.account, headers, body, now_ms)
        except BadReceipt:
            continue
        except (ValueError, RecursionError) as error:
            log.warning("not a receipt", vendor=entry.name, channel=entry.channel, error=str(error)[:200])
            proved = proved or entry
    return None if proved is None else (proved, None)


def outcomes(entry: Entry, results: Iterable[VendorResult], now_ms: int) -> list[Event]:
    """The results as events: an Outcome a lane, for our reference names message, lane and hop; Receipts without it.

    What is said again and again is said once. `letters` has what is left: results that could not be read.
    """
    by_lane: dict[str, list[Result]] = defaultdict(list)
    others: list[Receipt] = []
    for r in _once(results):
        if r.resent:
            _alarm(entry, r)
        said = {
            "state": r.state,
            "code": r.code,
            "raw_code": cut(r.raw_code, RAW_CODE) or None,
            "raw_text": cut(r.raw_text, RAW_TEXT) or None,
            "vendor_ref": cut_name(r.vendor_ref, VENDOR_REF) or None,
            "at": storable(r.at_ms or now_ms),
        }
        reference = parse_reference(r.reference)
        if reference is not None and reference.hop:
            by_lane[reference.lane].append(Result(id=reference.message_id.hex, hop=reference.hop, **said))
        elif said["vendor_ref"]:
            others.append(Receipt(**said))
    who = {"channel": entry.channel, "vendor": entry.account.vendor, "account": entry.account.account}
    named = [
        Outcome(lane=lane, via="receipt", results=part, **who) for lane, rs in by_lane.items() for part in _parts(rs)
    ]
    return [*named, *(Receipts(receipts=part, **who) for part in _parts(others))]


def _alarm(entry: Entry, resent: VendorResult) -> None:
    """IMS alone decides where a message goes next: a vendor that does so, too, sends it twice."""
    metrics.VENDOR_RESENT.labels(entry.account.vendor, entry.account.account, entry.channel).inc()
    log.error("a vendor failed over by itself", vendor=entry.name, channel=entry.channel, reference=resent.reference)


def _once(results: Iterable[VendorResult]) -> Iterable[VendorResult]:
    """Ends, each told once: a vendor that gets no answer in time tells the same again."""
    ends = (r for r in results if r.state in ("delivered", "failed"))
    first: dict[tuple[str, ...], VendorResult] = {}
    for r in ends:
        first.setdefault((r.reference, r.state, r.code, r.raw_code, r.vendor_ref), r)
    return first.values()


def _parts(items: list[Any]) -> Iterable[list[Any]]:
    return (items[i : i + MAX_MESSAGES] for i in range(0, len(items), MAX_MESSAGES))


def unread(results: Iterable[VendorResult]) -> list[bytes]:
    """The pieces of a webhook that could not be read, or name no message: each a webhook of its own."""
    pieces = [r.raw_text for r in results if r.state == "unread" and r.raw_text]
    return [piece.encode(errors="replace") for piece in dict.fromkeys(pieces)]


def nameless(results: Iterable[VendorResult]) -> bool:
    """Whether a result names no message, neither by our reference nor by the vendor's."""
    return any(r.state != "unread" and not r.vendor_ref and not _named(r) for r in results)


def _named(result: VendorResult) -> bool:
    reference = parse_reference(result.reference)
    return reference is not None and reference.hop > 0


def letters(
    account: VendorAccount, channel: str | None, headers: Mapping[str, str], bodies: Sequence[bytes], now_ms: int
) -> Iterator[Dead]:
    """The dead letters of unreadable webhooks, as few as may be; the same again has the same id, and is kept once."""
    if not bodies:
        return
    log.error(REASON, vendor=f"{account.vendor}/{account.account}", n=len(bodies))
    path = f"/v1/receipts/{account.vendor}/{account.account}"
    event = Unread(
        vendor=account.vendor,
        account=account.account,
        channel=channel,
        headers={name: headers[name][:200] for name in KEPT_HEADERS if name in headers},
        bodies=[],
    )
    pieces = [_piece(body) for body in bodies]
    for kind in sorted({(piece.text, piece.whole) for piece in pieces}):
        alike = (piece for piece in pieces if (piece.text, piece.whole) == kind)
        for part in packed(alike, lambda piece: piece.weight, LETTER_BYTES):
            told = event.model_copy(update={"bodies": [piece.written for piece in part], "text": kind[0]})
            body = told.model_dump_json(exclude_defaults=True)
            about = {
                "ce_specversion": "1.0", "ce_id": hashlib.blake2b(body.encode(), digest_size=16).hexdigest(),
                "ce_type": Unread.TYPE, "ce_source": path, "content-type": "application/json",
            }  # fmt: skip
            reason = REASON if kind[1] else f"{REASON}, of which only the beginning is kept"
            yield Dead(source_topic=path, reason=reason, headers=about, body=body, at=now_ms)


class _Piece(NamedTuple):
    """A body as it travels: as text, else in base64; all of it, else its beginning; `weight` in a record's bytes."""

    written: str
    text: bool
    whole: bool
    weight: int


def _piece(body: bytes) -> _Piece:
    try:
        written = body.decode()
    except UnicodeDecodeError:
        written = ""
    weight = len(orjson.dumps(orjson.dumps(written).decode())) if written or not body else LETTER_BYTES + 1
    if weight <= LETTER_BYTES:
        return _Piece(written, True, True, weight)
    start = body[: LETTER_BYTES * 3 // 4]
    encoded = base64.b64encode(start).decode()
    return _Piece(encoded, False, len(start) == len(body), len(encoded))


def read_again(entries: Iterable[Entry], event: Unread, now_ms: int) -> list[Event]:
    """What a letter says now; what still cannot be read is a letter again. Its proof was looked at when it came."""
    of_account = [e for e in entries if (e.account.vendor, e.account.account) == (event.vendor, event.account)]
    wanted = [e for e in of_account if event.channel in (None, e.channel)]
    events: list[Event] = []
    left: list[bytes] = []
    for written in event.bodies:
        body = written.encode() if event.text else base64.b64decode(written)
        found = _first(wanted, event.headers, body, now_ms)
        if found is None:
            left.append(body)
            continue
        entry, results = found
        events += outcomes(entry, results, now_ms)
        left += unread(results) or ([body] if nameless(results) else [])
    account = VendorAccount(event.vendor, event.account, "", {})
    return [*events, *letters(account, event.channel, event.headers, left, now_ms)]


def _first(
    entries: Iterable[Entry], headers: Mapping[str, str], body: bytes, now_ms: int
) -> tuple[Entry, list[VendorResult]] | None:
    for entry in entries:
        adapter = able(entry.adapter, ReadsAgain)
        if adapter is None:
            continue
        try:
            return entry, adapter.read_webhook(headers, body, now_ms)
        except (ValueError, RecursionError):
            continue
    return None
