"""Accounts, their API keys and sender numbers: read from MySQL, trusted for some seconds.

When MySQL does not answer, what was known is trusted on, so that accepting goes on (Kafka holds the messages).
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Generic, TypeVar

import orjson

from shared.accounts import at_rest
from shared.accounts.at_rest import Secret
from shared.domain.errors import Unavailable
from shared.runtime import logs
from shared.stores import former, identities, sql
from shared.stores.sql import Connection

log = logs.get(__name__)

STALE_SECONDS = 3600
"""How long an entry may serve while MySQL is away."""
CACHE_SIZE = 50_000
USED_SECONDS = 60.0
MAX_FORMER = 4
"""Replaced secrets that may sign beside the one that holds."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Account:
    """A client. `callback_secrets` are as stored (reports/callback.py opens them), the first signs first."""

    account_id: int
    username: str
    enabled: bool
    callback_uri: str | None
    callback_enabled: bool
    callback_batch: int
    callback_secrets: tuple[Secret, ...]
    send_window: int
    rate_per_second: int | None
    daily_limit: int | None
    senders: frozenset[str]
    former_secrets: tuple[tuple[Secret, int], ...] = ()
    """Secrets that were replaced, each with the time (ms) until which it signs, too."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Lane → {"fallback": hops as a client writes them, "wait"?: seconds}, for requests that name no fallback."""
    events: tuple[str, ...] = ()
    """What it wants to be told beside reports (shared/stores/notices.py)."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored: `kind` live, test or admin.

    `scopes` count where it is `limited` to them; `ip_allow` may hold what is no address range: that lets nobody in.
    """

    account_id: int | None
    kind: str
    scopes: tuple[str, ...]
    ip_allow: tuple[str, ...]
    expires_ms: int | None
    limited: bool = False
    key_hash: bytes = b""

    @property
    def granted(self) -> tuple[str, ...] | None:
        """The scopes of a limited key, else None (shared/edge/scopes.py:opened)."""
        return self.scopes if self.limited else None

    def allows_ip(self, address: str) -> bool:
        """Whether the key may be used from an address."""
        if not self.ip_allow:
            return True
        ip = _address(address)
        return ip is not None and any(ip in net for net in map(_network, self.ip_allow) if net is not None)


Ip = IPv4Address | IPv6Address


