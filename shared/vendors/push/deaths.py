"""Which tokens die: at once where a service says that one is gone, in two steps where it may be our own mistake.

A wrong host, a changed key or another app's id makes every token look bad. So a doubtful answer makes a device suspect:
users' messages pass it over for ten minutes, then it is tried again, and a second such answer ends it, unless more than
a twentieth of what was asked around it looked bad as well. Then nobody dies, and an operator hears of it.
"""

from __future__ import annotations

import time
from collections import deque
from weakref import WeakKeyDictionary

from shared.runtime import Context, logs
from shared.stores import push_devices as store
from shared.stores.devices import token_hash
from shared.stores.vendors import Entry
from shared.vendors.push.service import App, Target, Verdict

WINDOW_S = 600.0
SUSPECT_S = 600
MASS, FEW = 0.05, 20
"""Above this part of at least so many answers, it is not the tokens that are wrong."""

log = logs.get(__name__)


class Around:
    """What one service said of one app's devices in the last ten minutes."""

    def __init__(self) -> None:
        self._said: deque[tuple[float, bool]] = deque(maxlen=5000)
        self._doubtful = 0
        self.told = 0.0

    def note(self, doubtful: bool) -> None:
        """One more answer about a device."""
        now = time.monotonic()
        if len(self._said) == self._said.maxlen:
            self._doubtful -= self._said.popleft()[1]
        self._said.append((now, doubtful))
        self._doubtful += doubtful
        while self._said[0][0] < now - WINDOW_S:
            self._doubtful -= self._said.popleft()[1]

    @property
    def mass(self) -> bool:
        """Whether too many look bad at once."""
        return self._doubtful > 1 and self._doubtful > MASS * max(FEW, len(self._said))


_around: WeakKeyDictionary[Context, dict[tuple[int, str, str], Around]] = WeakKeyDictionary()


async def told(ims: Context, app: App, target: Target, said: Verdict, entry: Entry) -> None:
    """Note what an answer means for its device."""
    if said.state != "sent" and not said.death:
        return
    around = _around.setdefault(ims, {}).setdefault((app.account_id, app.name, target.service), Around())
    around.note(said.death == "doubtful")
    if not said.death:
        return
    digest = token_hash(target.service, target.token) if target.service != "webpush" else b""
    whom = store.Whom(app.account_id, entry.sandbox, app.name, digest, target.device_id)
    why = f"{target.service} {said.raw_code} {said.raw_text}".strip()[:255]
    if said.death == "sure":
        await ims.db(store.bury, whom, why, said.since_ms)
        return
    if around.mass:
        undone = await ims.db(
            store.spare, app.account_id, app.name, target.service, ims.now_ms() - int(WINDOW_S * 1000)
        )
        if time.monotonic() - around.told > WINDOW_S or not around.told:
            around.told = time.monotonic()
            log.error(
                "too many device tokens look bad at once: are sandbox and production, or the app's keys, mixed up?",
                app=app.name, service=target.service, account_id=app.account_id, spared=undone,
            )  # fmt: skip
        return
    await ims.db(store.suspect, whom, why, ims.now_ms(), SUSPECT_S * 1000)
