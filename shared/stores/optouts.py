"""Opt-outs and consents of recipients, with their history.

`barred` is asked for each batch that leaves, so an opt-out holds for all that has not left by then, however it waited.
Accounts that have none cost one look-up in `Holding`, which is trusted for two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from shared.stores import sql, suppressions
from shared.stores.sql import Connection

ADS, ALL = "ads", "all"
SCOPES = (ADS, ALL)
EVERY = ""
"""The channel of an opt-out from all channels."""
OPTED_OUT = "1007"
TRUSTED_S = 2.0
MAX_HOLDING = 10_000
YEAR_MS = 365 * 86_400_000
RECONFIRM_MS = 2 * YEAR_MS
"""A consent must be confirmed every two years (정보통신망법 시행령 제62조의3)."""


class Optout(NamedTuple):
    """One opt-out; `ended_ms` None while it holds."""

    optout_id: bytes
    account_id: int
    channel: str
    address: str
    scope: str
    source: str
    reason: str | None
    evidence: str | None
    message_id: bytes | None
    at_ms: int
    created_ms: int
    ended_ms: int | None = None
    ended_evidence: str | None = None


class Consent(NamedTuple):
    """What a recipient has agreed to on a channel."""

    consent_id: bytes
    account_id: int
    channel: str
    address: str
    ads: bool
    night_ads: bool
    evidence: str | None
    at_ms: int
    created_ms: int
    ended_ms: int | None = None


_OPTOUT, _CONSENT = ", ".join(Optout._fields), ", ".join(Consent._fields)


def key(address: str) -> str:
    """What addresses are compared by."""
    return address.lower() if "@" in address else address


def _optout(row: tuple[Any, ...]) -> Optout:
    made = Optout(*row)
    return made._replace(message_id=None if made.message_id is None else bytes(made.message_id))


def _consent(row: tuple[Any, ...]) -> Consent:
    made = Consent(*row)
    return made._replace(ads=bool(made.ads), night_ads=bool(made.night_ads))


# --- opt-outs ---------------------------------------------------------------------------------------------------------


def add(conn: Connection, one: Optout) -> tuple[Optout, bool]:
    """Note an opt-out; the one that holds already stays. What holds now, and whether it is new."""
    names = ", ".join((*Optout._fields[:3], "address_key", *Optout._fields[3:11]))
    added = sql.insert_ignore(conn, "optouts", names, [(*one[:3], key(one.address), *one[3:11])])
    found = sql.fetch(
        conn,
        f"SELECT {_OPTOUT} FROM optouts "  # noqa: S608 - names
        "WHERE account_id=%s AND address_key=%s AND channel=%s AND scope=%s AND active=1",
        (one.account_id, key(one.address), one.channel, one.scope),
    )
    return _optout(found[0]), bool(added)


def add_told(conn: Connection, one: Optout) -> None:
    """Note an opt-out that somebody else tells of, however late and often: the later wish holds, both are kept."""
    found = sql.fetch(conn, "SELECT 1 FROM optouts WHERE optout_id=%s", (one.optout_id,))
    if found:
        return
    agreed = consent(conn, one.account_id, one.channel, one.address)
    if agreed is None or not agreed.ads or agreed.at_ms <= one.at_ms:
        held = f"address_key={sql.literal(key(one.address))} AND channel={sql.literal(one.channel)}"
        older = f"account_id={one.account_id:d} AND {held} AND scope={sql.literal(one.scope)} AND at_ms<{one.at_ms:d}"
        _end(conn, older, "a later opt-out", one.created_ms)
        add(conn, one)
        return
    names = ", ".join((*Optout._fields[:3], "address_key", *Optout._fields[3:], "active"))
    ended = one._replace(ended_ms=one.created_ms, ended_evidence=agreed.evidence or "a newer consent")
    sql.insert_ignore(conn, "optouts", names, [(*ended[:3], key(one.address), *ended[3:], None)])


def end(conn: Connection, account_id: int, optout_id: bytes, evidence: str, now_ms: int) -> Optout | None:
    """It holds no more; None when it did not."""
    held = one(conn, account_id, optout_id, "FOR UPDATE")
    if held is None or held.ended_ms is not None:
        return None
    _end(conn, f"optout_id={sql.literal(optout_id)}", evidence, now_ms)
    if held.channel == "email" and held.scope == ADS:
        _forget_unsubscribed(conn, account_id, key(held.address))
    return held._replace(ended_ms=now_ms, ended_evidence=evidence)


def _end(conn: Connection, where: str, evidence: str, now_ms: int) -> None:
    told = f"active=NULL, ended_ms={now_ms:d}, ended_evidence={sql.literal(evidence)}"
    sql.execute(conn, f"UPDATE optouts SET {told} WHERE {where} AND active=1")  # noqa: S608 - literals


def _forget_unsubscribed(conn: Connection, account_id: int, address_key: str) -> None:
    """The mail link's own note of the same wish."""
    where = f"account_id={account_id:d} AND channel='email' AND reason='unsubscribed'"
    sql.execute(conn, f"DELETE FROM suppressions WHERE {where} AND address_key={sql.literal(address_key)}")  # noqa: S608


