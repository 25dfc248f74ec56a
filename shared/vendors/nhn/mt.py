"""NHN Cloud SMS v3.0: SMS, LMS and MMS.

Our reference travels as `recipientGroupingKey` and comes back in answers,
look-ups and webhooks. The lane chooses the endpoint: urgent (auth/sms) for one-time passwords, ad-sms and ad-mms for
advertisements. One call has one body: substitution works only inside templates stored at NHN, so `same_content`. A text
message has no resend at NHN (that is an option of its Kakao API), so nothing needs turning off here; NHN's console
option to resend advertisements after the night window must stay off, because IMS owns fail-over.
See api.py for proofs, envelopes and settings.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.channels.mt_payload import MtPayload
from shared.domain.errors import Unavailable
from shared.money import ABROAD
from shared.vendors.answers import Pending, asked, images, listed, raw_code, shaped, telling
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, VendorAccount, VendorResult
from shared.vendors.nhn import abroad, api
from shared.vendors.reading import Moment, dig, joined, objects, reference, refused, result, text
from shared.vendors.tables import codes, meaning

DELIVERED = "1000"

# Below zero: the API's answer. Above zero and E…: the carrier's result.
CODES = {
    **codes("""
    4      1009  a parameter is not valid
    -1000  3004  the app key is not valid
    -1001  3004  no such app key
    -1002  3004  the app key is closed
    -1003  3004  not a member of the project
    -1004  3004  our address is not allowed
    -1005  1009  bad search condition
    -1006  1009  unknown message type
    -1007  3004  not a valid member
    -1008  3004  the project is blocked
    -2000  1009  date format error
    -2001  1001  no recipient
    -2002  1009  bad file name
    -2003  1009  the file is not a JPEG
    -2004  1009  the file has expired or does not exist
    -2005  1002  the file is over 300 KB
    -2006  1009  wrong template type
    -2008  1009  bad request id
    -2009  3001  the upload failed at NHN
    -2010  3001  bad upload type at NHN
    -2011  1009  a search needs its range
    -2012  1009  bad search parameter
    -2014  1009  title or body is empty
    -2015  1002  title or body is too long
    -2016  1009  over 1,000 recipients
    -2017  1009  of a management call
    -2018  1001  the recipient number is empty
    -2019  1001  the recipient number is not valid
    -2021  3001  NHN could not queue the request
    -2022  1009  the reservation lies in the past
    -2023  1003  characters that are not allowed
    -2024  4004  no LMS or MMS abroad
    -2044  4004  the country cannot be served
    -2045  4004  international messages are blocked
    -2046  4004  the country is blocked
    -2047  1006  the international limit is reached
    -2048  1002  an international text is too long
    -2050  1009  the conversion is not ready
    -2051  1006  the conversion rate is too low
    -2052  1006  the sending limit is reached
    -2053  1006  the country's daily limit is reached
    -2312  1004  sender number not registered
    -2313  4007  the sender number is blocked
    -4000  1009  a search over more than a month
    -6000  1008  no 080 opt-out service
    -6001  1007  the recipient has opted out
    -6003  1008  the advertisement has no opt-out notice
    -6004  1008  the 080 number is not in use
    -8000  1009  a one-time password without its wording
    -9995  1009  unknown API version
    -9996  1009  wrong content type
    -9997  1009  unreadable JSON
    -9998  1009  no such API
    -9999  3001  system error
    1001   3002  server busy
    1002   1001  recipient number format error
    1003   1004  sender number format error
    1019   4008  time to live exceeded
    2000   4008  delivery time exceeded
    2001   4002  lost in the radio network
    2002   4002  lost between network and handset
    2003   4002  handset off
    2004   4003  message buffer full
    2005   4002  no coverage
    2006   3003  the message was deleted
    2007   4002  a passing handset problem
    3000   3003  cannot be delivered
    3001   4001  no subscriber
    3002   4005  adult check failed
    3003   1001  wrong or unused number
    3004   4001  service suspended
    3005   4003  the handset is in a call
    3006   4005  the recipient refuses
    3007   4004  no callback URL on this handset
    3008   4004  other handset problem
    3009   1009  message format error
    3010   4004  the handset has no MMS
    3011   3001  server error at the carrier
    3012   4006  spam
    3013   4005  the carrier refuses the service
    3014   3003  other cause
    3015   3003  no route
    3016   1002  the attachment is too large
    3017   4007  the sender number's form is forbidden
    3018   4007  the sender number is a protected private number
    3019   4007  the sender number is blocked by KISA
    4001   1009  signature form
    4002   1004  sender error
    4003   1001  recipient error
    4004   4002  a passing handset problem
    4005   4001  no subscriber
    4006   4001  the recipient cannot be reached
    4007   3003  carrier error, or blocked by it
    4008   4006  spam
    4009   4002  a passing network problem
    4010   4006  an abnormal pattern of sending
    E900   3003  other error
    E911   1009  the attachment has no extension
    E913   1009  the attachment is empty
    E915   1005  duplicate message
    E919   1008  within hours when sending is restricted
    E999   3003  other error
