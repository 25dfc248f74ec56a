"""Circuit breakers whose states all replicas share: pybreaker's, in Redis, one per name (a host, a vendor account).

pybreaker counts consecutive failures and wants to hold a lock around the guarded call; here it only holds the state and
its changes. A window of ours decides: a breaker opens above 50 % failures of at least 50 calls in 60 s, lets one probe
through at `retry_at`, closes when the probe succeeds, and waits twice as long (up to ten times) when it fails.

Nothing here waits for Redis on the event loop: states are read at most every 250 ms and results are written a few times
a second, both in a thread. When Redis is away, the last known state holds for the process, `closed` at first.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from shared.runtime import logs
from shared.runtime.redis import away
from shared.runtime.settings import RedisSettings, load

CACHE_S = 0.25
FLUSH_S = 0.2
WINDOW_S, BUCKETS = 60.0, 6
MIN_CALLS, MAX_FAILED = 50, 0.5
PROBE_LEASE_MS = 10_000
MAX_DOUBLINGS = 10
KEEP_S = 24 * 3600
MAX_SEEN = 10_000
"""Names that a process remembers; more than that, and it forgets those that are closed."""

OPEN, CLOSED, HALF_OPEN = "open", "closed", "half-open"
TURN_MS, TURNS_MS = 1, 60_000
"""Between two who come back while a breaker is open, and within which time after its probe all come."""
PARTS = ("state", "fail_counter", "success_counter", "opened_at")
_RECORD = """
local bucket = tonumber(ARGV[1])
if tonumber(ARGV[2]) > 0 then redis.call('HINCRBY', KEYS[1], bucket .. ':ok', ARGV[2]) end
if tonumber(ARGV[3]) > 0 then redis.call('HINCRBY', KEYS[1], bucket .. ':failed', ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local all, ok, failed = redis.call('HGETALL', KEYS[1]), 0, 0
for i = 1, #all, 2 do
  local at, kind = string.match(all[i], '^(%d+):(%a+)$')
  if tonumber(at) <= bucket - tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], all[i])
  elseif kind == 'ok' then ok = ok + tonumber(all[i + 1])
  else failed = failed + tonumber(all[i + 1]) end
end
return {ok, failed}
"""

log = logs.get(__name__)


class Clients(Protocol):
    """What is needed of the Redis clients: whether it is a cluster."""

    @property
    def cluster(self) -> bool: ...


@dataclass(slots=True)
class _Seen:
    """A breaker's state as last read."""

    state: str = CLOSED
    retry_ms: int = 0
    read_at: float = 0.0
    probing: bool = False
    taken: bool = False
    """Somebody's probe is under way."""
    turn_ms: int = 0
    """When the last of those who were told to come later is to come."""
    ours: bool = False
    """It is one that `allows` gave here."""


def tripped(ok: int, failed: int) -> bool:
    """Whether a window's calls open the breaker."""
    return ok + failed >= MIN_CALLS and failed / (ok + failed) > MAX_FAILED


def wait_s(reset_s: float, times_opened: int) -> float:
    """How long a breaker stays open: doubled with each failed probe, at most tenfold."""
    return reset_s * min(10.0, 2.0 ** min(max(0, times_opened - 1), MAX_DOUBLINGS))


