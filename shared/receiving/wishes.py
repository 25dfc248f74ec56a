"""Opt-outs that vendors tell of: who called an account's 080 number wants no more advertisements on a phone.

| dies | then |
|---|---|
| before the rows are committed | the vendor gets no answer and tells again |
| after it | told again, the same rows are made once: their ids follow from the call |
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shared.channels import MODULES
from shared.channels.common import channel
from shared.domain.ids import request_id
from shared.runtime import Context, logs
from shared.stores import identities, optouts
from shared.stores.optouts import ADS, Optout
from shared.stores.sql import Connection
from shared.stores.vendors import Entry
from shared.vendors.base import TellsWishes, Wish, able

SOURCE = "080"

log = logs.get(__name__)


async def take_wishes(ims: Context, entry: Entry, body: bytes, now_ms: int) -> list[bytes]:
    """Note what a webhook tells of; what of it concerns nobody, or cannot be read, is for a letter."""
    adapter = able(entry.adapter, TellsWishes)
    if adapter is None:
        return []
    found, bad = adapter.read_wishes(body, now_ms)
    strangers = await ims.db(_note, found, now_ms) if found else 0
    if strangers:
        log.error("an opt-out for a number that no account has", vendor=entry.name, n=strangers)
        bad = [*bad, body]
    return bad


def _note(conn: Connection, found: Sequence[Wish], now_ms: int) -> int:
    """How many were for nobody's number."""
    owners = identities.called(conn, {wish.number for wish in found})
    phones = [name for name in MODULES if channel(name).phone]
    for wish in found:
        for account_id in owners.get(wish.number, ()):
            for name in phones:
                optouts.add_told(conn, _optout(wish, account_id, name, now_ms))
    return sum(wish.number not in owners for wish in found)


def _optout(wish: Wish, account_id: int, name: str, now_ms: int) -> Optout:
    told = f"{account_id}:{name}:{wish.to}:{wish.number}:{wish.at_ms}"
    digest = int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), "big")
    optout_id = request_id(wish.at_ms, digest).bytes
    evidence = f"called {wish.number}"
    return Optout(optout_id, account_id, name, wish.to, ADS, SOURCE, None, evidence, None, wish.at_ms, now_ms)
