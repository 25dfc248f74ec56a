"""From a mail to api_receipt: the same request as a relay's own webhook makes.

When it dies before api_receipt has answered, the sender has no 250 and comes again; when it dies after, the sender
comes again too, and route ignores what it has seen.
"""

from __future__ import annotations

from bridges import http
from bridges.carrier import Carrier
from bridges.targets import Targets
from shared.runtime import logs

PASSED_ON = 2 * 1024 * 1024
"""Bytes of a mail that are passed on: what it says stands before the mail that it returns."""
KEPT = "250 2.0.0 kept"
LATER = "451 4.3.0 not now, come again"
NOT_OURS = "550 5.1.1 no mail of ours has this return path"
REFUSED = "554 5.6.0 not a mail that can be read"

log = logs.get(__name__)


class Hand:
    """Posts mails for the vendor accounts that mails are sent by: the first whose key made the return path takes it."""

    def __init__(self, carrier: Carrier, targets: Targets, accounts: list[str], seconds: float) -> None:
        self._carrier, self._targets, self._accounts, self._seconds = carrier, targets, accounts, seconds

    async def over(self, recipient: str, mail: bytes) -> str:
        """The reply to the dot."""
        body = f"X-IMS-Recipient: {recipient}\r\n".encode() + mail[:PASSED_ON]
        statuses = []
        for account in self._accounts:
            status = await self._post(account, body)
            if 200 <= status < 300:
                return KEPT
            statuses.append(status)
        reply = _reply(statuses)
        log.warning("a mail was not taken", statuses=statuses, reply=reply[:3])
        return reply

    async def _post(self, account: str, body: bytes) -> int:
        headers = [("content-type", "message/rfc822")]
        for address in self._targets.in_turn():
            path = f"{address.path.rstrip('/')}/v1/receipts/smtp/{account}"
            try:
                answer = await self._carrier.post(address._replace(path=path), headers, body, self._seconds)
            except http.Unreachable:
                continue
            except http.Interrupted:
                return 0
            return answer.status
        return 0


def _reply(statuses: list[int]) -> str:
    """Somebody could not say: later. All know nothing of it: not ours."""
    if not statuses or not all(400 <= status < 500 and status not in (408, 425, 429) for status in statuses):
        return LATER
    return NOT_OURS if set(statuses) <= {401, 404} else REFUSED
