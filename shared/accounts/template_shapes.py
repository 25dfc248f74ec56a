"""Templates as their account, and operators, see them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.following import reading
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import templates as store
from shared.stores.templates import Whole

Json = dict[str, Any]
FILTERS: dict[str, reading.Reader] = {"channel": reading.channel, "code": str, "state": str}
"""By what a list may be filtered."""


def view(whole: Whole) -> Json:
    """A template with one version, the newest unless another was asked for."""
    head, version = whole.head, whole.version
    return {
        "id": str(UUID(bytes=head.template_id)),
        "channel": head.channel,
        "code": head.code,
        "name": head.name,
        "version": version.version,
        "state": version.state,
        "states": version.states,
        "in_use": head.used,
        "content": version.content,
        "variables": version.variables,
        "comments": version.comments,
        "created_at": iso(version.created_ms),
        "updated_at": iso(version.updated_ms),
    }


def operators_view(whole: Whole) -> Json:
    """With the account that it belongs to."""
    return {"username": whole.username, **view(whole)}


def conflict(error: store.Refused) -> Problem:
    """The 409 for a step that does not follow."""
    return Problem(409, f"A version is {error.state}; this step does not follow that.", kind="wrong-state")
