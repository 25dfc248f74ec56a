"""plot.png: CPU by process, growth, and latencies of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.output import _counted
from bench.run import Results

SMALL = 0.02
"""Processes below this share of a bar become one part, `others`."""


def draw(path: Path, results: Results, title: str) -> None:
    """Draw what the run has measured; nothing when it has nothing to draw."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels = [
        (name, panel)
        for name, panel, wanted in (
            ("CPU µs a message, all that counts", _shares, bool(results.shares)),
            ("CPU µs a message as the data grows", _growth, "growth" in results.samples),
            ("latency: share of messages at most so late", _latencies, any(k.endswith("_ms") for k in results.samples)),
        )
        if wanted
    ]
    if not panels:
        return
    figure, axes = plt.subplots(1, len(panels), figsize=(6.5 * len(panels), 5.5), squeeze=False)
    for axis, (name, panel) in zip(axes[0], panels, strict=True):
        panel(axis, results)
        axis.set_title(name, fontsize=11)
        axis.grid(alpha=0.3)
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def parts(share: Mapping[str, float], counted: Sequence[str]) -> dict[str, float]:
    """What one bar is made of: the processes that matter, and `others`."""
    known = {name: value for name, value in share.items() if name in counted}
    whole = sum(known.values())
    large = {name: value for name, value in known.items() if value >= SMALL * whole}
    others = whole - sum(large.values())
    return large | ({"others": others} if others > 0 else {})


def _shares(axis: Any, results: Results) -> None:
    counted = [name for name in results.kinds if _counted(results, name)]
    bars = {scenario: parts(share, counted) for scenario, share in results.shares.items()}
    names = list(dict.fromkeys(name for bar in bars.values() for name in bar))
    bottoms = dict.fromkeys(bars, 0.0)
    for i, name in enumerate(names):
        heights = [bar.get(name, 0.0) for bar in bars.values()]
        axis.bar(
            list(bars), heights, bottom=list(bottoms.values()), label=name, color=f"C{i % 10}", hatch="//" * (i // 10)
        )
        bottoms = {s: bottoms[s] + h for s, h in zip(bars, heights, strict=True)}
    axis.legend(fontsize=7, ncol=2)
    axis.tick_params(axis="x", labelsize=8, rotation=15)


def _growth(axis: Any, results: Results) -> None:
    points = results.samples["growth"]
    axis.plot([n for n, _ in points], [us for _, us in points], marker="o", label="empty tables")
    if "growth_rows" in results.samples:
        rows, count, micros = results.samples["growth_rows"]
        axis.plot([count], [micros], marker="s", linestyle="", label=f"beside {rows:,} rows")
    axis.set_xscale("log")
    axis.set_ylim(0, 1.2 * max(us for _, us in points))
    axis.set_xlabel("messages")
    axis.legend(fontsize=8)


def _latencies(axis: Any, results: Results) -> None:
    names = {
        "otp_idle_ms": "OTP, idle",
        "otp_flood_ms": "OTP in a bulk flood",
        "retry_late_ms": "report retry, lateness",
    }
    for key, label in names.items():
        values = sorted(max(0.5, v) for v in results.samples.get(key, ()))
        if values:
            axis.step(values, [(i + 1) / len(values) for i in range(len(values))], where="post", label=label)
    axis.set_xscale("log")
    axis.set_xlabel("ms")
    axis.legend(fontsize=8)
