"""Solapi: AlimTalk by template id and variables; Solapi fills the text. See api.py.

`disableSms` is always true: without it Solapi fails over to SMS by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from shared.channels.kakao.payload import KakaoPayload
from shared.vendors.base import Adapter, Call, CodeTable, Outbound, VendorAccount
from shared.vendors.solapi.api import SEND_PATH, MessageApi
from shared.vendors.tables import codes

CODES = codes("""
    1010  1009  a required value is missing
    1011  1009  format error
    1020  3004  wrong account or password
    1024  3001  server error
    1025  1009  unknown message type
    1026  1005  duplicate recipient
    1030  1006  not enough balance
    1031  1002  the text is too long
    1032  1009  a custom field is too long
    1041  2003  no such sender profile
    1042  2001  no such template
    1043  2002  the text is not the template's
    1044  2002  a button is not the template's
    1045  2002  a button's address is not the template's
    1046  2002  the template has buttons
    1047  2002  the template has no buttons
    1048  1002  a button's address is over 100 characters
    1049  1002  a button's name is over 14 characters
    1050  1009  over 5 buttons
    1051  1011  the image does not exist
    1052  2002  the order of the buttons is not the template's
    1053  1009  a delivery button is not allowed
    2230  1006  not enough balance
    3012  3001  the carrier timed out
    3040  4008  no report in time
    3101  2003  the sender key is not valid
    3102  2004  not a friend
    3103  2002  the text is not the template's
    3104  2004  the recipient does not use KakaoTalk
    3105  2001  no such template
    3106  2003  the channel is not valid
    3107  2004  not active in 72 hours, or blocks AlimTalk
    3108  1008  outside the hours in which it may be sent
""")


class SolapiKakao(MessageApi):
    """The adapter; see shared/vendors/base.py."""

    channel: str = "kakao"
    types: frozenset[str] = frozenset({"alimtalk"})
    max_batch = 500
    max_files = 0
    same_content = False
    prices: Mapping[str, Decimal] = {"alimtalk": Decimal("6.50")}
    codes: CodeTable = CODES

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """Type ATA, with the variables that fill the template; our code of a template is Solapi's id of it, unless the
        account's settings say another (`template:<code>`)."""
        first: KakaoPayload = batch[0].payload
        shared: dict[str, Any] = {
            "pfId": account.settings.get(f"profile:{first.sender_key}", first.sender_key),
            "templateId": account.settings.get(f"template:{first.template_code}", first.template_code),
            "disableSms": True,
        }
        messages = [
            {
                "to": m.to,
                "type": "ATA",
                "kakaoOptions": {**shared, "variables": {f"#{{{name}}}": value for name, value in m.payload.variables}},
                "customFields": {"ref": m.reference},
            }
            for m in batch
        ]
        body = orjson.dumps({"messages": messages, "allowDuplicates": True, "showMessageList": True})
        return Call("POST", account.base_url + SEND_PATH, self.headers(account, now_ms, nonce), body)


ADAPTER: Adapter = SolapiKakao()
