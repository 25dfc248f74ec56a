"""The fields of a request that all channels share (api.md, "Shared fields")."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, SkipValidation
from typing_extensions import TypedDict

MAX_RECIPIENTS = 10_000
MAX_REF = 255
MAX_URI = 2048
MAX_AHEAD_S = 365 * 24 * 3600
"""How far ahead a reservation, and beyond it the end of validity, may lie."""
MAX_FALLBACK = 5
"""Further hops of one plan; with all retries they stay within the 31 hops that a vendor reference can count."""
MAX_WAIT_S = 80 * 3600
"""No receipt comes later than this."""


class Content(BaseModel):
    """Base of what a channel asks: nothing unknown, nothing converted, so that a slip is named and not guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class RecipientIn(TypedDict):
    """One recipient as the client writes it."""

    to: str
    ref: NotRequired[str]
    variables: NotRequired[dict[str, str | float]]
    addresses: NotRequired[dict[str, str]]


class GroupOf(TypedDict):
    """A group of contacts: its members at the moment of acceptance, whoever is named otherwise once."""

    group: str


class HopIn(TypedDict):
    """A further hop: `channel`, `wait`, and that channel's own fields."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    channel: str
    wait: NotRequired[float]


Recipients = Annotated[list[SkipValidation[RecipientIn | GroupOf]], Field(min_length=1, max_length=MAX_RECIPIENTS)]
"""Checked one by one in recipients.py, so that a bad one does not spoil the others."""


class Shared(Content):
    """The shared fields; each may be missing here, so that all faults of a body are found at once."""

    lane: Literal["auth", "realtime", "bulk", "ad"] = "realtime"
    recipients: Recipients | None = None
    request_ref: Annotated[str, Field(max_length=MAX_REF)] | None = None
    callback_uri: Annotated[str, Field(max_length=MAX_URI)] | None = None
    scheduled_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    valid_until: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    ttl: Annotated[int, Field(ge=1, le=MAX_AHEAD_S)] | None = None
    wait: Annotated[float, Field(ge=1, le=MAX_WAIT_S)] | None = None
    """Seconds that the first hop waits for its receipt before the plan goes on."""
    fallback: Annotated[list[SkipValidation[HopIn]], Field(max_length=MAX_FALLBACK)] | None = None
    on_uncertain: Literal["wait", "failover"] | None = None
    max_price: Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)] | None = None
    strict: bool = False
    distinct: bool = False
    """Whether a recipient that stands there again gets only the first message."""


class HopShared(Content):
    """What a further hop has beside its channel's content."""

    channel: Any = None
    wait: Annotated[float, Field(ge=1, le=MAX_WAIT_S)] | None = None
