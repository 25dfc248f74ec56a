"""One look at everything: all checks at once, each bounded in time, each failure a finding of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.runtime import logs
from shared.watch.rules import BLIND
from shared.watch.samples import Check, Look, Sample

log = logs.get(__name__)


async def look(checks: Sequence[Check], seconds: float, now_ms: int) -> Look:
    """Run the checks. One that fails leaves its metrics unknown and says why: its server is down, or watch is blind.

    A check that needs another's server says nothing when that one failed: one outage is one finding. What it measures
    then may be half the truth, so it ends no alarm.
    """
    answers = await asyncio.gather(*(_run(check, seconds) for check in checks))
    failed = {check.name: why for check, (_, why) in zip(checks, answers, strict=True) if why}
    samples: list[Sample] = []
    unknown: set[str] = set()
    for check, (found, why) in zip(checks, answers, strict=True):
        samples += found
        if check.down:
            samples.append(Sample(check.down, check.name, float(bool(why)), why))
        explained = any(needed in failed for needed in check.needs)
        if why or explained:
            unknown |= check.metrics
        if why and not check.down and not explained:
            samples.append(Sample(BLIND, check.name, 1.0, why))
    return Look(now_ms, tuple(samples), frozenset(unknown), tuple(failed.items()))


async def _run(check: Check, seconds: float) -> tuple[list[Sample], str]:
    try:
        return await asyncio.wait_for(check.run(), seconds), ""
    except TimeoutError:
        why = f"no answer within {seconds:g} s"
    except Exception as error:
        why = f"{type(error).__name__} {error}".strip()[:200]
    log.warning("check failed", check=check.name, why=why)
    return [], why
