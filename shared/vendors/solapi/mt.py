"""Solapi: SMS, LMS and MMS; see api.py."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from shared.channels.mt_payload import MtPayload
from shared.money import ABROAD
from shared.vendors.answers import check, images, parsed
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, VendorAccount
from shared.vendors.solapi.api import FILES_PATH, SEND_PATH, MessageApi, foreign
from shared.vendors.tables import codes

CODES = codes("""
    1010  1009  a required value is missing
    1011  1009  format error
    1013  1009  an SMS has no subject
    1014  1002  the subject is over 40 bytes
    1020  3004  wrong account or password
    1021  3003  no such message
    1022  3003  no such group
    1023  1009  no such image
    1024  3001  server error
    1025  1009  unknown message type
    1026  1005  duplicate recipient
    1027  1003  not UTF-8
    1028  1003  non-printable characters
    1029  1003  characters outside EUC-KR
    1030  1006  balance used up
    1031  1002  the text is too long
    1032  1009  bad custom field
    1033  1009  Kakao options on a text message
    1034  1009  the image id does not exist
    1058  3003  no route
    1060  4005  the recipient is blocked
    1061  1007  refused by the recipient (080)
    1062  1004  sender number not registered
    1064  4007  blocked after a report to KISA
    2011  1009  format error
    2024  3001  server error
    2060  4005  the recipient is blocked
    2061  1007  refused by the recipient (080)
    2062  1004  sender number not registered
    2063  3004  the account is blocked
    2064  4007  blocked after a report to KISA
    2230  1006  balance used up
    2254  4006  filtered as spam by the platform
    3010  1001  recipient number format error
    3011  1009  format error
    3012  3001  error at the carrier's gateway
    3013  1004  sender number against the rules
    3014  3003  unknown state
    3024  3001  server error
    3031  3003  cannot be delivered
    3032  4001  no subscriber
    3040  4008  delivery time exceeded
    3041  4003  handset busy
    3042  4002  no coverage
    3043  4002  handset off
    3044  4003  handset memory full
    3045  4001  service suspended
    3046  4004  other handset problem
    3047  4005  the recipient refuses
    3048  3003  unknown code
    3050  4004  the handset has no SMS service
    3051  4003  the handset cannot be called
    3052  3003  deleted by the carrier's operator
    3053  4003  the carrier's queue is full
    3054  4006  spam
    3055  4006  spam, listed at nospam.or.kr
    3056  4002  lost in the radio network
    3057  4002  lost between network and handset
    3058  3003  no route
    3059  4007  forged sender number
    3060  4005  adult check failed
    3108  1008  an advertisement outside its hours
""")


class Solapi(MessageApi):
    """The adapter; see shared/vendors/base.py."""

    channel: str = "mt"
    types: frozenset[str] = frozenset({"sms", "lms", "mms"})
    max_batch = 500
    max_files = 1
    same_content = False
    prices: Mapping[str, Decimal] = {"sms": Decimal("8.40"), "lms": Decimal("25.90"), "mms": Decimal("60.00")}
    abroad: Mapping[str, Mapping[str, Decimal]] = {"sms": {ABROAD: Decimal("110.00")}}
    """A part; stands in until the operator has entered what each country costs."""
    foreign_parts = 1
    """Solapi's documents tell of no joined parts abroad."""
    codes: CodeTable = CODES

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """One call an image; each has its own salt."""
        return [
            Call(
                "POST",
                account.base_url + FILES_PATH,
                self.headers(account, now_ms, f"{nonce}{n}"),
                orjson.dumps({"type": "MMS", "name": f"{n}.jpg", "file": base64.b64encode(image).decode()}),
            )
            for n, image in enumerate(images(outbound, self.max_files))
        ]

    def read_upload(self, answer: Answer) -> str:
        """Solapi's `fileId`."""
        check(answer)
        body = parsed(answer)
        if not body.get("fileId"):
            raise self.refusal(body, answer)
        return str(body["fileId"])

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """`allowDuplicates`, since two messages to one number are two messages: IMS itself sees to duplicates."""
        first = batch[0]
        content: MtPayload = first.payload
        shared: dict[str, Any] = {"from": content.sender, "type": first.type.upper(), "autoTypeDetect": False}
        if content.subject and first.type != "sms":
            shared["subject"] = content.subject
        if first.file_ids:
            shared["imageId"] = first.file_ids[0]
        messages = [
            {**shared, "to": m.to, "text": m.payload.text, "customFields": {"ref": m.reference}}
            if m.to[0] != "+"
            else {**shared, **foreign(m.to), "text": m.payload.text, "customFields": {"ref": m.reference}}
            for m in batch
        ]
        body = orjson.dumps({"messages": messages, "allowDuplicates": True, "showMessageList": True})
        return Call("POST", account.base_url + SEND_PATH, self.headers(account, now_ms, nonce), body)


ADAPTER: Adapter = Solapi()
