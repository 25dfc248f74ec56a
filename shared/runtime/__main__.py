"""Run one function: `python -m shared.runtime --function api_mt --port 30401`.

Examples:
  python -m shared.runtime --function api_mt
  IMS_POOL=fast python -m shared.runtime --function route --port 40001
"""

from __future__ import annotations

import argparse
import gc
import os

from shared.runtime import descriptors, logs
from shared.runtime.settings import FunctionSettings, load

CALM = 50_000, 20, 20
"""Thresholds of the garbage collector: neither imports nor a batch are a reason to run."""


def banner() -> str:
    """IMS in the font "jerusalem", capitals only."""
    from pyfiglet import figlet_format

    return str(figlet_format("IMS", font="jerusalem", direction="left-to-right")).rstrip()


def main() -> None:
    """Parse the arguments and serve until SIGTERM."""
    gc.set_threshold(*CALM)
    descriptors.raise_limit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--function", default=os.environ.get("IMS_FUNCTION"), help="a folder of functions/")
    parser.add_argument("--host", default=os.environ.get("HOST", "0.0.0.0"))  # noqa: S104 - a container's port
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8080")))
    arguments = parser.parse_args()
    if not arguments.function:
        parser.error("name a function: --function api_mt")
    logs.configure(arguments.function, load(FunctionSettings).log_level)
    print(banner(), flush=True)

    import uvloop

    from shared.runtime.host import serve_until_signal

    uvloop.run(serve_until_signal(arguments.function, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
