"""How much each kind of run measures."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Sizes:
    """Counts and seconds of one run; `scaled` multiplies the counts of messages."""

    idle_seconds: float = 10.0
    rounds: int = 5
    round_seconds: float = 3.0
    batch_requests: int = 200
    bulk: int = 50_000
    large: int = 10_000
    single: int = 10_000
    flood: int = 100_000
    otps: int = 200
    pending: int = 100_000
    due: int = 6_000
    due_seconds: float = 30.0
    starts: int = 3
    growth: tuple[int, ...] = (1_000, 10_000, 100_000)
    prefill: int = 1_000_000
    limit: int = 100_000
    profile: int = 20_000
    hold: int = 200
    hold_flood: int = 100_000
    attack_seconds: float = 60.0
    rest_seconds: float = 60.0
    returning: int = 2_000
    paced_seconds: float = 15.0

    def scaled(self, factor: float) -> Sizes:
        """The same with `factor` times the messages; never fewer than make sense."""
        least = {"batch_requests": 4, "otps": 10, "limit": 10_000, "due": 100}
        counts = (
            "batch_requests",
            "bulk",
            "large",
            "single",
            "flood",
            "otps",
            "pending",
            "due",
            "prefill",
            "limit",
            "hold_flood",
            "returning",
        )
        changes = {name: max(least.get(name, 500), round(getattr(self, name) * factor)) for name in counts}
        profile = max(1_000, round(self.profile * factor))
        growth = tuple(sorted({max(500, round(n * factor)) for n in self.growth}))
        large = min(10_000, changes.pop("large"))
        return replace(self, **changes, large=large, profile=profile, growth=growth)


DEFAULT = Sizes()
QUICK = Sizes(
    idle_seconds=2.0,
    rounds=2,
    round_seconds=1.0,
    batch_requests=10,
    bulk=2_000,
    large=2_000,
    single=500,
    flood=3_000,
    otps=20,
    pending=3_000,
    due=300,
    due_seconds=3.0,
    starts=1,
    growth=(500, 2_000),
    prefill=20_000,
    limit=10_000,
    profile=2_000,
    hold=30,
    hold_flood=3_000,
    attack_seconds=15.0,
    rest_seconds=25.0,
    returning=500,
    paced_seconds=3.0,
)
FULL = replace(DEFAULT, growth=(1_000, 10_000, 100_000, 1_000_000), prefill=100_000_000)

BYTES_A_ROW = 700
"""Disk that one message row, its hop row and their indexes take, with room for the server's own files."""


def rows_that_fit(wanted: int, free_bytes: int) -> int:
    """`wanted`, or 0 when the disk would be more than half full of them."""
    return wanted if wanted * BYTES_A_ROW <= free_bytes / 2 else 0


def as_dict(sizes: Sizes) -> dict[str, object]:
    """For latest.json."""
    return {field.name: getattr(sizes, field.name) for field in fields(sizes)}