class Breakers:
    """All breakers of one namespace (`vendor`, `callback`)."""

    def __init__(
        self,
        redis: Clients,
        namespace: str,
        *,
        reset_s: float = 30.0,
        window_s: float = WINDOW_S,
        patient: bool = True,
        settings: RedisSettings | None = None,
    ) -> None:
        self._cluster, self._namespace, self._reset_s = redis.cluster, namespace, reset_s
        self._patient = patient
        """Whether it waits longer after each probe that failed."""
        self._bucket_ms = max(1, round(window_s * 1000 / BUCKETS))
        self._cache_s = min(CACHE_S, reset_s / 4)
        self._flush_s = min(FLUSH_S, window_s / BUCKETS)
        self._settings = settings or load(RedisSettings)
        self._seen: dict[str, _Seen] = {}
        self._counts: dict[str, list[int]] = {}
        self._flusher: asyncio.Task[None] | None = None
        self._reading: dict[str, asyncio.Future[None]] = {}
        self._lock = threading.Lock()
        self._nodes: list[tuple[str, int]] = []

    async def allows(self, name: str) -> bool:
        """Whether to call now; when a breaker is open and its probe is due, one caller among all replicas gets True."""
        seen = self._seen.setdefault(name, _Seen())
        if len(self._seen) > MAX_SEEN:
            self._forget_closed(name)
        if time.monotonic() - seen.read_at > self._cache_s:
            await self._read_once(name)
        if seen.state == CLOSED:
            return True
        if seen.probing:
            seen.probing, seen.ours = False, True
            return True
        return False

    def _forget_closed(self, name: str) -> None:
        """Closed is what a name is that nothing is known of."""
        known = self._seen.items()
        self._seen = {n: s for n, s in known if n == name or s.ours or s.probing or s.state != CLOSED}

    async def release(self, name: str) -> None:
        """What `allows` let through made no call after all: if it was the probe, another may have it at once."""
        seen = self._seen.get(name)
        if seen is not None and seen.ours:
            seen.ours = False
            await asyncio.get_running_loop().run_in_executor(None, self._give_back, name)
            seen.read_at = 0.0

    async def admits(self, name: str) -> bool:
        """Whether it is worth sending work to one who calls: closed, or its probe is due. Takes no probe itself."""
        seen = self._seen.setdefault(name, _Seen())
        if time.monotonic() - seen.read_at > self._cache_s:
            await self._read_once(name, probe=False)
        return seen.state == CLOSED or (time.time() * 1000 >= seen.retry_ms and not seen.taken)

    def retry_at(self, name: str, now_ms: int) -> int:
        """When to try again (ms) while `allows` says no.

        The first comes when the probe is due, the others behind it at a bounded pace: few come back at once, many do
        not ask more often than that while the breaker stays open.
        """
        seen = self._seen.setdefault(name, _Seen())
        probe_ms = seen.retry_ms if seen.retry_ms > now_ms else now_ms + int(self._reset_s * 1000)
        seen.turn_ms = max(seen.turn_ms + TURN_MS, probe_ms)
        if seen.turn_ms > probe_ms + TURNS_MS:
            return probe_ms + int(random.random() * TURNS_MS)
        return seen.turn_ms

    def state(self, name: str) -> str:
        """The state as last read: closed, open or half-open."""
        return self._seen[name].state if name in self._seen else CLOSED

    async def record(self, name: str, ok: int = 0, failed: int = 0) -> None:
        """Count results; they reach Redis within a fifth of a second, off the event loop."""
        self.count(name, ok, failed)

    def count(self, name: str, ok: int = 0, failed: int = 0) -> None:
        """`record`, for callers that are not async (it needs a running event loop)."""
        if name in self._seen:
            self._seen[name].ours = False
        counts = self._counts.setdefault(name, [0, 0])
        counts[0] += ok
        counts[1] += failed
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.get_running_loop().create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        while self._counts:
            await asyncio.sleep(self._flush_s)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted, now."""
        counts, self._counts = self._counts, {}
        if counts:
            await asyncio.get_running_loop().run_in_executor(None, self._write, counts)

    async def _read_once(self, name: str, probe: bool = True) -> None:
        if name not in self._reading:
            loop = asyncio.get_running_loop()
            self._reading[name] = loop.run_in_executor(None, self._read, name, probe)
            self._reading[name].add_done_callback(lambda _: self._reading.pop(name, None))
        await asyncio.shield(self._reading[name])

    async def reset(self, name: str) -> None:
        """Close it by hand, and forget what was counted; all replicas see it within a quarter of a second."""
        await asyncio.get_running_loop().run_in_executor(None, self._reset, name)

    async def look(self, name: str) -> tuple[str, int | None]:
        """The state now and when its next probe is due (ms), without taking the probe."""
        await self._read_once(name, probe=False)
        seen = self._seen[name]
        return seen.state, None if seen.state == CLOSED else seen.retry_ms

    # In a thread from here on.

    def _reset(self, name: str) -> None:
        self._redis.delete(f"{self._prefix(name)}:window")
        self._change(name, CLOSED)

    @cached_property
    def _redis(self) -> Any:
        timeout = self._settings.redis_timeout_seconds
        options = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        if self._cluster:
            from redis import cluster

            known = [cluster.ClusterNode(host, port) for host, port in self._nodes]  # type: ignore[no-untyped-call]
            return cluster.RedisCluster.from_url(self._settings.redis_url, startup_nodes=known, **options)
        from redis import Redis

        url = self._settings.redis_url.rstrip("/")
        return Redis.from_url(f"{url.rsplit('/', 1)[0] if url.count('/') > 2 else url}/2", **options)

    def _away(self, event: str, name: str, error: Exception, used: Any) -> None:
        """Log it; a cluster is then asked for anew by the configured address: its nodes may all have moved. `used`: the
        client that there was before; another thread may have replaced it already."""
        log.warning(event, name=name, error=type(error).__name__)
        if self._cluster and used is not None and self._client is used:
            self.__dict__.pop("_redis", None)
            nodes = used.get_nodes()
            self._nodes = [(node.host, node.port) for node in nodes]
            for node in nodes:
                if node.redis_connection:  # else they stay until the collector comes; threads may still use others
                    node.redis_connection.connection_pool.disconnect(inuse_connections=False)

    @property
    def _client(self) -> Any:
        """The client that there is, without making one."""
        return self.__dict__.get("_redis")

    def _prefix(self, name: str) -> str:
        return f"breaker:{{{self._namespace}:{name}}}"

    def _read(self, name: str, probe: bool) -> None:
        seen, prefix, used = self._seen.setdefault(name, _Seen()), self._prefix(name), self._client
        try:
            state, retry, taken = self._redis.mget(f"{prefix}:pybreaker:state", f"{prefix}:retry_ms", f"{prefix}:probe")
            seen.state = state.decode() if state else CLOSED
            seen.retry_ms, seen.taken = int(retry or 0), taken is not None
            if probe and seen.state != CLOSED and time.time() * 1000 >= seen.retry_ms:
                seen.probing = bool(self._redis.set(f"{prefix}:probe", b"1", nx=True, px=PROBE_LEASE_MS))
                if seen.probing and seen.state == OPEN:
                    self._change(name, HALF_OPEN)
        except away() as error:
            self._away("breaker state unknown", name, error, used)
        seen.read_at = time.monotonic()

    def _give_back(self, name: str) -> None:
        used = self._client
        try:
            self._redis.delete(f"{self._prefix(name)}:probe")
        except away() as error:
            self._away("breaker probe not given back", name, error, used)

    def _write(self, counts: dict[str, list[int]]) -> None:
        for name, (ok, failed) in counts.items():
            used = self._client
            try:
                self._decide(name, ok, failed)
            except away() as error:
                self._away("breaker results lost", name, error, used)

    def _decide(self, name: str, ok: int, failed: int) -> None:
        window = f"{self._prefix(name)}:window"
        bucket = int(time.time() * 1000) // self._bucket_ms
        total_ok, total_failed = self._redis.eval(
            _RECORD, 1, window, bucket, ok, failed, BUCKETS, 2 * BUCKETS * self._bucket_ms
        )
        state = self.state(name)
        if state == CLOSED:
            if tripped(total_ok, total_failed):
                self._change(name, OPEN)
        elif state == HALF_OPEN:  # what was under way when it opened proves nothing; only the probe does
            self._redis.delete(window)
            self._change(name, CLOSED if ok else OPEN)

    def _change(self, name: str, state: str) -> None:
        """Move pybreaker's breaker to a state, and its keys to an expiry (it sets none); closed, it leaves none."""
        import pybreaker

        prefix = self._prefix(name)
        with self._lock:
            storage = pybreaker.CircuitRedisStorage(CLOSED, self._redis, namespace=prefix, cluster_mode=self._cluster)
            breaker = pybreaker.CircuitBreaker(reset_timeout=self._reset_s, state_storage=storage, name=name)
            {OPEN: breaker.open, HALF_OPEN: breaker.half_open, CLOSED: breaker.close}[state]()
            seen = self._seen.setdefault(name, _Seen())
            if state == OPEN:
                times = self._redis.incr(f"{prefix}:times")
                seen.retry_ms = int((time.time() + wait_s(self._reset_s, times if self._patient else 1)) * 1000)
                self._redis.set(f"{prefix}:retry_ms", seen.retry_ms, ex=KEEP_S)
                self._redis.delete(f"{prefix}:probe")
            parts = [f"{prefix}:pybreaker:{part}" for part in PARTS]
            if state == CLOSED:  # what nothing is known of is closed: no key needs to say so
                self._redis.delete(f"{prefix}:times", f"{prefix}:retry_ms", f"{prefix}:probe", *parts)
            else:
                for key in (*parts, f"{prefix}:times"):
                    self._redis.expire(key, KEEP_S)
            seen.state = state
        log.info("breaker", name=name, state=state)
