"""Operators at work on the whole platform: a paused lane, log levels, the map, and the stream through the gateway."""

from __future__ import annotations

from typing import Any

import httpx2

from local.testing import Platform
from tests.builders import a_text
from tests.road import Road, until

Json = dict[str, Any]


def admin(platform: Platform, method: str, path: str, body: Json | None = None) -> Json:
    answer = httpx2.request(
        method,
        f"{platform.demo['gateway']}/v1/admin/{path}",
        headers={"authorization": f"Bearer {platform.demo['admin_key']}"},
        json=body,
        timeout=60,
        trust_env=False,
    )
    assert answer.is_success, answer.text
    made: Json = answer.json() if answer.content else {}
    return made


def lane(platform: Platform, name: str) -> Json:
    return next(one for one in admin(platform, "GET", "lanes")["items"] if one["lane"] == name)


def test_what_is_accepted_in_a_paused_lane_leaves_when_it_goes_on(platform: Platform, road: Road) -> None:
    before = lane(platform, "bulk")["for_pause"]
    admin(platform, "POST", "lanes/bulk/pause", {"reason": "a test", "minutes": 30})
    try:
        road.send(a_text().to("01012345678").in_lane("bulk"))
        until(lambda: lane(platform, "bulk")["for_pause"] > before, "its batch waits")
        waiting = lane(platform, "bulk")["for_pause"] - before
    finally:
        admin(platform, "POST", "lanes/bulk/resume")
    assert waiting >= 1
    road.wait_for_all()
    road.assert_sound()


def test_every_process_announces_itself_and_a_level_is_taken(platform: Platform) -> None:
    def up() -> bool:
        found = {one["name"]: one["state"] for one in admin(platform, "GET", "functions")["items"]}
        return all(found[name] == "up" for name in ("route-fast", "route-slow", "api_mt", "send_mt-fast", "watch"))

    until(up, "all have announced themselves")
    admin(platform, "PUT", "functions/route-fast/log-level", {"level": "debug", "minutes": 1})

    def level() -> bool:
        (one,) = (p for p in admin(platform, "GET", "functions")["items"] if p["name"] == "route-fast")
        return any(i["level"] == "debug" for i in one["instances"])

    until(level, "route-fast has taken the level")
    admin(platform, "DELETE", "functions/route-fast/log-level")
    assert any(one["event"] == "level" for one in admin(platform, "GET", "journal")["items"])


def test_the_stream_goes_through_the_gateway(platform: Platform) -> None:
    headers = {"authorization": f"Bearer {platform.demo['admin_key']}"}
    address = f"{platform.demo['gateway']}/v1/admin/stream?topics=lanes,flow"
    seen: list[str] = []
    with httpx2.stream("GET", address, headers=headers, timeout=60, trust_env=False) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            seen.append(line)
            if len([one for one in seen if one.startswith("event: flow")]) > 1:
                break
    assert "event: lanes" in seen
    assert any(line.startswith('data: {"at":"') for line in seen), "Kafka was sampled"
