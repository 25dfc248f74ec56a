"""Idempotency-Keys: the same request twice is one send.

A key is held in Redis as (account, key) → state, request id, body hash, deadline and, once accepted, the answer. It is
reserved under a lease before anything is published; a retry after the lease takes over *with the same request id*, so
the rows, unique by id, complete instead of doubling. MySQL knows the key too (`idempotency`, written by route): it
answers when Redis has lost it.

    LEASED    somebody is publishing; its messages are counted in the limits
    RELEASED  the publish failed: whoever comes next takes over at once, and its messages are counted anew
    DONE      accepted; with the answer, unless that was long
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from shared.runtime.problems import Problem

MAX_KEY = 255
MAX_KEPT_ANSWER = 64 * 1024
LEASED, RELEASED, DONE = b"L", b"R", b"D"

TAKE_OVER = """
local now = redis.call('GET', KEYS[1])
if now == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end
return 0
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key for one body; both as 16-byte hashes in hex."""

    account_id: int
    key_hash: str
    body_hash: str

    @property
    def name(self) -> str:
        """Its name in Redis."""
        return f"idem:{self.account_id}:{self.key_hash}"

    @property
    def mark(self) -> str:
        """How events carry it."""
        return f"{self.key_hash}:{self.body_hash}"


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored under a key."""

    state: bytes
    request_id: str
    body_hash: str
    deadline_ms: int
    answer: bytes | None

    def pack(self) -> bytes:
        """The stored form."""
        answer = b"" if self.answer is None else zlib.compress(self.answer, 1)
        head = f"{self.request_id}:{self.body_hash}:{self.deadline_ms}:".encode()
        return self.state + head + answer


def unpack(value: bytes) -> Held:
    """Read the stored form."""
    request_id, body_hash, deadline, answer = value[1:].split(b":", 3)
    kept = zlib.decompress(answer) if answer else None
    return Held(value[:1], request_id.decode(), body_hash.decode(), int(deadline), kept)


def read_key(account_id: int, header: str | None, path: str, body: bytes, *, test: bool) -> Key | None:
    """The key of a request, or None; 422 when it is not usable.

    Test and live requests do not share keys: the answer to a test must not stand for the real thing.
    """
    if header is None:
        return None
    checked(header)
    digest = hashlib.blake2b(header.encode(), digest_size=16, person=b"test" if test else b"").hexdigest()
    content = hashlib.blake2b(path.encode() + b"\0", digest_size=16)
    content.update(body)
    return Key(account_id, digest, content.hexdigest())


def checked(header: str) -> str:
    """The header as it is; 422 when it is no usable Idempotency-Key."""
    written = _as_written(header)
    if not 1 <= len(written) <= MAX_KEY or not written.isprintable():
        fault = {"pointer": "", "code": "format", "detail": f"Idempotency-Key has 1 to {MAX_KEY} printable characters"}
        raise Problem(422, "The Idempotency-Key is not usable.", [fault], kind="idempotency-key")
    return header


def reused() -> Problem:
    """The 422 for a key that comes with another body."""
    fault = {"pointer": "", "code": "conflict", "detail": "the Idempotency-Key belongs to another body"}
    return Problem(
        422,
        "This Idempotency-Key was used with another body; use a new key for a new request.",
        [fault],
        kind="idempotency-key-reused",
    )


def _as_written(header: str) -> str:
    """A header in UTF-8 as its sender wrote it; servers read every byte as one character (Latin-1)."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def conflict(key: Key, held: Held, now_ms: int) -> Problem | None:
    """Why a request must not go on beside what is held; None when it may take over."""
    if held.body_hash != key.body_hash:
        return reused()
    if held.state == LEASED and held.deadline_ms > now_ms:
        wait = (held.deadline_ms - now_ms) / 1000
        return Problem(409, "The first request with this key is still being accepted.", retry_after=min(wait, 5))
    return None
