"""`ims demo data` on the running platform: a week to look at, once."""

from __future__ import annotations

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
    sent = gateway.get("/v1/requests", request_ref=today.MARK, limit=100)["items"]
    channels = {m["channel"] for m in gateway.get("/v1/messages", request_ref=today.MARK, limit=200)["items"]}
    assert len(sent) == len(list(today.parts()))
    assert {"mt", "kakao", "email", "push"} <= channels
    uploads = until(
        lambda: [
            u for u in gateway.get("/v1/uploads")["items"] if u["name"] == "customers.csv" and u["state"] == "checked"
        ],
        "the file to be checked",
    )
    assert (uploads[0]["good"], uploads[0]["faults"]) == (192, 8)
    again: list[str] = []
    fill(again.append)
    assert len(gateway.get("/v1/requests", request_ref=today.MARK, limit=100)["items"]) == len(sent)
    assert "nothing is sent again" in again[-1]


def _days_ago(days: int) -> str:
    from datetime import datetime, timedelta

    return (
        (datetime.now(past.KST) - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    )
