"""An attacker, a process of its own: one bounded attack on one address of this machine, for a bounded time.

    echo '{"kind": "silent", "url": "http://127.0.0.1:30001/v1/me", "count": 9, "seconds": 5}' | python -m bench.attack

`silent`: connections that promise a body of `size` bytes and send none of it. `bodies`: `count` requests at once with
a body of `size` bytes of the given `shape`, again and again until the time is over. `gets`: the same without a body.
Prints what was answered as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvloop

ANSWER_SECONDS = 30.0
AGAIN_SECONDS = 5.0
"""Until a connection that was closed is opened again, on average."""


@dataclass(frozen=True)
class Attack:
    """What to do: see the module. `rounds`: how often each connection asks; 0: until `seconds` are over."""

    kind: str
    url: str
    count: int
    seconds: float
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    size: int = 100_000
    shape: str = "zeros"
    rounds: int = 0


def encode(attack: Attack) -> bytes:
    """An attack as the process reads it."""
    return json.dumps(asdict(attack)).encode()


def _good(size: int) -> bytes:
    """A valid request of 10,000 recipients with variables, `size` bytes long."""
    head = b'{"sender":"0215441234","text":"#{a}","recipients":['
    each = max(1, (size - len(head)) // 10_000 - 50)
    one = b'{"to":"010%08d","variables":{"a":"x","b":"' + b"b" * each + b'"}}'
    return head + b",".join(one.replace(b"%08d", b"%08d" % (20_000_000 + n)) for n in range(10_000)) + b"]}"


def _wrapped(before: bytes, unit: bytes, after: bytes) -> Callable[[int], bytes]:
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def _keys(size: int) -> bytes:
    return b"{" + b",".join(b'"f%07d":1' % n for n in range(size // 13)) + b"}"


_TO = b'{"sender":"0215441234","text":"#{a}","recipients":[{"to":"01020000000"'

SHAPES: dict[str, Callable[[int], bytes]] = {
    "zeros": lambda size: b"0" * size,
    "good": _good,
    "objects": _wrapped(b'{"sender":"0215441234","text":"x","recipients":[', b"{},", b"{}]}"),
    "files": _wrapped(_TO + b'}],"files":[', b"{},", b"{}]}"),
    "fields": _keys,
    "variables": lambda size: _TO + b',"variables":' + _keys(size - 100) + b"}]}",
    "strings": _wrapped(b'{"sender":"0215441234","text":"x","recipients":[', b'"a",', b'"a"]}'),
    "numbers": _wrapped(b'{"sender":"0215441234","text":"x","ttl":', b"9", b"}"),
    "twins": _wrapped(b"{", b'"text":"x",', b'"text":"x"}'),
    "deep": lambda size: b"[" * size,
}
"""Bodies of about a size: a good one, and such that cost more to read than to send."""


class Attacker:
    """Runs one attack and counts the answers."""

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        self._at = urlsplit(attack.url)
        self.answers: Counter[str] = Counter()
        self._end = time.monotonic() + attack.seconds
        silent = attack.kind == "silent"
        self._body = b"" if silent or attack.kind == "gets" else SHAPES[attack.shape](attack.size)
        length = attack.size if silent else len(self._body)
        path = f"{self._at.path or '/'}{'?' + self._at.query if self._at.query else ''}"
        lines = [f"{attack.method} {path} HTTP/1.1", f"host: {self._at.netloc}", f"content-length: {length}"]
        lines += [f"{name}: {value}" for name, value in attack.headers.items()]
        self._head = "\r\n".join([*lines, "", ""]).encode()

    async def run(self) -> None:
        """All connections, until the time is over."""
        await asyncio.gather(*(self._connection(n / self._attack.count) for n in range(self._attack.count)))

    async def _connection(self, place: float) -> None:
        done = 0
        while (left := self._end - time.monotonic()) > 0 and (not self._attack.rounds or done < self._attack.rounds):
            done += 1
            try:
                async with asyncio.timeout(left):
                    self.answers[await self._once()] += 1
            except TimeoutError:
                self.answers["none"] += 1
            except OSError as error:
                self.answers[type(error).__name__] += 1
            if self._attack.kind == "silent":
                await asyncio.sleep(min(AGAIN_SECONDS * (0.5 + place), max(0.0, self._end - time.monotonic())))

    async def _once(self) -> str:
        reader, writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        try:
            writer.write(self._head + self._body)
            line = await reader.readline()
            if self._attack.kind != "silent":
                await self._rest(reader)
            return line.split(b" ", 2)[1].decode() if b" " in line else "closed"
        finally:
            writer.close()

    @staticmethod
    async def _rest(reader: asyncio.StreamReader) -> None:
        length = 0
        while (line := (await reader.readline()).lower()) not in (b"\r\n", b""):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if length:
            await reader.readexactly(length)

    def result(self) -> dict[str, Any]:
        """How often each status was answered; `none`: not before the end."""
        return dict(self.answers)


def main() -> None:
    """Read the attack from standard input, do it, print the result."""
    attacker = Attacker(Attack(**json.loads(sys.stdin.read())))
    uvloop.run(attacker.run())
    print(json.dumps(attacker.result()))


if __name__ == "__main__":
    main()
