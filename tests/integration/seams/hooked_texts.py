"""The same vendor's text messages: one webhook for both, and a code that means something else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.vendors.base import Call, Outbound, VendorAccount
from shared.vendors.tables import codes
from tests.integration.seams.hooked import Hooked


class HookedTexts(Hooked):
    channel = "mt"
    types = frozenset({"sms", "lms"})
    prices: Mapping[str, Decimal] = {"sms": Decimal("8.00"), "lms": Decimal("20.00")}
    codes = codes("noloft 4001 no subscriber")

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        birds = [{"ref": m.reference, "to": m.to, "text": m.payload.text} for m in batch]
        return Call("POST", f"{account.base_url}/fly", {}, json.dumps({"birds": birds}).encode())


ADAPTER = HookedTexts()
