"""A client's callback: a small ASGI server that verifies Standard Webhooks signatures and keeps what it got."""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import orjson
import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError

Json = dict[str, Any]
START_SECONDS = 20


@dataclass(frozen=True)
class Call:
    """One POST: when it came (s), its headers, whether its signature is right, its reports, and our answer."""

    at: float
    headers: dict[str, str]
    verified: bool
    type: str
    reports: list[Json]
    status: int

    @property
    def attempt(self) -> int:
        """ims-attempt: 1 for the first try."""
        return int(self.headers["ims-attempt"])


class Sink:
    """Listens on a port of its own while it is used as a context; `status` is what it answers."""

    def __init__(self, secret: str) -> None:
        self.status = 204
        self.calls: list[Call] = []
        self._webhook = Webhook(secret)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(512)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/reports"
        config = uvicorn.Config(
            self._app, interface="asgi3", log_config=None, access_log=False, lifespan="off", timeout_keep_alive=60
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> Sink:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            assert time.monotonic() < deadline, "the sink did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(START_SECONDS)

    def by_message(self) -> dict[str, list[tuple[Call, Json]]]:
        """Every call that carried a message's report, by message id."""
        found: dict[str, list[tuple[Call, Json]]] = defaultdict(list)
        for call in list(self.calls):
            for report in call.reports:
                found[report["message_id"]].append((call, report))
        return found

    def taken(self) -> dict[str, list[Json]]:
        """The reports that were answered with a 2xx, by message id."""
        found: dict[str, list[Json]] = defaultdict(list)
        for call in list(self.calls):
            if 200 <= call.status < 300:
                for report in call.reports:
                    found[report["message_id"]].append(report)
        return found

    async def _app(self, scope: Json, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status = self._keep({k.decode(): v.decode() for k, v in scope["headers"]}, body)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def _keep(self, headers: dict[str, str], body: bytes) -> int:
        try:
            self._webhook.verify(body, headers)
            verified = True
        except WebhookVerificationError:
            verified = False
        content, status = orjson.loads(body), self.status
        data = content["data"]
        self.calls.append(Call(time.time(), headers, verified, content["type"], data.get("reports", [data]), status))
        return status
