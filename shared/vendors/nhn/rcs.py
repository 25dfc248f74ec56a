"""NHN Cloud RCS Bizmessage v1.0: one recipient a call, results only for those who ask.

There is no reference of ours, no idempotency key, no webhook and no cancelling. A message whose call timed out is
looked for in the list of its type by the time it was sent, its number and its words (`look_up_by_content`); `collect`
pulls the lists of what was received since the last time (`pull`), and asks for the code of each failure, which lists do
not tell.
NHN's own fail-over stays off (`isFallback`). It has no field for the carrier's expiry, and no unified RCS.
`settings`: app_key, secret_key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.channels.rcs.payload import Card, RcsPayload
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.vendors.answers import TOO_MANY_FILES, asked, listed, raw_code, shaped, telling
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, Pulled, VendorAccount, VendorResult
from shared.vendors.nhn import api
from shared.vendors.nhn.rcs_buttons import button_json
from shared.vendors.rcs_results import CARRIERS
from shared.vendors.reading import Moment, each, moment, refused, result, text
from shared.vendors.tables import codes, meaning

DELIVERED = "2000"
CODES: CodeTable = {
    **codes("""
    400    1009  client error
    500    3001  NHN's internal error
    -3000  1009  a button is not valid
    -3001  1008  an advertisement without its 080 number
    -3002  1009  the time lies in the past
    -3003  1009  the time lies over 60 days ahead
    -3030  1009  a card too many for this MMS type
    -3031  1002  the title is over 30 characters
    -3032  1002  the text is over 1,300 characters
    -3033  1009  a carousel has three to six cards
    -3034  1002  a small card is over 30 characters
    -3035  1002  a medium card is over 60 characters
    -4000  2003  no such brand
    -4001  2003  the brand is not usable now
    -4010  2003  no such chatbot
    -4011  2003  the chatbot is not usable now
    -4020  2001  no such template
    -4021  2001  the template is not usable now
    -4022  2001  the template is not supported
    -4023  1008  the template carries no advertisements
    -4024  2002  a template parameter is missing
    -4030  1011  no such file
    -4031  1011  the file has expired
    -4032  1009  wrong type of file
    -4033  1002  the file is too large
    -4034  1009  wrong format of file
    -4040  1008  no 080 opt-out service
    -4041  1008  the 080 opt-out service is not usable now
    -4042  1007  the recipient has opted out
    -4050  1004  no such sender number for fail-over
    -4060  1009  fail-over is not supported for this type
    -5000  3001  the 080 number could not be looked up
    -5001  3001  the opted-out numbers could not be looked up
    -5002  3001  the sender number could not be looked up
    -6000  3001  the SMS project could not be looked up
    -6001  3001  the SMS project could not be enabled
    -7000  1009  wrong message type in the path
    -7001  1009  a search needs times or a message id
    -7002  1009  a search has one kind of times
    -7003  1009  a search over more than 31 days
    -7004  1009  wrong message status in a search
    -7005  1009  no such message id
    -8000  3001  NHN's fail-over failed
    -9000  1008  no advertisements at night
    -9999  3001  system error
"""),
    **CARRIERS,
}
"""Below zero, 400 and 500: the API's answer; five digits: the carrier's result."""

DOUBTFUL = frozenset({"500"})
"""NHN's own error: it may have been taken; as -9999."""
NOT_TAKEN = frozenset({"-5000", "-5001", "-5002", "-6000", "-6001"})
"""NHN could not ask its other services, before it took the message."""
PATHS: dict[str, str] = {
    "rcs_sms": "sms",
    "rcs_lms": "lms",
    "rcs_mms": "mms",
    "rcs_cards": "mms",
    "rcs_template": "template",
}
KINDS = ("sms", "lms", "mms", "template")
MMS_TYPES: dict[str, str] = {
    "SMwThM": "HORIZONTAL",
    "SMwThT": "VERTICAL",
    "CMwMhM": "CAROUSEL_MEDIUM",
    "CMwShS": "CAROUSEL_SMALL",
}
"""By the first six signs of the messagebaseId."""
PAGE = 1000
LOOK_UP_MARGIN_MS = 60_000
FIRST_MS = 24 * 3_600_000
"""How far back the first pull of an account looks."""
OVERLAP_MS = 120_000
"""A result may be written so long after the time that it tells."""
AHEAD_MS = 60_000
"""The vendor's clock may be ahead of ours."""
MAX_TOLD = 5_000
"""Failures whose codes are known, of the time that pulls overlap."""


