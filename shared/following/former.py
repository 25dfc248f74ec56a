"""The callback addresses that an account has had: a replay of old reports goes to the present one instead.

Kept in Redis (db2); when it is lost, such a replay goes to where the report would have gone at first.
"""

from __future__ import annotations

import hashlib

from redis.exceptions import RedisError

from shared.domain.errors import Unavailable
from shared.runtime import Context, logs

log = logs.get(__name__)


def _name(account_id: int) -> str:
    return f"former:{account_id}"


def digest(uri: str) -> bytes:
    """What is kept of an address."""
    return hashlib.sha256(uri.encode()).digest()[:16]


async def moved(ims: Context, account_id: int, old: str | None, new: str | None) -> None:
    """The account's callback changes from `old` to `new`."""
    try:
        if old and old != new:
            await ims.redis.state.sadd(_name(account_id), digest(old))
        if new:
            await ims.redis.state.srem(_name(account_id), digest(new))
    except (RedisError, OSError) as error:
        raise Unavailable(f"Redis: {type(error).__name__}") from error


async def former_uris(ims: Context, account_id: int) -> frozenset[bytes]:
    """Digests of the addresses that the account had before."""
    try:
        return frozenset(await ims.redis.state.smembers(_name(account_id)))
    except (RedisError, OSError) as error:
        log.warning("former callbacks unknown", error=type(error).__name__)
        return frozenset()
