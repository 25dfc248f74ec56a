"""How fast what waits for a host that was away is brought forward, once it takes reports again.

Each report that the host takes lets others come: a window of units in play grows by what was taken, so it doubles with
each round, up to what the host answers in a second; a failure halves it. Nobody keeps a clock for that, and nothing is
lost with a process: the next answer to a retry, in any process, looks whether anything waits and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

START, LEAST, MOST = 16, 1, 2000
LOOK_S = 5.0
"""How long a host of which nothing waits is not asked for again."""
FORGET_S = 5.0
"""What was brought forward and has not ended by then went to another process, or was put off again."""
MAX_HOSTS = 10_000


@dataclass(slots=True)
class _Host:
    window: int = START
    in_play: int = 0
    brought_s: float = 0.0
    quiet_until_s: float = 0.0


class Opening:
    """The windows of hosts in one process. `looks`: any answer may show that units wait, not only a probe's."""

    def __init__(self, *, looks: bool) -> None:
        self._looks = looks
        self._hosts: dict[str, _Host] = {}

    def returned(self, host: str) -> None:
        """Its breaker's probe was taken."""
        self._hosts[host] = _Host()

    def answered(self, host: str, taken: int, failed: int, a_second: int, now_s: float) -> int:
        """How many units to bring forward, after this many ended; `a_second` is what the host answers in one."""
        known = self._hosts.get(host)
        if known is None:
            if not self._looks or failed:
                return 0
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts.clear()
            known = self._hosts[host] = _Host()
        if now_s - known.brought_s > FORGET_S:
            known.in_play = 0
        known.in_play = max(0, known.in_play - taken - failed)
        if failed:
            known.window = max(LEAST, known.window // 2)
        else:
            known.window = min(max(START, min(MOST, a_second)), known.window + taken)
        if not taken or now_s < known.quiet_until_s:
            return 0
        return max(0, known.window - known.in_play)

    def brought(self, host: str, found: int, now_s: float) -> None:
        """So many waited and were brought forward; none: nothing waits any more."""
        known = self._hosts.get(host)
        if known is None:
            return
        if found:
            known.in_play += found
            known.brought_s = now_s
        elif self._looks:
            self._hosts[host] = _Host(quiet_until_s=now_s + LOOK_S)
        else:
            del self._hosts[host]
