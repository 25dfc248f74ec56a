"""Hears the expiry events of every primary, through restarts and fail-overs.

One plain subscription a primary, and the cluster's topology read anew each second: redis-py's own cluster listener
does not follow a fail-over, and a cluster client's pubsub hears one node only. Events are sent once and to whoever
listens at that moment, so the sweeper finds what is missed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared.reports.keys import is_report_key, strip_prefix
from shared.runtime import logs
from shared.runtime.redis import TIMERS
from shared.runtime.settings import RedisSettings

TOPOLOGY_S = 1.0
POLL_S = 0.5
EVENTS = frozenset("Ex")

log = logs.get(__name__)


class Listener:
    """Calls `heard` with the report key of each timer that expires."""

    def __init__(self, settings: RedisSettings, heard: Callable[[str], None]) -> None:
        self._settings, self._heard = settings, heard
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._known = [settings.redis_url]
        self._stopping = False

    @property
    def listening(self) -> int:
        """How many primaries are listened to."""
        return sum(not task.done() for task in self._tasks.values())

    def stop(self) -> None:
        """Let every loop end at its next turn, should its cancellation be swallowed."""
        self._stopping = True

    async def run(self) -> None:
        """Keep a subscription on every primary until cancelled."""
        try:
            while not self._stopping:
                for url in await self._primaries():
                    if url not in self._tasks or self._tasks[url].done():
                        self._tasks[url] = asyncio.create_task(self._listen(url))
                await asyncio.sleep(TOPOLOGY_S)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _primaries(self) -> list[str]:
        if not self._settings.redis_cluster:
            return [_with_db(self._settings.redis_url, TIMERS)]
        for url in self._known:
            try:
                nodes = primaries(await self._ask(url, "CLUSTER", "NODES"), url)
            except (RedisError, OSError):
                continue
            if nodes:
                self._known = list(dict.fromkeys([*nodes, self._settings.redis_url, *self._known]))[:32]
                return nodes
        return []

    async def _ask(self, url: str, *words: str) -> str:
        client = self._client(url)
        try:
            answer: Any = await client.execute_command(*words)  # type: ignore[no-untyped-call]
            return str(answer if isinstance(answer, str) else answer.decode())
        finally:
            await client.aclose()

    def _client(self, url: str) -> Redis:
        timeout = self._settings.redis_timeout_seconds
        return Redis.from_url(
            url,
            socket_connect_timeout=timeout,
            socket_timeout=timeout,
            health_check_interval=5,
        )

    async def _listen(self, url: str) -> None:
        """Ends with an error; `run` begins anew while the node is a primary."""
        client = self._client(url)
        db = 0 if self._settings.redis_cluster else TIMERS
        try:
            await _enable_events(client)
            async with client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(f"__keyevent@{db}__:expired")
                log.info("listening", server=urlsplit(url).netloc.rpartition("@")[2])
                while not self._stopping:
                    message = await channel.get_message(timeout=POLL_S)
                    if message:
                        self._take(message)
        except (RedisError, OSError) as error:
            log.warning("stopped listening", error=type(error).__name__)
        finally:
            await client.aclose()

    def _take(self, message: dict[str, Any]) -> None:
        try:
            key = strip_prefix(message["data"].decode())
        except (UnicodeDecodeError, AttributeError):
            return
        if is_report_key(key):
            self._heard(key)


async def _enable_events(client: Redis) -> None:
    """Expiry events are off by default; switch them on where the server lets us."""
    try:
        flags = (await client.config_get("notify-keyspace-events")).get("notify-keyspace-events") or ""
        if not set(flags) >= EVENTS and not set(flags) >= {"E", "A"}:
            await client.config_set("notify-keyspace-events", "".join(sorted(set(flags) | EVENTS)))
    except ResponseError as error:
        log.warning("cannot see whether expiry events are on; the sweeper works without", error=str(error))


def primaries(cluster_nodes: str, like: str) -> list[str]:
    """The addresses of primaries that own slots, from CLUSTER NODES; everything else of the URL as in `like`."""
    urls = []
    for line in cluster_nodes.splitlines():
        fields = line.split()
        flags = fields[2].split(",") if len(fields) > 8 else []
        if "master" in flags and "fail" not in flags:
            urls.append(_with_address(like, fields[1].split("@")[0].split(",")[0]))
    return urls


def _with_address(url: str, address: str) -> str:
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"{user}{at}{address}", "", parts.query, ""))


def _with_db(url: str, db: int) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{db}", parts.query, ""))
