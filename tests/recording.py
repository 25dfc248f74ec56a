"""Examples of the OpenAPI document, recorded by passing tests: `IMS_RECORD=1 pytest tests/integration/test_people.py`.

The first success, also of another status, and the first refusal of each operation are kept; one that is there already
stays. Secrets that an answer shows once, and the tokens of links, are blanked.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from local.docs import generated
from local.docs.openapi import BASE_FILE, EXAMPLES
from local.docs.text import from_yaml
from shared.runtime import Route

SECRETS = re.compile(r"(ims_(?:live|test|admin)_|whsec_)[A-Za-z0-9_+/=-]{16,}")
BLANKED = frozenset({"csrf", "secret", "uri", "recovery_codes", "password", "current", "code"})
Json = dict[str, Any]
_hand_written: dict[str, Any] | None = None


def record(route: Route, path: str, body: Any, status: int, headers: Json, said: Any) -> None:
    """Keep a call, where that is wanted and its operation is not written by hand."""
    global _hand_written
    if not os.environ.get("IMS_RECORD") or status >= 500:
        return
    if _hand_written is None:
        _hand_written = from_yaml(BASE_FILE.read_text(encoding="utf-8"))["paths"]
    if route.method.lower() in _hand_written.get(route.path, {}):
        return
    name = "done" if status < 400 else "refused"
    file = EXAMPLES / f"{generated.operation_id(route)}.{name}.json"
    if name == "done" and file.exists() and json.loads(file.read_text("utf-8"))["response"]["status"] != status:
        file = file.with_name(f"{generated.operation_id(route)}.done_{status}.json")
    if file.exists():
        return
    shown = path if "{token}" not in route.path else route.path.replace("{token}", "…")
    kind = headers.get("content-type")
    call = {
        "request": {"method": route.method, "path": shown, "headers": {}, "body": blanked(body)},
        "response": {
            "status": status,
            "headers": {"content-type": kind} if kind and said not in (None, {}, "") else {},
            "body": blanked(said) if said not in ({}, "") else None,
        },
    }
    file.write_text(json.dumps(call, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def blanked(value: Any) -> Any:
    """Without secrets."""
    if isinstance(value, list):
        return [blanked(one) for one in value]
    if isinstance(value, dict):
        return {k: _hidden(v) if k in BLANKED else blanked(v) for k, v in value.items()}
    return SECRETS.sub(r"\1…", value) if isinstance(value, str) else value


def _hidden(value: Any) -> Any:
    if isinstance(value, list):
        return ["…" for _ in value]
    return "…" if isinstance(value, str) else value
