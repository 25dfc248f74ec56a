"""Record docs/examples/*.json: real requests and their answers, from the running platform (`ims up`) of IMS_HOME.

    python -m local.docs.record && make docs

Each file is one call: request, answer, and for reports the callback that arrived. Only the callback's address is
replaced (by https://client.example/reports), and keys and signatures stay out. A step whose status is not the expected
one ends the recording, so every example is one that worked.
"""

from __future__ import annotations

import base64
import json
import queue
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx2

from local.client import Gateway, demo_account
from local.control import current
from local.home import ROOT
from local.sink import Delivery, Sink

FOLDER = ROOT / "docs" / "examples"
PUBLIC_URL = "https://client.example"
WAIT_SECONDS = 20.0
KEPT_HEADERS = ("idempotency-key", "content-type", "idempotent-replayed", "retry-after", "www-authenticate")
CALLBACK_HEADERS = ("content-type", "webhook-id", "webhook-timestamp", "ims-attempt")
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQ"
    "Ew8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
)
"""One pixel."""
SENDER = "0215441234"
UNKNOWN = "0190a2b4-0000-7000-8000-000000000080"
KEYS = re.compile(r"(ims_(?:live|test)_|whsec_)[A-Za-z0-9_+/=-]{16,}")
"""Secrets that an answer shows once."""
SENDER_KEY = "demo" + "0" * 36

Json = dict[str, Any]


@dataclass
class Recorder:
    """Calls the gateway as the demo account and keeps what was said."""

    sink_url: str
    demo: Json = field(default_factory=lambda: demo_account(current().home))

    def call(self, name: str, status: int, method: str, path: str, body: Any = None, **headers: str) -> Json:
        """One call; `name` is operation.example."""
        sent = {
            "authorization": f"Bearer {self.demo['live_key']}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        content = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body, ensure_ascii=False)
        if content is not None:
            sent.setdefault("content-type", "application/json")
        answer = httpx2.request(method, self.demo["gateway"] + path, content=content, headers=sent, timeout=30)
        if answer.status_code != status:
            raise SystemExit(f"{name}: {answer.status_code} instead of {status}: {answer.text}")
        said = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
        request = {"method": method, "path": path, "headers": _kept(sent, KEPT_HEADERS), "body": _shown(body)}
        self.write(name, {"request": request, "response": _response(status, dict(answer.headers), said)})
        return said if isinstance(said, dict) else {}

    def remove(self, path: str, key: str = "") -> None:
        """Take away what a step made; that is no example."""
        sent = {"authorization": f"Bearer {key or self.demo['live_key']}"}
        httpx2.delete(self.demo["gateway"] + path, headers=sent, timeout=30).raise_for_status()

    def write(self, name: str, example: Json) -> None:
        """Keep an example, the sink's address replaced."""
        port = self.sink_url.rsplit(":", 1)[1].split("/")[0]
        text = json.dumps(example, ensure_ascii=False, indent=2)
        text = KEYS.sub(r"\1…", text)
        text = text.replace(f"http://127.0.0.1:{port}", PUBLIC_URL).replace(f"127.0.0.1:{port}", "client.example:443")
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"recorded {name}")


def _kept(headers: Json, names: tuple[str, ...]) -> Json:
    return {name: headers[name] for name in names if name in headers}


def _response(status: int, headers: Json, body: Any) -> Json:
    return {"status": status, "headers": _kept(headers, KEPT_HEADERS), "body": body}


def _shown(body: Any) -> Any:
    if isinstance(body, bytes):
        return f"{len(JPEG)} bytes of JPEG" if body == JPEG else f"a form with {len(JPEG)} bytes of JPEG"
    return body


