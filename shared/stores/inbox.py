"""Receipts that name their message only by the vendor's reference, and the inbox where early ones wait.

A hop's vendor reference is known once its answer is written. A receipt that finds no hop is kept (`keep`, committed),
and looks once more (`match` with `lock`); whoever writes references looks into the inbox after writing them
(`hand_over`, in the same transaction). So one of the two sees the other: had the writer not yet committed, the second
look waits for its row; had it not yet written, it finds the receipt kept. What is handed over leaves as due work of the
writer's transaction, so nothing depends on the process that lives on after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.domain import moments
from shared.domain.cutting import RAW_CODE, RAW_TEXT, VENDOR_REF, cut, cut_name
from shared.domain.events import MAX_MESSAGES, Outcome, Receipt, Receipts, Result
from shared.domain.ids import lane_of
from shared.stores import claims, sql
from shared.stores.claims import HopKey, Sender
from shared.stores.messages import insert_due
from shared.stores.sql import Connection

KEEP_MS = 7 * 24 * 3_600_000
"""Receipts come up to 80 h late; what nobody has claimed after a week belongs to no message of ours."""
FORGET = 500
_COLUMNS = "vendor_ref, channel, vendor, vendor_account, state, code, raw_code, raw_text, at_ms, kept_ms"


def match(conn: Connection, event: Receipts, *, lock: bool = False) -> tuple[list[Outcome], Receipts | None]:
    """The outcomes of receipts whose hops are known, and the receipts that are left.

    `lock`: wait for answers that are being written, and take what matches out of the inbox.
    """
    sender = (event.channel, event.vendor, event.account)
    hops = _hops(conn, sender, {_key(r) for r in event.receipts}, lock)
    if lock and hops:
        sql.execute(conn, f"DELETE FROM receipt_inbox WHERE {_of(sender, hops)}")  # noqa: S608 - literals
    left = [r for r in event.receipts if _key(r) not in hops]
    found = [(hops[_key(r)], r) for r in event.receipts if _key(r) in hops]
    return _outcomes(sender, found), event.model_copy(update={"receipts": left}) if left else None


def keep(conn: Connection, event: Receipts, now_ms: int) -> None:
    """Let receipts wait for their answers; the same one twice is one. The oldest that nobody wants are forgotten."""
    sender = (event.channel, event.vendor, event.account)
    rows = [
        (
            _key(r),
            *sender,
            r.state,
            r.code,
            cut(r.raw_code, RAW_CODE),
            cut(r.raw_text, RAW_TEXT),
            moments.storable(r.at),
            now_ms,
        )
        for r in sorted(event.receipts, key=_key)
    ]
    sql.insert_ignore(conn, "receipt_inbox", _COLUMNS, rows)
    sql.execute(
        conn,
        f"DELETE FROM receipt_inbox WHERE kept_ms < {now_ms - KEEP_MS:d} ORDER BY kept_ms LIMIT {FORGET:d}",  # noqa: S608
    )


def record_answers(conn: Connection, sender: Sender, rows: Sequence[tuple[Any, ...]], now_ms: int) -> None:
    """`claims.save_answers`, and the receipts that waited for these answers become due."""
    claims.save_answers(conn, sender, rows)
    hand_over(conn, sender, {cut_name(r[7], VENDOR_REF): (r[0], r[1]) for r in rows if r[7]}, now_ms)


def record_references(conn: Connection, sender: Sender, refs: dict[HopKey, str], now_ms: int) -> None:
    """`claims.note_references`, and the receipts that waited for these references become due."""
    claims.note_references(conn, refs)
    hand_over(conn, sender, {cut_name(ref, VENDOR_REF): key for key, ref in refs.items()}, now_ms)


def hand_over(conn: Connection, sender: Sender, written: Mapping[str, HopKey], now_ms: int) -> None:
    """Let the receipts go that waited for these vendor references, which this transaction has written."""
    if not written or not sql.fetch(conn, "SELECT 1 FROM receipt_inbox LIMIT 1"):
        return
    of_these = _of(sender, written)
    waiting = sql.fetch(
        conn,
        "SELECT channel, vendor_ref, state, code, raw_code, raw_text, at_ms FROM receipt_inbox "  # noqa: S608 - literals
        f"WHERE {of_these} ORDER BY vendor_ref FOR UPDATE",
    )
    if not waiting:
        return
    names = ("vendor_ref", "state", "code", "raw_code", "raw_text", "at")
    by_reader: dict[str, list[tuple[HopKey, Receipt]]] = defaultdict(list)
    for reader, *row in waiting:
        receipt = Receipt.model_validate(dict(zip(names, row, strict=True)))
        by_reader[reader].append((written[_key(receipt)], receipt))
    for reader, found in by_reader.items():
        insert_due(conn, [(now_ms, "receipt", e) for e in _outcomes((reader, *sender[1:]), found)])
    sql.execute(conn, f"DELETE FROM receipt_inbox WHERE {of_these}")  # noqa: S608 - literals


def _key(receipt: Receipt) -> str:
    return cut_name(receipt.vendor_ref, VENDOR_REF)


def _of(sender: Sender, refs: Iterable[str]) -> str:
    """A webhook belongs to a vendor account with all its channels."""
    _, vendor, account = map(sql.literal, sender)
    listed = ",".join(sql.literal(ref) for ref in sorted(refs))
    return f"vendor_ref IN ({listed}) AND vendor={vendor} AND vendor_account={account}"


def _hops(conn: Connection, sender: Sender, refs: Iterable[str], lock: bool) -> dict[str, HopKey]:
    found = sql.fetch(
        conn,
        f"SELECT vendor_ref, message_id, hop FROM hops WHERE {_of(sender, refs)} ORDER BY hop"  # noqa: S608 - literals
        + (" LOCK IN SHARE MODE" if lock else ""),
    )
    return {ref: (message_id, hop) for ref, message_id, hop in found}


def _outcomes(sender: Sender, found: Sequence[tuple[HopKey, Receipt]]) -> list[Outcome]:
    by_lane: dict[str, list[Result]] = defaultdict(list)
    for (message_id, hop), r in found:
        said = r.model_dump(exclude_none=True)
        by_lane[lane_of(UUID(bytes=message_id))].append(Result(id=message_id.hex(), hop=hop, **said))
    channel, vendor, account = sender
    return [
        Outcome(lane=lane, channel=channel, vendor=vendor, account=account, via="receipt", results=group[i:j])
        for lane, group in by_lane.items()
        for i in range(0, len(group), MAX_MESSAGES)
        for j in (i + MAX_MESSAGES,)
    ]
