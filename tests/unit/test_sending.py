"""What a sender does with a batch, its servers and the vendor replaced by what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from shared.domain.errors import Rejected
from shared.domain.events import Dispatch, Event, Outcome, Send, SendPart
from shared.domain.ids import message_id, request_id
from shared.runtime.settings import VendorSettings
from shared.sending import send
from shared.stores import optouts
from shared.stores.claims import Claims, HopKey, claim, renew
from shared.stores.files import file_bodies
from shared.stores.inbox import record_answers
from shared.stores.messages import insert_due
from shared.stores.vendors import Entry
from shared.vendors.base import VendorAccount
from shared.vendors.registry import REGISTRY

NOON = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 3 * 3_600_000
NIGHT = NOON + 9 * 3_600_000
HOUR = 3_600_000
ACCOUNT = VendorAccount("solapi", "main", "http://vendor", {"api_key": "k", "api_secret": "s"})
ENTRY = Entry(ACCOUNT, REGISTRY["solapi", "mt"], "mt", 1, sandbox=False)
SENT = b'{"groupInfo": {}, "failedMessageList": []}'


class Servers:
    """Everything a sender touches; `slow_ms` is how long it takes from the claim to the call."""

    def __init__(self, *, now: int = NOON, entry: Entry = ENTRY, answer: bytes = SENT, slow_ms: int = 0) -> None:
        self.now, self.answer, self.slow_ms, self.entry = now, answer, slow_ms, entry
        self.lost, self.status, self.headers = False, 200, {}
        self.busy: dict[HopKey, int] = {}
        self.due: list[tuple[int, str, Event]] = []
        self.calls: list[bytes] = []
        self.saved: list[tuple[Any, ...]] = []
        self.vendor_settings = VendorSettings()
        self.vendors = SimpleNamespace(get=self._get)
        self.breakers = SimpleNamespace(allows=self._allows, record=self._record, release=self._release)
        self.released: list[str] = []
        self.recorded: list[str] = []
        self.http = SimpleNamespace(stream=self._stream)

    def now_ms(self) -> int:
        return self.now

    async def _get(self, *_: str) -> Entry:
        return self.entry

    async def _allows(self, _: str) -> bool:
        self.now += self.slow_ms
        return True

    async def _record(self, name: str, **_: Any) -> None:
        self.recorded.append(name)

    async def _release(self, name: str) -> None:
        self.released.append(name)

    @asynccontextmanager
    async def _stream(self, _: str, __: str, *, content: bytes, **___: Any) -> AsyncIterator[Any]:
        self.calls.append(content)

        async def aiter_bytes() -> AsyncIterator[bytes]:
            yield self.answer

        yield SimpleNamespace(status_code=self.status, headers=self.headers, aiter_bytes=aiter_bytes)

    async def db(self, fn: Any, *args: Any) -> Any:
        if fn is claim:
            keys = {(m, hop) for m, hop, _ in args[0]}
            return Claims(mine=keys - self.busy.keys(), busy={k: at for k, at in self.busy.items() if k in keys})
        if fn is optouts.stops:
            return {}
        if fn is optouts.awake:
            return set()
        if fn is insert_due:
            self.due += args[0]
            return None
        if fn is file_bodies:
            raise Rejected("1011", "gone")
        if fn is renew:
            return set() if self.lost else set(args[0])
        assert fn is record_answers
        self.saved += args[1]
        return None


def batch(lane: str = "realtime", valid_until: int = NOON + HOUR, test: bool = False, n: int = 1) -> Dispatch:
    ids = [message_id(UUID(int=request_id(NOON, 7).int), i, lane) for i in range(1, n + 1)]
    part = SendPart(
        account_id=1, username="demo", test=test, valid_until=valid_until,
        content={"sender": "0215441234", "text": "hello", "subject": None, "type": "sms", "files": []},
        messages=[Send(id=one.hex, hop=1, to="01012345678", type="sms") for one in ids],
    )  # fmt: skip
    return Dispatch(lane=lane, channel="mt", vendor="solapi", account="main", parts=[part])


async def states(servers: Any, event: Dispatch) -> list[str]:
    events: list[Event] = await send(event, servers)
    return [r.state for e in events if isinstance(e, Outcome) for r in e.results]


async def test_a_prompt_call_needs_no_second_look_at_the_claim() -> None:
    servers = Servers()
    servers.lost = True
    assert await states(servers, batch()) == ["sent"]
    assert len(servers.calls) == 1


async def test_a_late_call_is_made_only_while_the_claim_is_still_ours() -> None:
    kept, lost = Servers(slow_ms=5000), Servers(slow_ms=5000)
    lost.lost = True
    assert await states(kept, batch()) == ["sent"]
    assert await states(lost, batch()) == []
    assert not lost.calls
    assert not lost.saved


async def test_what_became_too_late_while_it_waited_for_its_call_is_not_sent() -> None:
    servers = Servers(slow_ms=5000)
    assert await states(servers, batch(valid_until=NOON + 4000)) == ["expired"]
    assert servers.calls == []
    assert servers.released == ["solapi/main/mt"], "no call, so the breaker's probe is another's"


async def test_an_advertisement_that_arrives_at_night_goes_back() -> None:
    servers = Servers(now=NIGHT)
    assert await states(servers, batch("ad", NIGHT + 24 * HOUR)) == ["unavailable"]
    assert servers.calls == []


@pytest.mark.parametrize("entry", [replace(ENTRY, enabled=False), replace(ENTRY, sandbox=True)])
async def test_nothing_new_goes_to_an_account_that_may_not_carry_it(entry: Entry) -> None:
    servers = Servers(entry=entry)
    assert await states(servers, batch()) == ["unavailable"]
    assert servers.calls == []


async def test_a_test_keys_message_never_goes_to_a_live_account() -> None:
    servers = Servers()
    assert await states(servers, batch(test=True)) == ["unavailable"]
    assert servers.calls == []


async def test_an_answer_that_the_adapter_cannot_bear_is_uncertain() -> None:
    servers = Servers(answer=b'{"groupInfo": {}, "failedMessageList": [7]}')
    assert await states(servers, batch()) == ["uncertain"]
    assert len(servers.saved) == 1


async def test_a_message_whose_picture_is_gone_fails_and_the_others_go() -> None:
    servers, event, pictures = Servers(), batch(), batch(n=3)
    for one in pictures.parts[0].messages[1:]:
        one.type = "mms"
    pictures.parts[0].messages.pop(0)
    pictures.parts[0].content["files"] = ["f"]
    event.parts += pictures.parts
    found: list[Event] = await send(event, servers)  # type: ignore[arg-type]
    results = [r for e in found if isinstance(e, Outcome) for r in e.results]
    assert sorted((r.state, r.code) for r in results) == [("failed", "1011"), ("failed", "1011"), ("sent", "0000")]
    assert (len(servers.calls), servers.released) == (1, [])


async def test_when_all_pictures_are_gone_nothing_is_called() -> None:
    servers, event = Servers(), batch()
    event.parts[0].messages[0].type = "mms"
    event.parts[0].content["files"] = ["f"]
    assert await states(servers, event) == ["failed"]
    assert (servers.calls, servers.released) == ([], ["solapi/main/mt"])


async def test_a_hop_that_another_process_sends_now_waits_alone() -> None:
    servers, event = Servers(), batch(n=3)
    held = event.parts[0].messages[1]
    servers.busy = {(bytes.fromhex(held.id), 1): NOON - 1000}
    assert await states(servers, event) == ["sent", "sent"]
    ((due_ms, kind, again),) = servers.due
    assert isinstance(again, Dispatch)
    assert (kind, [m.id for part in again.parts for m in part.messages]) == ("claimed", [held.id])
    assert again.parts[0].content == event.parts[0].content
    assert due_ms == NOON - 1000 + 14_000, "when the other's call is over"


async def test_when_all_hops_are_being_sent_nothing_is_called() -> None:
    servers, event = Servers(), batch()
    servers.busy = {(bytes.fromhex(event.parts[0].messages[0].id), 1): NOON}
    assert await states(servers, event) == []
    assert len(servers.due) == 1
    assert servers.calls == []


async def test_a_message_that_the_answer_leaves_out_is_uncertain_not_sent() -> None:
    servers = Servers(answer=b'{"groupInfo": {}, "failedMessageList": [], "messageList": []}')
    assert await states(servers, batch()) == ["uncertain"]


@pytest.mark.parametrize(
    ("status", "answer", "state", "code"),
    [
        (429, b"slow down", "unavailable", "3002"),
        (503, b"<html>", "unavailable", "3001"),
        (404, b"<html>", "unavailable", "3001"),
        (502, b"<html>", "uncertain", "0300"),
        (302, SENT, "uncertain", "0300"),
        (200, b"<html>", "uncertain", "0300"),
        (200, b"", "uncertain", "0300"),
        (403, b"", "failed", "3004"),
        (413, b"", "failed", "1009"),
        (400, b'{"errorCode": "NotEnoughBalance"}', "failed", "1006"),
    ],
)
async def test_what_an_answer_means_for_its_messages(status: int, answer: bytes, state: str, code: str) -> None:
    servers = Servers(answer=answer)
    servers.status = status
    events = await send(batch(n=2), servers)  # type: ignore[arg-type]
    assert [(r.state, r.code) for e in events if isinstance(e, Outcome) for r in e.results] == [(state, code)] * 2


@pytest.mark.parametrize(("written", "wait_ms"), [("30", 30_000), ("1", 0), (None, 0), ("86400", 300_000)])
async def test_when_a_vendor_wants_to_be_asked_again_is_told(written: str | None, wait_ms: int) -> None:
    servers = Servers(answer=b"slow down")
    servers.status, servers.headers = 429, {"retry-after": written} if written else {}
    (told,) = [e for e in await send(batch(n=2), servers) if isinstance(e, Outcome)]  # type: ignore[arg-type]
    assert [r.not_before - r.at if r.not_before else 0 for r in told.results] == [wait_ms] * 2


async def test_a_call_that_cannot_be_made_has_sent_nothing() -> None:
    servers = Servers(entry=replace(ENTRY, account=replace(ACCOUNT, settings={})))
    assert await states(servers, batch()) == ["unavailable"]
    assert servers.calls == []
    assert (servers.recorded, servers.released) == ([], [ENTRY.name]), "the vendor is not to blame"
