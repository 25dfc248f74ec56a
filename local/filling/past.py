"""The six days before today: messages as the platform leaves them, written straight into MySQL and MongoDB.

Nothing was sent on those days, so their rows cannot come by the road of a message. They are made as its stores would
have made them (ids that hold their time, hops, reports of the feed, counters of the day), all with the request_ref
`demo-data-<day>`, which says what they are. Everything of today goes the real way (today.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from local.client import Gateway
from shared.domain import ids
from shared.domain.ids import Lane
from shared.domain.states import State
from shared.insight import windows
from shared.insight.store import Insight
from shared.runtime.clock import milliseconds, new_request_id
from shared.runtime.mysql import Database
from shared.runtime.settings import InsightSettings
from shared.stores import lookup, sql
from shared.stores.sql import Connection
from shared.stores.usage import korean_day

KST = timezone(timedelta(hours=9))
DAYS = 6
SENDER = "0215441234"
BY_HOUR = (2, 1, 0, 0, 0, 1, 3, 8, 14, 18, 16, 14, 12, 15, 16, 15, 14, 12, 10, 8, 6, 4, 3, 2)
"""Requests in each hour of a day of Korea."""
KINDS: tuple[tuple[int, str, str, str, str, str], ...] = (
    (50, "realtime", "mt", "sms", "solapi", "8.40"),
    (12, "realtime", "mt", "lms", "nhn", "29.70"),
    (18, "auth", "mt", "sms", "nhn", "9.90"),
    (14, "realtime", "kakao", "alimtalk", "solapi", "7.50"),
    (6, "realtime", "rcs", "SS000000", "nhn", "8.00"),
    (8, "realtime", "email", "email", "smtp", "0.30"),
    (8, "realtime", "push", "token", "fcm", "0.00"),
)
"""Of each hundred: so many, in this lane, on this channel, of this type, by this vendor, at this price."""
ENDS: tuple[tuple[int, State, str, str | None], ...] = (
    (930, State.delivered, "0000", "4000"),
    (28, State.failed, "4001", "3032"),
    (14, State.failed, "4002", "3013"),
    (10, State.failed, "3003", "9999"),
    (8, State.failed, "4005", "3016"),
    (6, State.expired, "0301", None),
    (4, State.failed, "0300", None),
)
"""Of each thousand: so many end so, with the vendor's own code."""
LISTED = ("messages", "hops")

Row = dict[str, Any]


@dataclass(frozen=True)
class One:
    """A message of one of those days."""

    id: bytes
    request: Row
    message: Row
    hop: Row


