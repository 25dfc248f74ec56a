"""What clients may ask afterwards: a message with its trail, counts, cancelling, moving, the feed and replays."""

from __future__ import annotations

from tests.builders import a_text, later, magic, numbers
from tests.road import Road, until


def test_a_message_can_be_followed_from_its_202_to_its_end(road: Road) -> None:
    sent = road.send(a_text().to(*numbers(1), ref="order-1"))
    assert road.get(f"/v1/messages/{sent.id}")["message_id"] == sent.id, "reads follow writes"
    report = road.report_of(sent.id)
    found = until(
        lambda: (m := road.get(f"/v1/messages/{sent.id}"))["callback"]["state"] == "delivered" and m, "the callback"
    )
    assert {name: found[name] for name in report} == report
    assert found["state"] == "delivered"
    states = [step["state"] for step in found["trail"]]
    assert states[:3] == ["accepted", "routed", "sending"]
    assert set(states[3:]) == {"sent", "delivered"}, "a receipt may come before the answer"
    times = [step["at"] for step in found["trail"]]
    assert times == sorted(times)
    assert found["callback"]["tries"] == 1


def test_a_trail_shows_every_hop(road: Road) -> None:
    sent = road.send(a_text().to(magic("4002")))
    road.report_of(sent.id)
    trail = road.get(f"/v1/messages/{sent.id}")["trail"]
    assert [step["hop"] for step in trail if step["state"] == "failed"] == [1, 2, 3, 4]
    assert {step["code"] for step in trail if step["state"] == "failed"} == {"4002"}
    assert all(step["raw_code"] for step in trail if step["state"] == "failed")


def test_another_clients_message_does_not_exist(road: Road) -> None:
    sent = road.send(a_text().to(*numbers(1)))
    road.report_of(sent.id)
    with Road(road.platform) as other:
        assert other.call("GET", f"/v1/messages/{sent.id}").status_code == 404
        assert other.call("GET", f"/v1/requests/{sent.request_id}").status_code == 404
        assert other.call("POST", f"/v1/requests/{sent.request_id}/cancel").status_code == 404
        assert other.call("POST", f"/v1/messages/{sent.id}/report/replay").status_code == 404


def test_a_request_counts_its_messages_by_state(road: Road) -> None:
    sent = road.send(a_text().to_many(5).to(magic("4001")))
    road.wait_for_all()
    assert road.get(f"/v1/requests/{sent.request_id}")["counts"] == {"delivered": 5, "failed": 1}


def test_messages_are_found_by_number_ref_and_status(road: Road) -> None:
    (to,) = numbers(1)
    one = road.send(a_text().to(to, ref="blue"))
    two = road.send(a_text().to(magic("4001"), ref="red"))
    road.wait_for_all()
    assert [m["message_id"] for m in road.get("/v1/messages", to=to)["items"]] == [one.id]
    assert [m["message_id"] for m in road.get("/v1/messages", ref="red")["items"]] == [two.id]
    assert [m["message_id"] for m in road.get("/v1/messages", status="failed")["items"]] == [two.id]
    assert [m["message_id"] for m in road.get("/v1/messages")["items"]] == [two.id, one.id]


def test_cancelling_keeps_what_has_not_left_from_leaving(road: Road) -> None:
    recipients = numbers(3)
    sent = road.send(a_text().to(*recipients).with_(scheduled_at=later(3600)))
    until(lambda: road.count("status = 1") == 3, "the reservation")
    canceled = road.call("POST", f"/v1/requests/{sent.request_id}/cancel")
    assert canceled.status_code == 200, canceled.text
    assert canceled.json()["canceled"] == 3
    road.wait_for_all()
    assert {r["status"] for reports in road.sink.taken().values() for r in reports} == {"canceled"}
    assert road.call("POST", f"/v1/requests/{sent.request_id}/cancel").json()["canceled"] == 0
    assert [road.texts(to) for to in recipients] == [[], [], []]
    road.assert_sound()


