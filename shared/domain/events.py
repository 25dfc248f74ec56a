"""The events that travel between functions. Each carries a batch: 1…500 messages of one lane, at most 512 KiB.

Content stands once per request, and per recipient only what differs. Times are integers, milliseconds since 1970 UTC;
ids are 32 lower-case hex digits. `TYPE` is the CloudEvent type; `REGISTRY` finds a model by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr

MAX_MESSAGES = 500
MAX_BYTES = 512 * 1024

E = TypeVar("E", bound="Event")
REGISTRY: dict[str, type[Event]] = {}


class Model(BaseModel):
    """Base of everything inside an event: unknown fields are ignored, so that old readers take new writers' events."""

    model_config = ConfigDict(extra="ignore")


class Event(Model):
    """Base of all events."""

    TYPE: ClassVar[str] = ""
    LISTS: ClassVar[tuple[str, ...]] = ()
    """The list of what the event carries, and the list inside each of those."""
    lane: str = "realtime"
    _event_id: str = PrivateAttr(default="")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("TYPE"):
            REGISTRY[cls.TYPE] = cls

    @property
    def topic(self) -> str:
        """The Kafka topic that the event goes to."""
        raise NotImplementedError(type(self).__name__)

    @property
    def event_id(self) -> str:
        """The id of the CloudEvent that carried it; empty before it has travelled."""
        return self._event_id

    def received(self, event_id: str) -> None:
        """Note the id of the CloudEvent that carried it."""
        self._event_id = event_id
        self.stamp(event_id)

    def size(self) -> int:
        """How many messages the event carries."""
        return 1

    def halves(self) -> list[Self]:
        """The event as two of about half its messages; as it is, when it carries only one."""
        return _halves(self, self.LISTS)

    def stamp(self, event_id: str) -> None:
        """Put the id on what needs it as its cause; the default needs none."""

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        """Join events that may be handled as one; the default keeps them apart."""
        return events


class Recipient(Model):
    """One recipient of a request: `n` is the index in the message id, `vars` fill the text's `#{name}`s.

    `addresses` are by channel, or by the hop's place in the plan; `skips` are the places of the plan that cannot carry
    its message, each with its code.
    """

    n: int
    to: str
    type: str
    ref: str | None = None
    vars: dict[str, str] | None = None
    addresses: dict[str, str] | None = None
    skips: dict[int, str] | None = None


class PlanHop(Model):
    """One step of the client's plan: a channel, its content and how long (s) to wait for a receipt before the next."""

    channel: str
    content: dict[str, Any]
    wait: float | None = None


class Request(Model):
    """One accepted request, or a slice of it. `counted`: when its messages were counted in their account's share."""

    request_id: str
    account_id: int
    username: str
    lane: str
    test: bool = False
    request_ref: str | None = None
    callback_uri: str | None = None
    accepted_at: int
    scheduled_at: int | None = None
    valid_until: int | None = None
    on_uncertain: Literal["wait", "failover"] = "wait"
    max_price: str | None = None
    idempotency: str | None = None
    plan: list[PlanHop]
    total: int
    messages: list[Recipient]
    cause: str = ""
    counted: int = 0


class Accepted(Event):
    """Messages accepted from clients; route stores them and decides their first hop."""

    TYPE: ClassVar[str] = "com.ims.message.accepted.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("requests", "messages")
    requests: list[Request]

    @property
    def topic(self) -> str:
        return f"ims.accepted.{self.lane}"

    def size(self) -> int:
        return sum(len(r.messages) for r in self.requests)

    def stamp(self, event_id: str) -> None:
        for request in self.requests:
            request.cause = event_id

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        return [cls(lane=lane, requests=[r for e in group for r in e.requests]) for lane, group in by_lane(events)]


class Due(Event):
    """What `schedule` found due: a release (scheduled, held, parked, backlog, retry), a cancel or a time-out check.

    `due_at`: the time of the reservation that it was taken for; when its client has moved that since, it is void.
    `letter`, `status`, `last_word`: of kind "given_up" only, see shared/stores/routing/given_up.py.
    """

    TYPE: ClassVar[str] = "com.ims.message.due.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("ids",)
    kind: str
    ids: list[str]
    hop: int = 0
    due_at: int = 0
    letter: str = ""
    status: int | None = None
    last_word: bool = False
    cause: str = ""

    @property
    def topic(self) -> str:
        return f"ims.outcome.{self.lane}"

    def size(self) -> int:
        return len(self.ids)

    def stamp(self, event_id: str) -> None:
        self.cause = event_id


class Send(Model):
    """One message for a vendor: `id` is the message id, `hop` the attempt's number."""

    id: str
    hop: int
    to: str
    type: str
    vars: dict[str, str] | None = None


class SendPart(Model):
    """Messages that share one content and one sender account."""

    account_id: int
    username: str
    test: bool = False
    content: dict[str, Any]
    valid_until: int
    messages: list[Send]


