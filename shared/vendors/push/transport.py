"""The transport of push messages: one call for a token, or one for each device of a user, with the app's own keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.channels.push.addresses import kind_of
from shared.channels.push.payload import PushPayload
from shared.domain.errors import ClientWaits, ImsError, Rejected
from shared.runtime import Context
from shared.sending.calls import exchange
from shared.stores import devices as store
from shared.stores.vendors import Entry
from shared.vendors.base import Answer, Outbound
from shared.vendors.push import fanning
from shared.vendors.push.apps import app_of
from shared.vendors.push.deaths import told
from shared.vendors.push.service import App, PushCall, Service, Target, Verdict
from shared.vendors.push.tokens import keyring


async def perform(ims: Context, call: PushCall, vendor: str, timeout_s: float) -> Answer:
    """Make the calls that a message needs; raises as `shared/sending/calls.py:exchange`."""
    entry = await ims.vendors.get("push", vendor, call.account.account)
    if entry is None:
        raise Rejected("3004", "no such vendor account")
    if kind_of(call.message.to) == "user":
        return await fanning.perform(ims, entry, call.message, timeout_s)
    payload: PushPayload = call.message.payload
    app = await app_of(ims, payload.account_id, payload.app)
    target = await direct(ims, call.message, entry.sandbox)
    return (await ask(ims, entry, app, target, call.message, timeout_s))[0]


async def direct(ims: Context, message: Outbound, test: bool) -> Target:
    """A token as a target. What is on record of it is looked up where it matters: keys, language, consent."""
    payload: PushPayload = message.payload
    kind, _, token = message.to.partition(":")
    if kind != "webpush" and not payload.localized and message.lane != "ad":
        return Target(kind, token)
    found = await ims.db(lambda conn: store.behind(conn, payload.account_id, {message.to}, test=test))
    mine = [row for row in found.get(message.to, ()) if row["app"] == payload.app]
    if not mine:
        if kind == "webpush":
            raise Rejected("2005", "the subscription is not on record any more")
        if message.lane == "ad":
            raise Rejected("1007", "no device on record has consented to advertisements")
        return Target(kind, token)
    if message.lane == "ad" and not mine[0]["ads"]:
        raise Rejected("1007", "the device has not consented to advertisements")
    return target_of(mine[0])


def target_of(row: Any) -> Target:
    """A device's row."""
    token = row["token"] if row["kind"] != "webpush" else row["device_id"].hex()
    return Target(
        row["kind"], token, row["device_id"], row["subscription"], row["environment"], row["language"],
        row["registered_ms"],
    )  # fmt: skip


async def ask(
    ims: Context, entry: Entry, app: App, target: Target, message: Outbound, timeout_s: float
) -> tuple[Answer, Verdict]:
    """Send to one device, with a new token if the first is refused, and at its other host if it is none here; note
    what the answer means for the device and the app. Raises as `exchange`."""
    service: Service = entry.adapter  # type: ignore[assignment]
    keys = keyring(ims)
    if (wait := keys.resting(service, app, target, entry.account)) > 0:
        raise ClientWaits(f"{service.name} told this app to wait", wait)
    try:
        answer, said = await _once(ims, entry, app, target, message, timeout_s)
    except Rejected as error:
        if error.raw_code in ("EXPIRED", "BAD_KEYS"):
            await told(ims, app, target, Verdict("failed", "5001", error.raw_code, error.detail, death="sure"), entry)
        raise
    elsewhere = service.other(target, entry.account, said)
    if elsewhere is not None:
        answer, said = await _second(ims, entry, app, elsewhere, message, timeout_s, (answer, said))
    if said.state == "unavailable" and said.whose == "app" and said.code == "3002":
        keys.rest(service, app, target, entry.account, said.retry_after)
    await told(ims, app, target, said, entry)
    return answer, said


async def _second(
    ims: Context, entry: Entry, app: App, target: Target, message: Outbound, timeout_s: float, first: Any
) -> tuple[Answer, Verdict]:
    """What the other host says, where that is better news."""
    try:
        answer, said = await _once(ims, entry, app, target, message, timeout_s)
    except ImsError:
        return first  # type: ignore[no-any-return]
    return (answer, said) if said.state == "sent" else first


async def _once(
    ims: Context, entry: Entry, app: App, target: Target, message: Outbound, timeout_s: float
) -> tuple[Answer, Verdict]:
    service: Service = entry.adapter  # type: ignore[assignment]
    keys = keyring(ims)
    answer = Answer(0, {}, b"")
    for attempt in (1, 2):
        value = await keys.token(service, app, target, entry.account, timeout_s)
        account = replace(entry.account, token=value)
        call = service.call(app, target, account, message, ims.now_ms())
        answer = await exchange(ims, call, entry.account.vendor, timeout_s)
        if attempt == 2 or not service.refuses_token(answer):
            break
        await keys.drop(service, app, target, entry.account, value)
    return answer, service.verdict(answer, ims.now_ms())
