"""Dead letters: records that nobody could take, as `store` keeps them for whoever mends the cause."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from shared.domain.cutting import cut, cut_name
from shared.domain.events import REGISTRY, Dead
from shared.runtime import clock
from shared.runtime.cloudevents import JSON
from shared.runtime.letters import LETTER_OFFSET, LETTER_PARTITION
from shared.stores import buried, sql
from shared.stores.sql import Connection

WAITING, REPLAYED, DROPPED = "waiting", "replayed", "dropped"
STATES = (WAITING, REPLAYED, DROPPED)
_COLUMNS = "dead_id, event_id, topic, reason, headers, body, state, at_ms, replayed_ms"
_ADDED = frozenset({"body-encoding", "ce_imstries", "ce_imsfor", "ce_imsnested"}) | {
    f"ce_{name}"
    for name in ("knativekafkapartition", "knativekafkaoffset", "knativekafkatopic", LETTER_PARTITION, LETTER_OFFSET)
}
"""Headers that a source or we have added on the way, besides knativeerror*."""


_READ: Mapping[str, Callable[[bytes], bytes]] = {
    "base64": lambda body: base64.b64decode(body, validate=True),
    "gzip+base64": lambda body: gzip.decompress(base64.b64decode(body, validate=True)),
}
"""By `body-encoding`, as bridges/kafka_source/letters.py writes them."""
_CUT = "cut"
"""The `body-encoding` of a body that is only the record's beginning."""

Record = tuple[str, bytes, list[tuple[str, bytes]]]
"""Topic, value and headers."""


class Place(NamedTuple):
    """Where a record lies in Kafka, as long as its topic keeps it."""

    topic: str
    partition: int
    offset: int


Publish = Callable[[Sequence[Record]], None]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter; times in ms since 1970 UTC."""

    dead_id: int
    event_id: str
    topic: str
    reason: str
    headers: Mapping[str, str]
    body: bytes
    state: str
    at_ms: int
    replayed_ms: int | None

    @property
    def type(self) -> str:
        """The CloudEvent type; empty when there was none."""
        return self.headers.get("ce_type") or self.headers.get("type") or ""

    @property
    def value(self) -> bytes:
        """The record's value as it was; of one that was too large for a dead letter, the beginning."""
        try:
            return _READ.get(self.headers.get("body-encoding", ""), bytes)(self.body)
        except (ValueError, OSError, EOFError, zlib.error):
            return self.body

    @property
    def original(self) -> Place | None:
        """Where to find the record of which the letter has only the beginning; None when the letter has it all."""
        return self.place if self.headers.get("body-encoding") == _CUT else None

    @property
    def place(self) -> Place | None:
        """Where the record itself lies; None where nobody noted it."""
        return self._noted(self.topic, "knativekafkapartition", "knativekafkaoffset")

    @property
    def letter_place(self) -> Place | None:
        """Where in `ims.dead` the letter lies, of one that came through a KafkaSink."""
        return self._noted("ims.dead", LETTER_PARTITION, LETTER_OFFSET)

    def _noted(self, topic: str, *names: str) -> Place | None:
        place = [self.headers.get(f"ce_{name}") or self.headers.get(name) or "" for name in names]
        return Place(topic, *map(int, place)) if all(p.isascii() and p.isdigit() for p in place) else None

    def record(self, topic: str = "", original: Record | None = None) -> Record | None:
        """The record to publish again, with the same id; None when nobody knows its topic.

        One of which the letter has only the beginning (`original`) must be given as it was read from there.
        """
        noted = self.topic if "/" not in self.topic else ""  # a receipt that nobody could read has its path there
        where = topic or noted or self._topic_of_event()
        if not where or (self.original and not original):
            return None
        if original:
            return where, *original[1:]
        bare = "ce_specversion" not in self.headers and "specversion" in self.headers
        headers = {_header(name) if bare else name: value for name, value in self.headers.items()}
        kept = {n: v for n, v in headers.items() if n not in _ADDED and not n.startswith("ce_knativeerror")}
        return where, self.value, [(n, v.encode()) for n, v in {"content-type": JSON, **kept}.items()]

    def _topic_of_event(self) -> str:
        """A source on Knative does not say the topic, but the event does."""
        kind = REGISTRY.get(self.type)
        try:
            return "" if kind is None else kind.model_validate_json(self.value).topic
        except (ValidationError, NotImplementedError):
            return ""


