"""What the three vendors of pigeons have in common: JSON, `{"birds": [{"ref", "state", "raw", "ring"}]}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.vendors.answers import check, parsed
from shared.vendors.base import Answer, Call, CodeTable, Outbound, VendorAccount, VendorResult
from shared.vendors.tables import codes, meaning

CODES = codes("""
    hawk   4002  taken by a hawk
    noloft 2004  nobody lives there
""")


class Breeder:
    """Sends; what else it can do is a subclass's matter."""

    name: str
    channel: str = "pigeon"
    types = frozenset({"note"})
    max_batch = 100
    max_files = 0
    same_content = False
    prices: Mapping[str, Decimal] = {"note": Decimal("3.00")}
    codes: CodeTable = CODES

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        birds = [{"ref": m.reference, "to": m.to, "note": m.payload.note} for m in batch]
        headers = {"authorization": account.token} if account.token else {}
        return Call("POST", f"{account.base_url}/fly", headers, json.dumps({"birds": birds}).encode())

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        check(answer)
        return results(parsed(answer), self.codes, now_ms)


def results(told: dict[str, list[dict[str, str]]], table: CodeTable, now_ms: int) -> list[VendorResult]:
    """Birds as results."""
    return [
        VendorResult(
            bird.get("ref", ""),
            bird["state"],  # type: ignore[arg-type]
            meaning(table, bird["raw"]).ims if bird["state"] == "failed" else "0000",
            bird.get("raw", ""),
            "",
            bird.get("ring", ""),
            now_ms,
        )
        for bird in told["birds"]
    ]