def record() -> None:
    """Every example, in an order in which each finds what it needs."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    deliveries: queue.Queue[Delivery] = queue.Queue()
    gateway = Gateway()
    before = gateway.get("/v1/callbacks")
    with Sink(0, gateway.demo["webhook_secret"], deliveries.put) as sink:
        recorder = Recorder(sink.url)
        try:
            _callbacks(recorder, sink.url)
            _following(recorder, gateway, deliveries, _accepting(recorder, sink.url))
            _kakao(recorder)
            _reserving(recorder)
            _refusals(recorder)
            _keys(recorder)
            _identities(recorder)
            _templates(recorder)
            _notice(recorder, gateway, deliveries)
            _mails(recorder, gateway)
            _devices(recorder)
            _digests(recorder, gateway, deliveries, sink.url)
            _batches(recorder, gateway, deliveries)
        finally:
            gateway.put("/v1/callbacks", {name: before[name] for name in ("callback_uri", "batch_size", "enabled")})


def _keys(recorder: Recorder) -> None:
    """An operator makes the key that makes others. Secrets are replaced, and what was made is taken away again."""
    demo = recorder.demo
    by_operator = {"authorization": f"Bearer {demo['admin_key']}"}
    path = f"/v1/admin/accounts/{demo['username']}/keys"
    first = {"name": "keys of our shop", "scopes": ["keys:write", "messages:send", "messages:read", "account:read"]}
    made = recorder.call("adminCreateKey.first", 201, "POST", path, first, **by_operator)
    recorder.call("adminListKeys.page", 200, "GET", f"{path}?limit=2", **by_operator)
    recorder.call("adminGetSecrets.now", 200, "GET", "/v1/admin/secrets", **by_operator)
    recorder.call("adminRotateSecrets.nothing-left", 200, "POST", "/v1/admin/secrets/rotate", {}, **by_operator)
    ours = {"authorization": f"Bearer {made['key']}"}
    wish = {"name": "shop front", "kind": "live", "scopes": ["messages:send"], "ip_allow": ["203.0.113.0/24"]}
    front = recorder.call("createKey.front", 201, "POST", "/v1/keys", wish, **ours)
    recorder.call("listKeys.page", 200, "GET", "/v1/keys?limit=2", **ours)
    recorder.call("getKey.one", 200, "GET", f"/v1/keys/{front['id']}", **ours)
    recorder.call("rotateKey.hour", 200, "POST", f"/v1/keys/{front['id']}/rotate", {"overlap_seconds": 3600}, **ours)
    recorder.call("listPrices.texts", 200, "GET", "/v1/prices?channel=mt")
    recorder.call("getUsage.today", 200, "GET", "/v1/usage")
    recorder.call("deleteKey.unknown", 404, "DELETE", f"/v1/keys/{UNKNOWN}", **ours)
    recorder.call("adminDeleteKey.unknown", 404, "DELETE", f"{path}/{UNKNOWN}", **by_operator)
    listed = httpx2.get(demo["gateway"] + path, headers=by_operator, timeout=30).json()["items"]
    for key in (one["id"] for one in listed if one["name"] in (first["name"], wish["name"])):
        recorder.remove(f"{path}/{key}", demo["admin_key"])


def _text(to: str, **more: Any) -> Json:
    return {"sender": SENDER, "text": "[IMS] 인증번호 482913", "recipients": [{"to": to, "ref": "order-1"}], **more}


def _callbacks(recorder: Recorder, url: str) -> None:
    change = {"callback_uri": url, "batch_size": 1, "enabled": True}
    recorder.call("changeCallbacks.set", 200, "PUT", "/v1/callbacks", change)
    recorder.call("testCallback.ok", 200, "POST", "/v1/callbacks/test", {})
    recorder.call("rotateCallbackSecret.day", 200, "POST", "/v1/callbacks/secrets/rotate", {"overlap_seconds": 86_400})
    Gateway().put("/v1/callbacks", {"secrets": [recorder.demo["webhook_secret"]]})


def _accepting(recorder: Recorder, url: str) -> Json:
    path = "/v1/mt/messages"
    sms = _text("010-1234-5678", lane="auth", request_ref="login-77", callback_uri=url)
    key = f"example-{datetime.now(UTC):%Y%m%d%H%M%S}"
    accepted = recorder.call("sendMt.sms", 202, "POST", path, sms, idempotency_key=key)
    recorder.call("sendMt.again", 202, "POST", path, sms, idempotency_key=key)
    recorder.call("sendMt.dry_run", 200, "POST", f"{path}?dry_run=true", _text("01012345678"))
    picture = recorder.call("uploadFile.jpeg", 201, "POST", "/v1/files?name=dot.jpg", JPEG, content_type="image/jpeg")
    _form(recorder)
    people = [
        {"to": "01022223333", "variables": {"name": "홍길동", "order": "A-17"}},
        {"to": "01033334444", "variables": {"name": "김영희", "order": "A-18"}},
    ]
    text = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
    fallback = [{"channel": "mt", "sender": SENDER, "text": "#{name}님, 배송이 시작되었습니다.", "wait": 60}]
    rich = {"sender": SENDER, "subject": "발송 안내", "text": text, "files": [picture["file_id"]], "lane": "bulk"}
    recorder.call("sendMt.mms", 202, "POST", path, {**rich, "recipients": people, "fallback": fallback, "ttl": 3600})
    mixed = {"sender": SENDER, "text": "안녕하세요", "recipients": [{"to": "01012345678"}, {"to": "0101"}]}
    recorder.call("sendMt.partly", 202, "POST", path, mixed)
    _files(recorder, picture["file_id"])
    _rcs(recorder)
    _push(recorder)
    return accepted


def _kakao(recorder: Recorder) -> None:
    path = "/v1/kakao/messages"
    talk = {"type": "alimtalk", "sender_key": SENDER_KEY, "template_code": "ORDER_SHIPPED"}
    people = [{"to": "010-1234-5678", "ref": "order-1", "variables": {"name": "홍길동", "order": "A-17"}}]
    fallback = [{"channel": "mt", "sender": SENDER, "text": "#{name}님, 주문 #{order} 발송", "wait": 60}]
    recorder.call("sendKakao.alimtalk", 202, "POST", path, {**talk, "recipients": people, "fallback": fallback})
    recorder.call("sendKakao.dry_run", 200, "POST", f"{path}?dry_run=true", {**talk, "recipients": people})
    wrong = {**talk, "recipients": people, "text": "#{name}님,  주문 #{order}이(가) 발송되었습니다."}
    recorder.call("sendKakao.another_text", 422, "POST", path, wrong)
    button = {"type": "WL", "name": "보러 가기", "mobile": "https://shop.example/spring"}
    brand = {"type": "brand", "bubble": "TEXT", "sender_key": SENDER_KEY, "text": "봄맞이 할인", "lane": "ad"}
    advertised = {**brand, "buttons": [button], "recipients": [{"to": "01012345678"}]}
    recorder.call("sendKakao.brand", 202, "POST", path, advertised)


def _rcs(recorder: Recorder) -> None:
    said = {"type": "URL", "name": "배송 조회", "url": "https://shop.example/orders/A-17"}
    text = "#{name}님, 주문하신 상품이 발송되었습니다."
    wish = {"brand_id": "demo-brand", "chatbot_id": SENDER, "format": "SL000000", "title": "발송 안내", "text": text}
    people = [{"to": "01022223333", "ref": "order-17", "variables": {"name": "홍길동"}}]
    fallback = [{"channel": "mt", "sender": SENDER, "text": text}]
    body = {**wish, "buttons": [said], "recipients": people, "fallback": fallback}
    recorder.call("sendRcs.long", 202, "POST", "/v1/rcs/messages", body)


def _push(recorder: Recorder) -> None:
    """A user's devices and a token; somebody without a device beside them."""
    path, phone = "/v1/push/messages", {"user": "kim", "app": "demo-app", "token": "fcm:example-phone"}
    said = {"app": "demo-app", "title": "주문", "body": "#{order} 배송이 시작되었습니다", "data": {"order": "#{order}"}}
    order = {"variables": {"order": "A-17"}}
    sent = {"authorization": f"Bearer {recorder.demo['live_key']}"}
    httpx2.put(f"{recorder.demo['gateway']}/v1/devices", json=phone, headers=sent, timeout=30).raise_for_status()
    people = [{"to": to, "ref": "order-17", **order} for to in ("user:kim", "fcm:example-token", "user:nobody")]
    english = {"localized": {"en": {"title": "Order", "body": "#{order} is on its way"}}}
    recorder.call("sendPush.user", 202, "POST", path, {**said, **english, "recipients": people})
    recorder.call("sendPush.dry_run", 200, "POST", f"{path}?dry_run=true", {**said, "recipients": people[:1]})
    wrong = {**said, "image": "http://shop.example/1.png", "data": {"from": "us"}, "recipients": people[:1]}
    recorder.call("sendPush.faults", 422, "POST", path, wrong)


