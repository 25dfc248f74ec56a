"""NHN Cloud KakaoTalk Bizmessage: AlimTalk v2.3 and Brand Message v1.0.

An AlimTalk goes as `raw-messages`: the whole text and every part of the template filled in by IMS, which NHN and Kakao
hold against the approved template; so a message keeps the version that it was accepted with. One-time passwords go by
`auth/raw-messages` where the text has one of its words. Our reference is `recipientGroupingKey`. AlimTalk's header
`X-NC-API-IDEMPOTENCY-KEY` is refused the second time within ten minutes (-1005), which says that the first call
arrived: then IMS looks up. A Brand Message goes as `freestyle-messages`: all recipients share one content, and the
answer names them by number, in order.

`resendParameter.isResend` is always false: without it the console's setting would fail over by itself. What a webhook
says of a resend (`resendStatus` other than RSC01) is told in the result's text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.channels.kakao.limits import CODE_WORDS
from shared.channels.kakao.payload import KakaoPayload
from shared.domain.errors import Rejected, Uncertain
from shared.vendors.answers import Pending, asked, raw_code, shaped, telling
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, TemplateState, VendorAccount, VendorResult
from shared.vendors.nhn import api
from shared.vendors.nhn.kakao_codes import CODES
from shared.vendors.reading import Moment, dig, joined, objects, reference, refused, result, text
from shared.vendors.tables import meaning

DELIVERED = "1000"
REPEATED = "-1005"
"""The idempotency key was used before: the first call arrived."""
NOT_RESENT = ("", "RSC01")
LOOK_UP_MARGIN_MS = 5 * 60_000
BOUNDARY = "ims-7c1f7b5a2e"
IMAGE_TYPES = {
    "IMAGE": "IMAGE", "WIDE": "WIDE_IMAGE", "COMMERCE": "IMAGE", "CAROUSEL_FEED": "CAROUSEL_FEED_IMAGE",
    "CAROUSEL_COMMERCE": "CAROUSEL_COMMERCE_IMAGE", "WIDE_ITEM_LIST": "NORMAL_WIDE_ITEMLIST_IMAGE",
}  # fmt: skip
LINKS = {"mobile": "linkMo", "pc": "linkPc", "ios": "schemeIos", "android": "schemeAndroid"}
BUTTON = {
    "type": "type", "name": "name", **LINKS, "extra": "chatExtra", "event": "chatEvent", "form": "bizFormId",
    "plugin": "pluginId", "relay": "relayId", "product": "productId", "one_click": "oneClickId", "target": "target",
    "phone": "telNumber",
}  # fmt: skip
STATES = {"TSC01": "submitted", "TSC02": "in_review", "TSC03": "approved", "TSC04": "rejected"}
EMPHASES = {"none": "NONE", "text": "TEXT", "image": "IMAGE", "item_list": "ITEM_LIST"}


class NhnKakao(api.Hooked):
    """The adapter; see shared/vendors/base.py."""

    name: str = "nhn"
    channel: str = "kakao"
    types: frozenset[str] = frozenset({"alimtalk", "brand"})
    max_batch = 500
    max_files = 10
    same_content = False
    prices: Mapping[str, Decimal] = {"alimtalk": Decimal("7.50"), "brand": Decimal("15.00")}
    codes: CodeTable = CODES

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """The images of a Brand Message, one call each."""
        kind = IMAGE_TYPES.get(outbound.payload.part("bubble") or "", "IMAGE")
        url = f"{account.base_url}/brand-message/v1.0/appkeys/{account.settings['app_key']}/images"
        headers = {**api.headers(account), "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        return [Call("POST", url, headers, _form(kind, n, body)) for n, body in enumerate(outbound.files)]

    def read_upload(self, answer: Answer) -> str:
        """The image's address."""
        with shaped(answer):
            return str(api.accepted(answer, CODES)["image"]["imageUrl"])

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """One template, or one content, for all recipients."""
        first: KakaoPayload = batch[0].payload
        if first.kind == "brand":
            return Call("POST", _brand(account), api.headers(account), orjson.dumps(_brand_body(batch)))
        body = {
            "senderKey": first.sender_key,
            "templateCode": first.template_code,
            "recipientList": [_alimtalk(m) for m in batch],
        }
        key = hashlib.blake2b("".join(m.reference for m in batch).encode(), digest_size=16).hexdigest()
        headers = {**api.headers(account), "x-nc-api-idempotency-key": key}
        return Call("POST", f"{_alimtalks(account, batch[0])}/raw-messages", headers, orjson.dumps(body))

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """`sendResults`; Brand Messages are named by their numbers, in order."""
        body, waiting, results = self._accepted(answer), Pending(batch), []
        with shaped(answer):
            message = body.get("message") or {}
            for item in objects(message.get("sendResults") or []):
                raw = raw_code(item.get("resultCode"))
                vendor_ref = joined(message.get("requestId"), item.get("recipientSeq"))
                ours = item.get("recipientGroupingKey")
                found = waiting.take(ours, text(item.get("recipientNo"))) if raw else None
                if found and raw == "0":
                    results.append(result(found, "sent", "0000", raw, "", vendor_ref, Moment(now_ms)))
                elif found:
                    results.append(_failed(found, raw, item.get("resultMessage"), vendor_ref, Moment(now_ms)))
        return results + waiting.unmentioned()

    def _accepted(self, answer: Answer) -> dict[str, Any]:
        try:
            return api.accepted(answer, CODES)
        except Rejected as error:
            if error.raw_code == REPEATED:
                raise Uncertain("NHN has had this call before") from error
            if error.raw_code == "-1031":  # all were refused, each with its own reason
                with shaped(answer):
                    found: dict[str, Any] = orjson.loads(answer.body)
                    if dig(found, "message", "sendResults"):
                        return found
            if meaning(CODES, error.raw_code or "").ims == "0300":
                raise Uncertain(str(error)) from error
            raise

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """The list of the path that carries most such messages, by our reference."""
        query = {
            "startCreateDate": api.kst(sent_ms - LOOK_UP_MARGIN_MS)[:-3],
            "endCreateDate": api.kst(now_ms + LOOK_UP_MARGIN_MS)[:-3],
            "recipientGroupingKey": message.reference,
        }
        if message.type == "brand":
            url = f"{account.base_url}/brand-message/v1.0/appkeys/{account.settings['app_key']}/messages"
        else:
            url = f"{_alimtalks(account, message)}/messages"
        return Call("GET", f"{url}?{urlencode(query)}", api.headers(account))

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """`messageSearchResultResponse.messages`."""
        body = asked(answer)
        with telling(answer):
            if body["header"]["isSuccessful"] is not True:
                raise ValueError(refused(body["header"].get("resultCode"), body["header"].get("resultMessage")))
            found = body["messageSearchResultResponse"]
            for item in objects(found["messages"]):
                if item.get("recipientGroupingKey") == message.reference:
                    return _found(message.reference, item)
            if found["messages"] or found["totalCount"] != 0:
                raise ValueError("an answer that is not only about this message, or not whole")
            if message.lane == "auth" and message.type != "brand":
                raise ValueError("without its text nobody knows which of two paths carried it: it may be there")
        return None

    def hook(self, hook: Any, now_ms: int) -> VendorResult | None:
        """One hook of MESSAGE_RESULT_UPDATE."""
        return _hook(hook, now_ms)

    # --- templates ----------------------------------------------------------------------------------------------------

    def register_template(self, account: VendorAccount, template: Mapping[str, Any], nonce: str) -> Call:
        """A new template by POST, the next version of one by PUT; each is reviewed."""
        new = int(template["version"]) == 1
        url = _templates(account, template) + ("" if new else f"/{template['code']}")
        return Call("POST" if new else "PUT", url, api.headers(account), orjson.dumps(_template(template)))

    def read_register(self, answer: Answer) -> TemplateState:
        """Taken: it waits for review."""
        api.accepted(answer, CODES)
        return TemplateState("submitted")

    def ask_template(self, account: VendorAccount, template: Mapping[str, Any], nonce: str) -> Call:
        """By its code: lists leave out templates that sleep."""
        return Call("GET", f"{_templates(account, template)}/{template['code']}", api.headers(account))

    def read_template(self, answer: Answer) -> TemplateState:
        """Its state, and the reviewers' words."""
        with shaped(answer):
            found = api.accepted(answer, CODES)["template"]
            state = STATES.get(text(found.get("status")), "in_review")
            if found.get("block") is True:
                state = "blocked"
            elif found.get("dormant") is True:
                state = "asleep"
            words = [
                {"by": text(c.get("userName")), "text": text(c.get("content")), "at": text(c.get("createdAt"))}
                for c in objects(found.get("comments") or [])
            ]
            return TemplateState(state, words)


