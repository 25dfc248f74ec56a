"""One real message from the API to the handset and back, each step shown with its proof."""

from __future__ import annotations

import json
import queue
import time
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import httpx2
from rich.console import Group
from rich.syntax import Syntax
from rich.table import Table

from local import show
from local.client import Gateway
from local.options import Options
from local.problems import Problem
from local.sink import Delivery, Sink

WAIT_SECONDS = 30.0
TEXT = "[IMS] 안녕하세요, 첫 문자입니다."
RECIPIENT = "01012345678"
UNREACHED = "01090002004"
"""A number of the simulator's with neither RCS nor KakaoTalk."""
RCS = {"brand_id": "demo-brand", "chatbot_id": "0215441234", "format": "SS000000"}
SENDER_KEY = "demo" + "0" * 36
CHANNELS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "kakao",
        RECIPIENT,
        {"type": "alimtalk", "sender_key": SENDER_KEY, "template_code": "ORDER_SHIPPED"},
    ),
    ("rcs", RECIPIENT, {**RCS, "text": "#{name}님, 주문 #{order}이(가) 발송되었습니다."}),
    (
        "email",
        "hong@client.example",
        {"from": "데모상점 <news@demo.example>", "subject": "#{name}님, 주문이 발송되었습니다", "text": "#{order}"},
    ),
    (
        "push",
        "fcm:demo-phone",
        {"app": "demo-app", "title": "주문", "body": "#{name}님, #{order}의 배송이 시작되었습니다"},
    ),
)
"""Further channels: each with a recipient and a content, whose variables are `VALUES`."""
VALUES = {"name": "홍길동", "order": "A-17"}
ROW = (
    "SELECT HEX(m.message_id) AS message_id, a.username, m.recipient, m.type, m.channel, m.vendor, m.code, m.price"
    " FROM messages m JOIN accounts a USING (account_id) WHERE m.message_id = %s"
)


def run(options: Options) -> None:
    """Send, and show: the 202, the handset, the signed report, the row in MySQL, the trail."""
    gateway, deliveries = Gateway(home=options.home), queue.Queue[Delivery]()
    with Sink(0, gateway.demo["webhook_secret"], deliveries.put) as sink:
        started = time.monotonic()
        body = {
            "sender": "0215441234",
            "text": TEXT,
            "recipients": [{"to": RECIPIENT, "ref": "demo-1"}],
            "callback_uri": sink.url,
        }
        accepted = gateway.post("/v1/mt/messages", body)
        show.panel("1  202 Accepted: POST /v1/mt/messages at the gateway", _json(accepted))
        message_id = accepted["messages"][0]["message_id"]
        report = _report(deliveries, message_id)
        took = time.monotonic() - started
    show.panel("2  What the handset received (the vendor simulator)", _json(_received(gateway)))
    show.panel("3  The signed report at the callback", _delivery(report, took))
    show.panel("4  Its row in MySQL", _fields(_row(gateway.demo["mysql"], message_id)))
    show.panel(f"5  Its trail: GET /v1/messages/{message_id}", _trail(gateway.get(f"/v1/messages/{message_id}")))
    show.panel("6  One message on each further channel", _table([_by_channel(gateway, *one) for one in CHANNELS]))
    _across(gateway)
    show.out.print(
        f"[green]✓[/] accepted, delivered and reported in {took * 1000:.0f} ms; the platform goes on running"
    )


def _by_channel(gateway: Gateway, channel: str, to: str, content: dict[str, Any]) -> dict[str, Any]:
    """Send one message on a channel and wait for its end."""
    started = time.monotonic()
    body = {**content, "recipients": [{"to": to, "variables": VALUES}]}
    (accepted,) = gateway.post(f"/v1/{channel}/messages", body)["messages"]
    message = gateway.wait_for_end(accepted["message_id"], WAIT_SECONDS)
    if message is None or message["status"] != "delivered":
        raise Problem(
            f"the message on {channel} was not delivered: {message and message['code']}",
            f"see how far it came: `ims get {accepted['message_id']}`, `ims logs send_{channel}-fast`",
        )
    hops = " → ".join(f"{hop['channel']} {hop['code']}" for hop in message["hops"])
    took = f"{(time.monotonic() - started) * 1000:.0f} ms"
    return {"channel": channel, "type": message["type"], "message": message["message_id"], "hops": hops, "took": took}


