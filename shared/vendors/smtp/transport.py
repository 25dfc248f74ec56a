"""One mail to a relay over pooled sessions. Before the final dot nothing has left; after it, without an answer, it may
have (RFC 1047): Uncertain."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from shared.channels.email.content import OURS
from shared.channels.email.mime import Composed
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.runtime import metrics
from shared.vendors.base import Answer
from shared.vendors.smtp import dkim
from shared.vendors.smtp.session import Closed, Relay, Reply, Session, commands

IDLE_S = 20.0
"""A session that was idle longer is not used again: relays hang up after a minute or so."""
MAX_MAILS = 100
"""Mails over one connection; receivers allow 20–100."""
KEYS_S = 60.0
"""How long a domain's keys are kept."""


@dataclass(frozen=True)
class SmtpCall:
    """One mail to send. `build` makes it with its link to unsubscribe (empty: none); `reference` names the message."""

    relay: Relay
    sender: str
    to: tuple[str, ...]
    envelope_id: str
    account_id: int
    domain: str
    now_ms: int
    unsubscribe: str
    message_ref: str
    build: Any
    transport: str = "shared.vendors.smtp.transport"


class Pool:
    """The idle sessions of one relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._idle: deque[Session] = deque()

    async def take(self, fresh: bool = False) -> Session:
        """A session: the last used of those that live, or a new one."""
        while self._idle and not fresh:
            session = self._idle.pop()
            if session.alive and time.monotonic() - session.used_s < IDLE_S and session.mails < MAX_MAILS:
                return session
            session.close()
        return await Session.open(self._relay)

    def give(self, session: Session) -> None:
        """A session that may be used again."""
        session.used_s = time.monotonic()
        self._idle.append(session)
        while len(self._idle) > 1 and time.monotonic() - self._idle[0].used_s > IDLE_S:
            self._idle.popleft().close()


@dataclass
class Kept:
    """What one function's context keeps: idle sessions by relay, and domains' keys with their times."""

    pools: dict[Relay, Pool]
    keys: dict[tuple[int, str], tuple[float, tuple[dkim.Key, ...]]]


_kept: WeakKeyDictionary[Any, Kept] = WeakKeyDictionary()


def _of(ims: Any) -> Kept:
    kept = _kept.get(ims)
    if kept is None:
        kept = _kept[ims] = Kept({}, {})
    return kept


async def perform(ims: Any, call: SmtpCall, vendor: str, timeout_s: float) -> Answer:
    """Send a mail; the answer's body is the reply that decides. Raises Unavailable, Uncertain or Rejected."""
    started = time.perf_counter()
    left = [False]
    try:
        async with asyncio.timeout(timeout_s):
            raw = await _signed(ims, call)
            return await _exchange(ims, call, raw, left)
    except (TimeoutError, Closed, OSError) as error:
        if left[0]:
            raise Uncertain(f"no answer after the final dot: {type(error).__name__}") from error
        raise Unavailable(f"the relay does not answer: {type(error).__name__} {error}"[:300]) from error
    finally:
        metrics.VENDOR_SECONDS.labels(vendor).observe(time.perf_counter() - started)


async def _signed(ims: Any, call: SmtpCall) -> bytes:
    """The mail as it goes over the wire."""
    link = call.unsubscribe
    if link == OURS:
        from shared.accounts import unsubscribing

        link = unsubscribing.link(call.account_id, call.to[0], call.message_ref)
    mail: Composed = call.build(link)
    keys = await _domain_keys(ims, call.account_id, call.domain)
    return mail.as_bytes(dkim.sign(mail.headers, mail.body, call.domain, keys, call.now_ms))


async def _domain_keys(ims: Any, account_id: int, domain: str) -> tuple[dkim.Key, ...]:
    kept, place = _of(ims).keys, (account_id, domain)
    known = kept.get(place)
    if known and time.monotonic() < known[0]:
        return known[1]
    keys: tuple[dkim.Key, ...] = await ims.db(_read_keys, account_id, domain)
    kept[place] = time.monotonic() + KEYS_S, keys
    return keys


