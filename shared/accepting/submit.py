"""Accept requests in groups: one pipeline to Redis, one publish to Kafka, however many requests wait.

What happens if the process dies: before the publish is acknowledged, the client has no 202 and tries again (with its
Idempotency-Key it completes the same request); after it, the messages are in Kafka, and a retry with the key gets the
same ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.accepting import seen
from shared.accepting.keys import DONE, LEASED, MAX_KEPT_ANSWER, TAKE_OVER, Held, Key, conflict, unpack
from shared.domain.errors import Unavailable
from shared.domain.events import MAX_MESSAGES, Accepted, Request
from shared.runtime import Context, logs
from shared.runtime.groups import Groups
from shared.runtime.problems import Problem
from shared.stores.accounts import Account
from shared.stores.messages import find_keys

EVENT_BYTES = 400 * 1024
OPEN_LANES = frozenset({"auth", "realtime"})
"""Lanes that go on without limits while Redis is away; the others wait."""

log = logs.get(__name__)


@dataclass(slots=True)
class Submission:
    """A request on its way in: `size` is its body's length, `request_id` may be replaced by the one its key holds."""

    account: Account
    request: Request
    key: Key | None
    size: int
    problem: Problem | None = None
    replay: bytes | None = None
    held: Held | None = field(default=None, repr=False)
    repeated: bool = False

    def adopt(self, request_id: str) -> None:
        """Go on as the request that holds the key."""
        self.request.request_id = request_id
        self.repeated = True


class Submitter:
    """One group queue a lane, so that a large bulk request never delays an OTP."""

    def __init__(self, ims: Context) -> None:
        self._ims = ims
        self._lanes: dict[str, Groups[Submission, Submission]] = {}

    async def submit(self, submission: Submission) -> Submission:
        """Returns once the messages are in Kafka; raises the Problem that the client gets otherwise."""
        lane = submission.request.lane
        if lane not in self._lanes:
            self._lanes[lane] = Groups(
                self._accept, limit=4 * MAX_MESSAGES, weigh=lambda s: len(s.request.messages), parallel=4, patience=0.05
            )
        done = await self._lanes[lane](submission)
        if done.problem is not None:
            raise done.problem
        return done

    async def _accept(self, group: list[Submission]) -> list[Submission]:
        await self._reserve(group)
        going = [s for s in group if s.problem is None and s.replay is None]
        try:
            await self._ims.bus.publish(pack([(s.request, s.size) for s in going]))
        except Unavailable as error:
            for s in going:
                s.problem = _unpublished(s, error)
        return group

    async def _reserve(self, group: Sequence[Submission]) -> None:
        """Reserve keys and count limits in one pipeline; set `problem` or `replay` on those that must not go on."""
        now = self._ims.now_ms()
        keyed = [s for s in group if s.key is not None]
        try:
            await self._one_pipeline(group, keyed, now)
            for s in keyed:
                await self._settle(s, now)
            await self._ask_mysql([s for s in keyed if s.held is None and s.problem is None], now)
        except Exception as error:
            log.warning("Redis is away", error=type(error).__name__)
            for s in group:
                if s.key is not None or s.request.lane not in OPEN_LANES:
                    s.problem = Problem(503, "Limits and keys cannot be checked right now; try again.", retry_after=2)

    async def _one_pipeline(self, group: Sequence[Submission], keyed: Sequence[Submission], now: int) -> None:
        accept = self._ims.accept
        keep_ms = int(accept.idempotency_hours * 3_600_000)
        pipe = (
            self._ims.redis.state.pipeline(transaction=False)
            if not self._ims.redis.cluster
            else (self._ims.redis.state.pipeline())
        )
        for s in keyed:
            if s.key is None:
                continue
            lease = now + int(accept.idempotency_lease_seconds * 1000)
            held = Held(LEASED, s.request.request_id, s.key.body_hash, lease, None)
            pipe.set(s.key.name, held.pack(), nx=True, px=keep_ms, get=True)
        limited = [s for s in group if s.account.rate_per_second or s.account.daily_limit]
        for s in limited:
            for name, ttl in _counters(s, now):
                pipe.incrby(name, len(s.request.messages))
                pipe.expire(name, ttl)
        seen.note(pipe, ((s.request.request_id, s.account.account_id, s.request.total) for s in group))
        answers = await pipe.execute()
        at = 0
        for s, old in zip(keyed, answers[at : at + len(keyed)], strict=True):
            s.held = None if old is None else unpack(old)
        at += len(keyed)
        for s in limited:
            if s.held is None:  # the same request again was counted the first time
                _check_limits(s, answers[at : at + 4 : 2])
            at += 4
        for s in (s for s in limited if s.problem is not None or s.held is not None):
            await self._give_back(s, now)

    async def _give_back(self, s: Submission, now: int) -> None:
        """What is refused or was counted before uses up nothing, and holds no key."""
        for name, _ in _counters(s, now):
            await self._ims.redis.state.decrby(name, len(s.request.messages))
        if s.key is not None and s.held is None:
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
        lease = now + int(self._ims.accept.idempotency_lease_seconds * 1000)
        mine = Held(LEASED, s.held.request_id, s.key.body_hash, lease, None)
        keep = int(self._ims.accept.idempotency_hours * 3_600_000)
        won = await self._ims.redis.state.eval(TAKE_OVER, 1, s.key.name, s.held.pack(), mine.pack(), keep)
        if not won:
            s.problem = Problem(409, "Another retry with this key is being accepted.", retry_after=1)

    async def _ask_mysql(self, fresh: Sequence[Submission], now: int) -> None:
        """A key new to Redis may be known to MySQL: Redis may have lost it."""
        if not fresh:
            return
        wanted = [(s.key.account_id, bytes.fromhex(s.key.key_hash)) for s in fresh if s.key is not None]
        try:
            known = await self._ims.db(find_keys, wanted, now)
        except Unavailable:
            return  # route refuses a second request with the key when MySQL is back
        for s, place in zip(fresh, wanted, strict=True):
            found = known.get(place)
            if found is None or s.key is None:
                continue
            held = Held(DONE, found[0].hex(), found[1].hex(), 0, None)
            s.problem = conflict(s.key, held, now)
            if s.problem is None:
                s.adopt(held.request_id)
            else:  # the key is not this request's; let the right one find it free
                await self._ims.redis.state.delete(s.key.name)

    async def keep_answer(self, s: Submission, answer: bytes) -> None:
        """Keep the answer for retries of the same key; if it is lost, a retry publishes the same ids again."""
        if s.key is None:
            return
        kept = answer if len(answer) <= MAX_KEPT_ANSWER else None
        held = Held(DONE, s.request.request_id, s.key.body_hash, 0, kept)
        try:
            keep = int(self._ims.accept.idempotency_hours * 3_600_000)
            await self._ims.redis.state.set(s.key.name, held.pack(), px=keep)
        except Exception as error:
            log.warning("answer not kept", error=type(error).__name__)

    async def kept_answer(self, key: Key) -> bytes | None:
        """The answer that the same key and body got before (for a body that would not be accepted any more)."""
        try:
            value = await self._ims.redis.state.get(key.name)
        except Exception:
            return None
        held = None if value is None else unpack(value)
        if held is None or held.state != DONE or held.body_hash != key.body_hash:
            return None
        return held.answer