def test_right_after_the_202_everything_can_be_asked_and_changed(road: Road) -> None:
    """Five times, for acceptance is some tens of ms ahead of the rows."""
    for n in range(5):
        sent = road.send(a_text().to_many(3).with_(scheduled_at=later(3600), request_ref=f"right-{n}"))
        path = f"/v1/requests/{sent.request_id}"
        match n:
            case 0:
                assert road.get(path)["request_ref"] == "right-0"
            case 1:
                assert road.get(f"/v1/messages/{sent.ids[2]}")["request_ref"] == "right-1"
            case 2:
                assert len(road.get("/v1/messages", request_id=str(sent.request_id))["items"]) == 3
            case 3:
                assert road.call("PATCH", path, json={"scheduled_at": later(7200)}).status_code == 200
        canceled = road.call("POST", f"{path}/cancel")
        assert canceled.status_code == 200, canceled.text
        assert (canceled.json()["canceled"], canceled.json()["arriving"]) == (3, 0)


def test_a_time_out_is_shown_as_uncertain_and_not_as_sent(road: Road) -> None:
    sent = road.send(a_text().to(magic("0300")))
    road.report_of(sent.id)
    found = until(lambda: "uncertain" in (states := states_of(road, sent.id)) and states, "the time-out")
    assert sorted(found) == sorted(["accepted", "routed", "sending", "uncertain", "delivered"])


def states_of(road: Road, message_id: str) -> list[str]:
    return [step["state"] for step in road.get(f"/v1/messages/{message_id}")["trail"]]


def test_what_has_left_cannot_be_canceled(road: Road) -> None:
    sent = road.send(a_text().to(*numbers(1)))
    road.report_of(sent.id)
    assert road.call("POST", f"/v1/requests/{sent.request_id}/cancel").json()["canceled"] == 0
    assert road.state(sent.id) == "delivered"


def test_a_reservation_moved_forward_leaves_at_its_new_time_once(road: Road) -> None:
    (to,) = numbers(1)
    sent = road.send(a_text().to(to).with_(scheduled_at=later(3600)))
    until(lambda: road.state(sent.id) == "scheduled", "the reservation")
    moved = road.call("PATCH", f"/v1/requests/{sent.request_id}", json={"scheduled_at": later(8)})
    assert moved.status_code == 200, moved.text
    road.report_of(sent.id)
    assert len(road.texts(to)) == 1
    late = road.call("PATCH", f"/v1/requests/{sent.request_id}", json={"scheduled_at": later(60)})
    assert late.status_code == 422
    road.assert_sound()


def test_the_feed_gives_every_report_once_in_order(road: Road) -> None:
    sent = road.send(a_text().to_many(250).in_lane("bulk"))
    road.wait_for_all()
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < 1000:
        page = road.get("/v1/reports", limit=100, **({"cursor": cursor} if cursor else {}))
        found += [report["message_id"] for report in page["items"]]
        cursor = page["next"]
    assert sorted(found) == sorted(sent.ids)


def test_a_replay_sends_the_same_report_again(road: Road) -> None:
    sent = road.send(a_text().to(*numbers(1)))
    first = road.report_of(sent.id)
    answer = road.call("POST", f"/v1/messages/{sent.id}/report/replay")
    assert answer.is_success, answer.text
    until(lambda: len(road.sink.by_message()[sent.id]) == 2, "the replay")
    assert road.sink.by_message()[sent.id][1][1] == first
    assert {call.headers["webhook-id"] for call, _ in road.sink.by_message()[sent.id]} == {sent.id}


def test_a_test_callback_is_signed_like_a_real_one(road: Road) -> None:
    answer = road.call("POST", "/v1/callbacks/test")
    assert answer.is_success, answer.text
    until(lambda: road.sink.calls, "the test call")
    assert all(call.verified for call in road.sink.calls)
