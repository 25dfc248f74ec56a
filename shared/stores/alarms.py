"""Alarms as operators see them: the saved ones, who has taken them on, what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shared.stores import sql
from shared.stores.sql import Connection

FIRING, ENDED, ACKNOWLEDGED, MUTED, UNMUTED = "firing", "ended", "acknowledged", "muted", "unmuted"


class Saved(NamedTuple):
    """An alarm as watch has saved it, with who has taken this outage on."""

    name: str
    subject: str
    severity: str
    text: str
    value: int
    since_ms: int
    seen_ms: int
    firing: int
    ended_ms: int | None
    told_ms: int | None
    sms_ms: int | None
    fired: int
    acked_by: str | None
    acked_ms: int | None


class Event(NamedTuple):
    """Something that happened to an alarm."""

    name: str
    subject: str
    severity: str
    event: str
    text: str
    by_name: str
    at_ms: int


_EVENT = ", ".join(Event._fields)


def all_of(conn: Connection) -> list[Saved]:
    """Those that fire, wait, or ended lately."""
    alarm = ", ".join(f"a.{name}" for name in Saved._fields[:-2])
    return [
        Saved(*row)
        for row in sql.fetch(
            conn,
            f"SELECT {alarm}, k.by_name, k.at_ms FROM alarms a LEFT JOIN alarm_acks k "  # noqa: S608 - a constant
            "ON k.name=a.name AND k.subject=a.subject AND k.since_ms=a.since_ms "
            "ORDER BY a.firing DESC, a.severity, a.since_ms",
        )
    ]


def acknowledge(conn: Connection, alarm: Saved, by: str, now_ms: int) -> None:
    """Somebody takes an outage on."""
    row = (alarm.name, alarm.subject, alarm.since_ms, by, now_ms)
    tail = "ON DUPLICATE KEY UPDATE since_ms=VALUES(since_ms), by_name=VALUES(by_name), at_ms=VALUES(at_ms)"
    sql.insert(conn, "alarm_acks", "name, subject, since_ms, by_name, at_ms", [row], tail)


def note(conn: Connection, events: Iterable[Event]) -> None:
    """Add to the history."""
    rows = [tuple(event) for event in events]
    if rows:
        sql.insert(conn, "alarm_history", _EVENT, rows)


def history(conn: Connection, below: int, limit: int, name: str | None) -> list[tuple[int, Event]]:
    """(number, what happened), the newest first."""
    named = f" AND name={sql.literal(name)}" if name else ""
    found = sql.fetch(
        conn,
        f"SELECT history_id, {_EVENT} FROM alarm_history WHERE history_id<%s{named} ORDER BY history_id DESC LIMIT %s",  # noqa: S608
        (below, limit),
    )
    return [(row[0], Event(*row[1:])) for row in found]