def _alimtalks(account: VendorAccount, message: Outbound) -> str:
    base = f"{account.base_url}/alimtalk/v2.3/appkeys/{account.settings['app_key']}"
    return f"{base}/auth" if by_auth_path(message) else base


def by_auth_path(message: Outbound) -> bool:
    """Whether the path for one-time passwords takes it: the whole text has one of its words. A look-up has no text."""
    if message.lane != "auth":
        return False
    if message.payload is None:
        return True
    payload: KakaoPayload = message.payload
    whole = f"{payload.text}\n{payload.part('extra') or ''}".lower()
    return any(word in whole for word in CODE_WORDS)


def _brand(account: VendorAccount) -> str:
    return f"{account.base_url}/brand-message/v1.0/appkeys/{account.settings['app_key']}/freestyle-messages"


def _templates(account: VendorAccount, template: Mapping[str, Any]) -> str:
    key = template["content"].get("sender_key") or ""
    return f"{account.base_url}/alimtalk/v2.3/appkeys/{account.settings['app_key']}/senders/{key}/templates"


def _alimtalk(message: Outbound) -> dict[str, Any]:
    payload: KakaoPayload = message.payload
    parts = payload.all_parts()
    made: dict[str, Any] = {
        "recipientNo": message.to,
        "content": payload.text,
        "recipientGroupingKey": message.reference,
        "resendParameter": {"isResend": False},
    }
    names = {"title": "templateTitle", "header": "templateHeader"}
    made |= {theirs: parts[ours] for ours, theirs in names.items() if ours in parts}
    made |= _lists(parts)
    if "link" in parts:
        made["templateRepresentLink"] = _renamed(parts["link"], LINKS)
    for ours, theirs in (("buttons", "buttons"), ("quick_replies", "quickReplies")):
        if parts.get(ours):
            made[theirs] = [{"ordering": n, **_renamed(b, BUTTON)} for n, b in enumerate(parts[ours], 1)]
    return made


