"""A client's callback: takes reports over HTTP, verifies their signature, and hands them on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from local.probes import HOST
from local.problems import Problem

MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Delivery:
    """One callback: its headers, body, whether the signature is right, and the reports in it."""

    headers: dict[str, str]
    body: bytes
    verified: bool
    reports: list[dict[str, Any]]


class Sink:
    """Listens on loopback while it is used as a context; `take` gets every delivery."""

    def __init__(self, port: int, secret: str, take: Callable[[Delivery], None], status: int = 204) -> None:
        self._webhook, self._take, self._status = Webhook(secret), take, status
        try:
            self._server = ThreadingHTTPServer((HOST, port), self._handler())
        except OSError:
            raise Problem(f"port {port} is taken", "perhaps `ims listen` runs already; use --port") from None
        self.url = f"http://{HOST}:{self._server.server_port}/reports"

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _receive(self, headers: dict[str, str], body: bytes) -> int:
        try:
            self._webhook.verify(body, headers)
            verified = True
        except WebhookVerificationError:
            verified = False
        try:
            data = json.loads(body)["data"]
        except (ValueError, KeyError, TypeError):
            data = {}
        self._take(Delivery(headers, body, verified, data.get("reports", [data])))
        return self._status if verified else 401

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = min(int(self.headers.get("content-length") or 0), MAX_BODY)
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = sink._receive(headers, self.rfile.read(length))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the deliveries are shown."""

        return Handler
