"""What keys and limits do with requests, Redis replaced by a dictionary."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from shared.accepting.keys import Key, read_key
from shared.accepting.submit import Submission, Submitter
from shared.domain.events import Event, PlanHop, Recipient, Request
from shared.runtime.clock import new_request_id
from shared.runtime.problems import Problem
from shared.runtime.settings import AcceptSettings
from shared.stores.accounts import Account

NOW = 1_790_000_000_000


class Redis:
    """As much of Redis as accepting uses; a pipeline that runs at once."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.answers: list[Any] = []

    def pipeline(self, **_: Any) -> Redis:
        self.answers = []
        return self

    def set(self, name: str, value: bytes, **_: Any) -> None:
        self.answers.append(self.values.get(name))
        self.values.setdefault(name, value)

    def incrby(self, name: str, n: int) -> None:
        self.values[name] = self.values.get(name, 0) + n
        self.answers.append(self.values[name])

    def expire(self, *_: Any) -> None:
        self.answers.append(True)

    def hset(self, *_: Any, **__: Any) -> None:
        self.answers.append(1)

    async def execute(self) -> list[Any]:
        return self.answers

    async def decrby(self, name: str, n: int) -> None:
        self.values[name] -= n

    async def delete(self, name: str) -> None:
        self.values.pop(name, None)


class Servers:
    """Everything a submitter touches."""

    def __init__(self, known: dict[Any, Any] | None = None) -> None:
        self.redis = SimpleNamespace(state=Redis(), cluster=False)
        self.accept, self.known = AcceptSettings(), known or {}
        self.published: list[Event] = []
        self.bus = SimpleNamespace(publish=self._publish)

    def now_ms(self) -> int:
        return NOW

    async def _publish(self, events: list[Event]) -> None:
        self.published += events

    async def db(self, *_: Any) -> dict[Any, Any]:
        return self.known


def account(**limits: Any) -> Account:
    given = {"rate_per_second": None, "daily_limit": None, **limits}
    return Account(1, "demo", True, None, True, 1, (), 20_000, given["rate_per_second"], given["daily_limit"],
                   frozenset())  # fmt: skip


def submission(n: int, who: Account, key: Key | None = None) -> Submission:
    people = [Recipient(n=i, to="01012345678", type="sms") for i in range(1, n + 1)]
    request = Request(
        request_id=new_request_id(NOW).hex, account_id=1, username="demo", lane="bulk", accepted_at=NOW, total=n,
        plan=[PlanHop(channel="mt", content={})], messages=people,
    )  # fmt: skip
    return Submission(who, request, key, 100)


async def status(submitter: Submitter, s: Submission) -> int:
    try:
        await submitter.submit(s)
    except Problem as problem:
        return problem.response().status_code
    return 202


async def test_a_refused_request_uses_up_nothing_of_the_days_limit() -> None:
    submitter, who = Submitter(Servers()), account(daily_limit=10)  # type: ignore[arg-type]
    assert [await status(submitter, submission(n, who)) for n in (20, 8, 8, 2)] == [429, 202, 429, 202]


async def test_the_same_request_again_uses_up_nothing() -> None:
    submitter, who = Submitter(Servers()), account(daily_limit=10)  # type: ignore[arg-type]
    key = read_key(1, "k", "/v1/mt/messages", b"{}", test=False)
    assert await status(submitter, submission(8, who, key)) == 202
    assert await status(submitter, submission(8, who, key)) == 409
    assert await status(submitter, submission(2, who)) == 202


async def test_a_key_that_mysql_knows_with_another_body_stays_free_for_the_right_one() -> None:
    right, wrong = (read_key(1, "k", "/v1/mt/messages", body, test=False) for body in (b"{}", b"[]"))
    assert right is not None
    place = (1, bytes.fromhex(right.key_hash))
    servers = Servers({place: (b"r" * 16, bytes.fromhex(right.body_hash))})
    submitter = Submitter(servers)  # type: ignore[arg-type]
    assert await status(submitter, submission(1, account(), wrong)) == 422
    again = submission(1, account(), right)
    assert await status(submitter, again) == 202
    assert again.request.request_id == (b"r" * 16).hex()


@pytest.mark.parametrize("header", ["k", "주문-1"])
def test_test_and_live_requests_do_not_share_keys(header: str) -> None:
    test, live = (read_key(1, header, "/v1/mt/messages", b"{}", test=flag) for flag in (True, False))
    assert test is not None
    assert live is not None
    assert test.name != live.name
