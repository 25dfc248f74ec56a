"""Hop rows as the senders see them: the claim before the vendor is called, the answer after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.domain.cutting import RAW_CODE, RAW_TEXT, VENDOR_REF, cut, cut_name
from shared.domain.ids import request_bytes
from shared.domain.states import State
from shared.stores import sql
from shared.stores.sql import Connection

_COLUMNS = "message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms"
SENDING, RELEASED, UNCERTAIN, SKIPPED = "sending", "released", "uncertain", "skipped"

HopKey = tuple[bytes, int]
"""(message id, hop)"""
Sender = tuple[str, str, str]
"""(channel, vendor, account)"""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is recorded of a hop whose vendor has answered."""

    state: str
    code: str | None
    raw_code: str | None
    raw_text: str | None
    vendor_ref: str | None
    answered_ms: int | None


@dataclass(slots=True)
class Claims:
    """Hops that are ours to send, hops answered before, claims whose process died during the call, and hops that
    another process is sending now, with the time of their claim."""

    mine: set[HopKey] = field(default_factory=set)
    answered: dict[HopKey, Answered] = field(default_factory=dict)
    stale: set[HopKey] = field(default_factory=set)
    busy: dict[HopKey, int] = field(default_factory=dict)


def claim(
    conn: Connection,
    hops: Sequence[tuple[bytes, int, str]],
    vendor: Sender,
    token: bytes,
    now_ms: int,
    lease_ms: int,
) -> Claims:
    """Claim hops (message, hop, type) for a vendor (channel, vendor, account) before it is called.

    A claim of another process without an answer is busy for `lease_ms`, then stale: its process died, and what the
    vendor did is uncertain.
    """
    values = [(m, hop, *vendor, kind, SENDING, token, now_ms) for m, hop, kind in hops]
    inserted = sql.insert_ignore(conn, "hops", _COLUMNS, values)
    keys = {(m, hop) for m, hop, _ in hops}
    if inserted == len(keys):
        return Claims(mine=keys)
    claims, released = _sort(conn, keys, token, now_ms, lease_ms)
    wanted = _still_wanted(conn, released, vendor)
    _retake(conn, [h for h in hops if h[:2] in wanted], vendor, token, now_ms)
    _give_up(conn, claims.stale, token)
    claims.mine |= wanted
    return claims


def _sort(conn: Connection, keys: set[HopKey], token: bytes, now_ms: int, lease_ms: int) -> tuple[Claims, set[HopKey]]:
    """What is known of the hops, and which of them their vendor certainly did not take."""
    found = sql.fetch(
        conn,
        "SELECT message_id, hop, claim, claimed_ms, state, code, raw_code, raw_text, vendor_ref, answered_ms "  # noqa: S608
        f"FROM hops WHERE (message_id, hop) IN ({sql.rows(sorted(keys))}) ORDER BY message_id, hop FOR UPDATE",
    )
    claims, released = Claims(), set()
    for message_id, hop, owner, claimed_ms, state, *rest in found:
        key = (message_id, hop)
        if owner == token:
            claims.mine.add(key)
        elif state == RELEASED:
            released.add(key)
        elif state != SENDING:
            claims.answered[key] = Answered(state, *rest)
        elif now_ms - claimed_ms < lease_ms:
            claims.busy[key] = claimed_ms
        else:
            claims.stale.add(key)
    return claims, released


def _still_wanted(conn: Connection, released: set[HopKey], vendor: Sender) -> set[HopKey]:
    """The released hops that route has dispatched again, to this vendor. An old dispatch that is delivered again must
    not send what has meanwhile gone by another vendor, was canceled, or still waits."""
    if not released:
        return released
    channel, name, account = map(sql.literal, vendor)
    found = sql.fetch(
        conn,
        f"SELECT message_id, hop FROM messages WHERE (message_id, hop) IN ({sql.rows(sorted(released))}) "  # noqa: S608
        f"AND in_window=1 AND status={int(State.routed)} "
        f"AND channel={channel} AND vendor={name} AND vendor_account={account}",
    )
    return {(message_id, hop) for message_id, hop in found}


def _retake(
    conn: Connection, hops: Sequence[tuple[bytes, int, str]], vendor: Sender, token: bytes, now_ms: int
) -> None:
    """Claim released hops; another vendor may carry them now."""
    if hops:
        columns = ("channel", "vendor", "vendor_account", "type", "state", "claim", "claimed_ms")
        rows = [(m, hop, *vendor, kind, SENDING, token, now_ms) for m, hop, kind in sorted(hops)]
        tail = "ON DUPLICATE KEY UPDATE " + ", ".join(f"{c}=VALUES({c})" for c in columns)
        sql.insert(conn, "hops", _COLUMNS, rows, tail)


def _give_up(conn: Connection, stale: set[HopKey], token: bytes) -> None:
    if stale:
        sql.execute(
            conn,
            f"UPDATE hops SET state='{UNCERTAIN}', claim=0x{token.hex()} "  # noqa: S608
            f"WHERE (message_id, hop) IN ({sql.rows(sorted(stale))})",
        )