"""),
    **abroad.CODES,
}

NOT_TAKEN = frozenset({"-2021"})
"""NHN could not queue the request."""
STATUS_CODES: dict[str, str] = {"CANCEL": "0302", "DUPLICATED": "1005", "FAILED_AD": "1008"}
"""IMS codes of a webhook's `messageStatus` where it has no result code."""
AT_NHN = "RESEND_AD"
"""`messageStatus` of an advertisement that NHN sends again by itself after the night: no end, nothing to send twice."""
PENDING_STATUSES = frozenset({"1", "2"})
"""`msgStatus` of a look-up: requested, being processed."""

AUTH_WORDS = re.compile("auth|password|verify|にんしょう|認証|비밀번호|인증", re.IGNORECASE)
"""The urgent endpoint takes only texts with one of these words."""
TITLE_CHARACTERS = 20
"""NHN wants a title for every long message; without a subject it is the text's beginning (40 bytes at most)."""
LOOK_UP_MARGIN_MS = 5 * 60_000


class NhnSms(api.Hooked):
    """The adapter; see shared/vendors/base.py."""

    name: str = "nhn"
    channel: str = "mt"
    types: frozenset[str] = frozenset({"sms", "lms", "mms"})
    max_batch = 500
    max_files = 3
    same_content = True
    prices: Mapping[str, Decimal] = {"sms": Decimal("9.90"), "lms": Decimal("29.70"), "mms": Decimal("99.00")}
    abroad: Mapping[str, Mapping[str, Decimal]] = {"sms": {ABROAD: Decimal("110.00")}}
    """A part. NHN prices each country by itself: this stands in until the operator has entered them."""
    foreign_parts = 5
    """Of which NHN's table of charges goes up to (335 characters in UCS-2, 765 in GSM-7)."""
    codes: CodeTable = CODES

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """One call an image, base64."""
        url = self._url(account, "attachfile/binaryUpload")
        return [
            Call(
                "POST",
                url,
                api.headers(account),
                orjson.dumps(
                    {"fileName": f"{n}.jpg", "createUser": "ims", "fileBody": base64.b64encode(image).decode()}
                ),
            )
            for n, image in enumerate(images(outbound, self.max_files))
        ]

    def read_upload(self, answer: Answer) -> str:
        """NHN's `fileId`, a number."""
        with shaped(answer):
            return str(int(self._accepted(answer)["fileId"]))

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """One body for all recipients: the texts of the batch must be equal."""
        first = batch[0]
        text: MtPayload = first.payload
        content: dict[str, Any] = {"body": text.text, "sendNo": text.sender, "userId": "ims"}
        if first.type != "sms":
            content["title"] = text.subject or _beginning(text.text)
        if first.file_ids:
            content["attachFileIdList"] = [int(file_id) for file_id in first.file_ids]
        content["recipientList"] = [
            {"recipientNo": m.to, "recipientGroupingKey": m.reference}
            if m.to[0] != "+"
            else {"internationalRecipientNo": m.to[1:], "recipientGroupingKey": m.reference}
            for m in batch
        ]
        return Call("POST", self._url(account, sender_path(first)), api.headers(account), orjson.dumps(content))

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """`sendResultList`; a message that it does not have is pending."""
        data, waiting, results = self._accepted(answer), Pending(batch), []
        with shaped(answer):
            for item in objects(data.get("sendResultList") or []):
                raw = raw_code(item.get("resultCode"))
                vendor_ref = joined(data.get("requestId"), item.get("recipientSeq"))
                ref = waiting.take(item.get("recipientGroupingKey"), text(item.get("recipientNo"))) if raw else None
                if ref and raw == "0":
                    results.append(result(ref, "sent", "0000", raw, "", vendor_ref, Moment(now_ms)))
                elif ref:
                    results.append(_failed(ref, raw, item.get("resultMessage"), vendor_ref, Moment(now_ms)))
            return results + waiting.unmentioned()

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """The sending list of the same endpoint, by our reference and number."""
        query = {
            "startCreateDate": api.kst(sent_ms - LOOK_UP_MARGIN_MS),
            "endCreateDate": api.kst(now_ms + LOOK_UP_MARGIN_MS),
            "recipientNo": message.to.lstrip("+"),
            "recipientGroupingKey": message.reference,
        }
        url = f"{self._url(account, sender_path(message))}?{urlencode(query)}"
        return Call("GET", url, api.headers(account))

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """`msgStatus` 1 and 2 are under way; anything else has its `resultCode`."""
        body = asked(answer)
        with telling(answer):
            if body["header"]["isSuccessful"] is not True:
                raise Unavailable(refused(body["header"].get("resultCode"), body["header"].get("resultMessage")))
            for item in listed(body["body"]["data"]):
                if item.get("recipientGroupingKey") == message.reference:
                    return _found(message, item)
            if message.lane == "auth" and message.type == "sms":
                raise Unavailable("without its text nobody knows which of two endpoints carried it: it may be there")
        return None

    def hook(self, hook: Any, now_ms: int) -> VendorResult | None:
        """One hook of MESSAGE_RESULT_UPDATE."""
        return _hook(hook, now_ms)

    def _url(self, account: VendorAccount, path: str) -> str:
        return f"{account.base_url}/sms/v3.0/appKeys/{account.settings['app_key']}/{path}"

    def _accepted(self, answer: Answer) -> dict[str, Any]:
        """The `data` of an answer that says that the request was taken."""
        with shaped(answer):
            data = api.accepted(answer, CODES, NOT_TAKEN)["body"]["data"]
            if not isinstance(data, dict):
                raise TypeError("data is no object")
            return data