def _files(recorder: Recorder, used: str) -> None:
    recorder.call("listFiles.page", 200, "GET", "/v1/files?limit=1")
    recorder.call("getFile.used", 200, "GET", f"/v1/files/{used}")
    recorder.call("deleteFile.in_use", 409, "DELETE", f"/v1/files/{used}")


def _form(recorder: Recorder) -> None:
    """The same image as a form's file."""
    head = b'--form\r\ncontent-disposition: form-data; name="file"; filename="dot.jpg"\r\ncontent-type: image/jpeg\r\n'
    kind = "multipart/form-data; boundary=form"
    recorder.call(
        "uploadFile.form", 201, "POST", "/v1/files", head + b"\r\n" + JPEG + b"\r\n--form--\r\n", content_type=kind
    )


def _following(recorder: Recorder, gateway: Gateway, deliveries: queue.Queue[Delivery], accepted: Json) -> None:
    message_id, request_id = accepted["messages"][0]["message_id"], accepted["request_id"]
    recorder.write("report.one", _delivered(deliveries, message_id))
    gateway.wait_for_end(message_id, WAIT_SECONDS)
    recorder.call("getMessage.delivered", 200, "GET", f"/v1/messages/{message_id}")
    failed = gateway.post("/v1/mt/messages", _text("01090004001"))["messages"][0]["message_id"]
    gateway.wait_for_end(failed, WAIT_SECONDS)
    recorder.call("getMessage.failed", 200, "GET", f"/v1/messages/{failed}")
    recorder.call("listMessages.by_recipient", 200, "GET", "/v1/messages?to=01012345678&limit=1")
    recorder.call("listRequests.page", 200, "GET", "/v1/requests?limit=2")
    recorder.call(
        "getContent.sms", 200, "GET", f"/v1/messages/{message_id}/content?purpose=a%20question%20of%20the%20recipient"
    )
    recorder.call("getRequest.counts", 200, "GET", f"/v1/requests/{request_id}")
    recorder.call("listReports.page", 200, "GET", f"/v1/reports?request_id={request_id}&limit=1")
    recorder.call("replayMessage.again", 202, "POST", f"/v1/messages/{message_id}/report/replay")
    recorder.call("replayReports.request", 202, "POST", "/v1/reports/replay", {"request_id": request_id})
    _exports(recorder, gateway)
    recorder.call("listAttempts.page", 200, "GET", "/v1/callbacks/attempts?outcome=failed&limit=2")
    recorder.call("getCallbacks.healthy", 200, "GET", "/v1/callbacks")


