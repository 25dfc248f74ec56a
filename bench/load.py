"""The load generator, a process of its own: posts a bounded number of requests over kept connections, as fast as the
answers come, and prints what happened as JSON.

    echo '{"url": "http://127.0.0.1:30001/v1/mt/messages", "key": "ims_live_…", "messages": 9}' | python -m bench.load
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import httptools
import orjson
import uvloop

FIRST_NUMBER, NUMBERS = 1_020_000_000, 69_000_000
"""Mobile numbers none of which is magic (simulator/fate.py)."""
HOST, SENDER = "127.0.0.1", "0215441234"
TEXT = "안녕하세요, 주문하신 상품이 오늘 발송되었습니다."
SECONDS_AN_ANSWER = 60.0


@dataclass(frozen=True)
class Work:
    """What to send: `messages` in requests of `per_request`, or as many as fit into `seconds` when that is set."""

    url: str
    key: str
    messages: int = 0
    per_request: int = 1
    lane: str = "realtime"
    connections: int = 16
    first: int = 0
    seconds: float = 0.0
    per_second: float = 0.0
    """Requests a second over all connections; 0: as fast as the answers come."""

    def bodies(self) -> Iterator[bytes]:
        """Request bodies with recipients of their own."""
        done = 0
        while not self.messages or done < self.messages:
            count = min(self.per_request, self.messages - done) if self.messages else self.per_request
            yield body(self.first + done, count, self.lane)
            done += count


def number_of(n: int) -> str:
    """The nth recipient."""
    return f"0{FIRST_NUMBER + n % NUMBERS}"


def body(first: int, count: int, lane: str) -> bytes:
    """One request to `count` recipients."""
    recipients = [{"to": number_of(first + i)} for i in range(count)]
    return orjson.dumps({"sender": SENDER, "lane": lane, "text": TEXT, "recipients": recipients})


class Connection(asyncio.Protocol):
    """One kept connection with one request in flight."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        status, content, self._body = self._parser.get_status_code(), b"".join(self._body), []
        self._parser = httptools.HttpResponseParser(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, content))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server closed"))

    async def post(self, content: bytes) -> tuple[int, bytes]:
        """One request; its status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"%scontent-length: %d\r\n\r\n%s" % (self._head, len(content), content))
        return await asyncio.wait_for(self._answer, SECONDS_AN_ANSWER)


class Load:
    """Runs one piece of work and counts."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._bodies = work.bodies()
        self.statuses: Counter[str] = Counter()
        self.accepted = 0
        self.latencies: list[float] = []
        self.first_at = self.last_at = 0.0
        self._due = 0.0

    async def run(self) -> None:
        """Send all of it."""
        self.first_at = time.time()
        end = self.first_at + self.work.seconds if self.work.seconds else float("inf")
        await asyncio.gather(*(self._connection(end) for _ in range(self.work.connections)))

    async def _connection(self, end: float) -> None:
        at = urlsplit(self.work.url)
        head = (
            f"POST {at.path or '/'} HTTP/1.1\r\nhost: {at.netloc}\r\nauthorization: Bearer {self.work.key}\r\n"
            "content-type: application/json\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(head), at.hostname or HOST, at.port or 80)
        try:
            for content in self._bodies:
                await self._turn()
                await self._one(connection, content)
                if time.time() >= end:
                    return
        except (OSError, TimeoutError) as error:
            self.statuses[type(error).__name__] += 1
        finally:
            connection.transport.close()

    async def _turn(self) -> None:
        """Wait for the next request's time, where there is a rate."""
        if self.work.per_second:
            now = time.perf_counter()
            self._due = max(self._due, now - 1) + 1 / self.work.per_second  # a second behind is not made up for
            await asyncio.sleep(max(0.0, self._due - now))

    async def _one(self, connection: Connection, content: bytes) -> None:
        started = time.perf_counter()
        status, answer = await connection.post(content)
        self.latencies.append(time.perf_counter() - started)
        self.last_at = time.time()
        self.statuses[str(status)] += 1
        if status == 202:
            self.accepted += orjson.loads(answer)["accepted"]

    def result(self) -> dict[str, Any]:
        """What happened."""
        from bench.figures import percentile

        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "requests": len(self.latencies),
            "accepted": self.accepted,
            "statuses": dict(self.statuses),
            "first_at": self.first_at,
            "last_at": self.last_at,
            "cpu": usage.ru_utime + usage.ru_stime,
            "p50_ms": percentile(self.latencies, 0.5) * 1000,
            "p99_ms": percentile(self.latencies, 0.99) * 1000,
        }


def encode(work: Work) -> bytes:
    """Work as the process reads it."""
    return json.dumps(asdict(work)).encode()


def main() -> None:
    """Read the work from standard input, do it, print the result."""
    load = Load(Work(**json.loads(sys.stdin.read())))
    uvloop.run(load.run())
    print(json.dumps(load.result()))


if __name__ == "__main__":
    main()
