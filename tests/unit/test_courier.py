"""One try of a report's callback: what it asks of the breaker, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import pytest

from shared.domain.errors import Unavailable
from shared.reports.courier import Courier, host_of
from shared.reports.gate import Gate
from shared.reports.opening import Opening
from shared.runtime.egress import Answer
from tests.unit.test_reports import URL, An, a_unit

HOST = host_of(URL)


class Breakers:
    """One that is open, with its probe due."""

    def __init__(self) -> None:
        self.probe = True
        self.counted: list[tuple[int, int]] = []
        self.flushed = False

    async def allows(self, name: str) -> bool:
        probe, self.probe = self.probe, False
        return probe

    def state(self, name: str) -> str:
        return "half-open"

    async def flush(self) -> None:
        self.flushed = True

    async def release(self, name: str) -> None:
        self.probe = True

    def retry_at(self, name: str, now_ms: int) -> int:
        return now_ms + 1

    def count(self, name: str, ok: int = 0, failed: int = 0) -> None:
        self.counted.append((ok, failed))


class Client:
    """A receiver that takes everything."""

    def __init__(self) -> None:
        self.types: list[str] = []

    async def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]]) -> Answer:
        self.types.append(orjson.loads(body)["type"])
        return Answer(200, None, 1)


class Accounts:
    """An account, or what stands in its way."""

    def __init__(self, found: An | Exception | None) -> None:
        self.found = found

    async def by_id(self, account_id: int) -> An | None:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def courier(
    breakers: Breakers,
    gate: Gate,
    account: An | Exception | None,
    client: Client | None = None,
    opening: Opening | None = None,
) -> Courier:
    opening = opening or Opening(looks=False)
    return Courier(client or Client(), Accounts(account), breakers, gate, opening, unit_s=60.0, now_ms=lambda: 1)


async def test_without_a_slot_the_probe_is_another_tries() -> None:
    breakers, gate = Breakers(), Gate(1)
    assert await gate.enter(HOST, 0)
    _, ((_, task),) = await courier(breakers, gate, An()).round([a_unit()], 0.05, wait_when_full=True)
    tried = await task
    assert (tried.outcome, breakers.probe, breakers.counted) == ("deferred", True, [])


@pytest.mark.parametrize("account", [None, An(callback_enabled=False), Unavailable("MySQL is away")])
async def test_a_try_that_made_no_call_gives_the_probe_back(account: An | Exception | None) -> None:
    breakers = Breakers()
    await courier(breakers, Gate(1), account).round([a_unit()], 0.05, wait_when_full=True)
    assert breakers.probe
    assert breakers.counted == []


async def test_a_call_keeps_the_probe_and_tells_how_it_ended() -> None:
    breakers = Breakers()
    ((tried,), _) = await courier(breakers, Gate(1), An()).round([a_unit()], 0.5, wait_when_full=True)
    assert (tried.outcome, breakers.probe, breakers.counted) == ("delivered", False, [(1, 0)])


@pytest.mark.parametrize(("batch", "form"), [(1, "message.finished"), (2, "messages.finished")])
async def test_the_accounts_batch_size_at_the_time_of_the_call_chooses_the_form(batch: int, form: str) -> None:
    client, breakers = Client(), Breakers()
    waited = a_unit(1, tries=3)
    await courier(breakers, Gate(1), An(callback_batch=batch), client).round([waited], 0.5, wait_when_full=True)
    assert client.types == [form]


async def test_a_probe_that_was_taken_closes_the_breaker_before_others_are_brought_forward() -> None:
    breakers, opening = Breakers(), Opening(looks=False)
    assert opening.answered(HOST, 1, 0, 1000, 0.0) == 0
    await courier(breakers, Gate(1), An(), opening=opening).round([a_unit()], 1.0, wait_when_full=True)
    assert (breakers.counted, breakers.flushed) == ([(1, 0)], True)
    assert opening.answered(HOST, 1, 0, 1000, 0.0) > 0
