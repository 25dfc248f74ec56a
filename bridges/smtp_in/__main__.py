"""Take mails that come to return paths, and hand them to api_receipt, until SIGTERM.

Examples:
  python -m bridges.smtp_in --port 41047
  IMS_SMTP_IN_PORT=2525 IMS_TARGET_API_RECEIPT=http://127.0.0.1:41121 python -m bridges.smtp_in
"""

from __future__ import annotations

import argparse

import uvloop

from bridges import ops
from bridges.smtp_in.app import App
from shared.runtime import logs
from shared.runtime.settings import FunctionSettings, load


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m bridges.smtp_in", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz and /metrics are served, and mails taken")
    parser.add_argument("--port", type=int, default=41047, help="of /healthz and /metrics")
    arguments = parser.parse_args()
    logs.configure("smtp_in", load(FunctionSettings).log_level)
    uvloop.run(ops.run(lambda: App(host=arguments.host), arguments.host, arguments.port))


if __name__ == "__main__":
    main()
