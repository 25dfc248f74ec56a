"""Tokens of vendor accounts: asked for once however many calls wait, kept while they are good, renewed before they end.

A process keeps its own. A token that a vendor refuses is dropped once, for whoever held it then.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from weakref import WeakKeyDictionary

from shared.domain.errors import Unavailable, Uncertain
from shared.runtime import Context
from shared.sending.calls import exchange
from shared.vendors.base import Adapter, Answer, Token, Tokens, VendorAccount, able

RENEW_AT = 0.8
"""From this part of its life on a token is renewed, while it still serves."""
MARGIN_MS = 10_000
"""A token is not used this close to its end."""

Key = tuple[str, str, str, int]


class Wallet:
    """The tokens of one process."""

    def __init__(self, ims: Context) -> None:
        self._ims = ims
        self._tokens: dict[Key, tuple[Token, int]] = {}
        """The token, and when it was got."""
        self._asking: dict[Key, asyncio.Task[Token]] = {}

    async def with_token(self, adapter: Adapter, account: VendorAccount, timeout_s: float) -> VendorAccount:
        """The account with its token, where the adapter wants one.

        Raises Unavailable when the vendor gives none now, Rejected when it refuses the account.
        """
        maker = able(adapter, Tokens)
        if maker is None:
            return account
        key = _key(adapter, account)
        held, now = self._tokens.get(key), self._ims.now_ms()
        if held is None or held[0].expires_ms - MARGIN_MS <= now:
            token = await asyncio.shield(self._ask(key, maker, account, timeout_s))
            return replace(account, token=token.value)
        token, got_ms = held
        if now - got_ms >= RENEW_AT * (token.expires_ms - got_ms):
            self._ask(key, maker, account, timeout_s)
        return replace(account, token=token.value)

    def drop(self, adapter: Adapter, account: VendorAccount) -> None:
        """The vendor refused this very token; a newer one stays."""
        key = _key(adapter, account)
        held = self._tokens.get(key)
        if held is not None and held[0].value == account.token:
            del self._tokens[key]

    def _ask(self, key: Key, maker: Tokens, account: VendorAccount, timeout_s: float) -> asyncio.Task[Token]:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._new(key, maker, account, timeout_s))
            task.add_done_callback(lambda done: self._over(key, done))
        return task

    def _over(self, key: Key, done: asyncio.Task[Token]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled():
            done.exception()  # a renewal that failed is tried again by the next call

    async def _new(self, key: Key, maker: Tokens, account: VendorAccount, timeout_s: float) -> Token:
        now = self._ims.now_ms()
        made = maker.token(replace(account, token=""), now, os.urandom(16).hex())
        if not isinstance(made, Token):
            try:
                made = maker.read_token(await exchange(self._ims, made, account.vendor, timeout_s), now)
            except Uncertain as error:  # only a token: nothing was sent
                raise Unavailable(str(error)) from error
        self._tokens[key] = (made, now)
        return made


def _key(adapter: Adapter, account: VendorAccount) -> Key:
    """Other settings are another account: a changed key gets a token of its own."""
    return account.vendor, account.account, adapter.channel, hash(tuple(sorted(account.settings.items())))


_wallets: WeakKeyDictionary[Context, Wallet] = WeakKeyDictionary()


def wallet(ims: Context) -> Wallet:
    """The tokens of this process."""
    return _wallets.get(ims) or _wallets.setdefault(ims, Wallet(ims))


def refused(adapter: Adapter, account: VendorAccount, answer: Answer, ims: Context) -> bool:
    """Whether an answer refuses the account's token, which is dropped then: nothing was taken, a new token may help."""
    maker = able(adapter, Tokens)
    if maker is None or not maker.token_refused(answer):
        return False
    wallet(ims).drop(adapter, account)
    return True
