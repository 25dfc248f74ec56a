"""A vendor that tells its results only when asked, by its own reference, until they are confirmed."""

from __future__ import annotations

import json

from shared.vendors.answers import asked
from shared.vendors.base import Answer, Call, Pulled, VendorAccount
from tests.integration.seams.breeders import Breeder, results


class PullMe(Breeder):
    name = "pullme"

    def pull(self, account: VendorAccount, cursor: str | None, now_ms: int, nonce: str) -> Call:
        return Call("GET", f"{account.base_url}/back", {})

    def read_pull(self, account: VendorAccount, answer: Answer, now_ms: int) -> Pulled:
        told = results(asked(answer), self.codes, now_ms)
        return Pulled(told, [r.vendor_ref for r in told])

    def confirm(self, account: VendorAccount, pulled: Pulled, now_ms: int, nonce: str) -> Call | None:
        if not pulled.receipt:
            return None
        return Call("POST", f"{account.base_url}/thanks", {}, json.dumps(pulled.receipt).encode())


ADAPTER = PullMe()