def _across(gateway: Gateway) -> None:
    """One message that has no RCS and no KakaoTalk to go to, and becomes a text: one id, three hops, one report."""
    text = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
    talk = {"channel": "kakao", "type": "alimtalk", "sender_key": SENDER_KEY, "template_code": "ORDER_SHIPPED"}
    body = {
        **RCS,
        "text": text,
        "recipients": [{"to": UNREACHED, "ref": "demo-2", "variables": {"name": "김하나", "order": "A-1"}}],
        "fallback": [talk, {"channel": "mt", "sender": "0215441234", "text": text, "type": "lms"}],
    }
    deliveries = queue.Queue[Delivery]()
    with Sink(0, gateway.demo["webhook_secret"], deliveries.put) as sink:
        accepted = gateway.post("/v1/rcs/messages", {**body, "callback_uri": sink.url})
        message_id = accepted["messages"][0]["message_id"]
        delivery = _report(deliveries, message_id)
    (report,) = [r for r in delivery.reports if r["message_id"] == message_id]
    hops = [{n: hop.get(n) for n in ("channel", "vendor", "status", "code", "raw_code")} for hop in report["hops"]]
    title = f"Fail-over RCS → AlimTalk → LMS: one id, {len(hops)} hops, one signed report ({report['status']})"
    show.panel(title, Group(_table(hops), _json({n: report[n] for n in ("message_id", "channel", "type", "price")})))


def _report(deliveries: queue.Queue[Delivery], message_id: str) -> Delivery:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            delivery = deliveries.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            break
        if any(report.get("message_id") == message_id for report in delivery.reports):
            if delivery.verified:
                return delivery
            raise Problem("a report came with a wrong signature", "see `ims logs report-fast`")
    raise Problem(
        f"no report of message {message_id} within {WAIT_SECONDS:.0f} s",
        f"see how far it came: `ims get {message_id}`, `ims status`, `ims logs route-fast`",
    )


def _received(gateway: Gateway) -> Any:
    answer = httpx2.get(f"{gateway.demo['simulator']}/received", params={"to": RECIPIENT, "limit": 1}, timeout=10)
    items = answer.raise_for_status().json()["items"]
    if not items:
        raise Problem("the simulator's handset got nothing", "see `ims logs simulator`")
    return items[0]


def _delivery(delivery: Delivery, took: float) -> Group:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "ims-attempt", "user-agent")
    headers = _fields({name: delivery.headers.get(name, "") for name in names})
    proof = f"[green]✓[/] signature verified, {took * 1000:.0f} ms after the request"
    return Group(headers, _json(json.loads(delivery.body)), proof)


def _row(address: str, message_id: str) -> dict[str, Any]:
    import pymysql

    url = urlsplit(address)
    connection = pymysql.connect(
        host=url.hostname or "",
        port=url.port or 3306,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=url.path.lstrip("/"),
        cursorclass=pymysql.cursors.DictCursor,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(ROW, (UUID(message_id).bytes,))
        row = cursor.fetchone()
    if row is None:
        raise Problem(f"MySQL has no row of message {message_id}", "see `ims logs route-fast`")
    return dict(row)


def _trail(message: dict[str, Any]) -> Group:
    steps = [
        {
            "time": str(step.get("at", ""))[11:23],
            "state": step.get("state"),
            "hop": step.get("hop"),
            "carried by": " ".join(filter(None, (step.get("channel"), step.get("vendor")))),
            "vendor's reference": step.get("vendor_ref"),
            "code": step.get("code"),
            "raw": step.get("raw_code"),
        }
        for step in message["trail"]
    ]
    return Group(_table(steps), _json({key: message[key] for key in ("state", "price", "currency", "callback")}))


def _fields(values: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name, str(value))
    return table


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*("" if row.get(c) is None else str(row[c]) for c in columns))
    return table


def _json(value: Any) -> Syntax:
    return Syntax(json.dumps(value, ensure_ascii=False, indent=1), "json", background_color="default", word_wrap=True)
