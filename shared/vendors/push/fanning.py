"""One message to all devices of a user: one hop, one result, and what became of it at each device.

Before the calls begin, a row says of each device that one does; the answers are recorded as they come. So when the
process dies in the middle, whoever asks finds which devices have it and which may have it, and none is called again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.channels.push.payload import PushPayload
from shared.domain.errors import ImsError, Rejected
from shared.domain.ids import parse_reference
from shared.runtime import Context, logs
from shared.stores import devices
from shared.stores import push_devices as store
from shared.stores.push_devices import DeviceResult
from shared.stores.vendors import Entry
from shared.vendors.base import Answer, Outbound
from shared.vendors.push.apps import app_of
from shared.vendors.push.deaths import SUSPECT_S
from shared.vendors.push.service import App, Target, Verdict, verdict_of

AT_ONCE = 64
PATIENCE_S = 1.0
"""Answers are recorded after so long, while others are still to come."""
SPARE_S = 0.5
"""What is left of the time for the record."""

log = logs.get(__name__)


async def perform(ims: Context, entry: Entry, message: Outbound, timeout_s: float) -> Answer:
    """`{"devices": [{"device", "service", "state", "code", …}]}`, whatever the services said."""
    found = parse_reference(message.reference)
    if found is None:
        raise Rejected("1009", "no reference of ours")
    key = found.message_id.bytes, found.hop
    if message.payload is None:
        known = await ims.db(lambda conn: store.results(conn, *key))
        return answer([result for _, result in known])
    payload: PushPayload = message.payload
    app = await app_of(ims, payload.account_id, payload.app)
    targets = await _targets(ims, message, payload, entry.sandbox)
    wanted = [(t.device_id or b"", t.service, t.last) for t in targets]
    taken: dict[bytes, str] = await ims.db(store.begin, *key, wanted, ims.now_ms())
    before = await ims.db(lambda conn: store.results(conn, key[0])) if taken else []
    told = [result for _, result in before if result.device_id in taken]
    going = [t for t in targets if t.device_id not in taken]
    return answer(told + await _all(ims, entry, app, going, message, key, timeout_s - SPARE_S))


async def _targets(ims: Context, message: Outbound, payload: PushPayload, test: bool) -> list[Target]:
    """The devices that may be called now. Raises Rejected (2005, 1007) where there is none."""
    from shared.vendors.push.transport import target_of

    found = await ims.db(lambda conn: devices.behind(conn, payload.account_id, {message.to}, test=test))
    mine = [row for row in found.get(message.to, ()) if row["app"] == payload.app]
    if not mine:
        raise Rejected("2005", "this user has no live device of this app")
    if message.lane == "ad":
        mine = [row for row in mine if row["ads"]]
        if not mine:
            raise Rejected("1007", "no device of this user has consented to advertisements")
    doubted = [row["device_id"] for row in mine if row["state"] == devices.SUSPECT]
    if doubted:
        now = ims.now_ms()
        again = await ims.db(store.ready, doubted, now, SUSPECT_S * 1000)
        mine = [row for row in mine if row["state"] != devices.SUSPECT or row["device_id"] in again]
        if not mine:
            raise Rejected("2005", "every device of this user is suspect: its service calls its token bad")
    return [target_of(row) for row in mine]


async def _all(
    ims: Context, entry: Entry, app: App, targets: Sequence[Target], message: Outbound, key: tuple[bytes, int],
    timeout_s: float,
) -> list[DeviceResult]:  # fmt: skip
    """Call each device; record the answers as they come."""
    limit = asyncio.Semaphore(AT_ONCE)
    entries = {name: await _entry(ims, name, entry) for name in {t.service for t in targets}}
    waiting = {asyncio.create_task(_one(ims, entries[t.service], app, t, message, timeout_s, limit)) for t in targets}
    results: list[DeviceResult] = []
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=PATIENCE_S)
        ready = [task.result() for task in done]
        if ready:
            await ims.db(store.finish, *key, ready)
            results += ready
    return results


async def _entry(ims: Context, service: str, like: Entry) -> Entry | None:
    """The vendor account of a service that goes with the one of `devices`: of the same name, else any that may."""
    fit = [
        e
        for e in await ims.vendors.entries()
        if (e.channel, e.account.vendor, e.sandbox, e.enabled) == ("push", service, like.sandbox, True)
    ]
    return next((e for e in fit if e.account.account == like.account.account), fit[0] if fit else None)


async def _one(
    ims: Context, entry: Entry | None, app: App, target: Target, message: Outbound, timeout_s: float,
    limit: asyncio.Semaphore,
) -> DeviceResult:  # fmt: skip
    async with limit:
        said = await _verdict(ims, entry, app, target, message, timeout_s)
    return DeviceResult(
        target.device_id or b"", target.service, target.last, said.state, said.code, said.raw_code, said.raw_text,
        said.vendor_ref, ims.now_ms(),
    )  # fmt: skip


async def _verdict(
    ims: Context, entry: Entry | None, app: App, target: Target, message: Outbound, timeout_s: float
) -> Verdict:
    from shared.vendors.push.transport import ask

    if entry is None:
        return Verdict("failed", "3005", "", f"no vendor account for {target.service}", whose="app")
    if not await ims.breakers.allows(entry.name):
        return Verdict("unavailable", "3001", "", "the service's breaker is open", retry_after=1.0, whose="vendor")
    try:
        _, said = await ask(ims, entry, app, target, message, timeout_s)
    except ImsError as error:
        said = verdict_of(error)
    except Exception as error:  # one device's answer must not make the others' lost
        log.exception("cannot read what a push service says", vendor=entry.name)
        said = Verdict("uncertain", "0300", "", f"internal: {type(error).__name__}", whose="vendor")
    bad = said.state in ("unavailable", "uncertain") and said.whose == "vendor"
    await ims.breakers.record(entry.name, ok=int(not bad), failed=int(bad))
    return said


def answer(results: Sequence[DeviceResult]) -> Answer:
    """The results as the answer that the adapter reads."""
    return Answer(200, {}, orjson.dumps({"devices": [_shown(result) for result in results]}))


def _shown(result: DeviceResult) -> Mapping[str, Any]:
    return {
        "device": result.device_id.hex(),
        "service": result.service,
        "state": result.state,
        "code": result.code,
        "raw_code": result.raw_code,
        "raw_text": result.raw_text,
        "vendor_ref": result.vendor_ref,
    }