def _beginning(text: str) -> str:
    """A title for a text without a subject; the text may be blank, which NHN then refuses itself."""
    return next(iter(text.lstrip()[:TITLE_CHARACTERS].splitlines()), "") or "-"


def sender_path(message: Outbound) -> str:
    """The endpoint that carries a message, by lane and type; a password without its wording goes the common way.

    A look-up has no text: it asks where most passwords go.
    """
    if message.lane == "ad" and message.to[0] != "+":  # abroad, no Korean form of advertisements is asked for
        return "sender/ad-sms" if message.type == "sms" else "sender/ad-mms"
    if message.type != "sms":
        return "sender/mms"
    urgent = message.lane == "auth" and (message.payload is None or AUTH_WORDS.search(message.payload.text))
    return "sender/auth/sms" if urgent else "sender/sms"


def _found(message: Outbound, item: dict[str, Any]) -> VendorResult:
    """What a look-up says of a message."""
    ours = message.reference
    vendor_ref = joined(item.get("requestId"), item.get("recipientSeq"))
    if raw_code(item["msgStatus"]) in PENDING_STATUSES:
        return result(ours, "pending", "0000", vendor_ref=vendor_ref)
    raw = raw_code(item["resultCode"])
    if not raw:
        raise ValueError("an end without its code")
    if raw == DELIVERED and message.to[0] == "+":
        return abroad.taken(ours, vendor_ref, api.when(item.get("resultDate")))
    return _end(ours, raw, item.get("resultMessage"), vendor_ref, api.when(item.get("resultDate")))


def _hook(hook: Any, now_ms: int) -> VendorResult:
    # NHN's own example writes the key as recipientGropuingKey.
    ours = reference(dig(hook, "recipientGroupingKey") or dig(hook, "recipientGropuingKey"))
    vendor_ref = joined(hook.get("requestId"), hook.get("recipientSeq"))
    at = api.when(hook.get("receiveDate"), now_ms)
    if not ours and not vendor_ref:
        raise ValueError("a hook that names no message")
    if hook.get("resultCode"):
        raw = raw_code(hook["resultCode"])
        if not raw:
            raise TypeError("resultCode is neither text nor number")
        return _end(ours, raw, hook.get("resultMessage"), vendor_ref, at)
    status = hook["messageStatus"]
    if not isinstance(status, str):
        raise TypeError("messageStatus is no text")
    if status == AT_NHN:
        return result(ours, "sent", "0000", status, "", vendor_ref, at)
    if status == "COMPLETED":
        return result(ours, "delivered", "0000", status, "", vendor_ref, at)
    return result(ours, "failed", STATUS_CODES.get(status, "3003"), status, "", vendor_ref, at)


def _end(ours: str, raw: str, said: Any, vendor_ref: str, at: Moment) -> VendorResult:
    if raw == DELIVERED:
        return result(ours, "delivered", "0000", raw, "", vendor_ref, at)
    return _failed(ours, raw, said, vendor_ref, at)


def _failed(ours: str, raw: str, said: Any, vendor_ref: str, at: Moment) -> VendorResult:
    code = meaning(CODES, raw)
    return result(ours, "failed", code.ims, raw, said or code.text, vendor_ref, at)


ADAPTER: Adapter = NhnSms()
