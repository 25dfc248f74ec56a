"""What a run measures, as numbers beside their targets and limits; the arithmetic and the tables. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median as median

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
"""What lies between these lines of docs/performance.md is replaced by each complete run."""


@dataclass(frozen=True)
class Target:
    """A number to reach (design: "Numbers to reach"): at most `value`, or at least when `at_least`."""

    value: float
    at_least: bool = False

    def met(self, measured: float) -> bool:
        """Whether a measured number reaches it."""
        return measured >= self.value if self.at_least else measured <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.value)}"


@dataclass(frozen=True)
class Beside:
    """A limit measured in the same run, in the same unit: what is possible here without IMS."""

    what: str
    value: float


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    scenario: str
    what: str
    value: float
    unit: str
    target: Target | None = None
    beside: Beside | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the limit beside it; None without one."""
        return self.value / self.beside.value if self.beside and self.beside.value else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        return self.target.met(self.value) if self.target else None

    def as_json(self) -> dict[str, object]:
        """For latest.json."""
        return {
            "scenario": self.scenario,
            "what": self.what,
            "value": finite(self.value),
            "unit": self.unit,
            "target": str(self.target) if self.target else None,
            "met": self.met,
            "beside": {"what": self.beside.what, "value": self.beside.value} if self.beside else None,
            "ratio": finite(self.ratio) if self.ratio is not None else None,
            "note": self.note,
        }


def finite(value: float) -> float | None:
    """The value, or None for what JSON has no word for."""
    return value if math.isfinite(value) else None


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `share` (0…1) of all values do not exceed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def micros_each(seconds: float, count: float) -> float:
    """CPU seconds as microseconds a message (or request)."""
    return seconds * 1e6 / count if count else math.nan


def spread(values: Sequence[float]) -> str:
    """The smallest and largest of several rounds, so that a reader sees how noisy the run was."""
    return f"{number(min(values))} to {number(max(values))} in {len(values)} rounds" if values else ""


def histogram_percentile(buckets: Mapping[float, float], share: float) -> float:
    """The upper bound of the bucket that holds a percentile of a Prometheus histogram (cumulative counts by `le`)."""
    total = max(buckets.values(), default=0.0)
    if not total:
        return math.nan
    return next(le for le, count in sorted(buckets.items()) if count >= share * total)


def number(value: float) -> str:
    """Three or four digits that matter, thousands apart."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


HEADS = ("What", "Measured", "Unit", "Target", "Reached", "Beside it, in the same run", "×", "Note")
REACHED = {True: "yes", False: "**no**", None: ""}


def cells(figure: Figure) -> tuple[str, ...]:
    """One line of the table."""
    beside = f"{figure.beside.what}: {number(figure.beside.value)}" if figure.beside else ""
    return (
        figure.what,
        number(figure.value),
        figure.unit,
        str(figure.target) if figure.target else "",
        REACHED[figure.met],
        beside,
        number(figure.ratio) if figure.ratio is not None else "",
        figure.note,
    )


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def between(text: str, inner: str) -> str:
    """`text` with what lies between the two marks replaced."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks {BEGIN} and {END} are not both there")
    return f"{head}{BEGIN}\n\n{inner.strip()}\n\n{END}{tail}"