def _header(attribute: str) -> str:
    """A CloudEvent's attribute as a Kafka record has it."""
    return "content-type" if attribute == "datacontenttype" else f"ce_{attribute}"


def keep(conn: Connection, letters: Sequence[Dead]) -> None:
    """Keep each once. One that was replayed and has died again since waits again: both deaths are timed by those who
    saw them, never by the clock of who replays."""
    if not letters:
        return
    named = [(cut_name(d.headers.get("id") or d.headers.get("ce_id") or d.event_id, 64), d) for d in letters]
    fresh = buried.fresh(conn, named, REPLAYED)
    rows = [
        (
            event_id,
            cut(d.source_topic, 64),
            cut(d.reason, 255),
            orjson.dumps(d.headers).decode(),
            d.body,
            d.at,
        )
        for event_id, d in named
    ]
    again = f"state='{REPLAYED}' AND VALUES(at_ms)>at_ms"
    tail = (
        f"ON DUPLICATE KEY UPDATE reason=IF({again}, VALUES(reason), reason), state=IF({again}, '{WAITING}', state), "
        f"at_ms=IF(state='{WAITING}', GREATEST(at_ms, VALUES(at_ms)), at_ms)"  # last: the others compare what was there
    )
    sql.insert(conn, "dead_letters", "event_id, topic, reason, headers, body, at_ms", rows, tail)
    kept = [Letter(0, i, d.source_topic, d.reason, d.headers, d.body.encode(), WAITING, d.at, None) for i, d in fresh]
    buried.follow(conn, [(letter.event_id, letter.type, letter.value) for letter in kept], clock.now_ms())


def by_event(conn: Connection, event_id: str) -> Letter | None:
    """The dead letter of an event."""
    found = _letters(conn, f"SELECT {_COLUMNS} FROM dead_letters WHERE event_id=%s", (event_id,))  # noqa: S608
    return found[0] if found else None


def find(conn: Connection, state: str = WAITING, limit: int = 50, before: int | None = None) -> list[Letter]:
    """Dead letters in a state, the newest first; `before`: only those with a smaller number."""
    return _letters(
        conn,
        f"SELECT {_COLUMNS} FROM dead_letters WHERE state=%s AND dead_id<%s ORDER BY dead_id DESC LIMIT %s",  # noqa: S608
        (state, before or 1 << 62, limit),
    )


def waiting(conn: Connection, limit: int) -> list[int]:
    """The numbers of those that wait, the oldest first; without their bodies, so there may be many."""
    query = f"SELECT dead_id FROM dead_letters WHERE state='{WAITING}' ORDER BY dead_id LIMIT %s"  # noqa: S608
    return [row[0] for row in sql.fetch(conn, query, (limit,))]


def get(conn: Connection, dead_id: int) -> Letter | None:
    """One dead letter."""
    found = _letters(conn, f"SELECT {_COLUMNS} FROM dead_letters WHERE dead_id=%s", (dead_id,))  # noqa: S608
    return found[0] if found else None


def counts(conn: Connection) -> dict[str, int]:
    """How many there are in each state."""
    return dict.fromkeys(STATES, 0) | dict(sql.fetch(conn, "SELECT state, COUNT(*) FROM dead_letters GROUP BY state"))


def replay(
    conn: Connection, dead_id: int, now_ms: int, publish: Publish, topic: str = "", original: Record | None = None
) -> Record | None:
    """Publish a dead letter again, as it was, to where it came from (or `topic`), and mark it.

    `original`: the record itself, for a letter that has only its beginning (`Letter.original`).

    Its row is locked meanwhile. If the process dies after publishing and before the commit, it still waits and may be
    replayed again: it has the same id, so those who took it know it. None when it is not there, has no topic, or is in
    want of an `original`.
    """
    found = _letters(conn, f"SELECT {_COLUMNS} FROM dead_letters WHERE dead_id=%s FOR UPDATE", (dead_id,))  # noqa: S608
    record = found[0].record(topic, original) if found else None
    if record is None:
        return None
    publish([record])
    sql.execute(
        conn,
        f"UPDATE dead_letters SET state='{REPLAYED}', replayed_ms={now_ms:d} WHERE dead_id={dead_id:d}",  # noqa: S608
    )
    return record


