"""A stand-in for OpenFaaS' cron connector: posts nothing at all to each function with a schedule (UTC), until SIGTERM.

As the real one (openfaas/cron-connector): a POST without body, CloudEvents headers or content type to
`/function/<name>.openfaas-fn`; whatever comes back, or does not, nothing is tried again.

Example:
  python -m local.openfaas.cron --gateway http://127.0.0.1:41045 --port 41044
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bridges import http, ops
from bridges.cron.schedule import Schedule, parse
from local.openfaas import files
from local.openfaas.gateway import NAMESPACE
from shared.runtime import logs

PATIENCE_SECONDS = 60.0

log = logs.get(__name__)


class Connector:
    """One loop a function; a call that takes longer than its schedule's step overlaps with the next."""

    def __init__(self, gateway: str) -> None:
        url = urlsplit(gateway)
        self._host, self._port = url.hostname or "", url.port or 80
        self._client = http.Client()
        self._calls: set[asyncio.Task[None]] = set()
        self.answers: dict[str, str] = {}

    async def run(self, name: str, schedule: Schedule) -> None:
        """Call a function at each minute that matches."""
        while True:
            due = schedule.next_after(datetime.now(UTC))
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
            call = asyncio.ensure_future(self._call(name))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _call(self, name: str) -> None:
        request = http.request("POST", f"/function/{name}.{NAMESPACE}", [], b"", f"{self._host}:{self._port}")
        try:
            answer = str((await self._client.post(self._host, self._port, request, PATIENCE_SECONDS)).status)
        except (http.Unreachable, http.Interrupted) as error:
            answer = repr(error)
        self.answers[name] = answer
        log.info("called", function=name, answer=answer)

    def close(self) -> None:
        """Leave calls to their functions."""
        for call in list(self._calls):
            call.cancel()
        self._client.close()


async def run(gateway: str, host: str, port: int) -> None:
    """Call until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    connector = Connector(gateway)
    due = {function.name: parse(function.schedule) for function in files.functions() if function.schedule}
    loops = [asyncio.ensure_future(connector.run(name, schedule)) for name, schedule in due.items()]

    def health() -> tuple[bool, dict[str, Any]]:
        return not any(loop.done() for loop in loops), {"answers": connector.answers}

    server = await ops.serve(host, port, health, lambda: None)
    await stopping.wait()
    for loop in loops:
        loop.cancel()
    connector.close()
    server.close()


def main() -> None:
    """Parse the arguments and call."""
    parser = argparse.ArgumentParser(
        prog="python -m local.openfaas.cron", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gateway", required=True, help="OpenFaaS' gateway, http://host:port")
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz is served")
    parser.add_argument("--port", type=int, default=41044)
    arguments = parser.parse_args()
    logs.configure("cron-connector", "info")
    uvloop.run(run(arguments.gateway, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
