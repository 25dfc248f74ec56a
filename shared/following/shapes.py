"""What a client sees of a message: its trail and its callback. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.domain.ids import accepted_ms, request_of
from shared.domain.states import State
from shared.runtime.clock import iso
from shared.stores.callbacks import Attempt, Waiting
from shared.stores.claims import SKIPPED, UNCERTAIN
from shared.stores.lookup import Details, Hop, Note
from shared.stores.push_devices import DeviceResult
from shared.stores.routing import SHOWN

Json = dict[str, Any]


def message(found: Details, callback: Json) -> Json:
    """The report's data with the state, the trail and the callback."""
    data = found.report.data
    return {**data, "state": data["status"], "trail": trail(found), "callback": callback}


def arriving(message_id: UUID, username: str) -> Json:
    """A message that is accepted and not yet in MySQL: what its id alone tells."""
    accepted_at = iso(accepted_ms(message_id))
    unknown = dict.fromkeys(("request_ref", "ref"))
    data = {"message_id": str(message_id), "request_id": str(request_of(message_id)), **unknown, "username": username}
    data |= {"channel": None, "type": None, "to": None, "status": "accepted", "code": None, "detail": None, "hops": []}
    data |= {"price": "0.00", "currency": "KRW", "accepted_at": accepted_at, "sent_at": None, "finished_at": None}
    trail = [{"state": "accepted", "at": accepted_at}]
    return {**data, "state": "accepted", "trail": trail, "callback": _callback("none")}


def trail(found: Details) -> list[Json]:
    """Every step with its time, the oldest first.

    `routed` bears the time at which the hop's sender had it. What a hop's row does not tell (a late, repeated or older
    outcome, a doubt that is over) has `via`: how it came.
    """
    data = found.report.data
    steps: list[tuple[int, Json]] = [(_ms(found.report), {"state": "accepted", "at": data["accepted_at"]})]
    if found.scheduled_ms is not None:
        steps.append((_ms(found.report), {"state": "scheduled", "at": data["accepted_at"]}))
    doubted = {note.hop for note in found.notes if note.state == UNCERTAIN and note.via == "answer"}
    for hop in found.hops:
        steps += _hop_steps(hop, hop.hop in doubted)
    known = {(step.get("hop"), step["state"], at) for at, step in steps}
    open_doubts = {hop.hop for hop in found.hops if hop.state == UNCERTAIN}
    for note in found.notes:
        shown = note.state == UNCERTAIN and note.hop in open_doubts
        if not shown and (note.hop, note.state, note.at_ms) not in known:
            steps.append((note.at_ms, _note_step(note)))
    steps.sort(key=lambda step: step[0])
    return [step for _, step in steps] + _now(found)


def _ms(report: Any) -> int:
    return accepted_ms(UUID(report.data["message_id"]))


def _sent_ms(hop: Hop, doubted: bool) -> int | None:
    """When it was known that the vendor has the hop. `doubted`: its answer did not say, a look-up may have."""
    if hop.state == "sent":
        return hop.finished_ms if doubted else hop.answered_ms or hop.finished_ms
    return None if doubted or hop.finished_ms is None else hop.answered_ms


def _hop_steps(hop: Hop, doubted: bool) -> list[tuple[int, Json]]:
    if hop.state == SKIPPED:
        step = {"state": SKIPPED, "at": iso(hop.claimed_ms), "hop": hop.hop, "channel": hop.channel, "code": hop.code}
        return [(hop.claimed_ms, step)]
    who = {"hop": hop.hop, "channel": hop.channel, "vendor": hop.vendor, "vendor_account": hop.account}
    answered = {**who, "vendor_ref": hop.vendor_ref}
    steps: list[tuple[int, Json]] = [
        (hop.claimed_ms, {"state": "routed", "at": iso(hop.claimed_ms), **who}),
        (hop.claimed_ms, {"state": "sending", "at": iso(hop.claimed_ms), **who}),
    ]
    sent_ms = _sent_ms(hop, doubted)
    if sent_ms is not None:
        steps.append((sent_ms, {"state": "sent", "at": iso(sent_ms), **answered}))
    if hop.state not in ("sending", "sent"):
        at = hop.finished_ms or hop.answered_ms or hop.claimed_ms
        codes = {"code": hop.code, "raw_code": hop.raw_code, "raw_text": hop.raw_text}
        steps.append((at, {"state": SHOWN.get(hop.state, hop.state), "at": iso(at), **answered, **codes}))
    return steps