@dataclass(frozen=True)
class Place:
    """Where a pull goes on: the window of a round, the list and page in it, failures whose code is to be asked for
    (`kind/messageId`), and those that are told already."""

    since: int
    until: int
    kind: int = 0
    offset: int = 0
    ask: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def text(self) -> str:
        """As it is kept."""
        return orjson.dumps(self.__dict__).decode()


def place_of(cursor: str | None, now_ms: int) -> Place:
    """The place that a cursor tells; a round begins where it tells none."""
    if cursor is None:
        return Place(now_ms - FIRST_MS, now_ms)
    told = Place(**orjson.loads(cursor))
    return told if told.until or told.ask else replace(told, until=now_ms)


class NhnRcs:
    """The adapter; see shared/vendors/base.py."""

    name: str = "nhn"
    channel: str = "rcs"
    types: frozenset[str] = frozenset(PATHS)
    max_batch = 1
    max_files = 6
    files_keep_s = 24 * 3600
    """A file is good for seven days (NHN RCS v1.0, media), so that it goes up once a day and not with each message."""
    same_content = False
    look_up_by_content = True
    prices: Mapping[str, Decimal] = {
        "rcs_sms": Decimal("9.00"),
        "rcs_lms": Decimal("27.00"),
        "rcs_mms": Decimal("80.00"),
        "rcs_cards": Decimal("80.00"),
        "rcs_template": Decimal("9.00"),
    }
    codes: CodeTable = CODES

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """One form a file."""
        if len(outbound.files) > self.max_files:
            raise Rejected(TOO_MANY_FILES, f"at most {self.max_files} images at this vendor")
        return [_upload(account, n, image) for n, image in enumerate(outbound.files)]

    def read_upload(self, answer: Answer) -> str:
        """The file's id."""
        with shaped(answer):
            body = api.accepted(answer, CODES, NOT_TAKEN)
            return _file_id(body)

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """One message; its form decides the path."""
        (message,) = batch
        kind = PATHS[message.type]
        body = orjson.dumps(_body(message.payload, message, kind))
        return Call("POST", f"{account.base_url}/rcs/v1.0/messages/{kind}", _headers(account), body)

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """`messageId`."""
        (message,) = batch
        with shaped(answer):
            body = _accepted(answer)
            vendor_ref = text(body.get("messageId"))
            if not vendor_ref:
                raise ValueError("a message without its id")
            return [result(message.reference, "sent", "0000", "0", "", vendor_ref, Moment(now_ms))]

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """The list of its type, about the time when it was sent; None where its content is not known any more."""
        if not isinstance(message.payload, RcsPayload):
            return None
        query = {
            "startSendDateTime": api.kst(sent_ms - LOOK_UP_MARGIN_MS),
            "endSendDateTime": api.kst(min(now_ms, sent_ms + LOOK_UP_MARGIN_MS) + LOOK_UP_MARGIN_MS),
            "chatbotId": message.payload.chatbot,
            "limit": PAGE,
        }
        url = f"{account.base_url}/rcs/v1.0/messages/{PATHS[message.type]}?{urlencode(query)}"
        return Call("GET", url, _headers(account))

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """The one with its number and words; Unavailable where several have them, or where the list has more."""
        body = asked(answer)
        with telling(answer):
            _must_be_successful(body)
            rows = listed(body["data"])
            found = [row for row in rows if _is_of(row, message)]
            if len(found) > 1:
                raise Unavailable(f"{len(found)} messages with this number and these words: it may be any of them")
            if found:
                return _found(message.reference, found[0])
            if len(rows) >= PAGE:
                raise Unavailable(f"{PAGE} messages about that time, and ours is not among them")
        return None

    def pull(self, account: VendorAccount, cursor: str | None, now_ms: int, nonce: str) -> Call:
        """A page of one of the lists of what was received, or the detail of a failure."""
        place = place_of(cursor, now_ms)
        base = f"{account.base_url}/rcs/v1.0/messages"
        if place.ask:
            return Call("GET", f"{base}/{place.ask[0]}", _headers(account))
        query = {
            "startReceiveDateTime": api.kst(place.since),
            "endReceiveDateTime": api.kst(place.until + AHEAD_MS),
            "limit": PAGE,
            "offset": place.offset,
        }
        return Call("GET", f"{base}/{KINDS[place.kind]}?{urlencode(query)}", _headers(account))

    def read_pull(self, account: VendorAccount, answer: Answer, now_ms: int) -> Pulled:
        """What was delivered, and the code of a failure; `answer.cursor` is the one that was asked with."""
        place = place_of(answer.cursor, now_ms)
        body = asked(answer)
        with telling(answer):
            if place.ask:
                return _after(replace(place, ask=place.ask[1:]), _detail(place.ask[0], body, now_ms))
            _must_be_successful(body)
            rows = body["data"]
            if not isinstance(rows, list):
                raise TypeError("data is no list")
            failed: list[str] = []
            results = each(rows, lambda row: _row(row, KINDS[place.kind], failed, now_ms), lambda row: {"data": [row]})
            known = {*place.told, *place.seen}
            turned = replace(
                place,
                ask=[name for name in dict.fromkeys(failed) if name not in known],
                seen=[*place.seen, *failed][-MAX_TOLD:],
            )
            return _after(_next_page(turned, len(rows)), results)

    def confirm(self, account: VendorAccount, pulled: Pulled, now_ms: int, nonce: str) -> Call | None:
        """Lists forget nothing."""
        return None

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> list[VendorResult]:
        """A row of a list that nobody could read when it was pulled, from its dead letter."""
        told = orjson.loads(body)
        if not isinstance(told, dict) or not isinstance(told.get("data"), list):
            raise ValueError("neither a list nor a row of it")
        return each(told["data"], lambda row: _row(row, "", [], now_ms), lambda row: {"data": [row]})