def fill(gateway: Gateway, seed: int = 1) -> int:
    """Write the days that are not there yet; how many messages."""
    db = Database(gateway.demo["mysql"])
    try:
        ((account,),) = db.run(
            sql.fetch, "SELECT account_id FROM accounts WHERE username=%s", (gateway.demo["username"],)
        )
        made = 0
        for back in range(DAYS, 0, -1):
            day = (datetime.now(KST) - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
            ref = f"demo-data-{day:%Y-%m-%d}"
            if db.run(sql.fetch, "SELECT 1 FROM requests WHERE request_ref=%s LIMIT 1", (ref,)):
                continue
            dice = random.Random(seed * 100 + back)
            those = list(_day(dice, day, account, gateway.demo["username"], ref))
            db.run(_write, account, those)
            _count(db, gateway.demo["mongodb"], account, those)
            made += len(those)
        return made
    finally:
        db.close()


def _day(dice: random.Random, day: datetime, account: int, username: str, ref: str) -> Iterator[One]:
    weekend = day.weekday() >= 5
    for hour, usual in enumerate(BY_HOUR):
        for _ in range(usual // 3 if weekend else usual):
            at = day + timedelta(hours=hour, seconds=dice.random() * 3600)
            yield _one(dice, int(at.timestamp() * 1000), account, username, ref)


def _one(dice: random.Random, at: int, account: int, username: str, ref: str) -> One:
    _, lane, channel, kind, vendor, price = dice.choices(KINDS, [k[0] for k in KINDS])[0]
    _, status, code, raw = dice.choices(ENDS, [e[0] for e in ENDS])[0]
    request_id = new_request_id(at)
    message_id = ids.message_id(request_id, 1, lane).bytes
    done = at + int(dice.lognormvariate(7.4, 0.5))
    plan = [{"channel": channel, "content": {"text": "주문하신 상품이 발송되었습니다", "sender": SENDER, "type": kind}}]
    to = f"010{dice.randrange(2000, 9999)}{dice.randrange(10_000):04d}"
    recipient = {"email": f"hong{to[-4:]}@client.example", "push": f"fcm:phone-{to[-4:]}"}.get(channel, to)
    request = {
        "request_id": request_id.bytes, "account_id": account, "username": username, "lane": int(Lane[lane]), "test": 0,
        "request_ref": ref, "plan": orjson.dumps(plan).decode(), "on_uncertain": "wait", "accepted_ms": at,
        "valid_ms": at + 86_400_000, "total": 1,
    }  # fmt: skip
    sent = status is not State.expired
    message = {
        "message_id": message_id, "account_id": account, "recipient": recipient,
        "ref": f"order-{dice.randrange(10_000)}",
        "type": kind, "status": int(status), "hop": int(sent), "channel": channel,
        "vendor": vendor if sent else None, "vendor_account": "main" if sent else None, "code": code,
        "price": price if status is State.delivered else "0.00", "sent_ms": at + 300 if sent else None,
        "finished_ms": done, "feed_seq": 0,
    }  # fmt: skip
    state = "uncertain" if code == "0300" else status.name
    hop = {
        "message_id": message_id, "hop": 1, "channel": channel, "vendor": vendor, "vendor_account": "main",
        "type": kind, "state": state, "code": code, "raw_code": raw, "claim": message_id[:8], "claimed_ms": at + 90,
        "answered_ms": at + 300, "finished_ms": done,
    }  # fmt: skip
    return One(message_id, request, message, hop if sent else {})


def _write(conn: Connection, account: int, found: list[One]) -> None:
    """All rows of a day, in one transaction: a day is there whole, or not."""
    for table, rows in (
        ("requests", [one.request for one in found]),
        ("messages", [one.message for one in found]),
        ("hops", [one.hop for one in found if one.hop]),
    ):
        columns = list(rows[0])
        sql.insert(conn, table, ", ".join(columns), [tuple(row[c] for c in columns) for row in rows])
    _add_up(conn, account, found)


def _add_up(conn: Connection, account: int, found: list[One]) -> None:
    results: dict[tuple[Any, ...], list[Any]] = {}
    usage: dict[tuple[Any, ...], list[Any]] = {}
    for one in found:
        at, end = one.request["accepted_ms"], one.message
        day, channel, lane = korean_day(at), end["channel"], one.request["lane"]
        shown = end["status"] in (int(State.failed), int(State.expired))
        for status, code, sample in (
            (int(State.accepted), "", b""),
            (end["status"], end["code"], one.id if shown else b""),
        ):
            count = results.setdefault((account, day, 0, status, channel, code, lane), [0, at, b""])
            count[0] += 1
            count[2] = (count[2] + sample)[: 5 * 16]
        sums = usage.setdefault((account, day, lane, channel, end["type"]), [0, 0, 0, 0.0])
        delivered = end["status"] == int(State.delivered)
        for i, more in enumerate((1, int(delivered), int(not delivered), float(end["price"]))):
            sums[i] += more
    columns = "account_id, day, test, status, channel, code, lane, total, since_ms, samples"
    sql.insert(conn, "results_daily", columns, [(*k, *v) for k, v in results.items()])
    columns = "account_id, day, lane, channel, type, accepted, delivered, failed, price"
    sql.insert(conn, "usage_daily", columns, [(*k, *v[:3], f"{v[3]:.2f}") for k, v in usage.items()])


def _count(db: Database, mongodb: str | None, account: int, found: list[One]) -> None:
    """Statistics, by what analyze itself does with the reports of these messages."""
    if not mongodb:
        return
    insight = Insight(InsightSettings(mongodb_url=mongodb))
    for lane in Lane:
        some = [one.id for one in found if one.request["lane"] == int(lane)]
        reports = db.run(lookup.reports, account, some)
        insight.finished(windows.of_reports(lane.name, reports, milliseconds))
    while insight.count(account):
        pass
