"""Statistics in MongoDB, or in what speaks its protocol: only what the small local server knows, too, is used.

`messages` (one a message, by its id) · `dirty` (windows that must be counted anew, with how often they were touched) ·
`minutes`, `hours` (rows by window). The order of effects of an event: messages → dirty; of a count: minute → hour →
the window is no longer dirty, unless it was touched meanwhile.

| dies after … | what is there |
|---|---|
| messages, before dirty | the event comes again, and does both |
| dirty | the next event or question counts |
| minute, before its window is clean | it is counted again, with the same sums |
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from shared.domain.errors import Unavailable
from shared.insight import windows
from shared.insight.windows import HOUR_MS, MINUTE_MS
from shared.runtime.scope import Threads
from shared.runtime.settings import InsightSettings

Json = dict[str, Any]
THREADS = 2
PER_CALL = 500
"""Windows that one count takes on."""


class Insight:
    """Blocking calls in threads of their own; Unavailable while the server is away."""

    def __init__(self, settings: InsightSettings) -> None:
        self._settings = settings
        self._threads = Threads(THREADS, thread_name_prefix="insight")
        self.counted_s, self.took_s = 0.0, 0.0

    @property
    def there(self) -> bool:
        """Whether this installation keeps statistics."""
        return bool(self._settings.mongodb_url.get_secret_value())

    @cached_property
    def _db(self) -> Any:
        from pymongo import MongoClient

        timeout = int(self._settings.mongodb_timeout_seconds * 1000)
        client: Any = MongoClient(
            self._settings.mongodb_url.get_secret_value(), serverSelectionTimeoutMS=timeout, connectTimeoutMS=timeout,
            socketTimeoutMS=4 * timeout, tz_aware=True, appname="ims",
        )  # fmt: skip
        db = client.get_default_database(default="ims")
        db.messages.create_index("w")
        return db

    async def __call__(self, what: Any, *args: Any) -> Any:
        """Run a method in a thread."""
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(self._threads, self._tried, what, *args)

    def _tried(self, what: Any, *args: Any) -> Any:
        from pymongo import errors

        try:
            return what(*args)
        except errors.PyMongoError as error:
            self.__dict__.pop("_db", None)
            raise Unavailable(f"MongoDB: {type(error).__name__}") from error

    # --- events -------------------------------------------------------------------------------------------------------

    def accepted(self, found: Sequence[tuple[bytes, Json, Json]]) -> None:
        """Note accepted messages; an end that is known already stays."""
        from pymongo import UpdateOne

        self._note(
            [UpdateOne({"_id": i}, {"$set": known, "$setOnInsert": new}, upsert=True) for i, known, new in found]
        )
        self._touch(Counter(known["w"] for _, known, _ in found))

    def finished(self, found: Sequence[tuple[bytes, Json]]) -> None:
        """Note how messages ended."""
        from pymongo import UpdateOne

        self._note([UpdateOne({"_id": i}, {"$set": end}, upsert=True) for i, end in found])
        self._touch(Counter(end["w"] for _, end in found))

    def _note(self, changes: list[Any]) -> None:
        if changes:
            self._db.messages.bulk_write(changes, ordered=False)

    def _touch(self, touched: Mapping[str, int]) -> None:
        from pymongo import UpdateOne

        if touched:
            changes = [UpdateOne({"_id": w}, {"$inc": {"n": n}}, upsert=True) for w, n in touched.items()]
            self._db.dirty.bulk_write(changes, ordered=False)

    # --- counting -----------------------------------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether counting has rested long enough: ten times as long as it took, at least two seconds."""
        return time.monotonic() - self.counted_s > max(2.0, 10 * self.took_s)

    def count(self, account_id: int | None = None) -> int:
        """Count what has changed, of one account or of all; how many windows."""
        began = time.monotonic()
        wanted = {} if account_id is None else {"_id": {"$regex": f"^{account_id:d}:"}}
        dirty = list(self._db.dirty.find(wanted).limit(PER_CALL))
        for one in dirty:
            found = self._db.messages.find({"w": one["_id"]})
            self._db.minutes.replace_one({"_id": one["_id"]}, {"r": windows.minute(found)}, upsert=True)
        for hour in sorted({_hour_of(one["_id"]) for one in dirty}):
            self._sum(hour)
        for one in dirty:
            self._db.dirty.delete_one({"_id": one["_id"], "n": one["n"]})
        if account_id is None:
            self.counted_s, self.took_s = time.monotonic(), time.monotonic() - began
        return len(dirty)

    def _sum(self, hour: str) -> None:
        account, _, begin = hour.partition(":")
        names = [f"{account}:{at}" for at in range(int(begin), int(begin) + HOUR_MS, MINUTE_MS)]
        rows = windows.together(found["r"] for found in self._db.minutes.find({"_id": {"$in": names}}))
        self._db.hours.replace_one({"_id": hour}, {"r": rows}, upsert=True)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, account_id: int, since_ms: int, until_ms: int, hours: bool) -> dict[int, list[Json]]:
        """The rows of an account's windows, by their beginning."""
        self.count(account_id)
        size, kept = (HOUR_MS, self._db.hours) if hours else (MINUTE_MS, self._db.minutes)
        names = [f"{account_id}:{at}" for at in range(since_ms // size * size, until_ms, size)]
        found: dict[int, list[Json]] = {}
        for start in range(0, len(names), 5000):
            for one in kept.find({"_id": {"$in": names[start : start + 5000]}}):
                found[int(one["_id"].partition(":")[2])] = one["r"]
        return found

    # --- retention --------------------------------------------------------------------------------------------------

    def sweep(self, now_ms: int) -> None:
        """Delete messages and windows that are past their time."""
        keep = self._settings
        for name, days in (("messages", keep.insight_message_days), ("minutes", keep.insight_minute_days)):
            self._drop(name, now_ms - int(days * 86_400_000))
        self._drop("hours", now_ms - int(keep.insight_hour_days * 86_400_000))

    def _drop(self, name: str, before_ms: int) -> None:
        field = "w" if name == "messages" else "_id"
        old: set[str] = {w for w in self._db[name].distinct(field) if int(str(w).partition(":")[2]) < before_ms}
        for window in sorted(old)[:PER_CALL]:
            self._db[name].delete_many({field: window})


def _hour_of(window: str) -> str:
    account, _, begin = window.partition(":")
    return windows.place(int(account), int(begin), HOUR_MS)
