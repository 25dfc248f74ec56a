"""What is counted: messages as small documents, minutes of an account as sums of them, hours as sums of minutes. Pure.

A message counts under the minute of its acceptance. A minute is counted anew from its messages whenever one of them has
changed, and written as a whole; so an event that comes twice, late or in another order changes no sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.domain.events import Report, Request
from shared.domain.ids import Lane, message_bytes
from shared.insight.histogram import bucket, merged

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
WAITING = "waiting"
ENDS = ("delivered", "failed", "expired", "canceled")
PRICE_UNIT = 10_000
"""Prices are whole ten-thousandths of a won."""
DIMENSIONS = {"lane": "l", "channel": "c", "type": "y", "vendor": "v", "status": "s", "code": "k"}
"""What can be asked for → its name in a document."""
KEY = ("t", "l", "c", "y", "v", "s", "k")
"""By what a minute's rows differ; `t`: of a test key."""

Json = dict[str, Any]


def place(account_id: int, at_ms: int, size_ms: int = MINUTE_MS) -> str:
    """The window of an account in which a moment lies."""
    return f"{account_id}:{at_ms // size_ms * size_ms}"


def of_requests(requests: Iterable[Request]) -> list[tuple[bytes, Json, Json]]:
    """(message id, what is known, what holds while nothing else is known) of accepted messages."""
    made = []
    for request in requests:
        base, lane = int(request.request_id, 16), int(Lane[request.lane])
        known = {
            "w": place(request.account_id, request.accepted_at),
            "t": request.test,
            "l": request.lane,
            "b": request.scheduled_at or request.accepted_at,
        }
        channel = request.plan[0].channel if request.plan else ""
        for one in request.messages:
            waiting = {"s": WAITING, "c": channel, "y": one.type, "v": "", "k": ""}
            made.append((message_bytes(base, one.n, lane), known, waiting))
    return made


def of_reports(lane: str, reports: Iterable[Report], moment: Any) -> list[tuple[bytes, Json]]:
    """(message id, how it ended) of messages; `moment` reads a time as ms."""
    made = []
    for report in reports:
        data = report.data
        hops = data.get("hops") or [{}]
        accepted, finished = moment(data["accepted_at"]), moment(data["finished_at"])
        end = {
            "w": place(report.account_id, accepted),
            "l": lane,
            "s": data["status"],
            "c": data["channel"],
            "y": data["type"],
            "v": hops[-1].get("vendor") or "",
            "k": data["code"],
            "p": round(float(data.get("price") or 0) * PRICE_UNIT),
            "f": finished,
            "a": accepted,
        }
        made.append((bytes.fromhex(data["message_id"].replace("-", "")), end))
    return made


def minute(messages: Iterable[Json]) -> list[Json]:
    """The rows of a minute."""
    rows: dict[tuple[Any, ...], Json] = {}
    for one in messages:
        key = tuple(one.get(name, False if name == "t" else "") for name in KEY)
        row = rows.setdefault(key, {**dict(zip(KEY, key, strict=True)), "n": 0, "p": 0, "h": {}})
        row["n"] += 1
        row["p"] += one.get("p", 0)
        if one.get("s") == "delivered":
            index = str(bucket(one["f"] - one.get("b", one["a"])))
            row["h"][index] = row["h"].get(index, 0) + 1
    return [rows[key] for key in sorted(rows, key=repr)]


def together(windows: Iterable[Iterable[Json]]) -> list[Json]:
    """The rows of several windows as those of one."""
    rows: dict[tuple[Any, ...], Json] = {}
    for window in windows:
        for one in window:
            key = tuple(one[name] for name in KEY)
            row = rows.setdefault(key, {**dict(zip(KEY, key, strict=True)), "n": 0, "p": 0, "h": {}})
            row["n"] += one["n"]
            row["p"] += one["p"]
            row["h"] = merged((row["h"], one["h"]))
    return [rows[key] for key in sorted(rows, key=repr)]


def counted(rows: Iterable[Mapping[str, Any]]) -> Json:
    """What is shown of some rows: messages by their ends, latencies of the delivered ones, money."""
    from shared.insight.histogram import PERCENTILES, percentile

    rows = list(rows)
    by = dict.fromkeys((*ENDS, WAITING), 0)
    for row in rows:
        by[row["s"] if row["s"] in by else WAITING] += row["n"]
    latencies = merged(row["h"] for row in rows)
    return {
        "accepted": sum(by.values()),
        **by,
        "latency_ms": {f"p{part}": percentile(latencies, part) for part in PERCENTILES},
        "price": f"{sum(row['p'] for row in rows) / PRICE_UNIT:.2f}",
    }
