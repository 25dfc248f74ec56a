"""One-time passwords leave no trace but their end; nobody's old content outlives its time."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx2

from shared.domain.ids import request_of
from tests.builders import Text, a_text, numbers
from tests.road import Road, until

DAY_MS = 86_400_000


def content(road: Road, message_id: str) -> str:
    """All that MySQL still has of what a message said."""
    found: list[tuple[Any, ...]] = road.sql(
        "SELECT r.plan, m.vars FROM messages m JOIN requests r ON r.request_id=%s WHERE m.message_id=%s",
        request_of(UUID(message_id)).bytes,
        UUID(message_id).bytes,
    )
    return str(found)


def is_blank(road: Road, message_id: str) -> bool:
    left = content(road, message_id)
    return "482913" not in left and "is your number" not in left


def a_password() -> Text:
    return a_text("#{code} is your number").to(*numbers(2), variables={"code": "482913"})


def test_a_one_time_password_is_blank_once_it_has_arrived(road: Road) -> None:
    sent = road.send(a_password().in_lane("auth"))
    for message_id in sent.ids:
        assert road.report_of(message_id)["status"] == "delivered"
    until(lambda: all(is_blank(road, i) for i in sent.ids), "variables and text to go")
    assert road.received()[sent.ids[0]][0]["text"] == "482913 is your number"
    assert road.get(f"/v1/messages/{sent.ids[0]}")["status"] == "delivered", "look-ups go on"


def test_a_tick_blanks_what_was_to_leave_a_month_ago_and_keeps_the_rest(road: Road) -> None:
    old, young = (road.send(a_password()) for _ in range(2))
    for sent in (old, young):
        for message_id in sent.ids:
            road.report_of(message_id)
    road.sql("UPDATE requests SET accepted_ms=accepted_ms-%s WHERE account_id=%s", 31 * DAY_MS, road.account_id)
    now = "UPDATE requests SET accepted_ms=accepted_ms+%s WHERE request_id=%s"
    road.sql(now, 31 * DAY_MS, young.request_id.bytes)
    road.sql("DELETE FROM retention_later")
    add = "INSERT INTO retention_later (task, request_id, again_ms) VALUES ('content', %s, 0)"
    for sent in (old, young):
        road.sql(add, sent.request_id.bytes)
    port = road.platform.processes()["retention"]["port"]
    kind = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "dev.knative.sources.ping", "ce-source": "/ping"}
    url = f"http://127.0.0.1:{port}/"
    answer = httpx2.post(url, content=b"{}", headers={**kind, "content-type": "application/json"}, timeout=90)
    assert answer.status_code == 200
    assert [is_blank(road, i) for i in (*old.ids, *young.ids)] == [True, True, False, False]
    assert road.get(f"/v1/messages/{old.ids[0]}")["status"] == "delivered"
