"""The limit of open files: connections are files, and a process that has used them up can talk to nobody any more.

A process raises its limit once, at its start, as far as it may; what keeps connections open then takes a share of it.
"""

from __future__ import annotations

import contextlib
import errno
import resource
from functools import cache

WANTED = 65_536
"""More than this is never needed; some systems allow a thousand million, which slows programs that count through."""
USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors of opening a connection that say something of this machine, and nothing of the other side."""


def raise_limit() -> None:
    """Allow this process, and those that it starts, as many open files as the system lets it have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    limit.cache_clear()


@cache
def limit() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else min(soft, WANTED)


def share(part: float, most: int) -> int:
    """A part of the limit, at most so many, at least one."""
    return max(1, min(most, int(limit() * part)))
