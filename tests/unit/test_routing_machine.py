"""One message through route's decisions, while everything comes late, twice, in any order or not at all.

The machine keeps what the rows would hold, delivers every event once or more, and plays vendors that know the truth.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.domain import defaults, routing
from shared.domain.routing import Again, Ask, Check, End, Ignore, Mark, Message, Need, Pick, Plan, Start, Step, Wait
from shared.domain.states import State

NOON_KST = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 3 * 3_600_000
HOUR = 3_600_000
WAITING = (State.accepted, State.scheduled, State.held, State.routed)
OPEN = ("sent", "uncertain")
"""Hops that may still deliver."""


@dataclass
class Hop:
    """One vendor attempt. `has`: whether the vendor really has the message."""

    channel: str
    vendor: str
    state: str = "dispatched"
    has: bool = False
    releases: int = 0


@dataclass(frozen=True)
class Came:
    """An event that has come to route, or will: what it is, and the cause that it keeps when it comes again."""

    kind: str
    hop: int
    cause: bytes
    state: str = ""
    code: str = "0000"
    attempt: int = 0
    via: str = "answer"
    due_ms: int = 0


class Road(RuleBasedStateMachine):
    """See the module."""

    @initialize(
        lane=st.sampled_from(["auth", "realtime", "ad"]),
        channels=st.lists(st.sampled_from(["mt", "kakao"]), min_size=1, max_size=3),
        on_uncertain=st.sampled_from(["wait", "failover"]),
        valid_s=st.sampled_from([60, 180, 3600, 90_000]),
        at=st.sampled_from([0, 8 * HOUR + 49 * 60_000, 12 * HOUR]),
        cap=st.sampled_from([None, Decimal(9)]),
    )
    def accept(self, lane: str, channels: list[str], on_uncertain: str, valid_s: int, at: int, cap: Any) -> None:
        self.now = NOON_KST + at
        hops = [{"channel": c, "content": {"text": "hi"}} for c in channels]
        valid_ms = self.now + valid_s * 1000
        self.plan = Plan(b"r" * 16, 1, "demo", lane, False, None, None, hops, on_uncertain, cap, self.now, valid_ms)
        self.healthy = {"solapi", "nhn"}
        self.hops: dict[int, Hop] = {}
        self.due: list[Came] = []
        self.coming: list[Came] = []
        self.seen: list[Came] = []
        self.causes = (n.to_bytes(16, "big") for n in itertools.count(1))
        self.sent_at: int | None = None
        fresh = Message.fresh(1, "sms", channels[0])
        self.row = replace(fresh, message_id=b"m" * 16, cause=next(self.causes))
        first = Came("backlog", 0, next(self.causes))
        self.deliver(first)

    # --- the moment

    def world(self) -> routing.World:
        price = {"solapi": Decimal(8), "nhn": Decimal(10)}

        def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
            able = [v for v in sorted(self.healthy - avoid) if cap is None or price[v] <= cap]
            return Pick(able[-1], "main", price[able[-1]], True) if able else None

        return routing.World(self.now, choose, lambda *_: "sms")

    def locked(self) -> Message:
        """The row as route reads it."""
        doubts = {(h.channel, h.vendor) for n, h in self.hops.items() if n < self.row.hop and h.state == "uncertain"}
        return replace(self.row, doubtful=frozenset(doubts))

    # --- route

    def deliver(self, came: Came) -> None:
        """Route decides; what it was told comes again at any time."""
        self.seen.append(came)
        self.whole = False
        row, plan, world = self.locked(), self.plan, self.world()
        if came.kind == "result":
            if came.state == "unavailable" and came.via == "answer" and self._overtaken(came):
                self.whole = True
                return
            step = routing.on_result(row, plan, came.state, came.code, came.hop, came.cause, came.attempt, world)
            self._close(came)
        elif came.kind == "timeout":
            step = routing.on_timeout(row, plan, came.hop, came.cause, world)
        elif came.kind == "cancel":
            step = routing.on_cancel(row, came.cause)
        else:
            step = routing.on_release(row, plan, came.kind, came.hop, came.cause, world)
        self.follow(step, came)
        self.whole = True

    def _overtaken(self, came: Came) -> bool:
        return came.hop == self.row.hop and self.hops[came.hop].state != "released"

    def _close(self, came: Came) -> None:
        hop = self.hops[came.hop]
        if came.via != "answer" and came.state in ("delivered", "failed"):
            hop.state = came.state if hop.state != "delivered" else hop.state
        elif came.via == "poll" and came.state in ("sent", "unavailable") and hop.state == "uncertain":
            hop.state = came.state

    def follow(self, step: Step, came: Came) -> None:
        """The row after a step, as the store writes it; every rule that must never be broken."""
        row = self.row
        if row.status.final:
            assert isinstance(step, (Again, Ignore)), (step, came)
            return
        if isinstance(step, Start):
            self._start(step, came)
        elif isinstance(step, Wait):
            assert step.hop >= max(1, row.hop) or row.hop == 0
            assert step.hop > row.hop or row.status in WAITING, "a hop that left does not wait again"
            change = {"status": step.status, "hop": step.hop, "step": step.step, "tries": step.tries}
            self.row = replace(row, in_window=False, cause=came.cause, **change)
            due_ms = self.now if step.due_ms is None else step.due_ms
            self.due.append(Came(step.kind, step.hop, next(self.causes), due_ms=due_ms))
        elif isinstance(step, Mark):
            assert step.status > row.status
            self.row = replace(row, status=step.status, in_window=False)
            if step.status is State.sent:
                self.row.sent_ms = self.now
            else:
                self.row.asked, self.row.cause = step.attempt, came.cause
            if step.check_ms is not None:
                self._check(row.hop, step.check_ms)
        elif isinstance(step, Ask):
            assert step.attempt == row.asked + 1, "each question once"
            self.row = replace(row, asked=step.attempt, cause=came.cause)
        elif isinstance(step, Check):
            assert step.due_ms > self.now, "or it would turn in a circle"
            self._check(row.hop, step.due_ms)
        elif isinstance(step, End):
            self._end(step, came)

    def _check(self, hop: int, due_ms: int) -> None:
        self.due.append(Came("timeout", hop, next(self.causes), due_ms=due_ms))

    def _start(self, step: Start, came: Came) -> None:
        row = self.row
        assert self.now < self.plan.valid_ms, "nothing leaves after its time"
        assert self.plan.lane != "ad" or not defaults.in_night_window(self.now), "no advertisement at night"
        assert self.plan.max_price is None or step.pick.price <= self.plan.max_price
        assert not row.cancel
        assert not row.in_window or step.hop == row.hop + 1
        here = {n: h for n, h in self.hops.items() if (h.channel, h.vendor) == (step.channel, step.pick.vendor)}
        assert not [n for n, h in here.items() if h.state == "uncertain"], "never blindly to the same vendor again"
        before = self.hops.get(step.hop)
        assert before is None or before.state == "released", "a hop is one attempt"
        assert before is not None or step.hop == len(self.hops) + 1
        releases = before.releases if before else 0
        self.hops[step.hop] = Hop(step.channel, step.pick.vendor, releases=releases)
        change = {"hop": step.hop, "step": step.step, "tries": step.tries, "channel": step.channel, "asked": 0}
        sender = {"vendor": step.pick.vendor, "vendor_account": "main"}
        self.row = replace(row, status=State.routed, in_window=True, cause=came.cause, sent_ms=None, **sender, **change)
        self._check(step.hop, step.check_ms)

    def _end(self, step: End, came: Came) -> None:
        if step.status is State.delivered:
            assert came.state == "delivered"
            assert self.hops[came.hop].has
        if step.status is State.canceled:
            assert self.row.cancel
            assert not self.row.in_window
        if step.code == "4008":
            assert self.row.status is State.sent
        if step.status is State.expired:
            assert self.now >= self.plan.valid_ms
        self.row = replace(self.row, status=step.status, in_window=False, cause=came.cause)
        self.ended_at = self.now

    # --- what happens

    @rule(seconds=st.sampled_from([1, 5, 20, 90, 700, 5000, 30_000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * 1000

    @rule(vendor=st.sampled_from(["solapi", "nhn"]))
    def a_vendor_fails_or_comes_back(self, vendor: str) -> None:
        self.healthy ^= {vendor}

    @precondition(lambda self: any(d.due_ms <= self.now for d in self.due))
    @rule(data=st.data())
    def something_is_due(self, data: st.DataObject) -> None:
        came = data.draw(st.sampled_from([d for d in self.due if d.due_ms <= self.now]))
        self.due.remove(came)
        self.deliver(came)

    @precondition(lambda self: any(h.state == "dispatched" for h in self.hops.values()))
    @rule(how=st.sampled_from(["sent", "uncertain", "lost", "unavailable", "4001", "4002", "4004", "3004"]))
    def a_sender_calls(self, how: str) -> None:
        number = next(n for n, h in self.hops.items() if h.state == "dispatched")
        hop, cause = self.hops[number], next(self.causes)
        if self.now >= self.plan.valid_ms:
            hop.state, state, code = "expired", "expired", "0301"
        elif how in ("sent", "uncertain", "lost"):
            state = "sent" if how == "sent" else "uncertain"
            hop.state, hop.has, code = state, how != "lost", "0000" if how == "sent" else "0300"
        elif how == "unavailable":
            hop.state, state, code = "released", "unavailable", "3001"
        else:
            hop.state, state, code = "failed", "failed", how
        self.coming.append(Came("result", number, cause, state, code))

    @precondition(lambda self: any(h.has for h in self.hops.values()))
    @rule(data=st.data(), code=st.sampled_from(["0000", "4001", "4002", "4004"]))
    def a_vendor_reports(self, data: st.DataObject, code: str) -> None:
        number = data.draw(st.sampled_from([n for n, h in self.hops.items() if h.has]))
        state = "delivered" if code == "0000" else "failed"
        self.coming.append(Came("result", number, next(self.causes), state, code, via="receipt"))

    @precondition(lambda self: self.row.status is State.uncertain and self.row.asked)
    @rule()
    def a_vendor_is_asked(self) -> None:
        hop, attempt = self.hops[self.row.hop], self.row.asked
        known = "sent" if hop.has else ("unavailable" if attempt >= 3 else "uncertain")
        cause = next(self.causes)
        self.coming.append(Came("result", self.row.hop, cause, known, "0300", attempt=attempt, via="poll"))

    @precondition(lambda self: self.coming)
    @rule(data=st.data())
    def an_outcome_comes(self, data: st.DataObject) -> None:
        came = data.draw(st.sampled_from(self.coming))
        self.coming.remove(came)
        self.deliver(came)

    @rule(data=st.data())
    def an_event_comes_again(self, data: st.DataObject) -> None:
        self.deliver(data.draw(st.sampled_from(self.seen)))

    @rule(data=st.data())
    def a_sender_tells_its_answer_again(self, data: st.DataObject) -> None:
        """A redelivered dispatch: the recorded answer under a new cause."""
        answers = [c for c in self.seen if c.kind == "result" and c.via == "answer"]
        if answers:
            self.deliver(replace(data.draw(st.sampled_from(answers)), cause=next(self.causes)))

    @rule()
    def the_client_cancels(self) -> None:
        row = self.row
        open_hops = [n for n, h in self.hops.items() if n < row.hop and h.state in (*OPEN, "dispatched")]
        if row.status in WAITING and not row.in_window and not open_hops:
            self.row.cancel = True
            self.deliver(Came("cancel", 0, next(self.causes)))
            assert self.row.status is State.canceled

    # --- what always holds

    @invariant()
    def somebody_sees_to_it(self) -> None:
        """A message that has not ended is in a sender's hands, or comes back by itself."""
        if not hasattr(self, "row") or self.row.status.final:
            return
        waiting = self.row.status in WAITING and not self.row.in_window
        if self.row.in_window:
            on_its_way = self.hops[self.row.hop].state == "dispatched"
            told = any(c.kind == "result" and c.hop == self.row.hop for c in self.coming)
            assert on_its_way or told
        elif waiting:
            assert any(d.hop == self.row.hop and d.kind != "timeout" for d in self.due)
        else:
            assert any(d.hop == self.row.hop and d.kind == "timeout" for d in self.due)

    def teardown(self) -> None:
        """With nothing but time, everything ends: in doubt at `valid_until`, sent at the receipt time-out."""
        if not hasattr(self, "row") or not self.whole:
            return
        self.healthy = {"solapi", "nhn"}
        for _ in range(50_000):
            if self.row.status.final:
                return
            if self.coming:
                self.deliver(self.coming.pop(0))
            elif self.row.in_window and self.hops[self.row.hop].state == "dispatched":
                self.a_sender_calls("uncertain")
            else:
                self._next_due()
        raise AssertionError(f"it never ends: {self.row}")

    def _next_due(self) -> None:
        came = min(self.due, key=lambda d: d.due_ms)
        self.due.remove(came)
        self.now = max(self.now, came.due_ms)
        if self.row.status is State.uncertain and came.hop == self.row.hop:
            assert self.now <= max(self.plan.valid_ms, self.now)
        self.deliver(came)


TestRoad = Road.TestCase
TestRoad.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
