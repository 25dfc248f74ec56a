"""Write the clients of clients/ from the OpenAPI document: `python -m local.clients` (or `make clients`)."""

from __future__ import annotations

from collections.abc import Callable

from local.clients import python, typescript
from local.docs import openapi
from local.home import ROOT

OUTPUTS: dict[str, Callable[[openapi.Json], str]] = {
    "clients/python/ims_client/__init__.py": python.text,
    "clients/typescript/ims.js": typescript.script,
    "clients/typescript/ims.d.ts": typescript.types,
}


def main() -> None:
    """Write what is not as the document says."""
    document = openapi.document()
    for name, make in OUTPUTS.items():
        path, text = ROOT / name, make(document)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {name}")


if __name__ == "__main__":
    main()