def _note_step(note: Note) -> Json:
    codes = {"code": note.code, "raw_code": note.raw_code, "raw_text": note.raw_text, "via": note.via}
    return {"state": note.state, "at": iso(note.at_ms), "hop": note.hop, **codes}


def add_devices(steps: Sequence[Json], results: Iterable[tuple[int, DeviceResult]]) -> None:
    """What became of a push message at each device of its user: beside the last step of its hop, devices by their ids
    and the last signs of their tokens."""
    by_hop: dict[int, list[Json]] = {}
    for hop, result in results:
        by_hop.setdefault(hop, []).append(_device(result))
    for step in reversed(steps):
        if (told := by_hop.pop(step.get("hop", 0), None)) is not None:
            step["devices"] = told


def _device(result: DeviceResult) -> Json:
    return {
        "device": str(UUID(bytes=result.device_id)),
        "service": result.service,
        "token": f"…{result.last_signs}",
        "state": "uncertain" if result.state == "calling" else result.state,
        "code": result.code,
        "raw_code": result.raw_code,
        "raw_text": result.raw_text,
        "at": None if result.at_ms is None else iso(result.at_ms),
    }


def _now(found: Details) -> list[Json]:
    """The state that the message is in, where no hop shows it: an end without a hop, or a wait (its time unknown)."""
    data = found.report.data
    state, last = data["status"], found.hops[-1].state if found.hops else None
    if State[state].final:
        shown = last == state or (state == "delivered" and any(h.state == state for h in found.hops))
        return [] if shown else [{"state": state, "at": data["finished_at"], "code": data["code"]}]
    if state in ("held", UNCERTAIN) and last != state:
        return [{"state": state, "at": None}]
    return [{"state": state, "at": None}] if state == "routed" and last != "sending" else []


def _callback(state: str, attempts: Iterable[Json] = (), **more: Any) -> Json:
    empty = {"uri": None, "tries": 0, "last_answer": None, "next_try": None}
    return {"state": state, **empty, **more, "attempts": list(attempts)}


def callback(found: Details, waiting: Waiting | None, tries: list[Attempt], enabled: bool) -> Json:
    """What became of the report: `state` none, pending, delivered or exhausted.

    The first try is kept as a row only when it fails; a delivery is then told from the message itself.
    """
    uri = found.report.callback_uri
    attempts = [_attempt(t) for t in tries]
    if waiting is None and found.reported_ms is None:
        expected = found.finished_ms is not None and uri and enabled
        return _callback("pending" if expected else "none", attempts, uri=uri, tries=found.report_tries)
    if waiting is None:
        if not any(t.outcome == "delivered" for t in tries):
            done = Attempt(found.report_tries, "delivered", found.report_status, None, None, found.reported_ms or 0)
            attempts.append(_attempt(done))
        last = {"status": found.report_status, "error": None, "at": iso(found.reported_ms)}
        return _callback("delivered", attempts, uri=uri, tries=found.report_tries, last_answer=last)
    state = "pending" if waiting.state == "pending" else "exhausted"
    begun = [t.at_ms for t in tries if t.attempt == waiting.tries and t.at_ms <= waiting.updated_ms]
    at = iso(max(begun, default=waiting.updated_ms))
    last = {"status": waiting.last_status, "error": waiting.last_error, "at": at}
    more = {"uri": waiting.callback_uri, "tries": waiting.tries, "next_try": iso(waiting.next_due_ms)}
    return _callback(state, attempts, **more, last_answer=last if waiting.tries else None)


def _attempt(one: Attempt) -> Json:
    return {
        "attempt": one.attempt,
        "outcome": one.outcome,
        "status": one.status,
        "error": one.error,
        "duration_ms": one.duration_ms,
        "at": iso(one.at_ms),
    }
