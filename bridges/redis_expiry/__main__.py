"""Wake report_retry when a report's time has come, until SIGTERM.

Examples:
  python -m bridges.redis_expiry --port 41043
  IMS_TARGET_REPORT_RETRY=http://127.0.0.1:41161,http://127.0.0.1:41162 python -m bridges.redis_expiry
  K_SINK=http://report-retry.ims.svc.cluster.local python -m bridges.redis_expiry --host 0.0.0.0
"""

from __future__ import annotations

import argparse

import uvloop

from bridges import ops
from bridges.redis_expiry.app import App
from shared.runtime import logs
from shared.runtime.settings import FunctionSettings, load


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m bridges.redis_expiry",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz and /metrics are served")
    parser.add_argument("--port", type=int, default=41043)
    arguments = parser.parse_args()
    logs.configure("redis_expiry", load(FunctionSettings).log_level)
    uvloop.run(ops.run(App, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
