"""A vendor that posts its results to a webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping

from shared.vendors.base import BadReceipt, VendorAccount, VendorResult
from tests.integration.seams.breeders import Breeder, results


class Hooked(Breeder):
    name = "hooked"

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        if headers.get("x-secret") != account.settings["secret"]:
            raise BadReceipt("wrong secret")
        return results(json.loads(body), self.codes, now_ms)

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        return 200, {}, b"coo"


ADAPTER = Hooked()