def _headers(account: VendorAccount) -> dict[str, str]:
    return {
        "x-tc-app-key": account.settings["app_key"],
        "x-secret-key": account.settings["secret_key"],
        "content-type": "application/json;charset=UTF-8",
    }


def _upload(account: VendorAccount, place: int, image: bytes) -> Call:
    bound = hashlib.sha256(image).hexdigest()[:32]
    suffix = "png" if image.startswith(b"\x89PNG") else "gif" if image.startswith(b"GIF8") else "jpg"
    head = f'--{bound}\r\ncontent-disposition: form-data; name="uploadFile"; filename="{place}.{suffix}"\r\n\r\n'
    body = head.encode() + image + f"\r\n--{bound}--\r\n".encode()
    headers = {**_headers(account), "content-type": f"multipart/form-data; boundary={bound}"}
    return Call("POST", f"{account.base_url}/rcs/v1.0/media", headers, body)


def _file_id(body: Any) -> str:
    """The guide shows no answer with the id: it is where one of its names stands, at most one object deep."""
    for part in (body, *(value for value in body.values() if isinstance(value, dict))):
        for name in ("fileId", "mediaId", "id"):
            if isinstance(part.get(name), str) and part[name]:
                return str(part[name])
    raise ValueError("a file without its id")


def _accepted(answer: Answer) -> dict[str, Any]:
    """The body of an answer that says yes; 500 in it leaves open what NHN did."""
    try:
        return api.accepted(answer, CODES, NOT_TAKEN)
    except Rejected as error:
        if error.raw_code in DOUBTFUL:
            raise Uncertain(f"{error.raw_code} {error.detail}") from error
        raise


def _body(payload: RcsPayload, message: Outbound, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "brandId": payload.brand,
        "chatbotId": payload.chatbot,
        "recipientNumber": message.to,
        "isAd": bool(payload.footer),
        "isFallback": False,
    }
    if payload.footer:
        body["unsubscribeNumber"] = payload.footer
    if kind == "template":
        body["messagebaseId"] = payload.format
        body["templateParameter"] = dict(payload.params or ())
        return body
    if kind == "mms":
        return {**body, "mmsType": MMS_TYPES[payload.format[:6]], "cards": _cards(payload.cards, message.file_ids)}
    (card,) = payload.cards
    body["body"] = card.text
    if kind == "lms" and card.title:
        body["title"] = card.title
    if card.buttons:
        body["buttons"] = [button_json(button) for button in card.buttons]
    return body


