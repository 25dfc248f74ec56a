"""Which messages a dead letter holds up, and when they end unless somebody mends it.

What becomes of them is decided by route (shared/stores/routing/given_up.py) when their time has come. Here only the due
row for that is written, in the transaction that keeps the letter. A letter may be unreadable: whatever looks like a
message id in it is looked for among the messages.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from shared.domain import defaults
from shared.domain.events import MAX_MESSAGES, Accepted, Dead, Dispatch, Due, Outcome, Poll, Request
from shared.domain.ids import LANES, Lane, accepted_ms, lane_of, message_bytes, request_bytes
from shared.domain.states import FIRST_FINAL, State
from shared.runtime import logs
from shared.stores import sql
from shared.stores.messages import insert_due
from shared.stores.sql import Connection

GIVEN_UP = "given_up"
_OF_MESSAGES = frozenset(kind.TYPE for kind in (Due, Dispatch, Poll, Outcome))
_ID = re.compile(rb'"([0-9a-f]{32})"')
_MOST_IDS = 5000

log = logs.get(__name__)


@dataclass(slots=True)
class Affected:
    """The messages of a letter: those that have rows, by id, and new ones with the end of their validity (ms).

    `last_word`: the letter is what a vendor said of them, which it will not say again.
    """

    known: set[bytes] = field(default_factory=set)
    new: dict[bytes, int] = field(default_factory=dict)
    last_word: bool = False


def follow(conn: Connection, letters: Iterable[tuple[str, str, bytes]], now_ms: int) -> None:
    """Write the due rows of letters (event id, type, value) that have just been kept."""
    for event_id, kind, value in letters:
        affected = Affected()
        with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):  # it is a letter: who knows
            affected = affected_by(kind, value)
        if affected.known or affected.new:
            _write(conn, event_id, affected, now_ms)


def affected_by(kind: str, value: bytes) -> Affected:
    """What a letter of a type holds up."""
    if kind == Accepted.TYPE:
        requests = salvaged(value)
        return Affected(new={i: end for request in requests for i, end in _new(request).items()})
    if kind not in _OF_MESSAGES:
        return Affected()
    ids = {bytes.fromhex(i.decode()) for i in _ID.findall(value)[:_MOST_IDS]}
    with contextlib.suppress(ValueError, AttributeError):
        event = orjson.loads(value)
        if kind == Due.TYPE and event.get("kind") == GIVEN_UP:
            return Affected()
        return Affected(ids, last_word=event.get("via") in ("receipt", "poll"))
    return Affected(ids)


def salvaged(value: bytes) -> list[Request]:
    """The requests of an Accepted, as far as they can be read: of a recipient only its number is needed."""
    try:
        return Accepted.model_validate_json(value).requests
    except (ValidationError, RecursionError):
        found = orjson.loads(value).get("requests")
    requests = []
    for raw in found if isinstance(found, list) else []:
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError):
            requests.append(_salvaged(raw))
    return requests


def _salvaged(raw: dict[str, Any]) -> Request:
    try:
        return Request.model_validate(raw)
    except (ValidationError, RecursionError):
        pass
    request_id = str(raw["request_id"])
    lane = raw["lane"] if raw.get("lane") in LANES else "realtime"
    at, until = raw.get("accepted_at"), raw.get("valid_until")
    return Request(
        request_id=request_id,
        account_id=int(raw["account_id"]),
        username=str(raw["username"]),
        lane=lane,
        test=raw.get("test") is True,
        request_ref=_text(raw.get("request_ref")),
        callback_uri=_text(raw.get("callback_uri")),
        accepted_at=at if isinstance(at, int) and at > 0 else accepted_ms(UUID(hex=request_id)),
        valid_until=until if isinstance(until, int) and until > 0 else None,
        plan=[],
        total=raw["total"] if isinstance(raw.get("total"), int) else len(raw["messages"]),
        messages=[
            {
                "n": m["n"], "to": _text(m.get("to")) or "", "type": _text(m.get("type")) or "sms",
                "ref": _text(m.get("ref")),
            }
            for m in raw["messages"]
            if isinstance(m, dict) and isinstance(m.get("n"), int)
        ],
    )  # fmt: skip


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _new(request: Request) -> dict[bytes, int]:
    base, lane = int(request.request_id, 16), int(Lane[request.lane])
    begin = request.scheduled_at or request.accepted_at
    until = request.valid_until or defaults.valid_until(request.lane, begin, {m.type for m in request.messages})
    return {message_bytes(base, m.n, lane): until for m in request.messages}


def _write(conn: Connection, event_id: str, affected: Affected, now_ms: int) -> None:
    groups: dict[tuple[str, int, int, int | None], list[str]] = defaultdict(list)
    rows = _rows(conn, {*affected.known, *affected.new})
    for message_id, (found, hop, valid_ms) in rows.items():
        state = found if found in list(State) else State.accepted  # as route will read it
        if state < FIRST_FINAL:
            lane = lane_of(UUID(bytes=message_id))
            until = valid_ms or defaults.valid_until(lane, accepted_ms(UUID(bytes=message_id)), ())
            groups[lane, until, hop, int(state)].append(message_id.hex())
    for message_id, end in affected.new.items():
        if message_id not in rows:
            groups[lane_of(UUID(bytes=message_id)), end, 0, None].append(message_id.hex())
    for (lane, until, hop, status), ids in groups.items():
        for i in range(0, len(ids), MAX_MESSAGES):
            event = Due(
                lane=lane, kind=GIVEN_UP, ids=ids[i : i + MAX_MESSAGES], hop=hop, status=status, letter=event_id,
                last_word=affected.last_word,
            )  # fmt: skip
            insert_due(conn, [(max(until, now_ms), GIVEN_UP, event)])


def _rows(conn: Connection, ids: set[bytes]) -> dict[bytes, tuple[int, int, int | None]]:
    """(status, hop, end of validity) of messages."""
    if not ids:
        return {}
    listed = sql.ids(sorted(ids))
    found = sql.fetch(conn, f"SELECT message_id, status, hop FROM messages WHERE message_id IN ({listed})")  # noqa: S608
    if not found:
        return {}
    wanted = sql.ids(sorted({request_bytes(row[0]) for row in found}))
    query = f"SELECT request_id, valid_ms FROM requests WHERE request_id IN ({wanted})"  # noqa: S608
    valid: dict[bytes, int | None] = dict(sql.fetch(conn, query))
    return {m: (status, hop, valid.get(request_bytes(m))) for m, status, hop in found}


def fresh(conn: Connection, letters: Sequence[tuple[str, Dead]], replayed: str) -> list[tuple[str, Dead]]:
    """Of letters (event id, letter) that are to be kept, those that are not kept yet, or died again after a replay."""
    names = ",".join(sql.literal(event_id) for event_id, _ in letters)
    found = sql.fetch(conn, f"SELECT event_id, state, at_ms FROM dead_letters WHERE event_id IN ({names})")  # noqa: S608
    known = {event_id: (state, at_ms) for event_id, state, at_ms in found}
    return [
        (event_id, letter)
        for event_id, letter in dict(letters).items()
        if event_id not in known or (known[event_id][0] == replayed and letter.at > known[event_id][1])
    ]
