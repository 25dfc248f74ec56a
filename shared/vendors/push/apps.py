"""The apps of clients with their keys, opened for as long as they are used."""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

from shared.domain.errors import Rejected
from shared.runtime import Context
from shared.stores.identities import credentials
from shared.vendors.push.service import App

KEPT_S = 10.0
"""A key that is changed counts after so long."""

_known: WeakKeyDictionary[Context, dict[tuple[int, str], tuple[float, App]]] = WeakKeyDictionary()


async def app_of(ims: Context, account_id: int, name: str) -> App:
    """An account's app; raises Rejected (1004) when it is not, or no more, the account's."""
    known = _known.setdefault(ims, {})
    held = known.get((account_id, name))
    if held is not None and held[0] > time.monotonic():
        return held[1]
    found = await ims.db(credentials, account_id, "push", "app", name)
    if found is None:
        known.pop((account_id, name), None)
        raise Rejected("1004", f"the app {name} is not approved for this account")
    app = App(account_id, name, *found)
    if len(known) > 1000:
        known.clear()
    known[account_id, name] = time.monotonic() + KEPT_S, app
    return app
