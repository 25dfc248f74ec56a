"""Today, the real way: requests to the API, which go through Kafka, route, senders, the simulator and back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.client import Gateway, Json
from local.problems import Problem

KST = timezone(timedelta(hours=9))
SENDER = "0215441234"
SENDER_KEY = "demo" + "0" * 36
RCS = {"brand_id": "demo-brand", "chatbot_id": SENDER, "format": "SS000000"}
TALK = {"channel": "kakao", "type": "alimtalk", "sender_key": SENDER_KEY, "template_code": "ORDER_SHIPPED"}
SHIPPED = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
NOBODY = "http://127.0.0.1:9/reports"
"""A callback address where nobody listens."""
PER_REQUEST = 40
MARK = "demo-data-today"

Part = tuple[str, str, Json]
"""(what it is, path, body)"""


def people(first: int, count: int, prefix: str = "0102345", **more: Any) -> list[Json]:
    """Recipients with variables, as an order system would name them."""
    names = ("김하나", "이두리", "박세나", "최다솜", "정우주")
    return [
        {
            "to": f"{prefix}{(first + i) % 10_000:04d}",
            "ref": f"order-{first + i}",
            "variables": {"name": names[i % len(names)], "order": f"A-{first + i}"},
            **more,
        }
        for i in range(count)
    ]


def magic(*numbers: str) -> list[Json]:
    """Recipients whose numbers tell the simulator how they end (docs: `simulator/`)."""
    values = {"name": "시험", "order": "A-0"}
    return [{"to": f"0109000{number}", "ref": f"magic-{number}", "variables": values} for number in numbers]


def parts() -> Iterator[Part]:
    """The requests of today."""
    text = {"sender": SENDER, "text": SHIPPED}
    yield "one-time passwords", "/v1/mt/messages", {
        "sender": SENDER, "text": "[데모상점] 인증번호 482913", "lane": "auth", "recipients": people(0, 20),
    }  # fmt: skip
    for i in range(5):
        yield "shipping notes", "/v1/mt/messages", {**text, "recipients": people(100 + 40 * i, PER_REQUEST)}
    failing = ("4001", "4001", "4001", "4002", "4003", "4005", "3003", "3001", "0300", "9901", "9903")
    yield "texts that fail, are uncertain or late", "/v1/mt/messages", {**text, "recipients": magic(*failing)}
    yield "AlimTalk", "/v1/kakao/messages", {**_plain(TALK), "recipients": people(400, PER_REQUEST)}
    yield "RCS", "/v1/rcs/messages", {**RCS, "text": SHIPPED, "recipients": people(500, 20)}
    yield "RCS → AlimTalk → LMS", "/v1/rcs/messages", {
        **RCS, "text": SHIPPED, "recipients": magic("2004"),
        "fallback": [TALK, {"channel": "mt", **text, "type": "lms"}],
    }  # fmt: skip
    yield "mails", "/v1/email/messages", {
        "from": "데모상점 <news@demo.example>", "subject": "#{name}님, 주문이 발송되었습니다", "text": SHIPPED,
        "recipients": [{**one, "to": f"hong{i}@client.example"} for i, one in enumerate(people(600, 20))],
    }  # fmt: skip
    yield "pushes", "/v1/push/messages", {
        "app": "demo-app", "title": "주문", "body": SHIPPED,
        "recipients": [{**one, "to": f"fcm:phone-{i}"} for i, one in enumerate(people(700, 20))],
    }  # fmt: skip
    yield "an ad, held by night", "/v1/mt/messages", {
        "sender": SENDER, "text": "(광고)데모상점 연말 할인\n무료수신거부 0801234567", "lane": "ad",
        "recipients": people(800, 30),
    }  # fmt: skip
    noon = (datetime.now(KST) + timedelta(days=1)).replace(hour=14, minute=0, second=0, microsecond=0)
    yield "a reservation", "/v1/mt/messages", {**text, "scheduled_at": noon.isoformat(), "recipients": people(900, 20)}
    yield "reports that nobody takes", "/v1/mt/messages", {
        **text, "callback_uri": NOBODY, "recipients": people(1000, 5),
    }  # fmt: skip


def _plain(hop: Json) -> Json:
    return {name: value for name, value in hop.items() if name != "channel"}


def send(gateway: Gateway, say: Callable[[str], None]) -> int:
    """Send all of it; how many messages were accepted."""
    accepted = 0
    for what, path, body in parts():
        answer = gateway.post(path, {**body, "request_ref": MARK})
        accepted += len(answer["messages"])
        say(f"{what}: {len(answer['messages'])} accepted")
    return accepted


def file(gateway: Gateway) -> None:
    """A file of customers with rows to fix, checked and not sent."""
    rows = [f"0102222{i:04d},고객{i},A-{i}" if i % 25 else f"010-{i},고객{i}," for i in range(1, 201)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        path.write_text("\n".join(["phone,name,order", *rows]), encoding="cp949")
        upload = gateway.upload("/v1/uploads", path, channel="mt", lane="bulk")
    mapping = {"to": "phone", "variables": {"name": "name", "order": "order"}}
    gateway.put(f"/v1/uploads/{upload['id']}", {"content": {"sender": SENDER, "text": SHIPPED}, "mapping": mapping})


def things(gateway: Gateway) -> Iterator[str]:
    """Templates and identities in several states, contacts, opt-outs and consents; what is there already stays."""
    admin = Gateway("admin")
    for code, text in (
        ("WELCOME", "#{name}님, 반갑습니다."),
        ("DELIVERED", "#{name}님, 배송이 끝났습니다."),
        ("EVENT", "쿠폰"),
    ):
        content = {"sender_key": SENDER_KEY, "text": text}
        _quietly(gateway.post, "/v1/templates", {"channel": "kakao", "code": code, "name": code, "content": content})
    _quietly(gateway.post, "/v1/templates/DELIVERED/submit?channel=kakao", {})
    yield "templates: two drafts, one to review"
    for channel, kind, value in (
        ("mt", "number", "0215990000"),
        ("mt", "number", "07080001234"),
        ("rcs", "brand", "new-brand"),
    ):
        _quietly(gateway.post, "/v1/identities", {"channel": channel, "kind": kind, "value": value})
    for one in gateway.get("/v1/identities", value="07080001234", state="pending")["items"]:
        _quietly(admin.post, f"/v1/admin/identities/{one['id']}/reject", {"reason": "통신서비스 이용증명원이 없습니다"})
    yield "identities: two wait for approval, one was rejected"
    _quietly(gateway.post, "/v1/groups", {"name": "단골"})
    for one in people(1, 5):
        contact = {"name": one["variables"]["name"], "addresses": {"mt": one["to"]}, "groups": ["단골"]}
        _quietly(gateway.post, "/v1/contacts?merge=true", contact)
    _quietly(gateway.post, "/v1/optouts", {"to": "01023450801", "reason": "고객센터 요청"})
    consent = {"to": "01023450802", "channel": "mt", "ads": True, "night_ads": True, "evidence": "가입 양식 7"}
    _quietly(gateway.post, "/v1/consents", consent)
    yield "a group of five contacts, an opt-out, a consent to ads by night"


def _quietly(call: Callable[..., Json], path: str, body: Json) -> None:
    """What is there already, or was decided meanwhile, is no trouble."""
    try:
        call(path, body)
    except Problem as problem:
        if not any(status in str(problem) for status in (" 409", " 422")):
            raise


def dead_letter(gateway: Gateway) -> None:
    """An event that nobody can read; it waits for an operator among the dead letters."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=gateway.demo["kafka"])
    try:
        headers = [
            ("ce_id", uuid4().hex.encode()), ("ce_type", b"ims.reported.v1"), ("ce_specversion", b"1.0"),
            ("ce_source", b"/demo-data"), ("content-type", b"application/json"),
        ]  # fmt: skip
        producer.send("ims.reported", b'{"reports": "demo-data: no list"}', headers=headers).get(timeout=10)
    finally:
        producer.close()