def _cards(cards: Sequence[Card], file_ids: Sequence[str]) -> list[dict[str, Any]]:
    ids = iter(file_ids)
    made = []
    for card in cards:
        one: dict[str, Any] = {"title": card.title, "description": card.text}
        if card.media:
            one["media"] = next(ids)
        if card.buttons:
            one["buttons"] = [button_json(button) for button in card.buttons]
        made.append(one)
    return made


def _must_be_successful(body: dict[str, Any]) -> None:
    header = body["header"]
    if header["isSuccessful"] is not True:
        raise Unavailable(refused(header.get("resultCode"), header.get("resultMessage")))


def _local(number: Any) -> str:
    written = text(number)
    return "0" + written[3:] if written.startswith("+82") else written


def _is_of(row: dict[str, Any], message: Outbound) -> bool:
    payload: RcsPayload = message.payload
    if _local(row.get("recipientNumber")) != message.to:
        return False
    if payload.params is not None and row.get("messagebaseId") not in (None, payload.format):
        return False
    return text(row.get("body")) == payload.text


def _found(ours: str, row: dict[str, Any]) -> VendorResult:
    vendor_ref = text(row["messageId"])
    if not vendor_ref:
        raise ValueError("a row without its message")
    if row.get("messageStatus") == "DELIVERED":
        return result(ours, "delivered", "0000", DELIVERED, "", vendor_ref, moment(row.get("receiveDateTime"), 0))
    return result(ours, "pending", "0000", text(row.get("messageStatus")), "", vendor_ref)


def _row(row: Any, kind: str, failed: list[str], now_ms: int) -> VendorResult | None:
    """A row's result; a failure only goes to `failed`, for its code stands elsewhere."""
    vendor_ref, status = row["messageId"], row["messageStatus"]
    if not isinstance(vendor_ref, str) or not vendor_ref or not isinstance(status, str):
        raise TypeError("a row without its message or status")
    at = moment(row.get("receiveDateTime"), now_ms, api.KST)
    if status == "DELIVERED":
        return result("", "delivered", "0000", DELIVERED, "", vendor_ref, at)
    if status == "CANCELED":
        return result("", "failed", "0302", status, "", vendor_ref, at)
    if status == "FAILED" and kind and vendor_ref.isascii() and vendor_ref.isalnum():
        failed.append(f"{kind}/{vendor_ref}")
    elif status == "FAILED":
        return result("", "failed", "3003", status, "", vendor_ref, at)
    return None


def _detail(name: str, body: dict[str, Any], now_ms: int) -> list[VendorResult]:
    """The end of a failure; where NHN does not know the code any more, the failure alone."""
    vendor_ref = name.partition("/")[2]
    header = body["header"]
    if header["isSuccessful"] is not True:
        raw = raw_code(header.get("resultCode"))
        if raw in ("500", api.DOUBTFUL):
            raise Unavailable(refused(raw, header.get("resultMessage")))
        return [result("", "failed", "3003", raw, header.get("resultMessage"), vendor_ref)]
    row = body["messageRecipient"]
    raw = raw_code(row.get("resultCode"))
    at = moment(row.get("receiveDateTime") or row.get("resultDateTime"), now_ms, api.KST)
    if raw == DELIVERED:
        return [result("", "delivered", "0000", raw, "", vendor_ref, at)]
    code = meaning(CODES, raw)
    return [result("", "failed", code.ims, raw, row.get("resultMessage") or code.text, vendor_ref, at)]


def _next_page(place: Place, rows: int) -> Place:
    """After a page: the next one of the list, the next list, or the next round."""
    if rows >= PAGE:
        return replace(place, offset=place.offset + rows)
    if place.kind + 1 < len(KINDS):
        return replace(place, kind=place.kind + 1, offset=0)
    since = place.until - OVERLAP_MS
    return Place(since, 0, ask=place.ask, told=place.seen)


def _after(place: Place, results: list[VendorResult]) -> Pulled:
    return Pulled(results, None, place.text(), more=bool(place.ask) or place.until != 0)


ADAPTER: Adapter = NhnRcs()