def _read_keys(conn: Any, account_id: int, domain: str) -> tuple[dkim.Key, ...]:
    """A domain's keys; none where its owner has removed it since the mail was accepted."""
    from shared.accounts.domains import selectors
    from shared.accounts.secrets import opened, ring
    from shared.stores import identities

    row = identities.by_value(conn, account_id, "email", "domain", domain)
    if row is None or not row.secrets:
        return ()
    return dkim.loaded(opened(ring(), row.secrets, row.place), selectors(row.identity_id.hex()))


async def _exchange(ims: Any, call: SmtpCall, raw: bytes, left: list[bool]) -> Answer:
    pool = _of(ims).pools.setdefault(call.relay, Pool(call.relay))
    for fresh in (False, True):
        session = await pool.take(fresh)
        reused = session.mails > 0
        try:
            answer, good = await _mail(session, call, raw, left)
        except (Closed, OSError):
            session.close()
            if reused and not left[0]:
                continue  # it had hung up while it was idle: nothing was taken
            raise
        except BaseException:
            session.close()
            raise
        if answer is None:  # 421 to MAIL: it has had enough of this connection
            session.close()
            if reused:
                continue
            raise Unavailable("the relay closes: 421")
        if good:
            pool.give(session)
        else:
            await session.quit()
        return answer
    raise Unavailable("the relay hangs up again and again")


async def _mail(session: Session, call: SmtpCall, raw: bytes, left: list[bool]) -> tuple[Answer | None, bool]:
    """One transaction; the answer (None: the relay closes), and whether the session may go on."""
    limit = session.offers.get("SIZE", "")
    if limit.isdigit() and 0 < int(limit) < len(raw):
        raise Rejected("1002", f"the mail has {len(raw)} bytes, the relay takes {limit}", "size")
    session.mails += 1
    words = commands(call.sender, call.to, len(raw), call.envelope_id, session.offers)
    alone = len(call.to) == 1
    if "PIPELINING" in session.offers:
        await session.say(*words, *(["DATA"] if alone else []))
        first, *copies = [await session.reply() for _ in words]
        data = await session.reply() if alone else None
    else:
        first, data = await session.ask(words[0]), None
        copies = [await session.ask(word) for word in words[1:]] if first.code == 250 else []
    if refused := _refused(first, copies):
        if data is not None and data.code == 354:  # taken all the same: end it with nothing in it
            await session.say(".")
            await session.reply()
        if refused.code == 421:
            return (None if refused is first else _answer("rcpt", refused)), False
        return _answer("mail" if refused is first else "rcpt", refused), await _reset(session)
    data = data or await session.ask("DATA")
    if data.code != 354:
        return _answer("data", data), data.code != 421 and await _reset(session)
    await session.write(raw)
    left[0] = True
    await session.say("." if raw.endswith(b"\r\n") else "\r\n.")
    end = await session.reply()
    refusals = " ".join(f"cc refused: {r.code} {r.text}" for r in copies[1:] if r.code not in (250, 251))
    return _answer("end", end, refusals), end.code != 421


def _refused(first: Reply, recipients: Sequence[Reply]) -> Reply | None:
    """What ends the transaction: MAIL refused, or the recipient itself; a refused copy does not."""
    if first.code != 250:
        return first
    return recipients[0] if recipients[0].code not in (250, 251) else None


async def _reset(session: Session) -> bool:
    """Whether the session is good for another mail; a fault here concerns no mail."""
    try:
        return (await session.ask("RSET")).code == 250
    except (Closed, OSError):
        return False


def _answer(stage: str, reply: Reply, note: str = "") -> Answer:
    text = " ".join(reply.text.split())
    return Answer(reply.code, {}, orjson.dumps({"stage": stage, "text": text, "note": note}))
