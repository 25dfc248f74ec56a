"""Group commit: what arrives while a call is under way is handled together by the next call.

No added wait when idle, full batches under load. Used by the accepting functions (many requests, one publish) and by
every event function (many events, one handler call).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")
MOST_IS_BAD = 12
"""Failures in a row: more than the halvings that find one bad item among a thousand."""


class Groups(Generic[I, R]):
    """Runs `handle(items) -> results` for groups of items of at most `limit` units.

    One call at a time, so that what comes meanwhile makes the next group larger; up to `parallel` calls while full
    groups are waiting, or when something has waited for `patience` seconds behind a slow call. Groups that are not full
    follow a group of several by `pause` seconds: where much comes at once, larger groups cost less; what comes alone
    waits for nobody.

    When a group of several items fails with an unexpected error, it is halved until what fails is alone, so that one
    bad item cannot fail its neighbours; errors in `shared_fate` go to all items of the group as they are.
    """

    def __init__(
        self,
        handle: Callable[[list[I]], Awaitable[list[R]]],
        *,
        limit: int,
        parallel: int = 1,
        weigh: Callable[[I], int] = lambda _: 1,
        patience: float | None = None,
        pause: float = 0.0,
        shared_fate: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._handle, self._limit, self._parallel, self._weigh = handle, limit, parallel, weigh
        self._shared_fate, self._patience, self._pause = shared_fate, patience, pause
        self._rest_until = 0.0
        self._resting: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[I, asyncio.Future[R]]] = deque()
        self._waiting_weight = 0
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: I) -> R:
        """Hand an item in; returns its result or raises its error."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._waiting_weight += self._weigh(item)
        self._start_if_due()
        return await future

    def _start_if_due(self, *, waited: bool = False) -> None:
        if self._running >= self._parallel:
            return
        if self._running and not waited and self._waiting_weight < self._limit:
            if self._patience is not None and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._patience, self._out_of_patience)
            return
        if not waited and self._must_rest():
            return
        self._running += 1
        task = asyncio.create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _must_rest(self) -> bool:
        """Whether it is too soon after a group of several; a timer goes on then."""
        if not self._rest_until or self._waiting_weight >= self._limit:
            return False
        loop = asyncio.get_running_loop()
        left = self._rest_until - loop.time()
        if left > 0 and self._resting is None:
            self._resting = loop.call_later(left, self._rested)
        return left > 0

    def _rested(self) -> None:
        self._resting, self._rest_until = None, 0.0
        if self._waiting:
            self._start_if_due()

    def _out_of_patience(self) -> None:
        self._timer = None
        if self._waiting:
            self._start_if_due(waited=True)

    async def _work(self) -> None:
        try:
            await self._run(self._take())
            while self._waiting and (self._running == 1 or self._waiting_weight >= self._limit):
                if self._must_rest():
                    break
                await self._run(self._take())
        finally:
            self._running -= 1
            if self._waiting:
                self._start_if_due()

    def _take(self) -> list[tuple[I, asyncio.Future[R]]]:
        group: list[tuple[I, asyncio.Future[R]]] = []
        weight = 0
        while self._waiting:
            weight += self._weigh(self._waiting[0][0])
            if group and weight > self._limit:
                break
            group.append(self._waiting.popleft())
            self._waiting_weight -= self._weigh(group[-1][0])
        if self._pause:
            self._rest_until = asyncio.get_running_loop().time() + self._pause if len(group) > 1 else 0.0
        return group

    async def _run(self, group: list[tuple[I, asyncio.Future[R]]]) -> None:
        """Handle a group; of one that fails, its halves, the halves of the half that fails, and so on. Where nothing
        but failures came of that, most is bad: then one by one, which costs half of the calls."""
        left = [group] if group else []
        in_a_row = 0
        while left:
            part = left.pop()
            try:
                results = await self._handle([item for item, _ in part])
            except self._shared_fate as error:
                self._fail(part, error)
            except Exception as error:
                in_a_row += 1
                if len(part) == 1:
                    self._fail(part, error)
                elif in_a_row >= MOST_IS_BAD:
                    left += [[one] for one in reversed(part)]
                else:
                    left += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                in_a_row = 0
                for (_, future), result in zip(part, results, strict=True):
                    if not future.done():
                        future.set_result(result)

    @staticmethod
    def _fail(group: list[tuple[I, asyncio.Future[R]]], error: BaseException) -> None:
        for _, future in group:
            if not future.done():
                future.set_exception(error)
