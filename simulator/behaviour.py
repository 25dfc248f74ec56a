"""How a vendor misbehaves: what `PUT /behaviour` sets, and the throttle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]


class Behaviour(BaseModel):
    """One vendor's manners. Rates: errors and time-outs per call, the others per message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: Milliseconds = 0
    error_rate: Rate = 0
    """Calls answered 500, nothing accepted."""
    timeout_rate: Rate = 0
    """Calls not answered in time; in half of them everything was accepted, in half nothing."""
    receipt_delay_ms: Milliseconds = 0
    receipt_lost_rate: Rate = 0
    receipt_twice_rate: Rate = 0
    receipt_early_rate: Rate = 0
    """Receipts that come before the answer to their call."""
    throttle_per_s: Annotated[float, Field(gt=0)] | None = None
    """Messages a second beyond which calls get 429."""
    down: bool = False
    """Every call is answered 503, nothing accepted."""

    @property
    def spoils_receipts(self) -> bool:
        """Whether any receipt may be lost, doubled or early."""
        return bool(self.receipt_lost_rate or self.receipt_twice_rate or self.receipt_early_rate)


class Change(Behaviour):
    """The body of `PUT /behaviour`: the vendor (or `*`), and what is to change."""

    vendor: str = "*"


class Behaviours:
    """Every vendor's behaviour."""

    def __init__(self, vendors: Iterable[str]) -> None:
        self._by_vendor = {vendor: Behaviour() for vendor in vendors}

    def __getitem__(self, vendor: str) -> Behaviour:
        return self._by_vendor[vendor]

    def change(self, body: Any) -> None:
        """Apply only what is given. Raises pydantic.ValidationError, or KeyError for an unknown vendor."""
        change = Change.model_validate(body)
        given = change.model_dump(exclude_unset=True, exclude={"vendor"})
        for vendor in self._by_vendor if change.vendor == "*" else (change.vendor,):
            self._by_vendor[vendor] = self._by_vendor[vendor].model_copy(update=given)

    def as_dict(self) -> Mapping[str, Any]:
        """All behaviours, by vendor."""
        return {vendor: behaviour.model_dump() for vendor, behaviour in self._by_vendor.items()}


class Throttle:
    """A bucket that holds one second's messages and leaks; when it is empty even a larger call passes."""

    def __init__(self) -> None:
        self._level, self._at = 0.0, 0.0

    def allows(self, messages: int, per_second: float | None, now: float) -> bool:
        """Whether the call may pass at `now` (seconds)."""
        if per_second is None:
            return True
        self._level = max(0.0, self._level - (now - self._at) * per_second)
        self._at = now
        if self._level and self._level + messages > per_second:
            return False
        self._level += messages
        return True