def one(conn: Connection, account_id: int, optout_id: bytes, lock: str = "") -> Optout | None:
    """An account's opt-out."""
    found = sql.fetch(
        conn,
        f"SELECT {_OPTOUT} FROM optouts WHERE optout_id=%s AND account_id=%s {lock}",  # noqa: S608 - names
        (optout_id, account_id),
    )
    return _optout(found[0]) if found else None


def _page(
    conn: Connection, table: str, names: str, id_: str, account_id: int, above: bytes, limit: int, where: str
) -> Any:
    return sql.fetch(
        conn,
        f"SELECT {names} FROM {table} WHERE account_id=%s AND {id_}>%s {where} ORDER BY {id_} LIMIT {limit:d}",  # noqa: S608
        (account_id, above),
    )


def page(conn: Connection, account_id: int, above: bytes, limit: int, filters: Mapping[str, Any]) -> list[Optout]:
    """An account's opt-outs above an id: those that hold, or `state` ended or all."""
    where = {"active": "AND active=1", "ended": "AND active IS NULL", "all": ""}[filters.get("state", "active")]
    if "to" in filters:
        where += f" AND address_key={sql.literal(key(filters['to']))}"
    where += "".join(f" AND {n}={sql.literal(filters[n])}" for n in ("channel", "scope", "source") if n in filters)
    found = _page(conn, "optouts", _OPTOUT, "optout_id", account_id, above, limit, where)
    return [_optout(row) for row in found]


def scopes_of(channel: str, lane: str) -> tuple[str, ...]:
    """Which opt-outs stop a message: from everything; from advertisements in lane `ad`, of e-mail in `bulk` too."""
    return SCOPES if lane == "ad" or (lane == "bulk" and channel == "email") else (ALL,)


