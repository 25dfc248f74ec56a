"""Five channels on one platform: 1,000 recipients each, while every host is killed; mails that come back by SMTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from local.seed import SENDER_KEY
from local.testing import Platform
from tests.builders import later, numbers
from tests.road import NORMAL, until
from tests.sink import Sink

pytestmark = pytest.mark.timeout(600)
MANY = 1000
Json = dict[str, Any]
TEXT = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
CONTENT: dict[str, Json] = {
    "kakao": {"type": "alimtalk", "sender_key": SENDER_KEY, "template_code": "ORDER_SHIPPED"},
    "rcs": {"brand_id": "demo-brand", "chatbot_id": "0215441234", "format": "SS000000", "text": TEXT},
    "email": {"from": "news@demo.example", "subject": "주문 안내", "text": TEXT},
    "push": {"app": "demo-app", "title": "주문", "body": TEXT},
    "mt": {"sender": "0215441234", "text": TEXT},
}
UNCERTAIN = 200
"""Nobody can ask mail hosts and push services: what was claimed when a process died stays uncertain."""
VALUES = {"name": "홍길동", "order": "A-17"}


class Demo:
    """The demo account, which speaks on every channel."""

    def __init__(self, platform: Platform, sink: Sink) -> None:
        self.platform, self.sink = platform, sink
        headers = {"authorization": f"Bearer {platform.demo['live_key']}"}
        self.http = httpx2.Client(base_url=platform.demo["gateway"], headers=headers, timeout=60, trust_env=False)

    def send(self, channel: str, to: list[str], **fields: Any) -> list[str]:
        """The ids of a request's messages."""
        people = [{"to": one, "variables": VALUES} for one in to]
        body = {**CONTENT[channel], "recipients": people, "callback_uri": self.sink.url, **fields}
        answer = self.http.post(f"/v1/{channel}/messages", json=body)
        assert answer.status_code == 202, answer.text
        return [message["message_id"] for message in answer.json()["messages"]]

    def get(self, path: str) -> Json:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def simulator(self, method: str, path: str, **more: Any) -> Any:
        answer = httpx2.request(method, self.platform.demo["simulator"] + path, timeout=60, trust_env=False, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
def demo(platform: Platform) -> Iterator[Demo]:
    platform.wait_healthy()
    with Sink(platform.demo["webhook_secret"]) as sink:
        made = Demo(platform, sink)
        made.simulator("PUT", "/behaviour", json=NORMAL)
        with made.http:
            yield made


def addresses(channel: str, count: int) -> list[str]:
    """As many recipients of a channel."""
    given = numbers(count)
    if channel == "email":
        return [f"kim{n}@client.example" for n in given]
    return [f"fcm:phone-{n}" for n in given] if channel == "push" else given


def test_a_mail_that_comes_back_by_smtp_finds_its_message_and_stops_the_next_one(demo: Demo) -> None:
    (to,) = addresses("email", 1)
    (first,) = demo.send("email", [to])
    until(lambda: first in demo.sink.taken(), "the first mail's report")
    demo.simulator("POST", "/vendors/smtp/bounce", json={"to": to, "kind": "hard", "via": "smtp"})
    until(lambda: demo.get(f"/v1/suppressions?to={to}")["items"], "the bounce")
    trail = demo.get(f"/v1/messages/{first}")["trail"]
    assert any(step.get("code") == "5002" for step in trail), trail
    (second,) = demo.send("email", [to])
    reports = until(lambda: demo.sink.taken().get(second), "the second mail's report")
    assert reports
    assert reports[0]["code"] == "5002"
    assert len(demo.sink.by_message()[first]) == 1, "what comes back later changes no report"


def test_a_thousand_on_each_channel_arrive_once_and_are_reported_once_though_every_host_is_killed(demo: Demo) -> None:
    people = {channel: addresses(channel, MANY) for channel in CONTENT}
    sent = {channel: demo.send(channel, to, lane="bulk", valid_until=later(60)) for channel, to in people.items()}
    wanted = {i for ids in sent.values() for i in ids}
    assert len(wanted) == MANY * len(CONTENT)
    for count, name in ((500, "send_kakao-slow"), (1500, "api_receipt"), (2500, "collect"), (3500, "send_email-slow")):
        until(lambda: len(wanted & demo.sink.taken().keys()) >= count, f"{count} reports")  # noqa: B023
        demo.platform.kill(name)
    until(lambda: len(wanted & demo.sink.taken().keys()) >= len(wanted), "every report", 240)
    arrived = Counter((item["channel"], item["to"]) for item in demo.simulator("GET", "/received")["items"])
    told = demo.sink.by_message()
    ends: dict[tuple[str, str, str], int] = Counter()
    for channel, ids in sent.items():
        for i, to in zip(ids, people[channel], strict=True):
            assert arrived[channel, to] <= 1, f"{channel}: {i} arrived {arrived[channel, to]} times"
            said = {(report["status"], report["code"]) for _, report in told[i]}
            assert len(said) == 1, f"{channel}: {i} has more than one end: {said}"
            ((status, code),) = said
            assert arrived[channel, to] or status != "delivered", f"{channel}: {i} is nowhere"
            ends[channel, status, code] += 1
    for channel in CONTENT:
        lost = MANY - ends[channel, "delivered", "0000"]
        assert lost == ends[channel, "failed", "0300"]
        assert lost <= (UNCERTAIN if channel in ("email", "push") else 0), f"{channel}: {lost} are uncertain"