def _address(text: str) -> Ip | None:
    """An address; one of IPv4 written as IPv6 (`::ffff:192.0.2.1`) is the former."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


@lru_cache(maxsize=4096)
def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """An entry of an allow-list; None, and said once, when it is no address range."""
    try:
        return ipaddress.ip_network(entry.strip(), strict=False)
    except ValueError:
        log.warning("an entry of a key's ip_allow is no address range; it lets nobody in", entry=entry[:64])
        return None


class Cache(Generic[K, V]):
    """Values by key for `ttl` seconds; one load per key at a time; stale values while the source is away."""

    def __init__(self, load: Callable[[K], Any], ttl: float) -> None:
        self._load, self._ttl = load, ttl
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    def peek(self, key: K) -> V | None:
        """The value if it is fresh."""
        found = self._values.get(key)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    async def get(self, key: K) -> V:
        """The value, loaded when it is not fresh."""
        found = self._values.get(key)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._refresh(key))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        try:
            return await asyncio.shield(task)
        except Unavailable:
            if found is not None and found[0] > time.monotonic() - STALE_SECONDS:
                return found[1]
            raise

    async def _refresh(self, key: K) -> V:
        value: V = await self._load(key)
        self._values[key] = (time.monotonic() + self._ttl, value)
        self._values.move_to_end(key)
        if len(self._values) > CACHE_SIZE:
            self._values.popitem(last=False)
        return value

    def forget(self, key: K) -> None:
        """Ask the source next time."""
        self._values.pop(key, None)


class Accounts:
    """The cached view of accounts and keys."""

    def __init__(self, db: Any, ttl: float) -> None:
        self._db = db
        self._keys: Cache[bytes, ApiKey | None] = Cache(partial(db, read_key), ttl)
        self._accounts: Cache[int, Account | None] = Cache(partial(db, read_account), ttl)
        self._used: dict[bytes, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def key(self, token: str) -> ApiKey | None:
        """The API key with this secret, if it exists and is not revoked."""
        return await self._keys.get(hashlib.sha256(token.encode()).digest())

    def used(self, key: ApiKey, at_ms: int) -> None:
        """A key has opened something. That is noted once a minute in each process, behind the answer."""
        now = time.monotonic()
        if not key.key_hash or self._used.get(key.key_hash, 0.0) > now - USED_SECONDS:
            return
        if len(self._used) >= CACHE_SIZE:
            self._used.clear()
        self._used[key.key_hash] = now
        task = asyncio.create_task(self._note(key.key_hash, at_ms))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _note(self, key_hash: bytes, at_ms: int) -> None:
        try:
            await self._db(note_use, key_hash, at_ms)
        except Unavailable:
            self._used.pop(key_hash, None)

    async def by_id(self, account_id: int) -> Account | None:
        """An account."""
        return await self._accounts.get(account_id)

    async def windows(self, account_ids: Iterable[int]) -> dict[int, int]:
        """Each account's window."""
        found = [await self.by_id(i) for i in set(account_ids)]
        return {a.account_id: a.send_window for a in found if a is not None}

    def forget(self, account_id: int) -> None:
        """The account has changed."""
        self._accounts.forget(account_id)


def read_key(conn: Connection, digest: bytes) -> ApiKey | None:
    """A key by the SHA-256 of its secret."""
    found = sql.fetch(
        conn,
        "SELECT account_id, kind, scopes, ip_allow, expires_ms FROM api_keys WHERE key_hash=%s AND revoked_ms IS NULL",
        (digest,),
    )
    if not found:
        return None
    account_id, kind, scopes, ip_allow, expires_ms = found[0]
    return ApiKey(account_id, kind, texts(scopes), texts(ip_allow), expires_ms, scopes is not None, digest)


def note_use(conn: Connection, key_hash: bytes, at_ms: int) -> None:
    """When a key was last used."""
    where = f"key_hash={sql.literal(key_hash)} AND COALESCE(last_used_ms, 0)<{at_ms:d}"
    sql.execute(conn, f"UPDATE api_keys SET last_used_ms={at_ms:d} WHERE {where}")  # noqa: S608 - literals


def texts(text: str | None) -> tuple[str, ...]:
    """A list as stored. Whatever else stands there is one entry that nothing matches, so that it opens nothing."""
    if text is None:
        return ()
    try:
        listed = orjson.loads(text)
    except ValueError:
        return (text,)
    return tuple(map(str, listed)) if isinstance(listed, list) else (text,)


def _list(text: str | None) -> tuple[Any, ...]:
    return tuple(orjson.loads(text)) if text else ()


def _secrets(text: str | None) -> tuple[Secret, ...]:
    return tuple(map(at_rest.read, _list(text)))


def _former(text: str | None) -> tuple[tuple[Secret, int], ...]:
    return tuple((at_rest.read(secret), int(until)) for secret, until in _list(text))


_ACCOUNT = (
    "account_id, username, enabled, callback_uri, callback_enabled, callback_batch, callback_secrets, send_window, "
    "rate_per_second, daily_limit, former_secrets, defaults, events"
)


def read_account(conn: Connection, account_id: int) -> Account | None:
    """An account with its approved sender numbers."""
    found = sql.fetch(conn, f"SELECT {_ACCOUNT} FROM accounts WHERE account_id=%s", (account_id,))  # noqa: S608
    if not found:
        return None
    row = found[0]
    return Account(
        row[0], row[1], bool(row[2]), row[3], bool(row[4]), row[5], _secrets(row[6]), row[7], row[8], row[9],
        identities.numbers(conn, account_id), _former(row[10]),
        orjson.loads(row[11]) if row[11] else {}, tuple(orjson.loads(row[12]) if row[12] else ()),
    )  # fmt: skip


