"""The daily digest the whole way: real failures through the gateway, the morning's tick, a mail or a callback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_string
from email.policy import default
from typing import Any

import httpx2
import pytest

from bridges.cron.ticker import tick
from shared.digest import days
from tests.builders import Text, magic, numbers
from tests.road import Road, until
from tests.sink import Sink

Json = dict[str, Any]
MORNING = "08:30:00"


def day_of(road: Road) -> Any:
    """The Korean day on which this account's messages ended."""
    ((ms,),) = road.sql("SELECT MAX(finished_ms) FROM messages WHERE account_id=%s", road.account_id)
    return days.day_at(ms)


def tick_of_the_morning_after(road: Road) -> int:
    """What bridges/cron sends at that moment, sent now; the status of the answer."""
    following = day_of(road) + days.DAY
    at = datetime.fromisoformat(f"{following.isoformat()}T{MORNING}+09:00")
    port = road.platform.processes()["digest"]["port"]
    headers = dict(tick("digest", at.astimezone(UTC)))
    return httpx2.post(
        f"http://127.0.0.1:{port}/", headers=headers, content=b"{}", timeout=100, trust_env=False
    ).status_code


def mails(road: Road, to: str) -> list[Json]:
    items: list[Json] = road.simulator("GET", "/mails", params={"to": to})["items"]
    return items


@pytest.fixture
def failed(road: Road) -> Iterator[Road]:
    """A client with three messages that failed and one that was delivered."""
    road.send(Text("hi").to(magic("4001"), magic("4001"), magic("4005"), *numbers(1)))
    road.wait_for_all()
    yield road
    road.call("PUT", "/v1/digests", json={"enabled": False})


def choose(road: Road, **choice: Any) -> None:
    response = road.call("PUT", "/v1/digests", json={"enabled": True, **choice})
    assert response.status_code == 200, response.text


def test_yesterdays_failures_come_by_mail_at_half_past_eight_once(failed: Road) -> None:
    to = f"{failed.username}@acme.example"
    choose(failed, email=to, language="en")
    assert [tick_of_the_morning_after(failed) for _ in range(2)] == [200, 200]
    (taken,) = mails(failed, to)
    mail = message_from_string(taken["text"], policy=default)
    assert mail["Subject"] == f"[IMS] {day_of(failed)}: 3 messages failed"
    digest = failed.get(f"/v1/digests/{day_of(failed)}")
    assert digest["delivery"]["state"] == "sent"
    assert digest["totals"] == {
        "accepted": 4, "delivered": 1, "failed": 3, "expired": 0, "canceled": 0, "rate": 0.25
    }  # fmt: skip
    assert [(c["code"], c["count"]) for c in digest["causes"]] == [("4001", 2), ("4005", 1)]
    for cause in digest["causes"]:
        found = failed.call("GET", cause["links"]["messages"]).json()["items"]
        assert {m["message_id"] for m in found} == {s["message_id"] for s in cause["samples"]}
        assert {m["code"] for m in found} == {cause["code"]}


def test_a_digest_by_callback_survives_the_death_of_the_function(failed: Road) -> None:
    with Sink(failed.secret) as sink:
        choose(failed, by="callback", callback_uri=sink.url)
        sink.status = 503
        assert tick_of_the_morning_after(failed) == 200
        failed.platform.kill("digest")
        failed.platform.wait_healthy("digest")
        sink.status = 204
        assert tick_of_the_morning_after(failed) == 200
        assert tick_of_the_morning_after(failed) == 200
        first, second = until(lambda: sink.calls[:2] if len(sink.calls) == 2 else [], "two calls")
    assert first.verified
    assert second.verified
    assert (first.status, second.status) == (503, 204)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.reports == second.reports
    assert second.reports[0]["totals"]["failed"] == 3


def test_an_account_sees_itself_through_the_gateway(road: Road) -> None:
    me = road.get("/v1/me")
    assert me["username"] == road.username
    assert me["callback"]["callback_uri"] == road.sink.url
    assert road.call("GET", "/v1/me", "test").json()["key"] == {"kind": "test"}


def test_the_cron_source_ticks_it_in_the_morning(road: Road) -> None:
    port = road.platform.processes()["cron"]["port"]
    job = httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).json()["jobs"]["digest"]
    assert days.due_day(round(datetime.fromisoformat(job["next"]).timestamp() * 1000)) is not None
