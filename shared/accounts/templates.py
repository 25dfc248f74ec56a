"""`/v1/templates`: versions, preview, submission."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts import submission
from shared.accounts.template_shapes import FILTERS, conflict, view
from shared.channels import CHANNEL_NAMES, MODULES
from shared.channels import common as channels
from shared.channels.common import Channel, Fault, Refused
from shared.channels.schema import Content
from shared.domain import templates as states
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import new_request_id
from shared.stores import templates as store
from shared.stores.templates import Head, Version, Whole

MAX_NAME, MAX_CONTENT = 200, 100_000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch

Json = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class New(Content):
    """A template's first version."""

    channel: Annotated[str, Field(max_length=16)] | None = None
    code: Annotated[str, Field(max_length=64)] | None = None
    name: Name | None = None
    content: dict[str, Any] | None = None


class Draft(Content):
    """The next version."""

    name: Name | None = None
    content: dict[str, Any] | None = None


class Preview(Content):
    """Values to look at a version with; without `version` the newest."""

    variables: dict[str, str] = Field(default={})
    version: int | None = None


def _channel(name: str) -> Channel:
    """The channel; one that is not built yet has no rules of its own."""
    return channels.channel(name) if name in MODULES else Channel()


def _content(name: str | None, content: Json | None) -> tuple[list[Fault], list[str]]:
    if not content:
        return [Fault("/content", "required", "the channel's fields")], []
    if len(reading.answer(content).body) > MAX_CONTENT:
        return [Fault("/content", "range", f"at most {MAX_CONTENT} bytes of JSON")], []
    if name not in CHANNEL_NAMES and name not in MODULES:
        return [], []
    faults, variables = _channel(str(name)).template_content(content)
    placed = [Fault(f"/content{f.pointer}", f.code, f.detail) for f in faults]
    return placed, list(variables)


async def create(request: Request, ims: Context) -> Response:
    """A first draft; 201."""
    who = await caller(request, ims)
    variables: list[str] = []

    async def faults(wish: New) -> list[Fault]:
        nonlocal variables
        found = [Fault(f"/{n}", "required", "must be given") for n in ("channel", "code") if not getattr(wish, n)]
        if wish.channel and wish.channel not in CHANNEL_NAMES and wish.channel not in MODULES:
            found.append(Fault("/channel", "unknown_channel", f"channels are: {', '.join(CHANNEL_NAMES)}"))
        if wish.code and not _CODE(wish.code):
            found.append(Fault("/code", "format", "letters, digits, dots, dashes and underlines, at most 64"))
        wrong, variables = _content(wish.channel, wish.content)
        return found + wrong

    wish = await reading.body(request, New, faults)
    now = ims.now_ms()
    template_id = new_request_id(now).bytes
    channel, code = wish.channel or "", wish.code or ""
    head = Head(template_id, who.account.account_id, channel, code, wish.name or code, 1, None, now, now)
    version = _version(template_id, wish.content or {}, variables, now)
    made = Whole(head, version)
    deed = Deed("template.create", _named(made), after=view(made))
    if not await audited(ims, who, lambda added: deed if added else None, store.add, head, version):
        (there,) = await ims.db(store.by_code, head.account_id, code, channel)
        raise objects.exists("template", str(UUID(bytes=there.head.template_id)))
    return objects.shown(view(made), 201)


def _named(whole: Whole) -> str:
    return f"template:{UUID(bytes=whole.head.template_id)}"


def _version(template_id: bytes, content: Json, variables: Sequence[str], now_ms: int) -> Version:
    return Version(template_id, 1, states.DRAFT, {}, content, list(variables), [], now_ms, now_ms)


async def list_all(request: Request, ims: Context) -> Response:
    """The account's templates with their newest version; `state` is that one's."""
    who = await caller(request, ims)
    given = objects.asked(request, "templates", who.mark, FILTERS)
    rows = await ims.db(store.page, who.account.account_id, given.place, given.limit + 1, given)
    return objects.page(given, rows, view, lambda whole: whole.head.template_id)