def drop(conn: Connection, dead_id: int) -> bool:
    """Give a waiting one up; whether there was one."""
    where = f"dead_id={dead_id:d} AND state='{WAITING}'"
    return bool(sql.execute(conn, f"UPDATE dead_letters SET state='{DROPPED}' WHERE {where}"))  # noqa: S608 - literals


def _letters(conn: Connection, query: str, args: tuple[object, ...]) -> list[Letter]:
    letters = []
    for dead_id, event_id, topic, reason, headers, *rest in sql.fetch(conn, query, args):
        body, state, at_ms, replayed_ms = rest
        letters.append(Letter(dead_id, event_id, topic, reason, orjson.loads(headers), body, state, at_ms, replayed_ms))
    return letters


# --- as operators see them --------------------------------------------------------------------------------------------

Decided = tuple[str | None, int | None]
"""By whom a letter was replayed or dropped, and when (ms)."""


def _with_who(conn: Connection, where: str, args: tuple[object, ...]) -> list[tuple[Letter, Decided]]:
    query = f"SELECT {_COLUMNS}, decided_by, decided_ms FROM dead_letters WHERE {where}"  # noqa: S608 - our own words
    found = []
    for row in sql.fetch(conn, query, args):
        dead_id, event_id, topic, reason, headers, body, state, at_ms, replayed_ms, by, decided_ms = row
        letter = Letter(dead_id, event_id, topic, reason, orjson.loads(headers), body, state, at_ms, replayed_ms)
        found.append((letter, (by, decided_ms)))
    return found


def page(conn: Connection, wanted: Mapping[str, str], below: int, limit: int) -> list[tuple[Letter, Decided]]:
    """The newest first; `wanted`: column → value."""
    more = "".join(
        f" AND {name}={sql.literal(wanted[name])}" for name in ("state", "topic", "reason") if name in wanted
    )
    return _with_who(conn, f"dead_id<%s{more} ORDER BY dead_id DESC LIMIT %s", (below, limit))


def whole(conn: Connection, dead_id: int, lock: str = "") -> tuple[Letter, Decided] | None:
    """One; `lock`: FOR UPDATE."""
    found = _with_who(conn, f"dead_id=%s {lock}", (dead_id,))
    return found[0] if found else None


def decided(conn: Connection, dead_id: int, by: str, now_ms: int) -> None:
    """Note who replayed or dropped it."""
    sql.execute(
        conn,
        f"UPDATE dead_letters SET decided_by={sql.literal(by)}, decided_ms={now_ms:d} WHERE dead_id={dead_id:d}",  # noqa: S608
    )


def groups(conn: Connection) -> list[tuple[str, str, int, int, int]]:
    """(topic, reason, how many wait, the first, the last), the most first."""
    return sql.fetch(
        conn,
        "SELECT topic, reason, COUNT(*), MIN(at_ms), MAX(at_ms) FROM dead_letters "  # noqa: S608 - a constant
        f"WHERE state='{WAITING}' GROUP BY topic, reason ORDER BY 3 DESC LIMIT 200",
    )


def _where(topic: str | None, reason: str | None) -> str:
    named = {"topic": topic, "reason": reason}
    more = "".join(f" AND {column}={sql.literal(value)}" for column, value in named.items() if value is not None)
    return f"state='{WAITING}'{more}"


def matching(conn: Connection, topic: str | None, reason: str | None, limit: int) -> list[int]:
    """The numbers of those that wait, the oldest first."""
    query = f"SELECT dead_id FROM dead_letters WHERE {_where(topic, reason)} ORDER BY dead_id LIMIT {limit:d}"  # noqa: S608
    return [row[0] for row in sql.fetch(conn, query)]


def how_many(conn: Connection, topic: str | None, reason: str | None) -> int:
    """How many wait."""
    ((count,),) = sql.fetch(conn, f"SELECT COUNT(*) FROM dead_letters WHERE {_where(topic, reason)}")  # noqa: S608
    return int(count)


def drop_matching(conn: Connection, topic: str | None, reason: str | None, by: str, now_ms: int) -> int:
    """Give all of them up."""
    return sql.execute(
        conn,
        f"UPDATE dead_letters SET state='{DROPPED}', decided_by={sql.literal(by)}, decided_ms={now_ms:d} "  # noqa: S608
        f"WHERE {_where(topic, reason)}",
    )