def _exports(recorder: Recorder, gateway: Gateway) -> None:
    """An export needs a key that names its scope."""
    demo = recorder.demo
    by_operator = {"authorization": f"Bearer {demo['admin_key']}"}
    path = f"/v1/admin/accounts/{demo['username']}/keys"
    wish = {"name": "monthly figures", "scopes": ["exports:write"]}
    made = httpx2.post(demo["gateway"] + path, json=wish, headers=by_operator, timeout=30).json()
    ours = {"authorization": f"Bearer {made['key']}"}
    asked = {"what": "messages", "filter": {"status": "delivered"}, "purpose": "figures of the month"}
    one = f"/v1/exports/{recorder.call('createExport.messages', 202, 'POST', '/v1/exports', asked, **ours)['id']}"
    while httpx2.get(demo["gateway"] + one, headers=ours, timeout=30).json()["state"] == "running":
        time.sleep(0.1)
    recorder.call("getExport.done", 200, "GET", one, **ours)
    recorder.call("listExports.page", 200, "GET", "/v1/exports?limit=1", **ours)
    recorder.call("getExportFile.csv", 200, "GET", f"{one}/file", **ours)
    recorder.call("deleteExport.unknown", 404, "DELETE", f"/v1/exports/{UNKNOWN}", **ours)
    recorder.remove(one, made["key"])
    recorder.remove(f"{path}/{made['id']}", demo["admin_key"])


