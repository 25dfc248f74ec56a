"""A request on its way in, with what its Idempotency-Key and its limits have to say."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.accepting.keys import RELEASED, Held, Key
from shared.domain.events import Request
from shared.runtime.problems import Problem
from shared.stores.accounts import Account


@dataclass(slots=True)
class Submission:
    """`size` is its body's length, `request_id` may be replaced by the one its key holds.

    `lease` is what this request has put under its key, `counted` whether its messages are in the limits.
    """

    account: Account
    request: Request
    key: Key | None
    size: int
    problem: Problem | None = None
    replay: bytes | None = None
    held: Held | None = field(default=None, repr=False)
    lease: Held | None = field(default=None, repr=False)
    counted: bool = False
    repeated: bool = False

    @property
    def uses_limits(self) -> bool:
        """Whether it goes on, and nothing of it was counted before."""
        released = self.held is not None and self.held.state == RELEASED
        return self.problem is None and (not self.repeated or released)

    def adopt(self, request_id: str) -> None:
        """Go on as the request that holds the key."""
        self.request.request_id = request_id
        self.repeated = True
