"""Write knative/, stack.yml, stack.ce.yml, openfaas/, docker/requirements.lock and the tables of docs/deploy/sizing.md.

Examples:
  python -m deploy            write what changed
  python -m deploy --check    write nothing; say what is stale, and fail
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.sizing import GUIDE, guide
from deploy.write import files, stale, write

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Parse the arguments and write or check."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    arguments = parser.parse_args()
    if arguments.check:
        wanted = files(ROOT)
        wrong = [p for p, text in wanted.items() if not (ROOT / p).exists() or (ROOT / p).read_text() != text]
        wrong += stale(ROOT, wanted)
        wrong += [GUIDE] if guide((ROOT / GUIDE).read_text()) != (ROOT / GUIDE).read_text() else []
        if wrong:
            sys.exit("stale, run `make manifests`:\n  " + "\n  ".join(wrong))
    else:
        changed, gone = write(ROOT)
        (ROOT / GUIDE).write_text(guide((ROOT / GUIDE).read_text()))
        print(f"{len(files(ROOT))} files from the map: {changed} changed, {gone} removed")


if __name__ == "__main__":
    main()
