"""Passwords: argon2id in a few threads with a bounded queue, so that signing in cannot take the processor.

Parameters: OWASP's Password Storage Cheat Sheet, 2024 (19 MiB, 2 passes, 1 lane). A text is brought to NFC first, so
that a Mac's keyboard and a Windows one mean the same; all of its bytes count, up to 1 KiB.
"""

from __future__ import annotations

import asyncio
import unicodedata
from functools import lru_cache
from typing import Any

from shared.domain.errors import Overloaded
from shared.runtime.scope import Threads
from shared.runtime.settings import PeopleSettings, load

LEAST, MOST_BYTES = 12, 1024
COMMON = frozenset(
    [
        "123456789012",
        "1234567890123",
        "12345678901234",
        "123456123456",
        "123123123123",
        "111111111111",
        "000000000000",
        "password1234",
        "passwordpassword",
        "password12345",
        "password123!",
        "qwertyuiop12",
        "qwerty123456",
        "qwertyuiopas",
        "qwer1234qwer",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "qazwsxedcrfv",
        "asdfghjkl123",
        "abcdefghijkl",
        "abcd1234abcd",
        "iloveyou1234",
        "welcome12345",
        "letmein12345",
        "administrator",
        "admin1234567",
        "adminadmin12",
        "changeme1234",
        "changemenow1",
        "dlatlfqjsgh1",
        "tkfkdgo12345",
        "dkssudgktpdy",
        "qlalfqjsgh12",
        "samsung12345",
        "korea1234567",
        "kakao1234567",
        "naver1234567",
        "football1234",
        "dragon123456",
        "monkey123456",
    ]
)
"""Long ones from public lists of stolen passwords, and what Koreans type on a Latin keyboard."""


@lru_cache(maxsize=1)
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash to check against where there is nobody: it takes the same time."""
    return str(_hasher().hash("nobody has this password"))


class _Pool:
    """Threads for hashing, with room for so many that wait."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = Threads(threads, thread_name_prefix="passwords")
        self._most, self._under_way = threads + waiting, 0

    async def run(self, work: Any, *args: Any) -> Any:
        if self._under_way >= self._most:
            raise Overloaded("Too many passwords are being checked; try again.", retry_after=2.0)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._under_way -= 1


@lru_cache(maxsize=2)
def _pool(threads: int, waiting: int) -> _Pool:
    return _Pool(threads, waiting)


def _here() -> _Pool:
    settings = load(PeopleSettings)
    return _pool(settings.password_threads, settings.password_waiting)


def normal(text: str) -> str:
    """As it is hashed."""
    return unicodedata.normalize("NFC", text)


def fault(text: str, *others: str) -> str | None:
    """Why a new password is not taken; `others` are what it must not be (the address, the name)."""
    plain = normal(text)
    if len(plain) < LEAST:
        return f"has {len(plain)} characters, at least {LEAST}"
    if len(plain.encode()) > MOST_BYTES:
        return f"has {len(plain.encode())} bytes, at most {MOST_BYTES}"
    folded = plain.casefold()
    if folded in COMMON or len(set(folded)) < 4:
        return "is in every list of passwords to try; choose another one"
    if folded in {other.casefold() for other in others if other}:
        return "is your own name or address; choose another one"
    return None


async def hashed(text: str) -> str:
    """A password as it is stored."""
    return str(await _here().run(_hasher().hash, normal(text)))


def _verify(stored: str, text: str) -> bool:
    from argon2 import exceptions

    try:
        return bool(_hasher().verify(stored, normal(text)))
    except (exceptions.VerificationError, exceptions.InvalidHashError):
        return False


async def is_right(stored: str | None, text: str) -> bool:
    """Whether it is the password; takes as long where there is none (None)."""
    if len(normal(text).encode()) > MOST_BYTES:
        return False
    right = await _here().run(_verify, stored or _nobody(), text)
    return bool(right) and stored is not None
