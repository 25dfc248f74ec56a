"""Send ticks to the functions with a Cron trigger, by PingSource's rules, until SIGTERM.

A function that is due every minute also gets a tick at the start.

Examples:
  python -m bridges.cron --port 41044
  IMS_TARGET_SCHEDULE=http://127.0.0.1:41201 python -m bridges.cron
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import Any

import uvloop

from bridges import ops
from bridges.cron.ticker import Job, Ticker, jobs
from bridges.settings import AddressSettings, CronSettings
from shared.runtime import logs
from shared.runtime.settings import FunctionSettings, load

log = logs.get(__name__)


def show(due: list[Job], running: list[asyncio.Task[None]]) -> tuple[bool, dict[str, Any]]:
    """Well as long as every job's loop is alive; a function that fails is its own to report."""
    well = bool(running) and not any(task.done() for task in running)
    details = {job.process.name: {"next": str(job.next_at), "last": job.last_result} for job in due}
    return well, {"status": "ok" if well else "failed", "jobs": details}


async def run(host: str, port: int) -> None:
    """Tick until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    due, ticker = list(jobs(load(AddressSettings).port_offset)), Ticker(load(CronSettings))
    running = [asyncio.ensure_future(ticker.run(job)) for job in due]
    server = await ops.serve(host, port, lambda: show(due, running), lambda: None)
    log.info("ticking", functions=[job.process.name for job in due], port=port)
    await stopping.wait()
    for task in running:
        task.cancel()
    await ticker.close()
    server.close()
    log.info("stopped")


def main() -> None:
    """Parse the arguments and tick."""
    parser = argparse.ArgumentParser(
        prog="python -m bridges.cron", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz and /metrics are served")
    parser.add_argument("--port", type=int, default=41044)
    arguments = parser.parse_args()
    logs.configure("cron", load(FunctionSettings).log_level)
    uvloop.run(run(arguments.host, arguments.port))


if __name__ == "__main__":
    main()
