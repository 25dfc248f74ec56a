"""One try of one unit: the breaker, a slot of its host, the signed call, the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from shared.domain.errors import Invalid, Unavailable
from shared.reports import callback, measures
from shared.reports.gate import Gate
from shared.reports.opening import Opening
from shared.reports.units import Account, Try, Unit, judge
from shared.runtime import logs
from shared.runtime.breaker import CLOSED
from shared.runtime.egress import Answer, parse

UNAVAILABLE_MS = 1000
NO_ACCOUNT = "the account is gone or wants no callbacks"

log = logs.get(__name__)


class Client(Protocol):
    """The egress client."""

    async def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]]) -> Answer: ...


class HostBreakers(Protocol):
    """The breakers of hosts."""

    async def allows(self, name: str) -> bool: ...
    def state(self, name: str) -> str: ...
    async def flush(self) -> None: ...
    async def release(self, name: str) -> None: ...
    def retry_at(self, name: str, now_ms: int) -> int: ...
    def count(self, name: str, ok: int = 0, failed: int = 0) -> None: ...


class AccountsById(Protocol):
    """Accounts, cached."""

    async def by_id(self, account_id: int) -> Account | None: ...


def host_of(url: str) -> str:
    """What has slots and a breaker of its own: host and port."""
    try:
        target = parse(url)
    except Invalid:
        return "invalid"
    return f"{target.host}:{target.port}"


def answers(tries: Iterable[Try]) -> dict[str, tuple[int, int]]:
    """By host: how many of the tries it took, and how many failed. What was put off says nothing of it."""
    counts: dict[str, tuple[int, int]] = {}
    for one in tries:
        if one.outcome in ("delivered", "failed", "exhausted"):
            host = host_of(one.unit.callback_uri)
            taken, failed = counts.get(host, (0, 0))
            ok = one.outcome == "delivered"
            counts[host] = (taken + ok, failed + (not ok))
    return counts


class Courier:
    """Tries units. `tries` runs apart for first reports and for retries: each process has its own gate."""

    def __init__(
        self,
        client: Client,
        accounts: AccountsById,
        breakers: HostBreakers,
        gate: Gate,
        opening: Opening,
        *,
        unit_s: float,
        now_ms: Callable[[], int],
    ) -> None:
        self._client, self._accounts, self._breakers = client, accounts, breakers
        self._gate, self._opening, self._unit_s, self._now_ms = gate, opening, unit_s, now_ms

    async def round(
        self, units: Iterable[Unit], hold_s: float, *, wait_when_full: bool
    ) -> tuple[list[Try], list[tuple[Unit, asyncio.Task[Try]]]]:
        """Try all units at once. Answers what ended within `hold_s`, and what is still under way.

        Hosts known to be slow are not waited for. What finds no slot is deferred: to now, or with `wait_when_full`
        to when a slot can be expected.
        """
        tasks = [(u, asyncio.create_task(self._try(u, hold_s, wait_when_full))) for u in units]
        prompt = [task for unit, task in tasks if not self._gate.slow(host_of(unit.callback_uri))]
        if prompt:
            await asyncio.wait(prompt, timeout=hold_s)
        else:
            await asyncio.sleep(0)
        under_way = [(unit, task) for unit, task in tasks if not task.done()]
        for unit, _ in under_way:
            self._gate.noticed(host_of(unit.callback_uri), hold_s)
        return [task.result() for _, task in tasks if task.done()], under_way

    async def _try(self, unit: Unit, patience_s: float, wait_when_full: bool) -> Try:
        host = host_of(unit.callback_uri)
        if not await self._breakers.allows(host):
            return self._deferred(unit, self._breakers.retry_at(host, self._now_ms()))
        probe = self._breakers.state(host) != CLOSED
        if not await self._gate.enter(host, patience_s):
            await self._breakers.release(host)
            later_s = min(30.0, 0.25 + self._gate.expected_wait_s(host)) if wait_when_full else 0.0
            return self._deferred(unit, self._now_ms() + round(later_s * 1000))
        took_s = 0.0
        try:
            result = await self._call(unit)
            took_s = result.duration_ms / 1000
        except Unavailable:
            await self._breakers.release(host)
            return self._deferred(unit, self._now_ms() + UNAVAILABLE_MS)
        except Exception as error:  # one unit's fault must not make its neighbours' calls come again
            log.exception("cannot call back", webhook_id=unit.webhook_id)
            result = judge(unit, None, f"internal: {type(error).__name__}", self._now_ms(), 0, self._unit_s)
        finally:
            self._gate.leave(host, took_s)
        if result.outcome != "disabled":
            ok = result.outcome == "delivered"
            self._breakers.count(host, ok=int(ok), failed=int(not ok))
            if ok and probe:  # before others are brought forward they must find the breaker closed
                await self._breakers.flush()
                self._opening.returned(host)
        else:
            await self._breakers.release(host)
        measures.TRIES.labels(result.outcome).inc()
        measures.CALL_SECONDS.observe(took_s)
        return result

    async def _call(self, unit: Unit) -> Try:
        account = await self._accounts.by_id(unit.account_id)
        now_ms = self._now_ms()
        if account is None or not account.callback_enabled:
            return Try(unit, "disabled", now_ms, error=NO_ACCOUNT)
        body = callback.body(unit, account.callback_batch)
        headers = callback.headers(unit, callback.signing(account, now_ms), now_ms // 1000, body)
        answer = await self._client.post(unit.callback_uri, body, headers)
        took_ms = max(answer.duration_ms, self._now_ms() - now_ms)  # it ends after whoever told that it is under way
        result = judge(unit, answer.status, answer.error, now_ms, took_ms, self._unit_s)
        result.answer = answer.said.decode("utf-8", "replace") or None
        return result

    def _deferred(self, unit: Unit, due_ms: int) -> Try:
        measures.TRIES.labels("deferred").inc()
        return Try(unit, "deferred", self._now_ms(), due_ms)
