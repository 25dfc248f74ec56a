"""What keys and limits do with requests, Redis replaced by a dictionary."""

from __future__ import annotations

import asyncio

import pytest

from shared.accepting.keys import Key, read_key, unpack
from shared.accepting.submission import Submission
from shared.accepting.submit import Submitter
from shared.domain.events import PlanHop, Recipient, Request
from shared.runtime.clock import new_request_id
from shared.runtime.problems import Problem
from shared.stores.accounts import Account
from tests.accepting import NOW, Servers, account


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


async def test_a_key_that_mysql_knows_holds_its_request_id_in_redis_before_anything_is_published() -> None:
    """Dying after that publish, the retry must find the request that MySQL knows, not one that route would refuse."""
    key = read_key(1, "k", "/v1/mt/messages", b"{}", test=False)
    assert key is not None
    first = b"r" * 16
    servers = Servers({(1, bytes.fromhex(key.key_hash)): (first, bytes.fromhex(key.body_hash))})
    assert await status(Submitter(servers), submission(8, account(daily_limit=10), key)) == 202  # type: ignore[arg-type]
    assert unpack(servers.at_publish[key.name]).request_id == first.hex()
    assert servers.day_count == 0, "it was counted when MySQL got to know it"


@pytest.mark.parametrize("limits", [{}, {"daily_limit": 10}])
async def test_after_a_failed_publish_a_retry_completes_the_same_request_at_once(limits: dict[str, int]) -> None:
    servers, who = Servers(), account(**limits)
    submitter = Submitter(servers)  # type: ignore[arg-type]
    key = read_key(1, "k", "/v1/mt/messages", b"{}", test=False)
    first, again = submission(8, who, key), submission(8, who, key)
    servers.kafka = False
    assert await status(submitter, first) == 503
    assert servers.day_count == 0
    servers.kafka = True
    assert await status(submitter, again) == 202
    assert again.request.request_id == first.request.request_id
    assert servers.day_count == (8 if limits else 0)


async def test_a_request_that_cannot_be_written_does_not_hold_its_neighbours_back() -> None:
    servers, who = Servers(), account(daily_limit=10)
    submitter = Submitter(servers)  # type: ignore[arg-type]
    bad, good = (
        submission(3, who, read_key(1, name, "/v1/mt/messages", b"{}", test=False)) for name in ("bad", "good")
    )
    bad.request.request_ref = servers.poison
    told = await asyncio.gather(status(submitter, bad), status(submitter, good), return_exceptions=True)
    assert isinstance(told[0], ValueError)
    assert told[1] == 202
    assert servers.day_count == 3


async def test_a_failed_publish_without_a_key_uses_up_nothing() -> None:
    servers = Servers()
    servers.kafka = False
    assert await status(Submitter(servers), submission(8, account(daily_limit=10))) == 503  # type: ignore[arg-type]
    assert servers.day_count == 0


async def test_a_retry_over_the_limit_after_a_failed_publish_is_refused_and_keeps_its_request_id() -> None:
    servers, who = Servers(), account(daily_limit=10)
    submitter = Submitter(servers)  # type: ignore[arg-type]
    key = read_key(1, "k", "/v1/mt/messages", b"{}", test=False)
    first = submission(8, who, key)
    servers.kafka = False
    await status(submitter, first)
    servers.kafka = True
    assert await status(submitter, submission(5, who)) == 202
    assert await status(submitter, submission(8, who, key)) == 429
    assert key is not None
    held = await submitter.held(key)
    assert held is not None
    assert held.request_id == first.request.request_id
    assert servers.day_count == 5


@pytest.mark.parametrize("header", ["k", "주문-1"])
def test_test_and_live_requests_do_not_share_keys(header: str) -> None:
    test, live = (read_key(1, header, "/v1/mt/messages", b"{}", test=flag) for flag in (True, False))
    assert test is not None
    assert live is not None
    assert test.name != live.name


@pytest.mark.parametrize("char", ["a", "é", "가", "😀"])
def test_a_key_has_up_to_255_characters_of_any_length(char: str) -> None:
    whole = (char * 255).encode()
    key = read_key(1, whole.decode("latin-1"), "/", b"{}", test=False)
    assert key is not None
    assert key != read_key(1, (char * 254 + "b").encode().decode("latin-1"), "/", b"{}", test=False)
    with pytest.raises(Problem, match="not usable"):
        read_key(1, (whole + b"a").decode("latin-1"), "/", b"{}", test=False)
