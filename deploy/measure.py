"""How many bytes a message costs MySQL: `python -m deploy.measure mysql+pymysql://…/ims [MESSAGES]`.

Into an empty, migrated database it writes messages as the functions do (batches of 500, inserted at first, updated when
they end), a share of them from requests of their own, and prints what each table, its indexes and the binary log grew.
It removes nothing: give it a database that may be thrown away.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.cursors import Cursor

from shared.domain.states import State

BATCH = 500
SINGLES = 0.1
"""The share of messages that are alone in their request, each with five events of its own in `seen`."""
RECEIPTS = 50
"""Messages of a bulk request that end by one receipt event."""
FAILING = 0.02
"""The share of reports that their client does not take at the first try."""
TABLES = ("requests", "messages", "hops", "seen", "reports", "attempts")
Rows = list[tuple[Any, ...]]
START_MS = 1_780_000_000_000
ENDED = (START_MS, START_MS)
ROUTE = ("mt", "solapi", "main")
VARIABLES = '{"name": "홍길동"}'


def ids(count: int, at_ms: int, draw: random.Random) -> list[bytes]:
    """The ids of one request's messages: time first, then chance, then the index."""
    head = at_ms.to_bytes(6) + b"\x70" + draw.randbytes(6)
    return [head + (i << 7).to_bytes(3) for i in range(1, count + 1)]


def batches(total: int, draw: random.Random) -> Iterator[list[list[bytes]]]:
    """Requests in the order of time, about 500 messages at once."""
    at, written = START_MS, 0
    while written < total:
        at += 50
        alone = draw.random() < SINGLES
        yield [ids(1, at + i, draw) for i in range(BATCH)] if alone else [ids(BATCH, at, draw)]
        written += BATCH


def insert(cursor: Cursor, table: str, columns: str, rows: Rows) -> None:
    """One statement for all rows."""
    if rows:
        marks = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608


def begin(cursor: Cursor, requests: Sequence[list[bytes]], draw: random.Random) -> None:
    """What route and send_mt write before the vendor is called."""
    text = '[{"channel": "mt", "content": {"sender": "0215441234", "text": "[IMS] #{name}: 482913 is your number"}}]'
    messages, cause = [m for r in requests for m in r], draw.randbytes(16)
    insert(
        cursor,
        "requests",
        "request_id, account_id, username, lane, test, request_ref, callback_uri, plan, on_uncertain, accepted_ms,"
        " total",
        [
            (
                r[0][:-3] + b"\0\0\0",
                1,
                "demo",
                2,
                0,
                "r-77",
                "https://client.example/in",
                text,
                "wait",
                START_MS,
                len(r),
            )
            for r in requests
        ],
    )
    insert(
        cursor,
        "messages",
        "message_id, account_id, recipient, ref, type, vars, status, hop, channel, vendor, vendor_account, cause",
        [
            (
                m,
                1,
                _recipient(draw),
                f"o-{draw.randrange(10**9)}",
                "sms",
                VARIABLES,
                State.routed.value,
                1,
                *ROUTE,
                cause,
            )
            for m in messages
        ],
    )
    insert(
        cursor,
        "hops",
        "message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms",
        [(m, 1, "mt", "solapi", "main", "sms", "claimed", draw.randbytes(8), START_MS) for m in messages],
    )


def _recipient(draw: random.Random) -> str:
    return f"010{draw.randrange(10**8):08}"


def end(cursor: Cursor, requests: Sequence[list[bytes]], seq: int, draw: random.Random) -> None:
    """The answer, the receipt, the report; and what store keeps."""
    messages = [m for r in requests for m in r]
    marks = ", ".join(["%s"] * len(messages))
    cursor.executemany(
        "INSERT INTO hops (message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms, code,"
        " raw_code, vendor_ref, answered_ms, finished_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE state = VALUES(state), code = VALUES(code), raw_code = VALUES(raw_code),"
        " vendor_ref = VALUES(vendor_ref), answered_ms = VALUES(answered_ms), finished_ms = VALUES(finished_ms)",
        [
            (m, 1, *ROUTE, "sms", "delivered", b"12345678", START_MS, "0000", "4000", f"M4V{m.hex()[:29]}", *ENDED)
            for m in messages
        ],
    )
    cursor.execute(
        f"UPDATE messages SET status = {State.delivered:d}, step = {State.sent:d}, code = '0000', price = 9.5,"  # noqa: S608
        f" sent_ms = %s, finished_ms = %s, reported_ms = %s, report_tries = 1, report_status = 204"
        f" WHERE message_id IN ({marks})",
        (START_MS, START_MS, START_MS, *messages),
    )
    cursor.executemany(
        "INSERT INTO messages (message_id, account_id, recipient, type, status, channel, feed_seq) VALUES"
        " (%s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE feed_seq = VALUES(feed_seq)",
        [(m, 1, "", "sms", int(State.delivered), "mt", seq + i) for i, m in enumerate(messages)],
    )
    events = sum(5 if len(r) == 1 else 4 + len(r) // RECEIPTS for r in requests)
    insert(cursor, "seen", "event_id, seen_ms", [(draw.randbytes(16), START_MS + seq) for _ in range(events)])
    failing = [m for m in messages if draw.random() < FAILING]
    insert(
        cursor,
        "reports",
        "message_id, account_id, username, webhook_id, callback_uri, state, tries, updated_ms, data",
        [(m, 1, "demo", m.hex(), "https://client.example/in", "delivered", 3, START_MS, "x" * 700) for m in failing],
    )
    insert(
        cursor,
        "attempts",
        "account_id, webhook_id, attempt, outcome, status, duration_ms, messages, at_ms",
        [(1, m.hex(), n, "failed", 503, 12, 1, START_MS + n) for m in failing for n in (1, 2, 3)],
    )


def binlog(cursor: Cursor) -> int:
    """Bytes of all binary logs."""
    cursor.execute("SHOW BINARY LOGS")
    return sum(int(row[1]) for row in cursor.fetchall())


def sizes(cursor: Cursor) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    cursor.execute(f"ANALYZE TABLE {', '.join(TABLES)}")
    cursor.fetchall()
    marks = ", ".join(["%s"] * len(TABLES))
    cursor.execute(
        "SELECT table_name, data_length + index_length FROM information_schema.tables"  # noqa: S608
        f" WHERE table_schema = DATABASE() AND table_name IN ({marks})",
        TABLES,
    )
    return {str(name): int(size) for name, size in cursor.fetchall()}


def measure(address: str, total: int) -> dict[str, float]:
    """Bytes a message of each table, and of `binary log`."""
    url, draw = urlsplit(address), random.Random(1)
    connection = pymysql.connect(
        host=url.hostname,
        port=url.port or 3306,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=url.path.lstrip("/"),
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM messages")
        (row,) = cursor.fetchall()
        if row[0]:
            raise ValueError("there are messages in this database: give an empty one")
        before, started = binlog(cursor), time.monotonic()
        for i, requests in enumerate(batches(total, draw)):
            begin(cursor, requests, draw)
            connection.commit()
            end(cursor, requests, i * BATCH + 1, draw)
            connection.commit()
        print(f"{total} messages in {time.monotonic() - started:.0f} s", file=sys.stderr)
        grown = {"binary log": binlog(cursor) - before, **sizes(cursor)}
    return {name: size / total for name, size in grown.items()}


if __name__ == "__main__":
    for name, size in measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200_000).items():
        print(f"{name:12} {size:8.0f} bytes a message")
