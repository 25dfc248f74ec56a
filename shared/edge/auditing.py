"""Changes, and looks at personal data, that leave a row in the audit: written in the transaction of the change.

| dies after … | what is there |
|---|---|
| the change, before its commit | neither the change nor its row |
| the commit, before the anchor | both; the next change anchors the chain again |

The anchor is the newest row's number and hash outside of MySQL (Redis, the log): without it nobody
could know that the chain's end was cut off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson

from shared.edge.callers import Actor, Caller, Operator
from shared.runtime import Context, logs
from shared.runtime.redis import away
from shared.stores import audit
from shared.stores.sql import Connection

ANCHOR = "audit:head"
MAX_VIEW = 64 * 1024
"""Bytes of a view that are kept; of a larger one the digest."""

P = ParamSpec("P")
T = TypeVar("T")
Who = Caller | Operator | Actor

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is told of a change or a look.

    `before` and `after` are views as the owner sees them, so without secrets. `about`: (account_id, username) of the
    account that it is about, where an operator acts on one.
    """

    action: str
    object: str
    before: Any = None
    after: Any = None
    purpose: str | None = None
    about: tuple[int, str] | None = None


async def audited(
    ims: Context,
    who: Who,
    deed: Deed | Callable[[T], Deed | None],
    change: Callable[Concatenate[Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a change and note it; `deed` may be made of what the change returns, None: nothing was changed."""
    wanted = partial(_run, who, deed, ims.now_ms(), change, *args, **kwargs)
    result, head = await ims.db(wanted)
    if head is not None:
        await anchor(ims, head)
    return result


def _run(
    who: Who, deed: Any, now_ms: int, change: Callable[..., T], /, *args: Any, **kwargs: Any
) -> tuple[T, tuple[int, bytes] | None]:
    *given, conn = args  # the connection comes last, behind what partial holds
    result = change(conn, *given, **kwargs)
    told = deed if isinstance(deed, Deed) else deed(result)
    return result, None if told is None else record(conn, who, told, now_ms)


def record(conn: Connection, who: Who, deed: Deed, now_ms: int) -> tuple[int, bytes]:
    """The row of a deed, in the caller's transaction; call `anchor` with the result after the commit."""
    return audit.append(conn, entry(who, deed, now_ms))


async def noted(ims: Context, who: Who, deed: Deed) -> None:
    """Note a look, which changes nothing."""
    await audited(ims, who, deed, lambda _: None)


def entry(who: Who, deed: Deed, now_ms: int) -> audit.Entry:
    """A deed as a row."""
    account = deed.about or ((who.account.account_id, who.account.username) if isinstance(who, Caller) else (0, ""))
    actor = who if isinstance(who, Actor) else who.actor
    return audit.Entry(
        now_ms, actor.kind, actor.id[:64], actor.name[:254], actor.address[:64], *account,
        deed.action, deed.object[:300], _view(deed.before), _view(deed.after), deed.purpose and deed.purpose[:500],
    )  # fmt: skip


def _view(value: Any) -> str | None:
    if value is None:
        return None
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if len(text) > MAX_VIEW:
        text = orjson.dumps({"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()})
    return text.decode()


async def anchor(ims: Context, head: tuple[int, bytes]) -> None:
    """Note the chain's end outside of MySQL, as far as Redis is there."""
    log.info("audit", seq=head[0], hash=head[1].hex())
    with suppress(*away()):
        await ims.redis.state.set(ANCHOR, f"{head[0]} {head[1].hex()}")


async def anchored(ims: Context) -> tuple[int, bytes] | None:
    """What was noted so."""
    with suppress(*away()):
        kept = await ims.redis.state.get(ANCHOR)
        if kept:
            seq, _, made = kept.decode().partition(" ")
            return int(seq), bytes.fromhex(made)
    return None
