"""Devices: which tokens reach whom. Tokens compare byte for byte (APNs' hex without case), test keys' apart."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.stores import sql
from shared.stores.sql import Connection

LIVE, SUSPECT, DEAD = "live", "suspect", "dead"
USER, WEBPUSH = "user:", "webpush:"
MOST = 200
"""Devices of one user that a message goes to; more are no person's."""


class Device(NamedTuple):
    """One device; `token` is fcm:…, apns:… or webpush:<its id>, whose `subscription` has the endpoint and keys."""

    device_id: bytes
    account_id: int
    test: bool
    user: str
    app: str
    kind: str
    token: str
    token_hash: bytes
    subscription: dict[str, Any] | None
    platform: str | None
    environment: str | None
    language: str | None
    time_zone: str | None
    ads: bool
    night_ads: bool
    consent_ms: int | None
    state: str
    why: str | None
    registered_ms: int
    last_seen_ms: int


_FIELDS = ", ".join(Device._fields)


def token_hash(kind: str, what: str) -> bytes:
    """By what a device is found: its token, or its subscription's endpoint."""
    return hashlib.sha256(f"{kind}:{what.lower() if kind == 'apns' else what}".encode()).digest()


def _device(row: Sequence[Any]) -> Device:
    made = Device(*row)
    return made._replace(
        test=bool(made.test),
        ads=bool(made.ads),
        night_ads=bool(made.night_ads),
        subscription=orjson.loads(row[8]) if row[8] else None,
    )


def register(conn: Connection, device: Device, consent: bool, replaces: bytes | None) -> Device:
    """Keep a device: a token that is known moves to the user who registers it now, and lives again.

    `consent`: whether the caller said something of it; else what is known of the same user's device stays. `replaces`:
    the hash of the token that this one takes the place of.
    """
    if replaces is not None and replaces != device.token_hash:
        old = _one(conn, device.account_id, device.test, replaces)
        if old is not None and old.user == device.user and not consent:
            device = device._replace(ads=old.ads, night_ads=old.night_ads, consent_ms=old.consent_ms)
            consent = True
        if old is not None and old.user == device.user:
            known = ("platform", "environment", "language", "time_zone")
            device = device._replace(**{name: getattr(device, name) or getattr(old, name) for name in known})
        if old is not None:
            remove(conn, device.account_id, old.device_id, device.test)
    values = device._asdict()
    values["subscription"] = orjson.dumps(device.subscription).decode() if device.subscription else None
    kept = ["user", "app", "token", "subscription", "platform", "environment", "language", "time_zone", "state", "why"]
    kept += ["registered_ms", "last_seen_ms"] + (["ads", "night_ads", "consent_ms"] if consent else [])
    same = "user=VALUES(user)"
    pairs = [f"{name}=IF({same}, {name}, 0)" for name in ("ads", "night_ads") if not consent]
    pairs += [f"consent_ms=IF({same}, consent_ms, NULL)"] if not consent else []
    pairs += [f"{name}=VALUES({name})" for name in kept if name != "token" or device.kind != "webpush"]
    sql.insert(conn, "devices", _FIELDS, [tuple(values.values())], f"ON DUPLICATE KEY UPDATE {', '.join(pairs)}")
    found = _one(conn, device.account_id, device.test, device.token_hash)
    assert found is not None  # noqa: S101 - written above
    return found


def _one(conn: Connection, account_id: int, test: bool, digest: bytes) -> Device | None:
    found = sql.fetch(
        conn,
        f"SELECT {_FIELDS} FROM devices WHERE account_id=%s AND test=%s AND token_hash=%s",  # noqa: S608 - names
        (account_id, test, digest),
    )
    return _device(found[0]) if found else None


