"""The one result-code table: what each IMS code means, what follows it, and whether an operator should hear of it.

A vendor's own codes become these in its adapter (shared/vendors); everything after the adapter speaks only IMS codes.
Actions: `retry` a new hop on the same channel · `failover` the plan's next hop · `otp` the next hop, in the auth lane
only · `hold` until the window opens · `poll` ask the vendor before acting · none: the end.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

DELIVERED = "0000"
UNCERTAIN = "0300"
EXPIRED = "0301"
"""`valid_until` passed before the message could be sent; this project's own code, no vendor has it."""
CANCELED = "0302"
"""The client took the message back before it left."""
GIVEN_UP = "9001"
"""Its event could not be handled and became a dead letter; nobody mended it within `valid_until`."""
NO_ADDRESS = "2005"
OVER_CAP = "3006"
"""This project's own code: only the client's price cap keeps vendors from carrying it."""
UNKNOWN = "3003"
"""What an adapter answers for a vendor's code that its table does not have."""


class Action(StrEnum):
    """What follows a result."""

    none = "none"
    retry = "retry"
    failover = "failover"
    otp = "otp"
    hold = "hold"
    poll = "poll"


class Code(NamedTuple):
    """One row: what clients read as `detail`, what route does next, whether an operator is told."""

    detail: str
    actions: frozenset[Action]
    alert: bool = False


# code  actions  alert  detail
_TABLE = """
    0000  none           -      delivered
    0300  poll           -      uncertain: the vendor has not said whether it sent the message
    0301  none           -      expired before it could be sent
    0302  none           -      canceled before it was sent
    1001  none           -      the recipient's number is not valid
    1002  none           -      the text, subject or file is too long
    1003  none           -      the text has characters that the channel cannot carry
    1004  none           alert  the sender number is not registered
    1005  none           -      a duplicate of a message already sent
    1006  none           alert  the quota or balance at the vendor is used up
    1007  none           -      the recipient has unsubscribed
    1008  hold           -      advertisement at a forbidden time or without its required form
    1009  none           alert  the vendor could not read the request
    1010  none           -      a variable of the text has no value for this recipient
    1011  failover       -      a file of the message is not there any more
    2001  failover       alert  the template does not exist
    2002  failover       -      the text does not match the template
    2003  failover       alert  the sender profile is not usable
    2004  failover       -      the recipient does not use the channel or blocks it
    2005  failover       -      the recipient has no address for the channel
    3001  poll,retry     -      the vendor timed out or had an error
    3002  retry          -      the vendor asked to slow down
    3003  failover       -      the vendor failed to deliver and gave no known cause
    3004  failover       alert  the vendor refused our account
    3005  none           alert  no vendor could carry the message
    3006  none           -      max_price is below every price
    4001  none           -      no subscriber at this number
    4002  retry          -      the handset is off or out of reach
    4003  retry          -      the handset is full or busy
    4004  failover       -      the handset does not support this kind of message
    4005  none           -      the recipient refuses messages
    4006  none           -      filtered as spam
    4007  none           alert  the sender number is blocked
    4008  otp            -      no delivery report came in time
    5001  failover       -      the push token is no longer valid
    5002  none           -      the mail address bounced or has unsubscribed
    9001  none           alert  given up inside IMS: no vendor had it
"""


def _row(line: str) -> tuple[str, Code]:
    code, actions, alert, detail = line.split(maxsplit=3)
    return code, Code(detail, frozenset(map(Action, actions.split(","))), alert == "alert")


CODES: dict[str, Code] = dict(_row(line) for line in _TABLE.strip().splitlines())


def detail(code: str) -> str:
    """What the code means, in English; for a code that the table does not have, the code itself."""
    row = CODES.get(code)
    return row.detail if row else code


def retryable(code: str) -> bool:
    """Whether a new hop on the same channel may succeed (class R); how often is data of the retry schedule."""
    return _has(code, Action.retry)


def fails_over(code: str, lane: str = "realtime") -> bool:
    """Whether the plan's next hop may succeed where this one failed.

    A retryable code fails over too, once its retries are spent; a lost receipt (4008) only in the auth lane, where a
    second copy is better than none.
    """
    return _has(code, Action.failover) or _has(code, Action.retry) or (lane == "auth" and _has(code, Action.otp))


def holds(code: str) -> bool:
    """Whether the message waits for its window instead of failing."""
    return _has(code, Action.hold)


def polls(code: str) -> bool:
    """Whether the vendor is asked what became of the message before anything else is done."""
    return _has(code, Action.poll)


def alerts(code: str) -> bool:
    """Whether an operator should hear of it."""
    row = CODES.get(code)
    return bool(row and row.alert)


def _has(code: str, action: Action) -> bool:
    row = CODES.get(code)
    return bool(row and action in row.actions)
