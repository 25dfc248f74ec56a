"""Send ticks to the functions with a Cron trigger, by PingSource's rules, until SIGTERM.

A function that is due every minute also gets a tick at the start.

Examples:
  python -m bridges.cron --port 41044
  IMS_TARGET_SCHEDULE=http://127.0.0.1:41201 python -m bridges.cron
"""

from __future__ import annotations

import argparse

import uvloop

from bridges import ops
from bridges.cron.app import App
from shared.runtime import logs
from shared.runtime.settings import FunctionSettings, load


def main() -> None:
    """Parse the arguments and tick."""
    parser = argparse.ArgumentParser(
        prog="python -m bridges.cron", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz and /metrics are served")
    parser.add_argument("--port", type=int, default=41044)
    arguments = parser.parse_args()
    logs.configure("cron", load(FunctionSettings).log_level)
    uvloop.run(ops.run(App, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
