"""Deliver Kafka records to the functions of one pool, by KafkaSource's rules, until SIGTERM.

Examples:
  python -m bridges.kafka_source --pool fast --port 41041
  python -m bridges.kafka_source --pool slow --port 41042
  python -m bridges.kafka_source --source store --source route-accepted-auth --port 41043
  IMS_TARGET_ROUTE_FAST=http://127.0.0.1:40001,http://127.0.0.1:40002 python -m bridges.kafka_source --pool fast
"""

from __future__ import annotations

import argparse

import uvloop

from bridges.kafka_source import quiet
from bridges.kafka_source.app import choose, run
from bridges.settings import SourceSettings
from shared.runtime import logs
from shared.runtime.settings import FunctionSettings, load


def main() -> None:
    """Parse the arguments and deliver."""
    parser = argparse.ArgumentParser(
        prog="python -m bridges.kafka_source",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pool", choices=("fast", "slow"), help="fast: auth and realtime; slow: all the rest")
    parser.add_argument("--source", action="append", default=[], help="only this source of the map (repeatable)")
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz and /metrics are served")
    parser.add_argument("--port", type=int, default=41041)
    arguments = parser.parse_args()
    try:
        sources = choose(arguments.pool, arguments.source)
    except ValueError as error:
        parser.error(str(error))
    name = f"kafka_source-{arguments.pool or 'chosen'}"
    logs.configure(name, load(FunctionSettings).log_level)
    quiet.install()
    uvloop.run(run(sources, arguments.host, arguments.port, load(SourceSettings)))


if __name__ == "__main__":
    main()