def _delivered(deliveries: queue.Queue[Delivery], message_id: str) -> Json:
    try:
        while True:
            delivery = deliveries.get(timeout=WAIT_SECONDS)
            if any(report.get("message_id") == message_id for report in delivery.reports):
                return _callback(delivery)
    except queue.Empty:
        raise SystemExit(f"no report of {message_id} came") from None


def _callback(delivery: Delivery) -> Json:
    body = json.loads(delivery.body)
    return {"request": {"method": "POST", "headers": _kept(delivery.headers, CALLBACK_HEADERS), "body": body}}


def _reserving(recorder: Recorder) -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    wish = _text("01012345678", scheduled_at=tomorrow.isoformat())
    request_id = recorder.call("sendMt.reserved", 202, "POST", "/v1/mt/messages", wish)["request_id"]
    _until_stored(Gateway(), request_id)
    later = {"scheduled_at": (tomorrow + timedelta(hours=2)).isoformat()}
    recorder.call("changeRequest.moved", 200, "PATCH", f"/v1/requests/{request_id}", later)
    recorder.call("cancelRequest.canceled", 200, "POST", f"/v1/requests/{request_id}/cancel")


def _until_stored(gateway: Gateway, request_id: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not gateway.get(f"/v1/requests/{request_id}")["counts"].get("scheduled"):
        if time.monotonic() > deadline:
            raise SystemExit(f"request {request_id} is not reserved yet")
        time.sleep(0.1)


def _identities(recorder: Recorder) -> None:
    """A brand that is rejected and approved, a domain, a sender number."""
    path, admin = "/v1/identities", "/v1/admin/identities"
    operator = {"authorization": f"Bearer {recorder.demo['admin_key']}"}
    mark = f"{datetime.now(UTC):%H%M%S}"
    brand = {"channel": "rcs", "kind": "brand", "value": f"shop-{mark}"}
    one = recorder.call("createIdentity.brand", 201, "POST", path, brand)["id"]
    recorder.call("createIdentity.exists", 409, "POST", path, brand)
    recorder.call("adminListIdentities.pending", 200, "GET", f"{admin}?state=pending&limit=1", **operator)
    recorder.call(
        "adminRejectIdentity.reason", 200, "POST", f"{admin}/{one}/reject", {"reason": "no proof"}, **operator
    )
    recorder.call("changeIdentity.again", 200, "PUT", f"{path}/{one}", {"proof": []})
    recorder.call("patchIdentity.again", 200, "PATCH", f"{path}/{one}", {"proof": []})
    recorder.call("adminApproveIdentity.approved", 200, "POST", f"{admin}/{one}/approve", {}, **operator)
    recorder.call("adminGetIdentity.approved", 200, "GET", f"{admin}/{one}", **operator)
    recorder.call("getIdentity.approved", 200, "GET", f"{path}/{one}")
    recorder.call("deleteIdentity.absent", 404, "DELETE", f"{path}/{UNKNOWN}")
    domain = {"channel": "email", "kind": "domain", "value": f"shop-{mark}.client.example"}
    made = recorder.call("createIdentity.domain", 201, "POST", path, domain)["id"]
    recorder.call("checkIdentity.brand", 422, "POST", f"{path}/{one}/check")
    recorder.call("listIdentities.domains", 200, "GET", f"{path}?kind=domain&limit=1")
    number = recorder.call(
        "createSender.number", 201, "POST", "/v1/senders", {"number": f"070-7{mark[:3]}-0{mark[3:]}"}
    )
    recorder.call("listSenders.page", 200, "GET", "/v1/senders?limit=1")
    recorder.call("getSender.pending", 200, "GET", f"/v1/senders/{number['id']}")
    recorder.call("deleteSender.absent", 404, "DELETE", f"/v1/senders/{made}")
    for name in (one, made, number["id"]):
        recorder.remove(f"{path}/{name}")


def _templates(recorder: Recorder) -> None:
    """A template from its draft to its approval, and what it cannot do twice."""
    path, admin = "/v1/templates", "/v1/admin/templates"
    operator = {"authorization": f"Bearer {recorder.demo['admin_key']}"}
    code, content = (
        f"HELLO_{datetime.now(UTC):%H%M%S}",
        {"sender_key": "demo" + "0" * 36, "text": "#{name}님, 반갑습니다."},
    )
    wish = {"channel": "kakao", "code": code, "name": "인사", "content": content}
    one = recorder.call("createTemplate.draft", 201, "POST", path, wish)["id"]
    recorder.call("createTemplate.exists", 409, "POST", path, wish)
    recorder.call("previewTemplate.filled", 200, "POST", f"{path}/{code}/preview", {"variables": {"name": "홍길동"}})
    recorder.call("submitTemplate.handed_in", 200, "POST", f"{path}/{code}/submit")
    recorder.call("submitTemplate.again", 409, "POST", f"{path}/{code}/submit")
    recorder.call("adminListTemplates.pending", 200, "GET", f"{admin}?state=pending&limit=1", **operator)
    recorder.call("adminApproveTemplate.approved", 200, "POST", f"{admin}/{one}/approve", {"version": 1}, **operator)
    again = {**content, "text": "#{name}님, 다시 오셨네요."}
    recorder.call("changeTemplate.next", 200, "PUT", f"{path}/{code}", {"content": again})
    recorder.call("adminRejectTemplate.draft", 409, "POST", f"{admin}/{one}/reject", {"reason": "an ad"}, **operator)
    recorder.call("getTemplate.draft", 200, "GET", f"{path}/{code}")
    recorder.call("listTemplates.kakao", 200, "GET", f"{path}?channel=kakao&limit=1")
    recorder.call("listTemplateVersions.two", 200, "GET", f"{path}/{code}/versions")
    recorder.call("deleteTemplate.absent", 404, "DELETE", f"{path}/NEVER_MADE")
    recorder.remove(f"{path}/{code}")


def _notice(recorder: Recorder, gateway: Gateway, deliveries: queue.Queue[Delivery]) -> None:
    """An address that bounces after its mail was delivered, told to an account that asks for it."""
    recorder.call("changeCallbacks.events", 200, "PUT", "/v1/callbacks", {"events": ["address.suppressed"]})
    to = f"bounces-{datetime.now(UTC):%H%M%S}@client.example"
    mail = {"from": "news@demo.example", "subject": "주문", "text": "감사합니다", "recipients": [{"to": to}]}
    gateway.wait_for_end(gateway.post("/v1/email/messages", mail)["messages"][0]["message_id"], WAIT_SECONDS)
    bounce = {"to": to, "kind": "hard"}
    httpx2.post(f"{recorder.demo['simulator']}/vendors/smtp/bounce", json=bounce).raise_for_status()
    while not (delivery := deliveries.get(timeout=60)).headers.get("webhook-id", "").startswith("evt_"):
        pass
    recorder.write("notice.bounced", _callback(delivery))
    gateway.put("/v1/callbacks", {"events": []})


def _mails(recorder: Recorder, gateway: Gateway) -> None:
    """A mail, its link to unsubscribe, and an address that bounced."""
    path, mark = "/v1/email/messages", f"{datetime.now(UTC):%H%M%S}"
    mail = {"from": "데모상점 <news@demo.example>", "subject": "#{name}님, 주문이 발송되었습니다"}
    html = '<p>#{name}님, 안녕하세요.</p><p><a href="https://client.example/o/#{order}">주문 보기</a></p>'
    person = {"to": f"hong-{mark}@client.example", "variables": {"name": "홍길동", "order": "A-17"}}
    wish = {**mail, "html": html, "recipients": [person]}
    recorder.call("sendEmail.html", 202, "POST", path, wish)
    recorder.call("sendEmail.dry_run", 200, "POST", f"{path}?dry_run=true", wish)
    recorder.call("sendEmail.foreign_domain", 403, "POST", path, {**wish, "from": "news@other.example"})
    faults = {**wish, "subject": "a\r\nBcc: b@c.example", "headers": {"Bcc": "b@c.example"}, "reply_to": "nobody"}
    recorder.call("sendEmail.faults", 422, "POST", path, faults)
    sent = gateway.post(path, {**wish, "lane": "bulk"})["messages"][0]["message_id"]
    gateway.wait_for_end(sent, WAIT_SECONDS)
    simulator = recorder.demo["simulator"]
    raw = httpx2.get(f"{simulator}/received?to={person['to']}").json()["items"][-1]["raw"]
    link = base64.b64decode(raw).decode().partition("/v1/unsubscribe/")[2].partition(">")[0]
    recorder.call("showUnsubscribe.page", 200, "GET", f"/v1/unsubscribe/{link}")
    recorder.call("unsubscribe.one_click", 200, "POST", f"/v1/unsubscribe/{link}", "List-Unsubscribe=One-Click",
                  content_type="application/x-www-form-urlencoded")  # fmt: skip
    httpx2.post(f"{simulator}/vendors/smtp/bounce", json={"to": person["to"], "kind": "hard"}).raise_for_status()
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := gateway.get(f"/v1/suppressions?to={person['to']}&reason=bounce")["items"]):
        if time.monotonic() > deadline:
            raise SystemExit("the bounce has not arrived")
        time.sleep(0.2)
    recorder.call("listSuppressions.bounced", 200, "GET", f"/v1/suppressions?to={person['to']}&limit=1")
    recorder.call("getSuppression.bounced", 200, "GET", f"/v1/suppressions/{found[0]['id']}")
    lifted = {"reason": "the mailbox is there again"}
    absent = "/v1/suppressions/0190a2b4-0000-7000-8000-000000000080"
    recorder.call("liftSuppression.absent", 404, "DELETE", absent, lifted)


