"""Reads that may be heavy (searches, feeds, replays by filter), on connections of their own and shared out by account.

However many are asked for at once, a few run: look-ups by id, which have other connections, do not wait for them. One
account runs no more than its part of them, so another's search finds a free one. Who has too many waiting is refused
(429); a statement that takes too long is ended by the server (503), and with it what it had locked.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from shared.runtime import metrics
from shared.runtime.problems import Problem
from shared.runtime.settings import MysqlSettings, SearchSettings

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from shared.runtime.mysql import Database

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """Who may run: `at_once`, `of_one` of the same owner. Who waits goes on in turn, past those who have their part."""

    def __init__(self, at_once: int, of_one: int, waiting: int, waiting_of_one: int, seconds: float) -> None:
        self._at_once, self._of_one, self._seconds = at_once, of_one, seconds
        self._waiting_limit, self._waiting_of_one = waiting, waiting_of_one
        self._running: Counter[int] = Counter()
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def take(self, owner: int) -> None:
        """Wait for a turn; 429 where too many wait, or it does not come in time."""
        if self._may_run(owner):
            self._running[owner] += 1
            return
        mine = sum(name == owner for _, name in self._waiting)
        if mine >= self._waiting_of_one or len(self._waiting) >= self._waiting_limit:
            raise self._too_many()
        place = asyncio.get_running_loop().create_future(), owner
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._seconds):
                await place[0]
        except BaseException as error:
            if place in self._waiting:
                self._waiting.remove(place)
            if place[0].done() and not place[0].cancelled():  # its turn came in the same moment
                self.give_back(owner)
            if isinstance(error, TimeoutError):
                raise self._too_many() from None
            raise

    def give_back(self, owner: int) -> None:
        """A turn is over; the first who may run goes on."""
        self._running[owner] -= 1
        if not self._running[owner]:
            del self._running[owner]
        for place in list(self._waiting):
            future, name = place
            if not future.done() and self._may_run(name):
                self._running[name] += 1
                self._waiting.remove(place)
                future.set_result(None)

    def _may_run(self, owner: int) -> bool:
        return self._running.total() < self._at_once and self._running[owner] < self._of_one

    @staticmethod
    def _too_many() -> Problem:
        metrics.TURNED_AWAY.labels("searches").inc()
        return Problem(429, "Too many searches of this account are under way; wait for one to end.", retry_after=1)


class Searches:
    """`await searches(account_id, fn, *args)` runs fn(connection, *args) on the replica, `.primary` on the primary."""

    def __init__(self, mysql: MysqlSettings, settings: SearchSettings) -> None:
        self._mysql, self._settings = mysql, settings
        s = settings
        self._turns = Turns(
            s.searches, s.searches_by_account, s.searches_waiting, s.searches_waiting_by_account, s.search_wait_seconds
        )

    async def __call__(
        self, account_id: int, fn: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._run(self._replica, account_id, fn, *args, **kwargs)

    async def primary(
        self, account_id: int, fn: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same where the newest counts."""
        return await self._run(self._primary, account_id, fn, *args, **kwargs)

    async def _run(
        self,
        db: Database,
        account_id: int,
        fn: Callable[Concatenate[Connection[Any], P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        from shared.runtime.mysql import TooSlow

        await self._turns.take(account_id)
        try:
            return await db(fn, *args, **kwargs)
        except TooSlow as error:
            detail = f"It took longer than {self._settings.search_seconds:g} s; name an id, a recipient or less time."
            raise Problem(503, detail, retry_after=5) from error
        finally:
            self._turns.give_back(account_id)

    @cached_property
    def _primary(self) -> Database:
        return self._database(self._mysql.mysql_url)

    @cached_property
    def _replica(self) -> Database:
        url = self._mysql.mysql_replica_url
        return self._database(url) if url else self._primary

    def _database(self, url: str) -> Database:
        from shared.runtime.mysql import Database

        s = self._settings
        return Database(url, pool=s.searches, timeout=self._mysql.mysql_timeout_seconds, statement=s.search_seconds)

    def close(self) -> None:
        """Let running ones end and stop the threads."""
        for name in ("_primary", "_replica"):
            if name in self.__dict__:
                self.__dict__[name].close()
