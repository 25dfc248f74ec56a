"""`/v1/admin/alarms`: what fires, who has taken it on, who is not told of it, and what became of earlier ones."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault, read_time, time_fault
from shared.channels.schema import Content
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import MINUTE_MS, WEEK_MINUTES, Json, Reason, dry, said, stop_view
from shared.operating.stopping import MUTE
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores import alarms as store
from shared.stores import watch
from shared.stores.alarms import Event, Saved
from shared.stores.sql import Connection
from shared.stores.stops import Stop
from shared.watch.rules import RULES

NAMES = frozenset(rule.name for rule in RULES)
TOP = 2**63 - 1


class Silence(Content):
    """Until when nobody is told, and why."""

    until: Annotated[str, Field(max_length=64)]
    reason: Reason


def _name(text: str) -> str:
    if text not in NAMES:
        raise ValueError("there is no such rule")
    return text


def view(alarm: Saved, mutes: dict[str, Stop]) -> Json:
    """An alarm as it is shown; its id is `name/subject`."""
    mute = mutes.get(alarm.name)
    state = "firing" if alarm.firing else "pending" if alarm.ended_ms is None else "ended"
    return {
        "id": alarm.name,
        "name": alarm.name,
        "subject": alarm.subject,
        "severity": alarm.severity,
        "state": state,
        "text": alarm.text,
        "value": alarm.value,
        "since": iso(alarm.since_ms),
        "seen": iso(alarm.seen_ms),
        "ended": iso(alarm.ended_ms),
        "told": {"slack": iso(alarm.told_ms), "sms": iso(alarm.sms_ms)},
        "fired": alarm.fired,
        "acknowledged": None if alarm.acked_by is None else {"by": alarm.acked_by, "at": iso(alarm.acked_ms)},
        "muted": mute and stop_view(mute),
    }


def _mutes(conn: Connection, now_ms: int) -> dict[str, Stop]:
    found = watch.mutes(conn, now_ms)
    return {m.name: Stop(MUTE, m.name, m.reason, m.by_name, "", m.created_ms, m.until_ms) for m in found}


def known(conn: Connection, now_ms: int) -> tuple[list[Saved], dict[str, Stop]]:
    """All alarms, and the mutes by name."""
    return store.all_of(conn), _mutes(conn, now_ms)


async def list_all(request: Request, ims: Context) -> Response:
    """Alarms that fire, that will if it lasts (`pending`), and that ended lately; and the mutes that hold."""
    await operator(request, ims)
    found, mutes = await ims.db(known, ims.now_ms())
    return reading.answer(
        {"items": [view(one, mutes) for one in found], "mutes": [stop_view(m) for m in mutes.values()], "next": None}
    )


async def history(request: Request, ims: Context) -> Response:
    """What became of alarms: fired, ended, acknowledged, muted, the newest first."""
    await operator(request, ims)
    given = objects.asked(request, "alarms", "operators", {"name": _name}, 8)
    below = int.from_bytes(given.place, "big") if "cursor" in request.query_params else TOP
    rows = await ims.db(store.history, min(below, TOP), given.limit + 1, given.get("name"))
    return objects.page(given, rows, lambda row: event_view(row[1]), lambda row: row[0].to_bytes(8, "big"))


def event_view(event: Event) -> Json:
    """An event of the history."""
    return {
        "name": event.name, "subject": event.subject, "severity": event.severity, "event": event.event,
        "text": event.text, "by": event.by_name or None, "at": iso(event.at_ms),
    }  # fmt: skip


def _wanted(request: Request) -> str:
    name = str(request.path_params["id"])
    if name not in NAMES:
        raise reading.not_found("alarm")
    return name


async def mute(request: Request, ims: Context) -> Response:
    """Tell nobody of an alarm until then, at most 7 days; if it still fires at its end, it is told once."""
    who, only_shown = await operator(request, ims), dry(request)
    name = _wanted(request)
    now = ims.now_ms()

    async def faults(wish: Silence) -> list[Fault]:
        return said(wish.reason) + until_faults(wish.until, now)

    wish = await reading.body(request, Silence, faults)
    until_ms = read_time(wish.until) or 0
    stop = Stop(MUTE, name, wish.reason.strip(), who.actor.name, "", now, until_ms)
    if only_shown:
        return reading.answer({"dry_run": True, "stop": stop_view(stop)})

    def work(conn: Connection) -> None:
        watch.mute(conn, name, until_ms, stop.reason, now, stop.by_name)
        store.note(
            conn, [Event(name, "", "", store.MUTED, f"until {iso(until_ms)}: {stop.reason}"[:512], stop.by_name, now)]
        )

    await audited(ims, who, Deed("alarm.mute", f"alarm:{name}", after=stop_view(stop), purpose=wish.reason), work)
    return reading.answer(stop_view(stop))


def until_faults(text: str, now_ms: int) -> list[Fault]:
    """Why a mute cannot end then."""
    at = read_time(text)
    if at is None:
        return [Fault("/until", "format", time_fault(text))]
    if at <= now_ms:
        return [Fault("/until", "range", "is over already")]
    return [Fault("/until", "range", "at most 7 days from now")] if at > now_ms + WEEK_MINUTES * MINUTE_MS else []


async def unmute(request: Request, ims: Context) -> Response:
    """Tell people of an alarm again."""
    who = await operator(request, ims)
    name, now = _wanted(request), ims.now_ms()

    def work(conn: Connection) -> bool:
        held = name in _mutes(conn, now)
        if held:
            watch.mute(conn, name, 0, "", now)
            store.note(conn, [Event(name, "", "", store.UNMUTED, "", who.actor.name, now)])
        return held

    await audited(ims, who, lambda held: Deed("alarm.unmute", f"alarm:{name}") if held else None, work)
    return Response(status_code=204)


class Taken(Content):
    """Of which subject; without it, all that fire now."""

    subject: Annotated[str, Field(max_length=128)] | None = None


async def acknowledge(request: Request, ims: Context) -> Response:
    """Say that you see to an alarm; it holds until this outage has ended. Others see your name."""
    who = await operator(request, ims)
    name, now = _wanted(request), ims.now_ms()
    wish = await reading.body(request, Taken)

    def work(conn: Connection) -> list[Saved]:
        mine = [
            alarm
            for alarm in store.all_of(conn)
            if alarm.name == name and alarm.ended_ms is None and wish.subject in (None, alarm.subject)
        ]
        if not mine:
            raise reading.not_found("alarm that fires")
        for alarm in mine:
            store.acknowledge(conn, alarm, who.actor.name, now)
        told = (Event(a.name, a.subject, a.severity, store.ACKNOWLEDGED, "", who.actor.name, now) for a in mine)
        store.note(conn, told)
        return mine

    deed = Deed("alarm.acknowledge", f"alarm:{name}", after={"subject": wish.subject})
    await audited(ims, who, deed, work)
    found, mutes = await ims.db(known, ims.now_ms())
    return reading.answer({"items": [view(one, mutes) for one in found if one.name == name]})
