"""The client's callback, a process of its own: verifies each signature and counts each report.

    python -m bench.sink --port 41091 --secret whsec_…

`GET /stats` → counts and times, `GET /times` → when each message was first reported (ms), `DELETE /stats` starts anew.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
CLOCK_SECONDS = 300


def verified(secret: bytes, headers: dict[str, str], body: bytes, now: float) -> bool:
    """Whether one of the signatures is that of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, fresh."""
    try:
        name, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        if abs(now - int(stamp)) > CLOCK_SECONDS:
            return False
        mac = hmac.new(secret, b"%s.%s.%s" % (name.encode(), stamp.encode(), body), hashlib.sha256).digest()
        given = [part.removeprefix("v1,") for part in headers["webhook-signature"].split()]
        return any(hmac.compare_digest(base64.b64decode(one), mac) for one in given)
    except (KeyError, ValueError):
        return False


class Sink:
    """Takes reports and remembers when each message was first reported."""

    def __init__(self, secret: str) -> None:
        self._secret = base64.b64decode(secret.removeprefix("whsec_"))
        self.reset()

    def reset(self) -> None:
        """Count anew."""
        self.times: dict[str, int] = {}
        self.calls = self.reports = self.unverified = self.first_ms = self.last_ms = 0
        self.statuses: dict[str, int] = {}

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """One callback; the status to answer."""
        now = time.time()
        self.calls += 1
        if not verified(self._secret, headers, body, now):
            self.unverified += 1
            return 401
        data = orjson.loads(body)["data"]
        at = int(now * 1000)
        self.first_ms, self.last_ms = self.first_ms or at, at
        for report in data.get("reports", [data]):
            self.reports += 1
            self.statuses[report["status"]] = self.statuses.get(report["status"], 0) + 1
            self.times.setdefault(report["message_id"], at)
        return 204

    def stats(self) -> dict[str, Any]:
        """Counts so far."""
        return {
            "calls": self.calls,
            "reports": self.reports,
            "unique": len(self.times),
            "duplicates": self.reports - len(self.times),
            "unverified": self.unverified,
            "statuses": self.statuses,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chunks, more = [], True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        status, answer = self._answer(scope, b"".join(chunks))
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, scope: Scope, body: bytes) -> tuple[int, bytes]:
        match scope["method"], scope["path"]:
            case "POST", _:
                headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
                return self.take(headers, body), b""
            case "GET", "/stats":
                return 200, orjson.dumps(self.stats())
            case "GET", "/times":
                return 200, orjson.dumps(self.times)
            case "DELETE", "/stats":
                self.reset()
                return 204, b""
        return 404, b""


def main() -> None:
    """Serve until SIGTERM."""
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        Sink(arguments.secret),
        host="127.0.0.1",
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
