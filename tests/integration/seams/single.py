"""A vendor that takes one note a call, wants a token with it, and whose yes is the end."""

from __future__ import annotations

from shared.vendors.answers import check, parsed
from shared.vendors.base import Answer, Call, Token, VendorAccount
from tests.integration.seams.breeders import Breeder


class Single(Breeder):
    name = "single"
    max_batch = 1
    final_on = "sent"

    def token(self, account: VendorAccount, now_ms: int, nonce: str) -> Call | Token:
        return Call("POST", f"{account.base_url}/token", {})

    def read_token(self, answer: Answer, now_ms: int) -> Token:
        check(answer)
        return Token(parsed(answer)["token"], now_ms + 3_600_000)

    def token_refused(self, answer: Answer) -> bool:
        return answer.status == 401


ADAPTER = Single()
