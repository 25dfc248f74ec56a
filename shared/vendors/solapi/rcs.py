"""Solapi: RCS; see api.py. The chatbot is `from`, everything else stands in `rcsOptions`; its own fail-over is off.

Which of its status codes are RCS's own no document says: those of its other channels hold, and the carriers' digits are
read as the carriers mean them. It has no field for the carrier's expiry. What its SDK leaves open is derived: the
messagebaseId travels as `templateId`, cards after the first as `additionalBody`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from shared.channels.rcs.payload import Button, Card, RcsPayload
from shared.domain.errors import Rejected
from shared.vendors.answers import TOO_MANY_FILES, check, parsed
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, VendorAccount
from shared.vendors.rcs_results import CARRIERS
from shared.vendors.solapi import mt
from shared.vendors.solapi.api import FILES_PATH, SEND_PATH, MessageApi

CODES: CodeTable = {**mt.CODES, **CARRIERS}

TYPES: dict[str, str] = {
    "rcs_sms": "RCS_SMS",
    "rcs_lms": "RCS_LMS",
    "rcs_mms": "RCS_MMS",
    "rcs_cards": "RCS_MMS",
    "rcs_cards_long": "RCS_MMS",
    "rcs_template": "RCS_TPL",
    "rcs_unified_sms": "RCS_SMS",
    "rcs_unified_lms": "RCS_LMS",
    "rcs_unified_mms": "RCS_MMS",
}
BUTTON_TYPES: dict[str, str] = {
    "URL": "WL",
    "MAP_SHOW": "ML",
    "MAP_QUERY": "MQ",
    "MAP_SHARE": "MR",
    "CALENDAR": "CA",
    "CLIPBOARD": "CL",
    "DIALER": "DL",
    "COMPOSE": "MS",
}
LINKS: dict[str, str] = {"URL": "url", "DIALER": "phone", "CLIPBOARD": "text", "MAP_QUERY": "query"}
"""The field that travels as `link`; other types' fields go by their names."""
CAROUSELS: dict[str, str] = {"CMwMhM": "M", "CMwShS": "S"}
"""`mmsType` of carousels, followed by the number of cards."""


class SolapiRcs(MessageApi):
    """The adapter; see shared/vendors/base.py."""

    channel: str = "rcs"
    types: frozenset[str] = frozenset(TYPES)
    max_batch = 500
    max_files = 6
    same_content = False
    prices: Mapping[str, Decimal] = {
        "rcs_sms": Decimal("10.00"),
        "rcs_lms": Decimal("27.00"),
        "rcs_mms": Decimal("85.00"),
        "rcs_cards": Decimal("85.00"),
        "rcs_cards_long": Decimal("85.00"),
        "rcs_template": Decimal("10.00"),
        "rcs_unified_sms": Decimal("10.00"),
        "rcs_unified_lms": Decimal("27.00"),
        "rcs_unified_mms": Decimal("85.00"),
    }
    codes: CodeTable = CODES

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """One call an image; each has its own salt."""
        if len(outbound.files) > self.max_files:
            raise Rejected(TOO_MANY_FILES, f"at most {self.max_files} images at this vendor")
        return [
            Call(
                "POST",
                account.base_url + FILES_PATH,
                self.headers(account, now_ms, f"{nonce}{n}"),
                orjson.dumps({"type": "RCS", "name": f"{n}.jpg", "file": base64.b64encode(image).decode()}),
            )
            for n, image in enumerate(outbound.files)
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
        messages = [_message(m) for m in batch]
        body = orjson.dumps({"messages": messages, "allowDuplicates": True, "showMessageList": True})
        return Call("POST", account.base_url + SEND_PATH, self.headers(account, now_ms, nonce), body)


def _message(m: Outbound) -> dict[str, Any]:
    payload: RcsPayload = m.payload
    options: dict[str, Any] = {
        "brandId": payload.brand,
        "templateId": payload.format,
        "commercialType": bool(payload.footer) or m.lane == "ad",
        "copyAllowed": payload.copy_allowed,
        "disableSms": True,
    }
    made: dict[str, Any] = {
        "to": m.to,
        "from": payload.chatbot,
        "type": TYPES[m.type],
        "autoTypeDetect": False,
        "customFields": {"ref": m.reference},
        "rcsOptions": options,
    }
    if payload.params is not None:
        options["variables"] = {f"#{{{name}}}": value for name, value in payload.params}
        return {**made, "text": payload.text}
    files = iter(m.file_ids)
    first, *rest = payload.cards
    made["text"] = first.text
    if first.title:
        made["subject"] = first.title
    if first.media:
        made["imageId"] = next(files)
    if first.buttons:
        options["buttons"] = [_button(b) for b in first.buttons]
    if carousel := CAROUSELS.get(payload.format[:6]):
        options["mmsType"] = f"{carousel}{len(payload.cards)}"
        options["additionalBody"] = [_card(card, next(files)) for card in rest]
    if payload.footer:
        options["unsubscribeNumber"] = payload.footer
    return made


def _card(card: Card, file_id: str) -> dict[str, Any]:
    made: dict[str, Any] = {"title": card.title, "description": card.text, "imaggeId": file_id}  # as Solapi writes it
    if card.buttons:
        made["buttons"] = [_button(b) for b in card.buttons]
    return made


def _button(button: Button) -> dict[str, Any]:
    made = {"buttonName": button.name, "buttonType": BUTTON_TYPES[button.type]}
    link = LINKS.get(button.type)
    for name, value in button.fields:
        made["link" if name in (link, "url") else name] = value
    return made


ADAPTER: Adapter = SolapiRcs()