class Dispatch(Event):
    """Messages for one vendor account."""

    TYPE: ClassVar[str] = "com.ims.message.dispatch.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("parts", "messages")
    channel: str
    vendor: str
    account: str
    parts: list[SendPart]

    @property
    def topic(self) -> str:
        return f"ims.send.{self.channel}.{self.lane}"

    def size(self) -> int:
        return sum(len(p.messages) for p in self.parts)

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        groups: dict[tuple[str, str, str, str], list[SendPart]] = {}
        for e in events:
            groups.setdefault((e.lane, e.channel, e.vendor, e.account), []).extend(e.parts)
        return [cls(lane=k[0], channel=k[1], vendor=k[2], account=k[3], parts=v) for k, v in groups.items()]


class Poll(Event):
    """Ask a vendor what became of messages whose call timed out."""

    TYPE: ClassVar[str] = "com.ims.message.poll.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("messages",)
    channel: str
    vendor: str
    account: str
    attempt: int = 1
    messages: list[Send]

    @property
    def topic(self) -> str:
        return f"ims.send.{self.channel}.{self.lane}"

    def size(self) -> int:
        return len(self.messages)


class Result(Model):
    """What a vendor said of one hop: by its answer, by a receipt or by a look-up.

    `state`: sent (the vendor has it), delivered, failed, uncertain (it may have it), expired (too late, not tried) or
    unavailable (the vendor certainly does not have it: down, throttled or its breaker open). `not_before`: when the
    vendor wants to be asked again (Unix ms; 0: it did not say).
    """

    id: str
    hop: int
    state: Literal["sent", "uncertain", "delivered", "failed", "expired", "unavailable"]
    code: str
    raw_code: str | None = None
    raw_text: str | None = None
    vendor_ref: str | None = None
    at: int
    account_id: int = 0
    cause: str = ""
    not_before: int = 0


class Outcome(Event):
    """Results of hops, from send_*, api_receipt or a poll; only route decides what follows."""

    TYPE: ClassVar[str] = "com.ims.message.outcome.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("results",)
    channel: str
    vendor: str
    account: str
    via: Literal["answer", "receipt", "poll"]
    attempt: int = 0
    results: list[Result]

    @property
    def topic(self) -> str:
        return f"ims.outcome.{self.lane}"

    def size(self) -> int:
        return len(self.results)

    def stamp(self, event_id: str) -> None:
        for result in self.results:
            result.cause = event_id

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        groups: dict[tuple[Any, ...], list[Self]] = {}
        for e in events:
            groups.setdefault((e.lane, e.channel, e.vendor, e.account, e.via, e.attempt), []).append(e)
        joined = [(g[0], [r for e in g for r in e.results]) for g in groups.values()]
        return [first.model_copy(update={"results": results}) for first, results in joined]


class Receipt(Model):
    """What a vendor reports of a message that it names only by its own reference."""

    vendor_ref: str
    state: Literal["delivered", "failed"]
    code: str
    raw_code: str | None = None
    raw_text: str | None = None
    at: int


class Receipts(Event):
    """Receipts without our reference; route finds their hops, or keeps them until the hop's answer is written.

    Their messages' lane is not known yet, so they travel among the realtime outcomes.
    """

    TYPE: ClassVar[str] = "com.ims.message.receipts.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("receipts",)
    channel: str
    vendor: str
    account: str
    receipts: list[Receipt]

    @property
    def topic(self) -> str:
        return f"ims.outcome.{self.lane}"

    def size(self) -> int:
        return len(self.receipts)

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        groups: dict[tuple[str, str, str, str], list[Receipt]] = {}
        for e in events:
            groups.setdefault((e.lane, e.channel, e.vendor, e.account), []).extend(e.receipts)
        return [cls(lane=k[0], channel=k[1], vendor=k[2], account=k[3], receipts=v) for k, v in groups.items()]


class Unread(Event):
    """Webhooks of a vendor account that nobody could read when they came, from a dead letter: route reads them anew.

    `bodies`: each a webhook in the vendor's own format, as text or in base64. Their proof was right when they came.
    """

    TYPE: ClassVar[str] = "com.ims.receipt.unread.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("bodies",)
    vendor: str
    account: str
    channel: str | None = None
    headers: dict[str, str] = {}
    bodies: list[str]
    text: bool = True

    @property
    def topic(self) -> str:
        return f"ims.outcome.{self.lane}"

    def size(self) -> int:
        return len(self.bodies)


class Report(Model):
    """One final report: `data` is what the client's callback carries."""

    account_id: int
    username: str
    callback_uri: str | None
    data: dict[str, Any]


