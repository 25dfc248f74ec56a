"""Write every generated document: `python -m local.docs` (or `make docs`); `--check` only names the stale ones.

Examples:
  python -m local.docs
  python -m local.docs --check
  python -m local.docs.record        # with `ims up`: records docs/examples/ anew, then run `make docs`
"""

from __future__ import annotations

import argparse
import sys

from local.docs.outputs import OUTPUTS, stale
from local.home import ROOT


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something is stale")
    arguments = parser.parse_args()
    changed = stale()
    for name in changed:
        if not arguments.check:
            (ROOT / name).write_text(OUTPUTS[name](), encoding="utf-8")
        print(f"{'stale' if arguments.check else 'written'}: {name}")
    return 1 if changed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
