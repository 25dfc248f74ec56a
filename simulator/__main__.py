"""`python -m simulator --port 41090`"""

from __future__ import annotations

import argparse
import gc

import uvicorn

from simulator.app import Simulator
from simulator.settings import SimulatorSettings

YOUNG = 50_000
"""Hundreds of thousands of remembered messages make frequent garbage collection the dearest part of the work."""


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="simulator", description="Vendors that can misbehave on demand.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=41090)
    options = parser.parse_args()
    gc.set_threshold(YOUNG, 20, 50)
    uvicorn.run(
        Simulator(SimulatorSettings()),
        host=options.host,
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
        backlog=4096,
    )


if __name__ == "__main__":
    main()
