"""`/v1/admin/vendors`: each vendor account by channel: health, breaker, share; changing, draining and testing it."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts.at_rest import VendorPlace, VendorSettings, changed_settings
from shared.accounts.secrets import ring
from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Operator, operator
from shared.following import reading
from shared.operating.common import DAY_MINUTES, MINUTE_MS, WEEK_MINUTES, Json, Reason, dry, said, stop_view
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.runtime.redis import away
from shared.stores import operating as store
from shared.stores import stops
from shared.stores.operating import VendorRow
from shared.stores.sql import Connection
from shared.stores.stops import Stop
from shared.watch.checks.work import VENDOR_FAULTS

HOUR_MS = 3_600_000
TEST_SECONDS = 5.0
Results = dict[tuple[str, str], int]


class Change(Content):
    """What changes of a vendor account; without `channel`, on each of its channels. A setting that is null goes."""

    channel: str | None = None
    weight: Annotated[int, Field(ge=1, le=10_000)] | None = None
    enabled: bool | None = None
    settings: dict[str, Any] | None = None
    reason: Reason | None = None


class Drain(Content):
    """Why, and for how long. `confirm`: `vendor/account`, where a channel has no other open account."""

    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=WEEK_MINUTES)] = DAY_MINUTES
    channel: str | None = None
    confirm: str | None = None


class Undrain(Content):
    """Which channel; without it, each."""

    channel: str | None = None


# --- looking ----------------------------------------------------------------------------------------------------------


async def list_all(request: Request, ims: Context) -> Response:
    """Every vendor account by channel: breaker, results of the last two hours, share of what is new there."""
    await operator(request, ims)
    given = reading.query(request, {"channel": reading.channel, "vendor": reading.vendor})
    views = await shown(ims, await ims.db(known, ims.now_ms()))
    wanted = [one for one in views if all(one[name] == value for name, value in given.items())]
    return reading.answer({"items": wanted, "next": None})


Known = tuple[list[VendorRow], dict[str, Stop], dict[tuple[str, str, str], Results]]


def known(conn: Connection, now_ms: int) -> Known:
    """All accounts, drains by name, results of the last two hours."""
    drains = {stop.object: stop for stop in stops.holding(conn, now_ms, stops.VENDOR)}
    return store.vendors(conn), drains, store.vendor_results(conn, now_ms - 2 * HOUR_MS)


async def shown(ims: Context, found: Known) -> list[Json]:
    """Vendor accounts as operators see them."""
    rows, drains, results = found
    parts = shares(rows, drains)
    breakers = {row.name: await _breaker(ims, row.name) for row in rows}
    return [
        {
            **_view(row),
            "drained": stop_view(drains[row.name]) if row.name in drains else None,
            "share": parts[row.name],
            "breaker": breakers[row.name],
            "health": health(results.get((row.vendor, row.account, row.channel), {})),
        }
        for row in rows
    ]


def _view(row: VendorRow) -> Json:
    place = VendorPlace(row.channel, row.vendor, row.account)
    return {
        "vendor": row.vendor,
        "account": row.account,
        "channel": row.channel,
        "weight": row.weight,
        "enabled": bool(row.enabled),
        "sandbox": bool(row.sandbox),
        "base_url": row.base_url,
        "settings": VendorSettings(orjson.loads(row.settings), place).shown(iso),
    }


def shares(rows: list[VendorRow], drains: dict[str, Stop]) -> dict[str, float]:
    """Which part of a channel's new messages each account gets while all breakers are closed."""
    weights = {row.name: max(1, row.weight) if row.enabled and row.name not in drains else 0 for row in rows}
    totals: dict[tuple[str, int], int] = {}
    for row in rows:
        totals[row.channel, row.sandbox] = totals.get((row.channel, row.sandbox), 0) + weights[row.name]
    return {row.name: round(weights[row.name] / (totals[row.channel, row.sandbox] or 1), 4) for row in rows}


def health(results: Results) -> Json:
    """Results by code, and which part of them is the vendor's fault."""
    total = sum(results.values())
    faults = sum(n for (_, code), n in results.items() if code in VENDOR_FAULTS)
    codes: dict[str, int] = {}
    for (_, code), n in results.items():
        codes[code] = codes.get(code, 0) + n
    return {
        "results": total,
        "faults": faults,
        "success": round(1 - faults / total, 4) if total else None,
        "codes": codes,
    }


