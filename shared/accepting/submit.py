"""Accept requests in groups: one pipeline to Redis, one publish to Kafka, however many requests wait.

What is over an account's share of its lane (shared/domain/shares.py) does not go to Kafka: it is kept in MySQL, from
where schedule publishes it when its turn comes. The order of effects: keys and counts in Redis, the publish, the rows
in MySQL, the 202. Where MySQL does not take them within SURPLUS_SECONDS they are published after all.

What happens if the process dies: before all of that has happened, the client has no 202 and tries again (with its
Idempotency-Key it completes the same request: route takes in once what comes twice); after it, the messages are in
Kafka or MySQL, and a retry with the key gets the same ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.accepting import limits, seen, surplus
from shared.accepting.keys import DONE, LEASED, MAX_KEPT_ANSWER, RELEASED, TAKE_OVER, Held, Key, conflict, unpack
from shared.accepting.packing import pack
from shared.accepting.submission import Submission
from shared.accepting.waking import Waker
from shared.domain.errors import Unavailable
from shared.domain.events import MAX_MESSAGES
from shared.runtime import Context, logs
from shared.runtime.groups import Groups
from shared.runtime.problems import Problem
from shared.runtime.shares import Entered
from shared.stores.messages import find_keys

OPEN_LANES = frozenset({"auth", "realtime"})
"""Lanes that go on without limits while Redis is away; the others wait."""

log = logs.get(__name__)


class Submitter:
    """One group queue a lane, so that a large bulk request never delays an OTP."""

    def __init__(self, ims: Context) -> None:
        self._ims = ims
        self._lanes: dict[str, Groups[Submission, Submission]] = {}
        self.wake = Waker(ims)

    async def submit(self, submission: Submission) -> Submission:
        """Returns once the messages are in Kafka; raises the Problem that the client gets otherwise."""
        lane = submission.request.lane
        if lane not in self._lanes:
            self._lanes[lane] = Groups(
                self._accept,
                limit=4 * MAX_MESSAGES,
                weigh=lambda s: len(s.request.messages),
                parallel=4,
                patience=0.05,
                pause=self._ims.accept.accept_pause_seconds,
            )
        done = await self._lanes[lane](submission)
        if done.problem is not None:
            raise done.problem
        return done

    async def _accept(self, group: list[Submission]) -> list[Submission]:
        now = self._ims.now_ms()
        entered = await self._reserve(group, now)
        going = [s for s in group if s.problem is None and s.replay is None]
        parts = surplus.divide(self._ims, group, going, entered, now)
        try:
            await self._ims.bus.publish(pack(parts.direct))
            await surplus.keep(self._ims, parts)
        except Exception as error:
            parts.count_off(self._ims.shares)
            await self._release(going, now)
            if not isinstance(error, Unavailable):
                raise  # each is tried alone then, under the key that it has just let go
            for s in going:
                s.problem = _unpublished(s, error)
        return group

    async def _reserve(self, group: Sequence[Submission], now: int) -> Entered | None:
        """Reserve keys and count limits and shares in one pipeline; set `problem` or `replay` on those that must not go
        on. What the lane said of the accounts' shares; None without Redis."""
        keyed = [s for s in group if s.key is not None]
        try:
            entered = await self._one_pipeline(group, keyed, now)
            for s in keyed:
                await self._settle(s, now)
            await self._ask_mysql([s for s in keyed if s.held is None and s.problem is None], now)
            await self._give_back([s for s in group if s.counted and not s.uses_limits], now)
            await self._free([s for s in keyed if s.held is None and s.problem is not None])
            return entered
        except Exception as error:
            log.warning("Redis is away", error=type(error).__name__)
            for s in group:
                if s.key is not None or s.request.lane not in OPEN_LANES:
                    s.problem = Problem(503, "Limits and keys cannot be checked right now; try again.", retry_after=2)
            return None

    @property
    def _keep_ms(self) -> int:
        return int(self._ims.accept.idempotency_hours * 3_600_000)

    def _lease(self, s: Submission, key: Key, request_id: str, now: int) -> Held:
        s.lease = Held(
            LEASED, request_id, key.body_hash, now + int(self._ims.accept.idempotency_lease_seconds * 1000), None
        )
        return s.lease

    def _pipeline(self) -> Any:
        redis = self._ims.redis
        return redis.state.pipeline() if redis.cluster else redis.state.pipeline(transaction=False)

    async def _one_pipeline(self, group: Sequence[Submission], keyed: Sequence[Submission], now: int) -> Entered:
        pipe = self._pipeline()
        for s in keyed:
            if s.key is not None:
                lease = self._lease(s, s.key, s.request.request_id, now)
                pipe.set(s.key.name, lease.pack(), nx=True, px=self._keep_ms, get=True)
        limited = [s for s in group if limits.limited(s.account)]
        for s in limited:
            _add(pipe, s, len(s.request.messages), now)
        tests = {s.request.request_id for s in group if s.request.test}
        seen.note(pipe, ((s.request.request_id, s.account.account_id, s.request.total) for s in group), tests)
        accounts = surplus.by_account(group)
        self._ims.shares.enter(pipe, group[0].request.lane, accounts, now)
        answers = await pipe.execute()
        entered = Entered(answers.pop(), accounts)
        for s, old in zip(keyed, answers, strict=False):
            s.held = None if old is None else unpack(old)
        for at, s in enumerate(limited):
            counts = answers[len(keyed) + 2 * limits.COUNTERS * at :][: 2 * limits.COUNTERS : 2]
            s.counted = True
            if s.held is None or s.held.state == RELEASED:  # the same request again was counted the first time
                s.problem = limits.refusal(s.account, len(s.request.messages), counts)
        return entered

    async def _give_back(self, group: Sequence[Submission], now: int) -> None:
        """What is refused, was counted before or did not reach Kafka uses up no limit."""
        if not group:
            return
        pipe = self._pipeline()
        for s in group:
            _add(pipe, s, -len(s.request.messages), now)
            s.counted = False
        await pipe.execute()

    async def _free(self, group: Sequence[Submission]) -> None:
        """What is refused holds no key."""
        for s in group:
            if s.key is not None and s.lease is not None:
                await self._ims.redis.state.delete(s.key.name)

    async def _settle(self, s: Submission, now: int) -> None:
        """What an existing key means: conflict, the kept answer, or taking over after its lease."""
        if s.held is None or s.key is None or s.problem is not None:
            return
        s.problem = conflict(s.key, s.held, now)
        if s.problem is not None:
            return
        s.adopt(s.held.request_id)
        if s.held.state == DONE:
            s.replay = s.held.answer if s.held.answer is not None else b""
            return
        await self._take_over(s, s.key, s.held, self._lease(s, s.key, s.held.request_id, now))

    async def _take_over(self, s: Submission, key: Key, old: Held, new: Held) -> bool:
        """Put `new` in the place of `old` under the key; 409 when somebody else was faster."""
        won = await self._ims.redis.state.eval(TAKE_OVER, 1, key.name, old.pack(), new.pack(), self._keep_ms)
        if not won:
            s.lease = None
            s.problem = s.problem or Problem(409, "Another retry with this key is being accepted.", retry_after=1)
        return bool(won)

    async def _ask_mysql(self, fresh: Sequence[Submission], now: int) -> None:
        """A key new to Redis may be known to MySQL: Redis may have lost it. Redis learns its request id at once."""
        known = await self._known([s.key for s in fresh if s.key is not None], now)
        for s in fresh:
            held = known.get(s.key.name) if s.key is not None else None
            if held is None or s.key is None or s.lease is None:
                continue
            s.problem = conflict(s.key, held, now)
            if s.problem is None:
                s.adopt(held.request_id)
                await self._take_over(s, s.key, s.lease, self._lease(s, s.key, held.request_id, now))

    async def _known(self, keys: Sequence[Key], now: int) -> dict[str, Held]:
        """What MySQL knows of keys, by their names.

        Nothing while it does not answer: route refuses a second request with the key when it is back.
        """
        if not keys:
            return {}
        places = {key.name: (key.account_id, bytes.fromhex(key.key_hash)) for key in keys}
        try:
            found = await self._ims.db(find_keys, list(places.values()), now)
        except Unavailable:
            return {}
        return {
            name: Held(DONE, found[place][0].hex(), found[place][1].hex(), 0, None)
            for name, place in places.items()
            if place in found
        }

    async def _release(self, group: Sequence[Submission], now: int) -> None:
        """The publish failed: a retry may take over at once, and what it will count again is not counted now.

        The key first: dying in between counts the messages twice, never not at all.
        """
        try:
            freed = [s for s in group if s.key is None or await self._hand_on(s, s.key)]
            await self._give_back([s for s in freed if s.counted], now)
        except Exception as error:
            log.warning("keys stay leased", error=type(error).__name__)

    async def _hand_on(self, s: Submission, key: Key) -> bool:
        if s.lease is None:
            return False
        state = RELEASED if s.counted else LEASED
        return await self._take_over(s, key, s.lease, Held(state, s.request.request_id, key.body_hash, 0, None))

    async def keep_answer(self, s: Submission, answer: bytes) -> None:
        """Keep the answer for retries of the same key; if it is lost, a retry publishes the same ids again."""
        if s.key is None:
            return
        kept = answer if len(answer) <= MAX_KEPT_ANSWER else None
        held = Held(DONE, s.request.request_id, s.key.body_hash, 0, kept)
        try:
            await self._ims.redis.state.set(s.key.name, held.pack(), px=self._keep_ms)
        except Exception as error:
            log.warning("answer not kept", error=type(error).__name__)

    async def held(self, key: Key) -> Held | None:
        """What the same key and body led to before, if anything; raises Unavailable when Redis cannot tell.

        Asked of a body that would not be accepted (any more): its first try may be on its way, or answered.
        """
        try:
            value = await self._ims.redis.state.get(key.name)
        except Exception as error:
            raise Unavailable(f"Redis: {type(error).__name__}") from error
        if value is not None:
            held: Held | None = unpack(value)
        else:
            held = (await self._known([key], self._ims.now_ms())).get(key.name)
        return held if held is not None and held.body_hash == key.body_hash else None


def _add(pipe: Any, s: Submission, messages: int, now: int) -> None:
    for name, ttl in limits.counters(s.account, now):
        pipe.incrby(name, messages)
        pipe.expire(name, ttl)


def _unpublished(s: Submission, error: Unavailable) -> Problem:
    detail = "Nothing is confirmed; send the same request again."
    if s.key is not None:
        detail = "A part may be on its way already: the same request with the same Idempotency-Key completes it."
    request_id = str(UUID(hex=s.request.request_id))
    return Problem(503, detail, retry_after=error.retry_after, request_id=request_id)
