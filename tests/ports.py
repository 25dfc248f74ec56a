"""Ports for a platform of tests, beside whatever else runs on the machine: another run of these tests, a demo."""

from __future__ import annotations

import random
from collections.abc import Mapping

from local import checks
from local.options import options
from local.problems import Problem

STEP, TRIES = 230, 12
"""Ranges of two platforms may overlap; what counts is that no port of this one is taken."""

SINGLE = range(18_500, 21_000)
"""Below the ports that the system gives to outgoing connections, which could take one before it is used."""


_given: set[int] = set()


def free_port() -> int:
    """A port for a process of a test's own, given once: it may be a while until that process listens."""
    port = next(p for p in random.sample(SINGLE, len(SINGLE)) if p not in _given and checks.is_free(p))
    _given.add(port)
    return port


def free_offset(first: int, shape: Mapping[str, str] | None = None) -> str:
    """The first IMS_PORT_OFFSET from `first` on with which every port of a platform of that shape is free."""
    for offset in range(first, first + STEP * TRIES, STEP):
        wanted = options({**(shape or {}), "IMS_PORT_OFFSET": str(offset)})
        checks.reserve(wanted.ports)
        try:
            checks.free_ports(checks.needed(wanted), patience=0)
        except Problem:
            continue
        return str(offset)
    raise AssertionError(f"no free ports from offset {first} on")
