"""The report that a client gets of a message, made when it ends or later from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shared.domain import codes
from shared.domain.events import Outcome, Report, Result
from shared.domain.ids import dashed
from shared.domain.routing import Message, Plan
from shared.domain.states import State
from shared.runtime.clock import iso
from shared.stores import messages as store
from shared.stores import sql
from shared.stores.sql import Connection

SHOWN = {"released": "failed", "unavailable": "failed"}
"""Words of hops that only senders need, and what clients read instead."""


def saved_reports(conn: Connection, ended: Sequence[tuple[Message, Plan]]) -> list[Report]:
    """The reports of messages that ended before, made from their rows."""
    if not ended:
        return []
    ids = [row.message_id for row, _ in ended]
    hops = store.load_hops(conn, ids)
    found = sql.fetch(
        conn,
        f"SELECT message_id, status, code, price, finished_ms FROM messages WHERE message_id IN ({sql.ids(ids)})",  # noqa: S608
    )
    ends = {r[0]: r[1:] for r in found}
    reports = []
    for row, plan in ended:
        status, code, price, finished_ms = ends[row.message_id]
        views = [hop_view(h) for h in hops.get(row.message_id, ())]
        reports.append(report_of(row, plan, State(status), code, views, price, finished_ms))
    return reports


def hop_view(hop: tuple[Any, ...]) -> dict[str, Any]:
    """A hop's row as clients see it."""
    _, channel, vendor, state, code, raw_code, at = hop
    state = SHOWN.get(state, state)
    return {
        "channel": channel,
        "vendor": vendor or None,
        "status": state,
        "code": code,
        "raw_code": raw_code,
        "at": iso(at),
    }


def hop_of_result(result: Result, event: Outcome, now_ms: int) -> dict[str, Any]:
    """The only hop of a message, of which a receipt told before its answer was saved."""
    state, code, raw = result.state, result.code, result.raw_code
    view = {"channel": event.channel, "vendor": event.vendor, "status": state, "code": code, "raw_code": raw}
    return {**view, "at": iso(now_ms)}


def report_of(
    row: Message, plan: Plan, status: State, code: str, hops: list[dict[str, Any]], price: Decimal, finished_ms: int
) -> Report:
    """One report; `data` is what the callback carries."""
    data = {
        "message_id": dashed(row.message_id.hex()),
        "request_id": dashed(plan.request_id.hex()),
        "request_ref": plan.request_ref,
        "ref": row.ref,
        "username": plan.username,
        "channel": row.channel,
        "type": row.type,
        "to": row.recipient,
        "status": status.name,
        "code": code,
        "detail": codes.detail(code),
        "hops": hops,
        "price": f"{price:.2f}",
        "currency": "KRW",
        "accepted_at": iso(plan.accepted_ms),
        "sent_at": iso(finished_ms if row.sent_ms is None and status is State.delivered else row.sent_ms),
        "finished_at": iso(finished_ms),
    }
    return Report(account_id=plan.account_id, username=plan.username, callback_uri=plan.callback_uri, data=data)