async def _mine(request: Request, ims: Context, who: Caller) -> Whole:
    given = reading.query(request, {"channel": reading.channel})
    code = request.path_params["code"]
    known = code.isascii() and len(code) <= 64
    found = await ims.db(store.by_code, who.account.account_id, code, given.get("channel")) if known else []
    if not found:
        raise reading.not_found("template")
    if len(found) > 1:
        raise reading.invalid([Fault("/channel", "required", "several channels have this code")])
    return found[0]


async def show(request: Request, ims: Context) -> Response:
    """The newest version; `in_use` is the number of the one that messages use."""
    who = await caller(request, ims)
    return objects.shown(view(await _mine(request, ims, who)))


async def list_versions(request: Request, ims: Context) -> Response:
    """All versions, the newest first."""
    who = await caller(request, ims)
    whole = await _mine(request, ims, who)
    found = await ims.db(store.versions, whole.head.template_id)
    return reading.answer({"items": [view(one) for one in found], "next": None})


async def change(request: Request, ims: Context) -> Response:
    """Make the next draft; the version in use stays usable."""
    who = await caller(request, ims)
    before = await _mine(request, ims, who)
    objects.matches(request, before.head.latest)
    variables: list[str] = before.version.variables

    async def faults(wish: Draft) -> list[Fault]:
        nonlocal variables
        if "content" not in wish.model_fields_set:
            return [Fault("/content", "required", "the channel's fields")]
        wrong, variables = _content(before.head.channel, wish.content)
        return wrong

    wish = await reading.body(request, Draft, faults)
    version = _version(before.head.template_id, wish.content or {}, variables, ims.now_ms())
    whole = await audited(
        ims, who, lambda done: done and Deed("template.change", _named(done), view(before), view(done)),
        store.next_version, before.head, version, wish.name, ims.now_ms(),
    )  # fmt: skip
    if whole is None:
        raise reading.not_found("template")
    return objects.shown(view(whole))


async def preview(request: Request, ims: Context) -> Response:
    """What the handset would show, with type and length; 422 names each variable that is missing."""
    who = await caller(request, ims)
    whole = await _mine(request, ims, who)
    wish = await reading.body(request, Preview)
    if wish.version is not None:
        found = await ims.db(store.versions, whole.head.template_id, wish.version)
        if not found:
            raise reading.not_found("version")
        whole = found[0]
    missing = [n for n in whole.version.variables if n not in wish.variables]
    if missing:
        raise reading.invalid([Fault(f"/variables/{n}", "required", "the template names it") for n in missing])
    try:
        shown = _channel(whole.head.channel).template_preview(whole.version.content, wish.variables)
    except Refused as error:
        raise reading.invalid([Fault(error.pointer, error.code, error.detail)]) from error
    return reading.answer({"version": whole.version.version, **shown})


async def submit(request: Request, ims: Context) -> Response:
    """Hand the newest draft in: to the vendors that review this channel's templates, else to our operators."""
    who = await caller(request, ims)
    before = await _mine(request, ims, who)
    wrong, _ = _content(before.head.channel, before.version.content)
    if wrong:
        raise reading.invalid(wrong)
    try:
        whole = await audited(
            ims, who, lambda done: done and Deed("template.submit", _named(done), after=view(done)), store.submit,
            who.account.account_id, before.head.template_id, ims.now_ms(),
        )  # fmt: skip
    except store.Refused as error:
        raise conflict(error) from error
    if whole is None:
        raise reading.not_found("template")
    await submission.hand_in(ims, whole)
    return objects.shown(view(await _mine(request, ims, who)))


async def remove(request: Request, ims: Context) -> Response:
    """Remove a template with its versions; what was accepted with it goes on."""
    who = await caller(request, ims)
    whole = await _mine(request, ims, who)
    await audited(ims, who, Deed("template.remove", _named(whole), view(whole)), store.remove, whole.head.template_id)
    return Response(status_code=204)
