"""Run several functions, and the bridges that feed them, in one process until SIGTERM.

Examples:
  python -m bridges.host fast
  python -m bridges.host --part route-fast --part send_mt-fast --part kafka_source-fast
"""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

import uvloop

from bridges.host import parts
from bridges.kafka_source import quiet
from shared import flow
from shared.runtime import descriptors, logs
from shared.runtime.__main__ import CALM
from shared.runtime.host import Host
from shared.runtime.settings import FunctionSettings, load


def port(text: str) -> tuple[str, int]:
    """NAME=PORT."""
    name, _, number = text.partition("=")
    return name, int(number)


async def run(chosen: list[str], arguments: argparse.Namespace) -> int:
    """The exit code of a host."""
    made = parts.build(chosen, arguments.host, dict(arguments.port), arguments.logs)
    return await Host(made, arguments.stopped).run()


def main() -> None:
    """Parse the arguments and host."""
    descriptors.raise_limit()
    gc.set_threshold(*CALM)
    parser = argparse.ArgumentParser(
        prog="python -m bridges.host", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=flow.HOSTS, help="a host of the map")
    parser.add_argument("--part", action="append", default=[], choices=parts.names(), help="a function or bridge")
    parser.add_argument("--stopped", action="append", default=[], help="a part that is started only when asked to be")
    parser.add_argument("--host", default="127.0.0.1", help="where the parts listen")
    parser.add_argument("--port", action="append", default=[], type=port, help="NAME=PORT of a part, not the map's")
    parser.add_argument("--logs", type=Path, help="a folder for a log of each part; without it all write to stdout")
    arguments = parser.parse_args()
    chosen = arguments.part or (parts.of_host(arguments.name) if arguments.name else [])
    if not chosen:
        parser.error("say which host, or which parts")
    logs.configure(f"host-{arguments.name or 'chosen'}", load(FunctionSettings).log_level)
    quiet.install()
    sys.exit(uvloop.run(run(chosen, arguments)))


if __name__ == "__main__":
    main()