def _lists(parts: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if parts.get("items"):
        made["templateItem"] = {"list": parts["items"]}
        if parts.get("summary"):
            made["templateItem"]["summary"] = parts["summary"]
    if parts.get("highlight"):
        found = parts["highlight"]
        made["templateItemHighlight"] = {k: v for k, v in found.items() if k in ("title", "description")}
    return made


def _template(template: Mapping[str, Any]) -> dict[str, Any]:
    content = template["content"]
    made: dict[str, Any] = {
        "templateCode": template["code"],
        "templateName": template["name"],
        "templateContent": content["text"],
        "templateMessageType": content.get("kind", "BA"),
        "templateEmphasizeType": EMPHASES[content.get("emphasis", "none")],
        "securityFlag": bool(content.get("security")),
        "categoryCode": content.get("category") or "999999",
    }
    names = {"extra": "templateExtra", "title": "templateTitle", "subtitle": "templateSubtitle"}
    names |= {"header": "templateHeader", "image": "templateImageName"}
    made |= {theirs: content[ours] for ours, theirs in names.items() if content.get(ours)}
    made |= _lists(content)
    if content.get("link"):
        made["templateRepresentLink"] = _renamed(content["link"], LINKS)
    for ours, theirs in (("buttons", "buttons"), ("quick_replies", "quickReplies")):
        made[theirs] = [{"ordering": n, **_renamed(b, BUTTON)} for n, b in enumerate(content.get(ours) or (), 1)]
    return made


def _brand_body(batch: Sequence[Outbound]) -> dict[str, Any]:
    first: KakaoPayload = batch[0].payload
    parts, urls = first.all_parts(), iter(batch[0].file_ids)
    targeting = parts.get("targeting", "I")
    made: dict[str, Any] = {"senderKey": first.sender_key, "chatBubbleType": parts["bubble"], "pushAlarm": True}
    if first.text:
        made["additionalContent" if parts["bubble"] == "COMMERCE" else "content"] = first.text
    if parts.get("header"):
        made["header"] = parts["header"]
    if parts.get("optout"):
        made["unsubscribeNo"] = parts["optout"]
    if parts.get("image"):
        link = (parts.get("link") or {}).get("mobile")
        made["image"] = {"imageUrl": next(urls, ""), **({"imageLink": link} if link else {})}
    intro = parts.get("intro")
    head = None
    if intro:
        head = {"header": intro["header"], "content": intro["text"], "imageUrl": next(urls, ""), **_links(intro)}
    if parts.get("items"):
        listed = [
            {**({"title": i["title"]} if i.get("title") else {}), "imageUrl": next(urls, ""), **_links(i["link"])}
            for i in parts["items"]
        ]
        made["item"] = {"list": listed}
    if parts.get("cards"):
        made["carousel"] = {"list": [_card(card, next(urls, "")) for card in parts["cards"]]}
        if head:
            made["carousel"]["head"] = head
        if parts.get("tail"):
            made["carousel"]["tail"] = _links(parts["tail"])
    if parts.get("video"):
        video = parts["video"]
        made["video"] = {"videoUrl": video["url"], "thumbnailUrl": video.get("thumbnail")}
    if parts.get("commerce"):
        made["commerce"] = _commerce(parts["commerce"])
    if parts.get("coupon"):
        made["coupon"] = _coupon(parts["coupon"])
    if parts.get("buttons"):
        made["buttons"] = [_renamed(b, BUTTON) for b in parts["buttons"]]
    made["recipientList"] = [
        {
            "recipientNo": m.to,
            "targeting": targeting,
            "recipientGroupingKey": m.reference,
            "resendParameter": {"isResend": False},
        }
        for m in batch
    ]
    return made


def _card(card: Mapping[str, Any], url: str) -> dict[str, Any]:
    made: dict[str, Any] = {"imageUrl": url}
    if (card.get("link") or {}).get("mobile"):
        made["imageLink"] = card["link"]["mobile"]
    if card.get("header"):
        made["header"] = card["header"]
    if card.get("text"):
        made["additionalContent" if card.get("commerce") else "message"] = card["text"]
    if card.get("commerce"):
        made["commerce"] = _commerce(card["commerce"])
    if card.get("coupon"):
        made["coupon"] = _coupon(card["coupon"])
    if card.get("buttons"):
        made["buttons"] = [_renamed(b, BUTTON) for b in card["buttons"]]
    return made


def _commerce(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "title": "title", "regular_price": "regularPrice", "discount_price": "discountPrice",
        "discount_rate": "discountRate", "discount_fixed": "discountFixed",
    }  # fmt: skip
    return _renamed(given, names)


def _coupon(given: Mapping[str, Any]) -> dict[str, Any]:
    return _renamed(given, {"title": "title", "description": "description", **LINKS})


def _links(given: Mapping[str, Any]) -> dict[str, Any]:
    return _renamed(given, LINKS)


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[name]: value for name, value in given.items() if name in names and value is not None}


