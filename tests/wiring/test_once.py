"""Every POST takes an Idempotency-Key, or it is said why it need not."""

from __future__ import annotations

from shared import flow
from tests.wiring.functions import loaded

OWN_WAY = {f"POST /v1/{channel}/messages" for channel in flow.CHANNELS}
"""Accepting keeps its keys in Redis (shared/accepting/keys.py)."""
MAKES_NOTHING = {
    "POST /v1/callbacks/test": "a call whose answer is shown, each time anew",
    "POST /v1/identities/{id}/check": "looks at DNS now",
    "POST /v1/templates/{code}/preview": "only shows",
    "POST /v1/admin/secrets/rotate": "finds nothing to do the second time",
}


def test_every_post_of_a_caller_takes_an_idempotency_key() -> None:
    found = {
        f"POST {route.path}": getattr(route.handler, "once", False)
        for f in flow.FLOW
        if not f.handles
        for route in loaded(f.name).routes
        if route.method == "POST" and route.scopes
    }
    assert {name for name, keyed in found.items() if not keyed} == OWN_WAY | MAKES_NOTHING.keys()
