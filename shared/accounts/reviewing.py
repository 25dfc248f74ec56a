"""Operators' word on templates, where a channel's vendors review nothing."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.accounts.identities import Decision
from shared.accounts.template_shapes import FILTERS, conflict, operators_view
from shared.channels.common import Fault
from shared.domain import templates as states
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import operator
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import templates as store
from shared.stores.sql import Connection
from shared.stores.templates import Whole


async def queue(request: Request, ims: Context) -> Response:
    """Templates of all accounts by the state of their newest version; `pending` is what waits."""
    by = await operator(request, ims)
    given = objects.asked(request, "admin templates", by, FILTERS)
    if given.get("state") == "pending":
        given["state"] = states.SUBMITTED
    rows = await ims.db(store.page, None, given.place, given.limit + 1, given)
    return objects.page(given, rows, operators_view, lambda whole: whole.head.template_id)


async def approve(request: Request, ims: Context) -> Response:
    """Let messages use a version: where a channel's vendors review nothing."""
    return await _decide(request, ims, states.APPROVED)


async def reject(request: Request, ims: Context) -> Response:
    """Refuse a version, with the reason that the account reads among the comments."""
    return await _decide(request, ims, states.REJECTED)


async def _decide(request: Request, ims: Context, state: str) -> Response:
    by = await operator(request, ims)
    template = reading.path_id(request, "id", reading.uuid, "template")

    async def faults(wish: Decision) -> list[Fault]:
        missing = state == states.REJECTED and not wish.reason
        return [Fault("/reason", "required", "the account must know why")] if missing else []

    wish = await reading.body(request, Decision, faults)
    try:
        whole = await audited(
            ims, by, lambda done: _decision(state, wish, done), _decided,
            template.bytes, state, wish, str(by), ims.now_ms(),
        )  # fmt: skip
    except store.Refused as error:
        raise conflict(error) from error
    return objects.shown(operators_view(whole))


def _decision(state: str, wish: Decision, whole: Whole) -> Deed:
    named, about = f"template:{UUID(bytes=whole.head.template_id)}", (whole.head.account_id, whole.username)
    return Deed(f"template.{state}", named, after=operators_view(whole), purpose=wish.reason, about=about)


def _decided(conn: Connection, template_id: bytes, state: str, wish: Decision, by: str, now_ms: int) -> Whole:
    found = store.versions(conn, template_id)
    if not found:
        raise reading.not_found("template")
    newest = found[0].version.version
    if wish.version is not None and wish.version != newest:
        raise Problem(409, f"It is at version {newest} now; read it again.", kind="other-version", version=newest)
    comments = [{"by": by, "text": wish.reason, "at": iso(now_ms)}] if wish.reason else []
    whole = store.vendor_said(conn, template_id, newest, "", state, comments, now_ms)
    if whole is None:
        raise reading.not_found("template")
    return whole