def _form(kind: str, n: int, body: bytes) -> bytes:
    """A multipart form with an image and its type."""
    png = body.startswith(b"\x89PNG")
    name, media = (f"{n}.png", "image/png") if png else (f"{n}.jpg", "image/jpeg")
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="imageType"\r\n\r\n{kind}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        f"Content-Type: {media}\r\n\r\n"
    )
    return head.encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()


def _found(ours: str, item: Mapping[str, Any]) -> VendorResult:
    """What a look-up says of a message."""
    vendor_ref = joined(item.get("requestId"), item.get("recipientSeq"))
    raw, status = raw_code(item.get("resultCode")), text(item.get("messageStatus"))
    if status not in ("COMPLETED", "FAILED") or not raw:
        return result(ours, "pending", "0000", raw, status, vendor_ref)
    return _end(ours, raw, item.get("resultCodeName"), vendor_ref, api.when(item.get("receiveDate")), item)


def _hook(hook: Any, now_ms: int) -> VendorResult:
    ours = reference(dig(hook, "recipientGroupingKey"))
    vendor_ref = joined(hook.get("requestId"), hook.get("recipientSeq"))
    raw = raw_code(hook["resultCode"])
    if not raw or not (ours or vendor_ref):
        raise ValueError("a hook without its code, or without a message")
    return _end(ours, raw, hook.get("resultMessage"), vendor_ref, api.when(hook.get("receiveDate"), now_ms), hook)


def _end(ours: str, raw: str, said: Any, vendor_ref: str, at: Moment, item: Mapping[str, Any]) -> VendorResult:
    again = text(item.get("resendStatus"))
    note = "" if again in NOT_RESENT else f" (NHN failed over by itself: {again})"
    if raw == DELIVERED:
        found = result(ours, "delivered", "0000", raw, note.strip(), vendor_ref, at)
    else:
        found = _failed(ours, raw, f"{text(said) or meaning(CODES, raw).text}{note}", vendor_ref, at)
    return found._replace(resent=bool(note))


def _failed(ours: str, raw: str, said: Any, vendor_ref: str, at: Moment) -> VendorResult:
    code = meaning(CODES, raw)
    return result(ours, "failed", code.ims, raw, said or code.text, vendor_ref, at)


ADAPTER: Adapter = NhnKakao()