def _devices(recorder: Recorder) -> None:
    path = "/v1/devices"
    phone = {"user": "user-7", "app": "demo-app", "token": "fcm:dGhpcyBpcyBubyB0b2tlbg", "platform": "android"}
    consent = {"language": "ko", "time_zone": "Asia/Seoul", "consent": {"ads": True}}
    one = recorder.call("registerDevice.phone", 200, "PUT", path, {**phone, **consent})["id"]
    recorder.call("registerDevice.bad", 422, "PUT", path, {"user": "user-7", "app": "demo-app", "token": "nobody"})
    recorder.call("listDevices.user", 200, "GET", f"{path}?user=user-7&limit=1")
    recorder.call("deleteDevices.whose", 422, "DELETE", path)
    recorder.remove(f"{path}/{one}")
    recorder.call("deleteDevice.absent", 404, "DELETE", f"{path}/{one}")


def _digests(recorder: Recorder, gateway: Gateway, deliveries: queue.Queue[Delivery], url: str) -> None:
    """Today's failures are already there; what can be sent is yesterday's digest."""
    path, now = "/v1/digests", datetime.now(timezone(timedelta(hours=9)))
    later = [{"channel": "mt", "sender": SENDER, "text": "앱에서 알림을 확인해 주세요."}]
    recorder.call(
        "changeMe.defaults", 200, "PUT", "/v1/me", {"defaults": {"realtime": {"fallback": later, "wait": 30}}}
    )
    recorder.call("getMe.demo", 200, "GET", "/v1/me")
    recorder.call("changeMe.none", 200, "PUT", "/v1/me", {"defaults": {"realtime": None}})
    recorder.call("changeDigestSettings.mail", 200, "PUT", path, {"enabled": True, "email": "ops@client.example"})
    recorder.call("changeDigestSettings.bad", 422, "PUT", path, {"email": "nobody", "by": "pigeon"})
    chosen = {"by": "callback", "callback_uri": url, "language": "en", "always": True}
    recorder.call("changeDigestSettings.callback", 200, "PUT", path, chosen)
    recorder.call("getDigestSettings.callback", 200, "GET", path)
    recorder.call("getDigest.today", 200, "GET", f"{path}/{now:%Y-%m-%d}")
    recorder.call("sendDigest.not_over", 422, "POST", f"{path}/{now:%Y-%m-%d}/send")
    recorder.call("sendDigest.sent", 200, "POST", f"{path}/{now - timedelta(days=1):%Y-%m-%d}/send")
    while not (delivery := deliveries.get(timeout=WAIT_SECONDS)).headers.get("webhook-id", "").startswith("digest_"):
        pass
    recorder.write("digest.quiet", _callback(delivery))
    gateway.put(path, {"enabled": False, "by": "email", "callback_uri": None, "language": "ko", "always": False})


