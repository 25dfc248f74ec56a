"""What is measured, one module a scenario; ORDER is how they run."""

from __future__ import annotations

from bench.run import Scenario
from bench.scenarios import (
    accept,
    cold,
    growth,
    hold_door,
    hold_fair,
    hold_poison,
    hold_returning,
    limits,
    otp,
    paced,
    profile,
    retry,
    road,
)

ORDER: dict[str, tuple[str, Scenario]] = {
    "limits": ("Kafka and MySQL without IMS", limits.run),
    "accept": ("accepting, the function alone", accept.run),
    "bulk": ("end to end, in bulk", road.bulk),
    "single": ("end to end, one message a request", road.single),
    "paced": ("ordinary rates, with hosts and apart", paced.run),
    "otp": ("a one-time password beside a bulk flood", otp.run),
    "retry": ("lateness of report retries", retry.run),
    "cold": ("cold start and memory", cold.run),
    "profile": ("where the time goes", profile.run),
    "growth": ("cost as the data grows", growth.run),
    **hold_door.SCENARIOS,
    **hold_poison.SCENARIOS,
    **hold_fair.SCENARIOS,
    **hold_returning.SCENARIOS,
}


def chosen(names: str) -> list[str]:
    """The scenarios that a list of names means, `hold` being all whose names begin with `hold-`; unknown ones stay."""
    found: list[str] = []
    for name in filter(None, names.split(",")):
        found += [known for known in ORDER if known.startswith(f"{name}-")] or [name]
    return found or list(ORDER)
