"""`GET /v1/messages/{message_id}/content`: what a message says, hop by hop, as it goes to the vendor.

A look at it stands in the audit. Of the lane auth what may be a password is masked; it is gone once the message ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import channel
from shared.domain.content import KEPT
from shared.domain.errors import Rejected
from shared.edge.auditing import Deed, noted
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.problems import Problem
from shared.stores import lookup
from shared.stores.sql import Connection

MASK = "•••"
MAX_PURPOSE = 500
OURS = frozenset({"account_id"})
NAMES = KEPT | {"kind", "brand", "chatbot", "domain", "return_path"}
"""Fields that say who sends and how, never a password."""

Json = dict[str, Any]

_SECRETIVE = re.compile(r"\S*\d\S*")


class Content(NamedTuple):
    """The hops of a message's plan with their contents; the values that fill them; whether its lane is auth."""

    hops: list[Json]
    values: dict[str, str] | None
    lane: str


def purpose(text: str) -> str:
    """Why somebody looks, for the audit."""
    if len(text) > MAX_PURPOSE:
        raise ValueError(f"at most {MAX_PURPOSE} characters")
    return text


async def get_content(request: Request, ims: Context) -> Response:
    """The content of one message; 410 once retention has deleted it."""
    who = await caller(request, ims)
    given = reading.query(request, {"purpose": purpose})
    message_id = reading.path_id(request, "message_id", reading.message_id)
    found = await ims.db(_read, who.account.account_id, message_id.bytes, who.test)
    if found is None:
        raise reading.not_found("message")
    if gone(found):
        raise Problem(410, "Its content was deleted: a password's when it ended, any other after the retention period.")
    await noted(ims, who, Deed("messages.content", f"message {message_id}", purpose=given.get("purpose")))
    masked = found.lane == "auth"
    hops = [_hop(n, hop, found.values, masked=masked) for n, hop in enumerate(found.hops, 1)]
    return reading.answer({"message_id": str(message_id), "lane": found.lane, "masked": masked, "hops": hops})


def _read(conn: Connection, account_id: int, message_id: bytes, test: bool) -> Content | None:
    found = lookup.content(conn, account_id, message_id, test=test)
    return None if found is None else Content(*found)


def gone(content: Content) -> bool:
    """Whether nothing but who sent is left, or what fills the text is away."""
    if all(set(hop["content"]) <= KEPT for hop in content.hops):
        return True
    return content.values is None and any(b"#{" in orjson.dumps(hop["content"]) for hop in content.hops)


def _hop(number: int, hop: Mapping[str, Any], values: Mapping[str, str] | None, *, masked: bool) -> Json:
    shown = dict.fromkeys(values, MASK) if masked and values else values
    told: Json = {"hop": number, "channel": hop["channel"], "content": None, "detail": None}
    try:
        payload = channel(hop["channel"]).render(hop["content"], shown)
    except Rejected as error:
        return {**told, "detail": error.detail}
    told["content"] = plain(payload)
    return hidden(told) if masked else told


def plain(value: Any) -> Any:
    """A payload as JSON: its fields by name, without those that are empty."""
    if isinstance(value, bytes):
        return orjson.loads(value) if value else None
    if hasattr(value, "_asdict"):
        fields = {name: plain(one) for name, one in value._asdict().items() if name not in OURS}
        return {name: one for name, one in fields.items() if one not in (None, "", [], {}, False)}
    if isinstance(value, (tuple, list)):
        return _pairs(value) if _are_pairs(value) else [plain(one) for one in value]
    return value


def _are_pairs(value: Iterable[Any]) -> bool:
    pairs = [one for one in value if not (type(one) is tuple and len(one) == 2 and isinstance(one[0], str))]
    return bool(value) and not pairs


def _pairs(value: Iterable[Any]) -> Json:
    return {name: plain(one) for name, one in value}


def hidden(value: Any, name: str = "") -> Any:
    """Words with a digit may be passwords, but for who sends."""
    if isinstance(value, dict):
        return {key: hidden(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [hidden(one, name) for one in value]
    return _SECRETIVE.sub(MASK, value) if isinstance(value, str) and name not in NAMES else value