def renew(conn: Connection, keys: Sequence[HopKey], token: bytes, now_ms: int) -> set[HopKey]:
    """Begin the claim anew just before a call that starts late; the hops that are still ours.

    Another process may have found the claim too old, and the hops uncertain: those must not be sent any more.
    """
    listed = sql.rows(sorted(keys))
    found = sql.fetch(
        conn,
        f"SELECT message_id, hop FROM hops WHERE (message_id, hop) IN ({listed}) AND claim=0x{token.hex()} "  # noqa: S608
        f"AND state='{SENDING}' ORDER BY message_id, hop FOR UPDATE",
    )
    ours = {(message_id, hop) for message_id, hop in found}
    if ours:
        sql.execute(
            conn,
            f"UPDATE hops SET claimed_ms={now_ms:d} WHERE (message_id, hop) IN ({sql.rows(sorted(ours))})",  # noqa: S608
        )
    return ours


def save_answers(conn: Connection, vendor: Sender, rows: Sequence[tuple[Any, ...]]) -> None:
    """Record answers: (message, hop, type, state, code, raw code, raw text, vendor ref, answered ms).

    A receipt that came before the answer keeps its result.
    """
    columns = (
        "message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms, code, raw_code, raw_text, "
        "vendor_ref, answered_ms"
    )
    nobody = b"\0" * 8
    values = [
        (
            m,
            hop,
            *vendor,
            kind,
            state,
            nobody,
            at,
            code,
            cut(raw_code, RAW_CODE),
            cut(raw_text, RAW_TEXT),
            ref and cut_name(ref, VENDOR_REF),
            at,
        )
        for m, hop, kind, state, code, raw_code, raw_text, ref, at in sorted(rows)
    ]
    ended = "state IN ('delivered','failed') AND finished_ms IS NOT NULL"
    kept = ", ".join(f"{c} = IF({ended}, {c}, VALUES({c}))" for c in ("code", "raw_code", "raw_text"))
    tail = (
        f"ON DUPLICATE KEY UPDATE {kept}, vendor_ref = VALUES(vendor_ref), answered_ms = VALUES(answered_ms), "
        f"state = IF({ended}, state, VALUES(state))"
    )
    sql.insert(conn, "hops", columns, values, tail)


def note_references(conn: Connection, refs: dict[HopKey, str]) -> None:
    """Record the vendor references of hops whose answer did not come, from look-ups; one that is known stays."""
    for (message_id, hop), ref in sorted(refs.items()):
        sql.execute(
            conn,
            f"UPDATE hops SET vendor_ref={sql.literal(cut_name(ref, VENDOR_REF))} "  # noqa: S608 - literals
            f"WHERE message_id=0x{message_id.hex()} AND hop={hop:d} AND vendor_ref IS NULL",
        )


def claimed_at(conn: Connection, keys: Sequence[HopKey]) -> dict[HopKey, int]:
    """When hops were sent."""
    if not keys:
        return {}
    found = sql.fetch(
        conn,
        f"SELECT message_id, hop, claimed_ms FROM hops WHERE (message_id, hop) IN ({sql.rows(keys)})",  # noqa: S608
    )
    return {(m, hop): at for m, hop, at in found}


def contents(conn: Connection, keys: Sequence[HopKey]) -> dict[HopKey, tuple[dict[str, Any], dict[str, str] | None]]:
    """What messages say at the hop that they are at now: the plan's content and the recipient's variables."""
    if not keys:
        return {}
    found = sql.fetch(
        conn,
        f"SELECT message_id, hop, step, vars FROM messages WHERE (message_id, hop) IN ({sql.rows(keys)})",  # noqa: S608
    )
    of = {row[0]: request_bytes(row[0]) for row in found}
    wanted = sql.ids(sorted(set(of.values())))
    plans = dict(sql.fetch(conn, f"SELECT request_id, plan FROM requests WHERE request_id IN ({wanted})")) if of else {}  # noqa: S608
    told: dict[HopKey, tuple[dict[str, Any], dict[str, str] | None]] = {}
    for message_id, hop, step, values in found:
        if plan := plans.get(of[message_id]):
            told[message_id, hop] = orjson.loads(plan)[step]["content"], orjson.loads(values) if values else None
    return told


def owners(conn: Connection, vendor: tuple[str, str], refs: Sequence[str]) -> dict[str, set[HopKey]]:
    """The hops that have these references of a vendor account (vendor, account)."""
    name, account = map(sql.literal, vendor)
    found = sql.fetch(
        conn,
        "SELECT vendor_ref, message_id, hop FROM hops WHERE vendor_ref IN "  # noqa: S608 - literals
        f"({','.join(sql.literal(ref) for ref in sorted(set(refs)))}) AND vendor={name} AND vendor_account={account}",
    )
    held: dict[str, set[HopKey]] = {}
    for ref, message_id, hop in found:
        held.setdefault(ref, set()).add((message_id, hop))
    return held