def _refusals(recorder: Recorder) -> None:
    path = "/v1/mt/messages"
    recorder.call("sendMt.unreadable", 400, "POST", path, '{"sender": ')
    recorder.call("sendMt.unauthorized", 401, "POST", path, _text("01012345678"), authorization="Bearer ims_live_wrong")
    recorder.call("sendMt.not_json", 415, "POST", path, "sender=0215441234", content_type="text/plain")
    faults = {"sender": "0212345678", "text": "안녕 😀", "recipients": [{"to": "0101"}], "ttl": 0, "colour": "red"}
    recorder.call("sendMt.faults", 422, "POST", path, faults)
    recorder.call("sendMt.foreign_sender", 403, "POST", path, {**_text("01012345678"), "sender": "0212345678"})
    key = "example-reused"
    recorder.call("sendMt.first", 202, "POST", path, _text("01012345678"), idempotency_key=key)
    (FOLDER / "sendMt.first.json").unlink()
    recorder.call("sendMt.key_reused", 422, "POST", path, _text("01087654321"), idempotency_key=key)
    recorder.call("getMessage.absent", 404, "GET", f"/v1/messages/{UNKNOWN}")
    recorder.call("takeReceipt.unknown", 404, "POST", "/v1/receipts/nobody/main", [])
    recorder.call("takeReceipt.bad_proof", 401, "POST", "/v1/receipts/solapi/main", [])


def _batches(recorder: Recorder, gateway: Gateway, deliveries: queue.Queue[Delivery]) -> None:
    """Other processes trust what they know of an account for some seconds, so it takes a while to have its effect."""
    gateway.put("/v1/callbacks", {"batch_size": 500})
    people = [{"to": "01022223333"}, {"to": "01044445555"}]
    deadline = time.monotonic() + 3 * WAIT_SECONDS
    while time.monotonic() < deadline:
        gateway.post("/v1/mt/messages", {"sender": SENDER, "text": "안녕하세요", "recipients": people})
        time.sleep(1)
        while not deliveries.empty():
            delivery = deliveries.get()
            if len(delivery.reports) == len(people):
                recorder.write("report.many", _callback(delivery))
                return
    raise SystemExit("no batched report came")


if __name__ == "__main__":
    record()