class Holding:
    """Which accounts have opt-outs of a scope at all; not shared between processes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[int, str], tuple[float, bool]] = {}

    def of(self, conn: Connection, accounts: Iterable[int], scopes: Collection[str]) -> set[int]:
        """Those of the accounts that have some."""
        now, found = self._clock(), set[int]()
        if len(self._known) > MAX_HOLDING:
            self._known.clear()
        for account in accounts:
            for scope in scopes:
                until, has = self._known.get((account, scope), (-1.0, False))
                if until < now:
                    has = bool(
                        sql.fetch(
                            conn,
                            "SELECT 1 FROM optouts WHERE account_id=%s AND active=1 AND scope=%s LIMIT 1",
                            (account, scope),
                        )
                    )
                    self._known[account, scope] = now + TRUSTED_S, has
                if has:
                    found.add(account)
        return found


def barred(
    conn: Connection, holding: Holding, channel: str, wanted: Collection[tuple[int, str]], lane: str
) -> set[tuple[int, str]]:
    """Those of (account, address) whose recipient wants no such message."""
    scopes = scopes_of(channel, lane)
    having = holding.of(conn, {account for account, _ in wanted}, scopes)
    keys = sorted({(account, key(address)) for account, address in wanted if account in having})
    if not keys:
        return set()
    found = sql.fetch(
        conn,
        "SELECT account_id, address_key FROM optouts "  # noqa: S608 - literals
        f"WHERE (account_id, address_key) IN ({sql.rows(keys)}) AND active=1 "
        f"AND channel IN ('', {sql.literal(channel)}) AND scope IN ({','.join(map(sql.literal, scopes))})",
    )
    out = {(account, address) for account, address in found}
    return {who for who in wanted if (who[0], key(who[1])) in out}


def stops(
    conn: Connection, holding: Holding, channel: str, wanted: Collection[tuple[int, str]], lane: str, suppresses: bool
) -> dict[tuple[int, str], str]:
    """(account, address) → the code with which a message to it ends: opted out, or (`suppresses`) suppressed."""
    codes = dict.fromkeys(barred(conn, holding, channel, wanted, lane), OPTED_OUT)
    return codes | dict(suppressions.barred(conn, channel, wanted, lane)) if suppresses else codes


# --- consents ---------------------------------------------------------------------------------------------------------


def agree(conn: Connection, new: Consent) -> Consent:
    """Note a consent in the place of the one before. One to advertisements ends an opt-out from them that is older; one
    that refuses them is an opt-out."""
    place = (
        f"account_id={new.account_id:d} AND channel={sql.literal(new.channel)} "
        f"AND address_key={sql.literal(key(new.address))}"
    )
    sql.execute(conn, f"UPDATE consents SET active=NULL, ended_ms={new.created_ms:d} WHERE {place} AND active=1")  # noqa: S608
    columns = "consent_id, account_id, channel, address_key, address, ads, night_ads, evidence, at_ms, created_ms"
    sql.insert(conn, "consents", columns, [(*new[:3], key(new.address), *new[3:9])])
    if new.ads:
        older = f"{place} AND scope='ads' AND at_ms<={new.at_ms:d}"
        _end(conn, older, new.evidence or "a consent", new.created_ms)
    else:
        add(
            conn,
            Optout(
                new.consent_id, new.account_id, new.channel, new.address, ADS, "consent", None, new.evidence, None,
                new.at_ms, new.created_ms,
            ),
        )  # fmt: skip
    return new


def consents(conn: Connection, account_id: int, above: bytes, limit: int, filters: Mapping[str, Any]) -> list[Consent]:
    """An account's consents above an id; `due_before`: those to advertisements that must be confirmed again by then."""
    where = {"active": "AND active=1", "ended": "AND active IS NULL", "all": ""}[filters.get("state", "active")]
    if "to" in filters:
        where += f" AND address_key={sql.literal(key(filters['to']))}"
    if "channel" in filters:
        where += f" AND channel={sql.literal(filters['channel'])}"
    if "due_before" in filters:
        where += f" AND ads=1 AND at_ms<{max(0, filters['due_before'] - RECONFIRM_MS):d}"
    found = _page(conn, "consents", _CONSENT, "consent_id", account_id, above, limit, where)
    return [_consent(row) for row in found]


def consent(conn: Connection, account_id: int, channel: str, address: str) -> Consent | None:
    """The one that holds."""
    found = sql.fetch(
        conn,
        f"SELECT {_CONSENT} FROM consents WHERE account_id=%s AND address_key=%s AND channel=%s AND active=1",  # noqa: S608
        (account_id, key(address), channel),
    )
    return _consent(found[0]) if found else None


def holding(conn: Connection, account_id: int, channel: str, address: str) -> list[Optout]:
    """The opt-outs that hold for an address on a channel."""
    found = sql.fetch(
        conn,
        f"SELECT {_OPTOUT} FROM optouts WHERE account_id=%s AND address_key=%s AND channel IN ('', %s) AND active=1",  # noqa: S608
        (account_id, key(address), channel),
    )
    return [_optout(row) for row in found]


def night_reader(conn: Connection) -> Callable[[int, str, str], bool]:
    """(account, channel, address) → whether advertisements may come at night. Asked in lane `ad` at night only;
    accounts without any such consent cost one look-up."""
    having: dict[int, bool] = {}

    def may(account_id: int, channel: str, address: str) -> bool:
        if account_id not in having:
            some = sql.fetch(
                conn, "SELECT 1 FROM consents WHERE account_id=%s AND active=1 AND night_ads=1 LIMIT 1", (account_id,)
            )
            having[account_id] = bool(some)
        found = consent(conn, account_id, channel, address) if having[account_id] else None
        return found is not None and found.ads and found.night_ads

    return may


def awake(conn: Connection, channel: str, wanted: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of (account, address) to whom advertisements may come at night."""
    may = night_reader(conn)
    return {who for who in wanted if may(who[0], channel, who[1])}
