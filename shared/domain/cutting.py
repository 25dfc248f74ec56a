"""Texts of strangers that may be longer than what is kept of them: cut with a mark, never silently."""

from __future__ import annotations

import hashlib
from typing import TypeVar

MARK = "…"
"""The last character of what was cut."""
RAW_CODE, RAW_TEXT, VENDOR_REF = 32, 255, 128
"""Characters that are kept of what a vendor says."""
_DIGEST = 32

N = TypeVar("N", str, None, str | None)


def cut(text: N, size: int) -> N:
    """At most `size` characters; one that was longer ends with the mark."""
    return text if text is None or len(text) <= size else text[: size - 1] + MARK


def cut_name(name: str, size: int) -> str:
    """A name of at most `size` characters: of one that is longer, the beginning and a digest, so that two long ones
    which begin alike stay two. Blanks at the end do not count, as in the database."""
    name = name.rstrip(" ")
    if len(name) <= size:
        return name
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=_DIGEST // 2).hexdigest()
    return name[: size - _DIGEST - 1] + MARK + digest
