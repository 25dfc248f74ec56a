"""Files that a vendor has already: what it keeps for days goes up once, not with each message.

Kept in the process alone: another one uploads once more, and a vendor account with other keys or another address is
another account. Whoever comes while a file is on its way waits for it; a try that fails leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from weakref import WeakValueDictionary

from shared.stores.vendors import Entry
from shared.vendors.base import Outbound, files_keep_s

MOST = 1000
"""Sets of files that are remembered; beyond it the one that was used longest ago goes up again."""


class Kept(NamedTuple):
    """A set of files at a vendor, and until when it may be named (Unix ms)."""

    ids: list[str]
    until_ms: int


Key = tuple[int, str, tuple[str, ...]]
_known: OrderedDict[Key, Kept] = OrderedDict()
_busy: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()


async def once(
    entry: Entry, outbound: Outbound, now: Callable[[], int], upload: Callable[[], Awaitable[list[str]]]
) -> list[str]:
    """The vendor's ids of a message's files, uploaded where it does not have them."""
    keep_s = files_keep_s(entry.adapter)
    if not keep_s or not outbound.payload.files:
        return await upload()
    account = entry.account
    owner = hash((account.vendor, account.account, account.base_url, frozenset(account.settings.items())))
    key = owner, entry.adapter.channel, outbound.payload.files
    async with _busy.setdefault(key, asyncio.Lock()):
        kept = _known.get(key)
        if kept is None or kept.until_ms <= now():
            kept = Kept(await upload(), now() + keep_s * 1000)
        _known[key] = kept
        _known.move_to_end(key)
        while len(_known) > MOST:
            _known.popitem(last=False)
        return kept.ids


def forget(files: tuple[str, ...]) -> None:
    """What a vendor says it has not: the next message uploads it again."""
    for key in [key for key in _known if key[2] == files]:
        del _known[key]