def _unpublished(s: Submission, error: Unavailable) -> Problem:
    detail = "Nothing is confirmed; send the same request again."
    if s.key is not None:
        detail = "A part may be on its way already: the same request with the same Idempotency-Key completes it."
    request_id = str(UUID(hex=s.request.request_id))
    return Problem(503, detail, retry_after=error.retry_after, request_id=request_id)


def _counters(s: Submission, now: int) -> list[tuple[str, int]]:
    account, second, day = s.account.account_id, now // 1000, (now + 9 * 3_600_000) // 86_400_000
    return [(f"rate:{account}:{second}", 5), (f"daily:{account}:{day}", 2 * 86_400)]


def _check_limits(s: Submission, counts: Sequence[int]) -> None:
    per_second, per_day = counts
    if s.account.rate_per_second and per_second > max(s.account.rate_per_second, len(s.request.messages)):
        s.problem = Problem(429, f"At most {s.account.rate_per_second} messages a second.", retry_after=1)
    elif s.account.daily_limit and per_day > s.account.daily_limit:
        s.problem = Problem(429, f"The daily limit of {s.account.daily_limit} messages is used up.", retry_after=3600)


def pack(requests: Iterable[tuple[Request, int]]) -> list[Accepted]:
    """Requests as events of at most 500 messages and about 400 KiB; large requests are sliced."""
    events: list[Accepted] = []
    group: list[Request] = []
    count = size = 0
    for part, weight in _slices(requests):
        n = len(part.messages)
        if group and (count + n > MAX_MESSAGES or size + weight > EVENT_BYTES):
            events.append(Accepted(lane=group[0].lane, requests=group))
            group, count, size = [], 0, 0
        group.append(part)
        count, size = count + n, size + weight
    if group:
        events.append(Accepted(lane=group[0].lane, requests=group))
    return events


def _slices(requests: Iterable[tuple[Request, int]]) -> Iterable[tuple[Request, int]]:
    for request, size in requests:
        total = len(request.messages)
        per_event = max(1, min(MAX_MESSAGES, EVENT_BYTES * total // max(1, size)))
        if total <= per_event:
            yield request, size
            continue
        for i in range(0, total, per_event):
            part = request.messages[i : i + per_event]
            yield request.model_copy(update={"messages": part}), size * len(part) // total
