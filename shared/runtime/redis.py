"""The Redis clients: databases 0, 1 and 2 of one server, or one cluster for all three (prefixes keep them apart)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from shared.runtime.settings import RedisSettings

REPORTS, TIMERS, STATE = 0, 1, 2
CONNECTIONS = 32
"""Of one process to one database: more at once would fail instead of waiting, and Redis has one thread anyway."""
CONNECTION_WAIT_S = 5.0


def away() -> tuple[type[Exception], type[Exception], type[OSError]]:
    """What the clients raise when Redis is not there (their cluster errors are not all RedisErrors): `except away():`.

    It is asked when something was raised, so that importing them, a seventh of a cold start, need not come before it.
    """
    from redis import exceptions

    return exceptions.RedisError, exceptions.RedisClusterException, OSError


class RedisClients:
    """`reports` (db0: reports to retry), `timers` (db1: their timers), `state` (db2: all else)."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self.cluster = settings.redis_cluster

    @cached_property
    def reports(self) -> Any:
        """db0."""
        return self._client(REPORTS)

    @cached_property
    def timers(self) -> Any:
        """db1."""
        return self._client(TIMERS)

    @cached_property
    def state(self) -> Any:
        """db2."""
        return self._client(STATE)

    @cached_property
    def _cluster_client(self) -> Any:
        from shared.runtime.redis_cluster import FoundAgain

        timeout = self._settings.redis_timeout_seconds
        return FoundAgain.from_url(
            self._settings.redis_url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            decode_responses=False,
            dynamic_startup_nodes=False,
        )

    def _client(self, db: int) -> Any:
        if self.cluster:
            return self._cluster_client
        from redis import asyncio, backoff, exceptions

        timeout = self._settings.redis_timeout_seconds
        url = self._settings.redis_url.rstrip("/")
        pool = asyncio.BlockingConnectionPool.from_url(
            f"{url.rsplit('/', 1)[0] if url.count('/') > 2 else url}/{db}",
            max_connections=CONNECTIONS,
            timeout=CONNECTION_WAIT_S,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=asyncio.retry.Retry(
                backoff.NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)
            ),  # a connection from before Redis's restart
        )
        return asyncio.Redis.from_pool(pool)
