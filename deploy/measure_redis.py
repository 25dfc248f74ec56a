"""How many bytes a waiting report and a kept Idempotency-Key cost Redis: `python -m deploy.measure_redis redis://…`.

Into an empty server it writes both as the functions do, and prints what the server's memory grew. It removes nothing:
give it a server that may be thrown away.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import orjson
from redis.asyncio import Redis

from deploy.measure import ids
from shared.accepting.keys import DONE, Held, Key
from shared.reports.due import DueSet
from shared.reports.keys import Keys, report_key
from shared.reports.units import Unit

URI = "https://client.example/reports/ims"
NOW_MS = 1_780_000_000_000
HOUR_MS = 3_600_000
BATCH = 500
RECIPIENTS = (1, 50)
"""An answer names each of its messages, so that of 50 is longer; their mean is what is reckoned with."""


def unit(message_id: str) -> Unit:
    """A report of one message after its first failed try."""
    times = dict.fromkeys(("accepted_at", "sent_at", "finished_at"), "2026-11-24T08:38:33.162Z")
    hop = {"channel": "mt", "vendor": "nhn", "status": "delivered", "code": "0000", "raw_code": "1000", "at": "2026"}
    names = {"message_id": message_id, "request_id": message_id, "request_ref": "login-77", "ref": "order-1"}
    end = {"to": "01012345678", "status": "delivered", "code": "0000", "detail": "delivered", "hops": [hop]}
    data = {**names, "username": "demo", "channel": "mt", "type": "sms", **end, "price": "9.90", **times}
    return Unit(1, "demo", URI, message_id, (report_key(data),), tries=1, since_ms=NOW_MS, data=[orjson.dumps(data)])


def dashed(raw: bytes) -> str:
    """A message id as the client sees it."""
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


async def reports(redis: list[Any], count: int, draw: random.Random, now_ms: int) -> None:
    """Let reports wait for their second try."""
    due = DueSet(redis[0], redis[1], redis[2], Keys(False), lease_ms=15_000)
    for start in range(0, count, BATCH):
        units = [unit(dashed(ids(1, NOW_MS + start + i, draw)[0])) for i in range(min(BATCH, count - start))]
        await due.add(units, [now_ms + HOUR_MS] * len(units), now_ms)


async def keys(state: Any, count: int, draw: random.Random) -> None:
    """Keep the answers of keyed requests."""
    for _ in range(count):
        messages = [
            {"message_id": dashed(raw), "to": "01012345678", "ref": f"order-{i}", "type": "sms"}
            for i, raw in enumerate(ids(draw.choice(RECIPIENTS), NOW_MS, draw))
        ]
        held = Held(DONE, draw.randbytes(16).hex(), draw.randbytes(16).hex(), NOW_MS, orjson.dumps(messages))
        await state.set(Key(1, draw.randbytes(16).hex(), held.body_hash).name, held.pack(), px=24 * HOUR_MS)


async def measure(address: str, count: int = 10_000) -> dict[str, float]:
    """Bytes of a waiting report, and of a kept key with its answer."""
    draw, found = random.Random(1), {}
    clients: list[Any] = [Redis.from_url(address, db=db) for db in range(3)]
    state = clients[2]
    if any([await one.dbsize() for one in clients]):
        raise ValueError("there are keys in this server: give an empty one")
    seconds, _ = await state.time()
    before = await _used(state)
    await reports(clients, count, draw, seconds * 1000)
    found["waiting report"] = (await _used(state) - before) / count
    before = await _used(state)
    await keys(state, count, draw)
    found["kept key"] = (await _used(state) - before) / count
    for one in clients:
        await one.aclose()
    return found


async def _used(state: Any) -> int:
    return int((await state.info("memory"))["used_memory"])


if __name__ == "__main__":
    for name, size in asyncio.run(measure(sys.argv[1])).items():
        print(f"{name:15} {size:8.0f} bytes")