def page(
    conn: Connection, account_id: int, test: bool, above: bytes, limit: int, user: str | None = None
) -> list[Device]:
    """An account's devices, of one user or all, the oldest first, above an id."""
    bound, args = ("AND user=%s", (user,)) if user is not None else ("", ())
    found = sql.fetch(
        conn,
        f"SELECT {_FIELDS} FROM devices WHERE account_id=%s AND test=%s AND device_id>%s {bound} "  # noqa: S608
        f"ORDER BY device_id LIMIT {limit:d}",
        (account_id, test, above, *args),
    )
    return [_device(row) for row in found]


def remove(conn: Connection, account_id: int, device_id: bytes, test: bool) -> bool:
    """Forget a device; whether it was there."""
    there = f"device_id={sql.literal(device_id)} AND account_id={account_id:d} AND test={test:d}"
    return bool(sql.execute(conn, f"DELETE FROM devices WHERE {there}"))  # noqa: S608 - literals


def remove_user(conn: Connection, account_id: int, user: str, test: bool) -> int:
    """Forget all devices of a user; how many."""
    there = f"account_id={account_id:d} AND test={test:d} AND user={sql.literal(user)}"
    return sql.execute(conn, f"DELETE FROM devices WHERE {there}")  # noqa: S608 - literals


def behind(
    conn: Connection, account_id: int, addresses: Collection[str], *, test: bool
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Address (`user:<id>`, `fcm:…`, `apns:…`, `webpush:<id>`) → the devices behind it, dead ones too for a direct
    token, so that its state can be told; of a user only those that are not dead."""
    users = sorted(a for a in addresses if a.startswith(USER))
    digests = {token_hash(*a.split(":", 1)): a for a in addresses if a.startswith(("fcm:", "apns:"))}
    ids = {i: a for a in addresses if a.startswith(WEBPUSH) for i in _ids(a)}
    found: dict[str, list[Mapping[str, Any]]] = {}
    if users:
        listed = ",".join(sql.literal(a.removeprefix(USER)) for a in users)
        for device in _some(conn, account_id, test, f"user IN ({listed}) AND state<>'dead'"):
            mine = found.setdefault(USER + device.user, [])
            if len(mine) < MOST:
                mine.append(device._asdict())
    if digests:
        for device in _some(conn, account_id, test, f"token_hash IN ({sql.ids(sorted(digests))})"):
            found[digests[device.token_hash]] = [device._asdict()]
    if ids:
        for device in _some(conn, account_id, test, f"device_id IN ({sql.ids(sorted(ids))})"):
            found[ids[device.device_id]] = [device._asdict()]
    return found


def _ids(address: str) -> list[bytes]:
    try:
        return [UUID(address.removeprefix(WEBPUSH)).bytes]
    except ValueError:
        return []


def _some(conn: Connection, account_id: int, test: bool, bound: str) -> list[Device]:
    found = sql.fetch(
        conn,
        f"SELECT {_FIELDS} FROM devices WHERE account_id=%s AND test=%s AND {bound} "  # noqa: S608 - literals
        "ORDER BY device_id",
        (account_id, test),
    )
    return [_device(row) for row in found]


def mark(
    conn: Connection,
    device_ids: Collection[bytes],
    state: str,
    why: str | None,
    registered_before_ms: int | None = None,
) -> int:
    """Note what a vendor's answers say of devices; how many changed.

    `registered_before_ms`: only those that were registered before (an APNs 410 tells since when its token is gone).
    """
    if not device_ids:
        return 0
    bound = "" if registered_before_ms is None else f" AND registered_ms<{registered_before_ms:d}"
    return sql.execute(
        conn,
        f"UPDATE devices SET state={sql.literal(state)}, why={sql.literal(why)} "  # noqa: S608 - literals
        f"WHERE device_id IN ({sql.ids(sorted(device_ids))}) AND state<>{sql.literal(state)}{bound}",
    )


def mark_dead(
    conn: Connection, device_ids: Collection[bytes], why: str, registered_before_ms: int | None = None
) -> int:
    """Tokens that their service calls gone."""
    return mark(conn, device_ids, DEAD, why, registered_before_ms)