async def _breaker(ims: Context, name: str) -> Json:
    state, retry_ms = await ims.breakers.look(name)
    return {"state": state, "next_probe": iso(retry_ms)}


# --- changing ---------------------------------------------------------------------------------------------------------


async def change(request: Request, ims: Context) -> Response:
    """Change weight, switch or settings of a vendor account; settings are written and never read. The dry run shows the
    shares as they would be."""
    who, only_shown = await operator(request, ims), dry(request)
    vendor, account = _named(request)

    async def faults(wish: Change) -> list[Fault]:
        wrong = [] if wish.reason is None else said(wish.reason)
        masks = [n for n, v in (wish.settings or {}).items() if isinstance(v, dict) and "fingerprint" in v]
        wrong += [
            Fault(f"/settings/{n}", "format", "a mask is no value: leave the setting out to keep it") for n in masks
        ]
        return (
            wrong if wish.model_fields_set - {"channel", "reason"} else [*wrong, Fault("", "required", "what changes?")]
        )

    wish = await reading.body(request, Change, faults)

    def work(conn: Connection) -> tuple[list[VendorRow], list[VendorRow]]:
        before = _found(store.vendor(conn, vendor, account, "FOR UPDATE"), wish.channel)
        after = [_changed(row, wish, ims.now_ms()) for row in before]
        if not only_shown:
            for row in after:
                store.change_vendor(conn, row)
        return before, after

    if only_shown:
        return await _effect(ims, (await ims.db(work))[1], {})

    def deed(done: tuple[list[VendorRow], list[VendorRow]]) -> Deed:
        before, after = ([_view(row) for row in rows] for rows in done)
        return Deed("vendor.change", f"vendor:{vendor}/{account}", before, after, wish.reason)

    await audited(ims, who, deed, work)
    return await _those(ims, vendor, account)


def _changed(row: VendorRow, wish: Change, now_ms: int) -> VendorRow:
    weight = row.weight if wish.weight is None else wish.weight
    enabled = row.enabled if wish.enabled is None else int(wish.enabled)
    text = row.settings
    if wish.settings:
        place = VendorPlace(row.channel, row.vendor, row.account)
        kept = changed_settings(ring(), orjson.loads(row.settings), wish.settings, place, now_ms)
        text = orjson.dumps(kept).decode()
    return row._replace(weight=weight, enabled=enabled, settings=text)


async def _effect(ims: Context, after: list[VendorRow], drains: dict[str, Stop]) -> Response:
    """Shares of the channels as they are, and as they would be."""
    rows, now, _ = await ims.db(known, ims.now_ms())
    new = {row.name: row for row in after}
    then = shares([new.get(row.name, row) for row in rows], {**now, **drains})
    before, channels = shares(rows, now), {row.channel for row in after}
    items = [
        {"vendor": r.vendor, "account": r.account, "channel": r.channel, "share": before[r.name], "then": then[r.name]}
        for r in rows
        if r.channel in channels
    ]
    return reading.answer({"dry_run": True, "items": items})


async def drain(request: Request, ims: Context) -> Response:
    """Give a vendor account nothing new; what it has goes on, its receipts count, it is asked about the uncertain."""
    who, only_shown = await operator(request, ims), dry(request)
    vendor, account = _named(request)

    async def faults(wish: Drain) -> list[Fault]:
        return said(wish.reason)

    wish = await reading.body(request, Drain, faults)
    now = ims.now_ms()

    def stop(row: VendorRow) -> Stop:
        until = now + wish.minutes * MINUTE_MS
        return Stop(stops.VENDOR, row.name, wish.reason.strip(), who.actor.name, "", now, until)

    def work(conn: Connection) -> list[VendorRow]:
        rows = _found(store.vendor(conn, vendor, account, "FOR UPDATE"), wish.channel)
        if not only_shown:
            _not_last(conn, rows, wish.confirm == f"{vendor}/{account}", now)
            for row in rows:
                stops.put(conn, stop(row))
        return rows

    if only_shown:
        rows = await ims.db(work)
        return await _effect(ims, rows, {row.name: stop(row) for row in rows})

    def deed(rows: list[VendorRow]) -> Deed:
        names = [row.name for row in rows]
        return Deed("vendor.drain", f"vendor:{vendor}/{account}", after=names, purpose=wish.reason)

    await audited(ims, who, deed, work)
    return await _those(ims, vendor, account)


