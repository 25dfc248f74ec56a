"""Solapi's message API v4 as its clients see it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.domain.text import parts
from shared.vendors.base import CodeTable, VendorAccount
from shared.vendors.solapi.api import DELIVERED, FILES_PATH, LIST_PATH, SEND_PATH, sign, webhook_proof
from shared.vendors.solapi.mt import CODES
from shared.vendors.solapi.rcs import CODES as RCS_CODES
from simulator.fate import Fate, magic
from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record, Store, iso
from simulator.vendors import solapi_kakao, solapi_rcs
from simulator.vendors.base import Item, Operation, Submission

RAW_CODES = {
    "0000": "4000", "1001": "3010", "1002": "1031", "1003": "1029", "1004": "1062", "1005": "1026", "1006": "1030",
    "1007": "1061", "1008": "3108", "3001": "3012", "4001": "3032", "4002": "3043", "4003": "3044", "4004": "3050",
    "4005": "3047", "4006": "3054", "4007": "3059", "4008": "3040", "1009": "3011", "3003": "3031", "3004": "2063",
}  # fmt: skip
"""The raw code that a magic number gets for an IMS code."""
REFUSING = frozenset(raw for raw in CODES if raw[0] == "1")
"""1xxx are told in the answer, 2xxx and 3xxx by receipt."""
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", SEND_PATH): "send",
    ("GET", LIST_PATH): "look_up",
    ("POST", FILES_PATH): "upload",
}
TABLES: Mapping[str, CodeTable] = {"kakao": solapi_kakao.CODES, "rcs": RCS_CODES}
"""Codes of the channels beside text messages."""
FOREIGN_PARTS = 1
MAX_BYTES = {"SMS": 90, "LMS": 2000, "MMS": 2000}
SUBJECT_BYTES = 40
MAX_MESSAGES = 10_000
SIGNATURE_AGE_S = 15 * 60
SIGNATURES_REMEMBERED = 200_000
_PROOF = re.compile(r"HMAC-SHA256 apiKey=([^,]+), date=([^,]+), salt=([^,]{12,64}), signature=([0-9a-f]{64})")


class SolapiVendor:
    """See simulator/vendors/base.py."""

    name = "solapi"
    channel = "mt"
    prefix = "/"
    polled = False
    delivered = DELIVERED

    def __init__(self, accounts: Iterable[VendorAccount]) -> None:
        self._by_key = {a.settings["api_key"]: a for a in accounts}
        self._used: dict[str, None] = {}
        self.magic: Mapping[str, Fate] = magic({k: v for k, v in RAW_CODES.items() if v != DELIVERED}, REFUSING)

    def operation(self, request: Request) -> Operation:
        """Three endpoints."""
        found = OPERATIONS.get((request.method, request.path))
        if found is None:
            raise Refusal(self.failure(404, "ResourceNotFound"))
        return found

    def account(self, request: Request, now_ms: int) -> str:
        """The signature must be right, younger than 15 minutes and new."""
        proof = _PROOF.fullmatch(request.headers.get("authorization", ""))
        if not proof:
            raise Refusal(_error(401, "Unauthorized", "no usable Authorization header"))
        key, date, salt, signature = proof.groups()
        account = self._by_key.get(key)
        if account is None:
            raise Refusal(_error(403, "InvalidAPIKey", "unknown apiKey"))
        if not hmac.compare_digest(sign(account.settings["api_secret"], date, salt), signature):
            raise Refusal(_error(403, "SignatureDoesNotMatch", "the signature is wrong"))
        self._once(date, signature, now_ms / 1000)
        return account.account

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """`messages`, each judged for itself."""
        body = _object(request.body)
        messages = body.get("messages")
        if not isinstance(messages, list) or not 0 < len(messages) <= MAX_MESSAGES:
            raise Refusal(_error(400, "ValidationError", "messages must be an array of 1 to 10,000"))
        read = _Reader(bool(body.get("allowDuplicates"))).item
        try:
            items = [read(message) for message in messages]
        except (AttributeError, KeyError, TypeError) as error:
            raise Refusal(_error(400, "ValidationError", f"unreadable message: {error!r}")) from error
        stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d%H%M%S")
        path = "detail" if body.get("showMessageList") else "plain"
        return Submission(f"G4V{stamp}{serial:015d}", path, items)

    def vendor_ref(self, group: str, seq: int) -> str:
        """Solapi's messageId."""
        return f"M{group[1:]}{seq:04d}"

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """`failedMessageList`, and `messageList` if it was asked for."""
        failed = [_failed(r) for r in records if r.refused]
        listed = [_listed(r) for r in records if not r.refused] if submission.path == "detail" else None
        count = {
            "total": len(records),
            "registeredFailed": len(failed),
            "registeredSuccess": len(records) - len(failed),
        }
        group = {"groupId": submission.group, "count": count, "status": "SENDING", "apiVersion": "4"}
        return json(200, {"failedMessageList": failed, "messageList": listed, "groupInfo": group})

    def look_up(self, request: Request, account: str, store: Store, now_ms: int) -> Reply:
        """By number, between two dates, the newest first."""
        query = request.query
        number = query.get("to", "")
        try:
            limit = max(1, int(query.get("limit", "20")))
            first, last = _ms(query.get("startDate"), 0), _ms(query.get("endDate"), now_ms)
        except ValueError as error:
            raise Refusal(_error(400, "ValidationError", str(error))) from error
        found = [
            r for r in _to(store, number) if r.vendor == self.name and r.account == account and first <= r.at <= last
        ]
        return json(
            200, {"limit": limit, "messageList": {r.vendor_ref: _known(r, now_ms) for r in found[-limit:][::-1]}}
        )

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """A base64 image."""
        body = _object(request.body)
        if body.get("type") not in ("MMS", "RCS") or not body.get("file"):
            raise Refusal(_error(400, "ValidationError", "type MMS or RCS and a file are needed"))
        return json(
            200,
            {"fileId": f"ST01FZ{serial:026d}", "type": body["type"], "name": body.get("name"), "accountId": account},
        )

    def failure(self, status: int, text: str) -> Reply:
        """errorCode and errorMessage."""
        return _error(status, text, text)

    def webhook(self, account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
        """An array of {eventDataId, data, retryCount}."""
        headers = {
            "content-type": "application/json",
            "x-solapi-event-name": "SINGLE-REPORT",
            "x-solapi-secret": webhook_proof(account.settings["webhook_secret"]),
        }
        return headers, orjson.dumps([_event(record, attempt) for record in records])

    def _once(self, date: str, signature: str, now: float) -> None:
        try:
            age = abs(now - datetime.fromisoformat(date).timestamp())
        except ValueError as error:
            raise Refusal(_error(400, "ValidationError", f"date {date}")) from error
        if age > SIGNATURE_AGE_S:
            raise Refusal(_error(403, "RequestTimeTooSkewed", "the date is over 15 minutes away"))
        if signature in self._used:
            raise Refusal(_error(400, "DuplicatedSignature", "the signature was used before"))
        self._used[signature] = None
        if len(self._used) > SIGNATURES_REMEMBERED:
            del self._used[next(iter(self._used))]


class _Reader:
    """Reads the messages of one call; equal texts are judged once, and kept once."""

    def __init__(self, allow_duplicates: bool) -> None:
        self._allow_duplicates, self._numbers = allow_duplicates, set[str]()
        self._contents: dict[tuple[Any, ...], tuple[str, str, str, str]] = {}

    def item(self, message: dict[str, Any]) -> Item:
        to = message["to"]
        if message.get("type") == "ATA":
            return solapi_kakao.item(message)
        if (country := message.get("country", "82")) != "82":
            to = f"+{country}{to}"
        if message["type"] in solapi_rcs.TYPES:
            return solapi_rcs.item(message, to, (message.get("customFields") or {}).get("ref", ""))
        key = (message["from"], message["type"], message["text"], message.get("subject"), message.get("imageId"))
        content = self._contents.get(key)
        if content is None:
            content = self._contents[key] = (key[0], key[1].lower(), key[2], _fault(*key[1:]))
        sender, kind, text, fault = content
        if to.startswith("+"):
            fault = "1025" if kind != "sms" else "1031" if parts(text) > FOREIGN_PARTS else ""
        if not self._allow_duplicates:
            fault = fault or ("1026" if to in self._numbers else "")
            self._numbers.add(to)
        return Item(to, sender, kind, text, (message.get("customFields") or {}).get("ref", ""), fault)


def _fault(kind: str, text: str, subject: str | None, image: str | None) -> str:
    limit = MAX_BYTES.get(kind)
    if limit is None:
        return "1025"
    if kind == "MMS" and not image:
        return "1034"
    if subject and kind == "SMS":
        return "1013"
    try:
        if len(text.encode("cp949")) > limit:
            return "1031"
        return "1014" if subject and len(subject.encode("cp949")) > SUBJECT_BYTES else ""
    except UnicodeEncodeError:
        return "1029"


def _to(store: Store, number: str) -> Iterable[Record]:
    """Solapi keeps foreign numbers without their country; such look-ups are rare enough to search everything."""
    if number.startswith("0"):
        return store.to(number)
    return [r for r in store.remembered() if r.to.startswith("+") and r.to.endswith(number)]


def _text(record: Record) -> str:
    """What Solapi says of a message's code, by the channel that it went by."""
    table = TABLES.get(record.channel, CODES)
    return table[record.raw].text if record.raw in table else ""


def _failed(record: Record) -> dict[str, Any]:
    return {
        "to": record.to.lstrip("+"),
        "from": record.sender,
        "type": record.type.upper(),
        "messageId": record.vendor_ref,
        "statusCode": record.raw,
        "statusMessage": _text(record),
        "customFields": {"ref": record.our_ref},
    }


def _listed(record: Record) -> dict[str, Any]:
    return {"messageId": record.vendor_ref, "statusCode": "2000", "customFields": {"ref": record.our_ref}}


def _known(record: Record, now_ms: int) -> dict[str, Any]:
    final = record.refused or now_ms >= record.final_at
    raw = record.raw if final else "3000"
    table = TABLES.get(record.channel, CODES)
    return {
        "messageId": record.vendor_ref,
        "groupId": record.group,
        "type": record.type.upper(),
        "to": record.to.lstrip("+"),
        "from": record.sender,
        "text": record.text,
        "statusCode": raw,
        "reason": table[raw].text if raw in table else None,
        "customFields": {"ref": record.our_ref},
        "dateCreated": iso(record.at),
        "dateReceived": iso(record.final_at) if final and not record.refused else None,
        "dateUpdated": iso(record.final_at if final else record.at),
    }


def _event(record: Record, attempt: int) -> dict[str, Any]:
    ended = iso(record.final_at)
    return {
        "eventDataId": f"ED{record.serial:020d}",
        "data": {
            "messageId": record.vendor_ref,
            "groupId": record.group,
            "type": record.type.upper(),
            "to": record.to,
            "from": record.sender,
            "statusCode": record.raw,
            "statusMessage": _text(record) or "received",
            "dateProcessed": ended,
            "dateReported": ended,
            "dateReceived": ended,
            "networkCode": "10001",
            "customFields": {"ref": record.our_ref},
        },
        "retryCount": attempt,
    }


def _error(status: int, code: str, text: str) -> Reply:
    return json(status, {"errorCode": code, "errorMessage": text})


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(_error(400, "ValidationError", "unreadable JSON")) from error
    if not isinstance(value, dict):
        raise Refusal(_error(400, "ValidationError", "an object is needed"))
    return value


def _ms(written: str | None, default: int) -> int:
    return round(datetime.fromisoformat(written).timestamp() * 1000) if written else default
