"""The names of everything in Redis.

db0 holds `username:channel:message_id` → the report's JSON, db1 the same key with only a time to live, db2 all else.
A cluster has db 0 only: `report:{shard}:` and `timer:{shard}:` stand before the same key, in one hash tag with the
shard's due-set, so that all of a unit lies on one primary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from shared.domain.ids import dashed

SHARDS = 16
_PREFIX = re.compile(r"^(?:timer|report):\{\d+\}:")


def report_key(data: dict[str, Any]) -> str:
    """The key of a report: its user, the channel that ended the message, and the message id as the client sees it."""
    return f"{data['username']}:{data['channel']}:{data['message_id']}"


def check(data: dict[str, Any]) -> None:
    """ValueError or KeyError for a report that has no key."""
    key = report_key(data)
    if not is_report_key(key) or dashed(raw_id(str(data["message_id"])).hex()) != data["message_id"]:
        raise ValueError(f"no report of a message: {key[:100]!r}")


def message_of(key: str) -> str:
    """The message id (with dashes) that ends a report key."""
    return key[-36:]


def raw_id(message_id: str) -> bytes:
    """The 16 bytes of a message id, with or without dashes."""
    return bytes.fromhex(message_id.replace("-", ""))


def shard_of(key_or_id: str) -> int:
    """The shard of a message: four random bits that all messages of a request share."""
    return int(key_or_id[-7], 16)


def strip_prefix(name: str) -> str:
    """The report key in the name of an expired timer."""
    return _PREFIX.sub("", name)


def is_report_key(key: str) -> bool:
    """Whether a name looks like a report key (other keys may expire in the timers' database of a shared server)."""
    return key.count(":") == 2 and len(key) > 38 and key[-13] == "-" and key[-37] == ":"


@dataclass(frozen=True)
class Keys:
    """Names on one server or on a cluster. `home` is the shard of what needs no spreading on one server."""

    cluster: bool

    def report(self, shard: int, key: str) -> str:
        """Where the report's JSON is."""
        return f"report:{{{shard}}}:{key}" if self.cluster else key

    def timer(self, shard: int, key: str) -> str:
        """The timer whose expiry wakes the report."""
        return f"timer:{{{shard}}}:{key}" if self.cluster else key

    def due(self, shard: int) -> str:
        """ZSET: the first key of a unit → when it is due, or until when its claim holds."""
        return f"due:{{{shard}}}"

    def units(self, shard: int) -> str:
        """HASH: the first key of a unit → its state (units.Unit.pack)."""
        return f"units:{{{shard}}}"

    def epoch(self, shard: int) -> str:
        """Set once the shard is complete; when it is missing, its primary has lost its data."""
        return f"epoch:{{{shard}}}"

    def rebuilding(self, shard: int) -> str:
        """Held by whoever rebuilds the shard."""
        return f"rebuilding:{{{shard}}}"

    def home(self, shard: int) -> int:
        """One server keeps members and first claims in one place, so that one call serves a whole batch."""
        return shard if self.cluster else 0

    def members(self, shard: int) -> str:
        """HASH: message id (16 bytes) → the first key of the unit it waits in."""
        return f"members:{{{self.home(shard)}}}"

    def host(self, shard: int, host: str) -> str:
        """ZSET: the first key of a unit that waits for this host → when it is due; only a hint, the due-set decides."""
        return f"host:{{{self.home(shard)}}}:{host}"

    def first(self, shard: int, slot: int) -> str:
        """HASH: message id → the claim or the result of its first report, for one slot of time."""
        return f"first:{{{self.home(shard)}}}:{slot}"

    def gone(self, account_id: int) -> str:
        """SET: digests of the account's URLs that answered 410."""
        return f"gone:{account_id}"
