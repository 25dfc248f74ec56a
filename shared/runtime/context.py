"""The composition root: everything a handler may touch, made from settings on first use, never at import."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.domain.errors import Unavailable
from shared.runtime import clock, scope
from shared.runtime.settings import (
    AcceptSettings,
    FunctionSettings,
    InsightSettings,
    KafkaSettings,
    LaneSettings,
    MysqlSettings,
    RedisSettings,
    SearchSettings,
    VendorSettings,
    load,
)

if TYPE_CHECKING:
    from shared.domain.events import Again
    from shared.insight.store import Insight
    from shared.runtime.bus import Bus
    from shared.runtime.groups import Groups
    from shared.runtime.mysql import Database
    from shared.runtime.redis import RedisClients
    from shared.runtime.searches import Searches
    from shared.runtime.shares import Shares
    from shared.stores.accounts import Accounts
    from shared.stores.vendors import Vendors

FUNCTION_NAME = "ims"


RESTS = 200
"""Records that one transaction puts to rest."""


class Context:
    """One per function of a process. Tests make their own and set the parts they replace."""

    def __init__(self, function: str = "ims") -> None:
        self.function = function
        self.draining = False

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return clock.now_ms()

    @cached_property
    def settings(self) -> FunctionSettings:
        """The function's own settings."""
        return load(FunctionSettings)

    @cached_property
    def accept(self) -> AcceptSettings:
        """Settings of acceptance."""
        return load(AcceptSettings)

    @cached_property
    def vendor_settings(self) -> VendorSettings:
        """Settings of sending."""
        return load(VendorSettings)

    @cached_property
    def lanes(self) -> LaneSettings:
        """Settings of the lanes."""
        return load(LaneSettings)

    @cached_property
    def shares(self) -> Shares:
        """What each account has on the road, by lane."""
        from shared.runtime.shares import Shares

        return Shares(self.redis)

    @cached_property
    def bus(self) -> Bus:
        """Kafka."""
        from shared.runtime.bus import Bus

        return Bus(load(KafkaSettings), f"/ims/{self.function}")

    @cached_property
    def db(self) -> Database:
        """The MySQL primary."""
        from shared.runtime.mysql import Database

        s = load(MysqlSettings)
        return Database(s.mysql_url, pool=s.mysql_pool, timeout=s.mysql_timeout_seconds)

    @cached_property
    def db_replica(self) -> Database:
        """The MySQL replica, or the primary where there is none."""
        from shared.runtime.mysql import Database

        s = load(MysqlSettings)
        if not s.mysql_replica_url:
            return self.db
        return Database(s.mysql_replica_url, pool=s.mysql_pool, timeout=s.mysql_timeout_seconds)

    @cached_property
    def insight(self) -> Insight:
        """Statistics in MongoDB."""
        from shared.insight.store import Insight

        return Insight(load(InsightSettings))

    @cached_property
    def rests(self) -> Groups[tuple[Again, int], None]:
        """Writes (record, until when it rests), many at once in one transaction."""
        from shared.runtime.groups import Groups
        from shared.stores import due

        async def write(resting: list[tuple[Again, int]]) -> list[None]:
            await self.db(due.rest, resting)
            return [None] * len(resting)

        return Groups(write, limit=RESTS, shared_fate=(Unavailable,))

    @cached_property
    def searches(self) -> Searches:
        """Heavy reads, shared out among accounts."""
        from shared.runtime.searches import Searches

        return Searches(load(MysqlSettings), load(SearchSettings))

    @cached_property
    def redis(self) -> RedisClients:
        """Redis: reports, timers, state."""
        from shared.runtime.redis import RedisClients

        return RedisClients(load(RedisSettings))

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts and API keys, cached."""
        from shared.stores.accounts import Accounts

        return Accounts(self.db, load(AcceptSettings).key_cache_seconds)

    @cached_property
    def vendors(self) -> Vendors:
        """Vendor accounts with their health."""
        from shared.stores.vendors import Vendors

        return Vendors(self.db, self.breakers)

    @cached_property
    def breakers(self) -> Any:
        """Circuit breakers whose states all replicas share."""
        from shared.runtime.breaker import Breakers

        return Breakers(self.redis, "vendor")

    @cached_property
    def http(self) -> Any:
        """The HTTP client for vendors."""
        import httpx2

        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=30)
        return httpx2.AsyncClient(limits=limits, trust_env=False, follow_redirects=False)

    @cached_property
    def http2(self) -> Any:
        """The client for vendors that speak HTTP/2: one connection carries many calls."""
        import httpx2

        limits = httpx2.Limits(max_connections=4, max_keepalive_connections=4, keepalive_expiry=300)
        return httpx2.AsyncClient(http1=False, http2=True, limits=limits, trust_env=False, follow_redirects=False)

    @cached_property
    def egress(self) -> Any:
        """The HTTP client for addresses that clients gave."""
        from shared.runtime.egress import Egress

        return Egress()

    @cached_property
    def endpoints(self) -> Any:
        """The same for endpoints whose whole answers matter (Web Push)."""
        from shared.runtime.egress import Egress

        return Egress(whole=True)

    def warm(self, parts: Iterable[str] = ()) -> None:
        """Import and connect in the background at start-up, so that the first event need not wait for it.

        `parts` are what the function needs besides the servers (`http`), by their names here.
        """
        with contextlib.suppress(Exception):
            self.db.run(lambda conn: conn.ping())
        with contextlib.suppress(Exception):
            _ = self.redis.state
        for name in parts:
            with contextlib.suppress(Exception):
                getattr(self, name)
        with contextlib.suppress(Exception):
            self.bus.connect()
        calm_collector()

    def close(self) -> None:
        """Flush the producer and end the database threads."""
        for name in ("bus", "db", "db_replica", "searches"):
            part = self.__dict__.get(name)
            if part is not None:
                part.close()


def calm_collector() -> None:
    """What is loaded now stays, so the garbage collector need not look at it.

    It need not do so now either: it holds the event loop up for 40 ms, and of 80,000 objects it frees twenty.
    """
    gc.freeze()


def current() -> Context:
    """The context of the function at work."""
    here = scope.current()
    if here.context is None:
        here.context = Context(FUNCTION_NAME)
    context: Context = here.context
    return context


def use(context: Context) -> None:
    """Set the context of the function at work (at start-up, and in tests)."""
    scope.current().context = context
