"""`ims demo data` on the running platform: a week to look at, once."""

from __future__ import annotations

from typing import Any

import pytest

from local import control
from local.client import Gateway
from local.filling import past, today
from local.filling.command import fill
from local.testing import Platform
from tests.road import until


def test_a_week_of_traffic_is_there_and_a_second_run_adds_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.wait_healthy()
    monkeypatch.setattr(control, "current", lambda: platform.options)
    monkeypatch.setattr("local.client.current", lambda: platform.options)
    said: list[str] = []
    fill(said.append)
    gateway = Gateway()
    days = gateway.get("/v1/stats", step="day", since=_days_ago(past.DAYS))["items"]
    assert len([day for day in days if day["accepted"] > 20]) >= past.DAYS
    wanted = len(list(today.parts()))

    def requests() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = gateway.get("/v1/requests", request_ref=today.MARK, limit=100)["items"]
        return found

    sent = until(lambda: found if len(found := requests()) == wanted else None, "all requests of today")

    def channels() -> set[str]:
        found: set[str] = set()
        for request in sent:
            messages = gateway.get("/v1/messages", request_id=request["request_id"], limit=1)["items"]
            found |= {message["channel"] for message in messages}
        return found

    until(lambda: channels() >= {"mt", "kakao", "email", "push"}, "messages of today on each channel")
    uploads = until(
        lambda: [
            u for u in gateway.get("/v1/uploads")["items"] if u["name"] == "customers.csv" and u["state"] == "checked"
        ],
        "the file to be checked",
    )
    assert (uploads[0]["good"], uploads[0]["faults"]) == (192, 8)
    again: list[str] = []
    fill(again.append)
    assert len(requests()) == wanted
    assert "nothing is sent again" in again[-1]


def _days_ago(days: int) -> str:
    from datetime import datetime, timedelta

    return (
        (datetime.now(past.KST) - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    )
