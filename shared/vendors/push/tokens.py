"""Tokens of apps: one a key for all processes, kept over restarts, asked for once however many wait.

APNs refuses who renews too often, and Google's tokens are not free either, so they stand sealed in Redis; while Redis
is away each process has its own. Who was told to wait is remembered here, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from weakref import WeakKeyDictionary

import orjson

from shared.accounts.secrets import Unreadable, ring
from shared.domain.errors import ImsError, Unavailable, Uncertain
from shared.runtime import Context, logs
from shared.runtime.redis import away
from shared.sending.calls import exchange
from shared.vendors.base import Token, VendorAccount
from shared.vendors.push.service import App, Service, Target

MARGIN_MS = 5_000
LOCK_MS, LOOK_S = 10_000, 0.1
PREFIX = "push:token:"

log = logs.get(__name__)


class Keyring:
    """The tokens that one process holds."""

    def __init__(self, ims: Context) -> None:
        self._ims = ims
        self._held: dict[str, Token] = {}
        self._asking: dict[str, asyncio.Task[Token]] = {}
        self._resting: dict[str, float] = {}

    async def token(self, service: Service, app: App, target: Target, account: VendorAccount, timeout_s: float) -> str:
        """A token that is good now. Raises Rejected for an app whose keys are refused, else Unavailable."""
        name = _name(service, app, target, account)
        held = self._held.get(name)
        if held is not None and held.expires_ms - MARGIN_MS > self._ims.now_ms():
            return held.value
        task = self._asking.get(name)
        if task is None:
            task = asyncio.create_task(self._get(name, service, app, target, account, timeout_s))
            self._asking[name] = task
            task.add_done_callback(lambda done: self._over(name, done))
        return (await asyncio.shield(task)).value

    async def drop(self, service: Service, app: App, target: Target, account: VendorAccount, value: str) -> None:
        """The service refused this very token; a newer one stays."""
        name = _name(service, app, target, account)
        held = self._held.get(name)
        if held is None or held.value != value:
            return
        del self._held[name]
        shared = await self._read(name)
        if shared is not None and shared.value == value:
            try:
                await self._ims.redis.state.delete(PREFIX + name)
            except away():
                log.info("a refused token stays in Redis for now")

    def rest(self, service: Service, app: App, target: Target, account: VendorAccount, seconds: float) -> None:
        """The app was told to wait."""
        self._resting[_name(service, app, target, account)] = time.monotonic() + seconds

    def resting(self, service: Service, app: App, target: Target, account: VendorAccount) -> float:
        """Seconds that the app has to wait still. Raises Rejected for an app without keys."""
        return self._resting.get(_name(service, app, target, account), 0.0) - time.monotonic()

    def _over(self, name: str, done: asyncio.Task[Token]) -> None:
        self._asking.pop(name, None)
        if not done.cancelled():
            done.exception()

    async def _get(
        self, name: str, service: Service, app: App, target: Target, account: VendorAccount, timeout_s: float
    ) -> Token:
        """Another process's, or a new one; one process asks, the others wait for it."""
        until = time.monotonic() + min(timeout_s, LOCK_MS / 1000)
        while True:
            shared = await self._read(name)
            if shared is not None and shared.expires_ms - MARGIN_MS > self._ims.now_ms():
                break
            if await self._lock(name) or time.monotonic() > until:
                shared = await self._new(service, app, target, account, timeout_s)
                await self._write(name, shared)
                break
            await asyncio.sleep(LOOK_S)
        if len(self._held) > 10_000:
            self._held.clear()
        self._held[name] = shared
        return shared

    async def _new(self, service: Service, app: App, target: Target, account: VendorAccount, timeout_s: float) -> Token:
        now = self._ims.now_ms()
        made = service.app_token(app, target, replace(account, token=""), now)
        if isinstance(made, Token):
            return made
        try:
            return service.read_token(await exchange(self._ims, made, account.vendor, timeout_s), self._ims.now_ms())
        except Uncertain as error:  # only a token: nothing was sent
            raise Unavailable(str(error)) from error

    async def _lock(self, name: str) -> bool:
        try:
            return bool(await self._ims.redis.state.set(f"{PREFIX}lock:{name}", b"1", nx=True, px=LOCK_MS))
        except away():
            return True

    async def _read(self, name: str) -> Token | None:
        try:
            kept = await self._ims.redis.state.get(PREFIX + name)
            if not kept:
                return None
            value, expires = orjson.loads(ring().open(kept.decode(), PREFIX + name))
        except (*away(), Unreadable, ImsError, ValueError):
            return None
        return Token(str(value), int(expires))

    async def _write(self, name: str, token: Token) -> None:
        life = token.expires_ms - self._ims.now_ms()
        if life <= 0:
            return
        try:
            sealed = ring().seal(orjson.dumps([token.value, token.expires_ms]).decode(), PREFIX + name)
            await self._ims.redis.state.set(PREFIX + name, sealed, px=life)
            await self._ims.redis.state.delete(f"{PREFIX}lock:{name}")
        except (*away(), ImsError):
            log.info("a token is kept in this process only")


def _name(service: Service, app: App, target: Target, account: VendorAccount) -> str:
    """By all that a token is good for: a changed key gets a token of its own."""
    told = "\n".join((service.name, account.account, *service.scope(app, target, account)))
    return hashlib.sha256(told.encode()).hexdigest()


_rings: WeakKeyDictionary[Context, Keyring] = WeakKeyDictionary()


def keyring(ims: Context) -> Keyring:
    """The tokens of this process."""
    return _rings.get(ims) or _rings.setdefault(ims, Keyring(ims))