def send_windows(conn: Connection, account_ids: Iterable[int]) -> dict[int, int]:
    """The windows of accounts as they are now, for batches that do not name their accounts."""
    wanted = ",".join(str(number) for number in sorted(set(account_ids)))
    if not wanted:
        return {}
    return dict(sql.fetch(conn, f"SELECT account_id, send_window FROM accounts WHERE account_id IN ({wanted})"))  # noqa: S608 - numbers


def set_callbacks(conn: Connection, account_id: int, changes: dict[str, Any], now_ms: int) -> None:
    """Set `callback_uri`, `callback_secrets` (list, sealed), `callback_batch`, `callback_enabled` of an account.

    An address that it leaves is remembered, one that it takes again is not; all in the caller's transaction.
    """
    if "callback_uri" in changes:
        query = "SELECT callback_uri FROM accounts WHERE account_id=%s FOR UPDATE"
        ((old,),) = sql.fetch(conn, query, (account_id,))
        former.moved(conn, account_id, old, changes["callback_uri"], now_ms)
    if "callback_secrets" in changes:  # what is set by hand holds alone
        sql.execute(conn, f"UPDATE accounts SET former_secrets=NULL WHERE account_id={account_id:d}")  # noqa: S608
    allowed = {"callback_uri", "callback_secrets", "callback_batch", "callback_enabled", "events"}
    as_text: dict[str, Callable[[Any], str]] = {"callback_secrets": _texts, "events": _json}
    pairs = {k: as_text[k](v) if k in as_text else v for k, v in changes.items() if k in allowed}
    if pairs:
        assignments = ", ".join(f"{k}={sql.literal(v)}" for k, v in pairs.items())
        sql.execute(conn, f"UPDATE accounts SET {assignments} WHERE account_id={account_id}")  # noqa: S608


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _texts(secrets: Iterable[Secret]) -> str:
    return orjson.dumps([at_rest.written(secret) for secret in secrets]).decode()


def rotate_secret(conn: Connection, account_id: int, secret: Secret, until_ms: int, now_ms: int) -> None:
    """Let a new secret sign first; those before it sign beside it until then, the latest of them only."""
    query = "SELECT callback_secrets, former_secrets FROM accounts WHERE account_id=%s FOR UPDATE"
    ((current, former),) = sql.fetch(conn, query, (account_id,))
    kept = [(text, until_ms) for text in _list(current)] + [(text, until) for text, until in _list(former)]
    kept = [(text, until) for text, until in kept if until > now_ms][:MAX_FORMER]
    sql.execute(
        conn,
        f"UPDATE accounts SET callback_secrets={sql.literal(_texts([secret]))}, "  # noqa: S608 - literals
        f"former_secrets={sql.literal(orjson.dumps(kept).decode() if kept else None)} WHERE account_id={account_id:d}",
    )


def set_defaults(conn: Connection, account_id: int, changes: Mapping[str, Any], most: int) -> bool:
    """Set the defaults of the lanes that are given (None takes a lane's away); False, and nothing is changed, where
    all of them together would have more than `most` bytes."""
    ((kept,),) = sql.fetch(conn, "SELECT defaults FROM accounts WHERE account_id=%s FOR UPDATE", (account_id,))
    known = {**(orjson.loads(kept) if kept else {}), **changes}
    text = orjson.dumps({lane: chosen for lane, chosen in known.items() if chosen is not None})
    if len(text) > most:
        return False
    sql.execute(conn, f"UPDATE accounts SET defaults={sql.literal(text.decode())} WHERE account_id={account_id:d}")  # noqa: S608
    return True