def _not_last(conn: Connection, rows: list[VendorRow], confirmed: bool, now_ms: int) -> None:
    everybody, drains, _ = known(conn, now_ms)
    going = {row.name for row in rows}
    for row in rows:
        others = [
            other
            for other in everybody
            if (other.channel, other.sandbox) == (row.channel, row.sandbox)
            and other.enabled
            and other.name not in drains
            and other.name not in going
        ]
        if not others and not confirmed:
            raise Problem(
                409,
                f"No other account would be open on {row.channel}: its messages would wait and then fail. "
                f'Say "confirm": "{row.vendor}/{row.account}" if that is meant.',
                kind="last-open",
            )


async def undrain(request: Request, ims: Context) -> Response:
    """Give a vendor account new messages again."""
    who, only_shown = await operator(request, ims), dry(request)
    vendor, account = _named(request)
    wish = await reading.body(request, Undrain)

    def work(conn: Connection) -> list[str]:
        rows = _found(store.vendor(conn, vendor, account, "FOR UPDATE"), wish.channel)
        return [row.name for row in rows if only_shown or stops.end(conn, stops.VENDOR, row.name)]

    if only_shown:
        return reading.answer({"dry_run": True, "items": await ims.db(work)})
    deed = Deed("vendor.undrain", f"vendor:{vendor}/{account}")
    await audited(ims, who, lambda names: deed if names else None, work)
    return await _those(ims, vendor, account)


async def reset(request: Request, ims: Context) -> Response:
    """Close a vendor account's breakers by hand: its vendor is called again at once."""
    who = await operator(request, ims)
    vendor, account = _named(request)
    rows = await _present(ims, vendor, account)
    try:
        for row in rows:
            await ims.breakers.reset(row.name)
    except away() as error:
        raise Problem(503, "Redis holds the breakers, and does not answer.", retry_after=5) from error
    deed = Deed("vendor.reset", f"vendor:{vendor}/{account}", after=[row.name for row in rows])
    await audited(ims, who, deed, lambda _: None)
    return await _those(ims, vendor, account)


async def test(request: Request, ims: Context) -> Response:
    """Whether a vendor's address answers, and how fast; nothing is sent to anybody."""
    who = await operator(request, ims)
    vendor, account = _named(request)
    rows = await _present(ims, vendor, account)
    items = [{"channel": row.channel, **await _reached(ims, row.base_url)} for row in rows]
    await _noted(ims, who, f"vendor:{vendor}/{account}", items)
    return reading.answer({"items": items})


async def _noted(ims: Context, who: Operator, name: str, items: list[Json]) -> None:
    await audited(ims, who, Deed("vendor.test", name, after=items), lambda _: None)


async def _reached(ims: Context, url: str) -> Json:
    began = time.monotonic()
    if urlsplit(url).scheme not in ("http", "https"):
        return {"reached": None, "status": None, "ms": None, "detail": "not an HTTP address; see its breaker"}
    try:
        async with ims.http.stream("GET", url, timeout=TEST_SECONDS) as answer:
            status = answer.status_code
    except Exception as error:  # whatever the client raises: it was not reached
        return {"reached": False, "status": None, "ms": _ms(began), "detail": type(error).__name__}
    return {"reached": True, "status": status, "ms": _ms(began), "detail": None}


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["vendor"], request.path_params["account"]


def _found(rows: list[VendorRow], channel: str | None) -> list[VendorRow]:
    wanted = [row for row in rows if channel in (None, row.channel)]
    if rows and not wanted:
        known = ", ".join(row.channel for row in rows)
        raise reading.invalid([Fault("/channel", "not_found", f"this account serves: {known}")])
    if not wanted:
        raise reading.not_found("vendor account")
    return wanted


async def _present(ims: Context, vendor: str, account: str) -> list[VendorRow]:
    return _found(await ims.db(store.vendor, vendor, account), None)


async def _those(ims: Context, vendor: str, account: str) -> Response:
    views = await shown(ims, await ims.db(known, ims.now_ms()))
    return reading.answer({"items": [one for one in views if (one["vendor"], one["account"]) == (vendor, account)]})