class Finished(Event):
    """Messages that have ended, each with the report for its client; `replay` names a client's wish to get it again."""

    TYPE: ClassVar[str] = "com.ims.message.finished.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("reports",)
    replay: str | None = None
    reports: list[Report]

    @property
    def topic(self) -> str:
        return f"ims.finished.{self.lane}"

    def size(self) -> int:
        return len(self.reports)

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        groups: dict[tuple[str, str | None], list[Report]] = {}
        for e in events:
            groups.setdefault((e.lane, e.replay), []).extend(e.reports)
        return [cls(lane=lane, replay=replay, reports=reports) for (lane, replay), reports in groups.items()]


class Attempt(Model):
    """One try of a callback: all messages of `ids` went in one body under one webhook-id.

    `outcome`: delivered (2xx), failed (retry at `next_due`), exhausted (no more retries), disabled (410),
    deferred (not tried, uncounted; due at `next_due`) or none (the account has no callback).
    """

    webhook_id: str
    ids: list[str]
    account_id: int
    username: str
    callback_uri: str | None = None
    attempt: int
    outcome: Literal["delivered", "failed", "exhausted", "disabled", "deferred", "none"]
    status: int | None = None
    error: str | None = None
    answer: str | None = None
    """The beginning of what came back from a try that failed: status line, headers, body."""
    duration_ms: int = 0
    at: int
    first_failed_at: int | None = None
    next_due: int | None = None
    reports: list[dict[str, Any]] | None = None

    @property
    def ended(self) -> int:
        """When its answer was there. `at` is when the call began, perhaps before others told that it was under way."""
        return self.at + self.duration_ms


class Reported(Event):
    """Tries of callbacks; store keeps them, so that a lost Redis can be rebuilt."""

    TYPE: ClassVar[str] = "com.ims.report.attempted.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("attempts",)
    attempts: list[Attempt]

    @property
    def topic(self) -> str:
        return "ims.reported"

    def size(self) -> int:
        return sum(len(a.ids) for a in self.attempts)

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        return [cls(attempts=[a for e in events for a in e.attempts])] if events else []


class ReportDue(Event):
    """Report units whose retry time has come (from the redis_expiry bridge, over HTTP) or that a client replays."""

    TYPE: ClassVar[str] = "com.ims.report.due.v1"
    LISTS: ClassVar[tuple[str, ...]] = ("keys",)
    keys: list[str]

    def size(self) -> int:
        return len(self.keys)

    @classmethod
    def merge(cls, events: list[Self]) -> list[Self]:
        return [cls(keys=list(dict.fromkeys(k for e in events for k in e.keys)))]


class Tick(Event):
    """A cron source's tick; carries nothing but, in its CloudEvent, when it happened."""

    TYPE: ClassVar[str] = "com.ims.tick.v1"
    _at_ms: int | None = PrivateAttr(default=None)

    @property
    def at_ms(self) -> int | None:
        """When the source says that it ticked; None where it does not say."""
        return self._at_ms

    def happened(self, at_ms: int | None) -> None:
        """Note the time of the CloudEvent that carried it."""
        self._at_ms = at_ms


class Again(Event):
    """A record that a function failed on and tries again a little later: until then it is due work
    (shared/stores/due.py) and holds nobody up. It never travels as itself: what is published is the record as it was,
    with its id.
    """

    to: str
    attributes: dict[str, str]
    body: str
    """The record's value in base64."""

    @property
    def topic(self) -> str:
        return self.to


class Dead(Event):
    """A record that no function could read or handle, or that a source gave up on; store keeps a replayable copy."""

    TYPE: ClassVar[str] = "com.ims.dead.v1"
    source_topic: str
    reason: str
    headers: dict[str, str]
    body: str
    at: int

    @property
    def topic(self) -> str:
        return "ims.dead"


M = TypeVar("M", bound=Model)


def _halves(model: M, lists: tuple[str, ...]) -> list[M]:
    """Cut a model in two by its list, or by the list inside its only item."""
    if not lists:
        return [model]
    items = getattr(model, lists[0])
    if len(items) == 1:
        cut = [[half] for half in _halves(items[0], lists[1:])] if len(lists) > 1 else [items]
    else:
        middle = len(items) // 2
        cut = [items[:middle], items[middle:]]
    return [model.model_copy(update={lists[0]: part}) for part in cut]


def json_halves(value: Any, lists: tuple[str, ...]) -> list[Any]:
    """The same of an event's bare JSON, whatever it holds; as it is, where there is nothing to cut."""
    items = value.get(lists[0]) if lists and isinstance(value, dict) else None
    if not isinstance(items, list) or not items:
        return [value]
    if len(items) == 1:
        cut = [[half] for half in json_halves(items[0], lists[1:])]
    else:
        middle = len(items) // 2
        cut = [items[:middle], items[middle:]]
    return [{**value, lists[0]: part} for part in cut]


def by_lane(events: Iterable[E]) -> list[tuple[str, list[E]]]:
    """Group events by their lane, in order of first appearance."""
    groups: dict[str, list[E]] = {}
    for event in events:
        groups.setdefault(event.lane, []).append(event)
    return list(groups.items())
