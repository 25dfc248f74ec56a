"""All devices of a user as one vendor: its calls are those of the services, its answer what became of each device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.domain.codes import CODES as ALL_CODES
from shared.domain.codes import NO_ADDRESS, UNCERTAIN, UNKNOWN
from shared.domain.errors import ClientWaits, Uncertain
from shared.vendors import reading
from shared.vendors.answers import asked, check, parsed, shaped, telling
from shared.vendors.base import Adapter, Answer, CodeTable, Outbound, VendorAccount, VendorResult
from shared.vendors.push.service import PushCall
from shared.vendors.tables import codes

CODES: CodeTable = codes("""
    none      2005  the user has no live device
    gone      5001  the tokens of all devices are gone
    mixed     3003  no device took it, each for its own reason
""")
WAIT_S = 5.0


class Devices:
    """The vendor of `user:<id>`."""

    name = "devices"
    channel = "push"
    types = frozenset({"user"})
    max_batch = 1
    max_files = 0
    same_content = False
    prices: Mapping[str, Decimal] = {"user": Decimal("0.00")}
    codes: CodeTable = CODES

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Any:
        """One message; the devices are looked up where they are called."""
        (message,) = batch
        return PushCall(account, message)

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """Delivered when one took it. Raises Uncertain or Unavailable where that may change yet."""
        (message,) = batch
        check(answer)
        told = parsed(answer)
        with shaped(answer):
            said = list(reading.objects(told["devices"]))
        return [_result(message.reference, said)]

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Any:
        """Our own record of the calls."""
        return PushCall(account, Outbound(message.reference, message.to, message.type, message.lane))

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """None where no call has begun."""
        told = asked(answer)
        with telling(answer):
            said = list(reading.objects(told["devices"]))
            if not said:
                return None
            try:
                return _result(message.reference, said)
            except (Uncertain, ClientWaits) as error:
                return reading.result(message.reference, "pending", UNCERTAIN, "", str(error))


def _result(reference: str, said: Sequence[Mapping[str, Any]]) -> VendorResult:
    states = Counter(reading.text(one.get("state")) for one in said)
    took, summary = states["sent"], f"{states['sent']} of {len(said)} devices took it"
    if took:
        return reading.result(reference, "sent", "0000", "", summary)
    if not said:
        return reading.result(reference, "failed", NO_ADDRESS, "none", CODES["none"].text)
    unsure = len(said) - states["failed"] - states["unavailable"]
    if unsure:
        raise Uncertain(f"{unsure} of {len(said)} devices may have it, the others do not")
    if states["unavailable"]:
        raise ClientWaits(f"{states['unavailable']} of {len(said)} devices could not be asked now", WAIT_S)
    return _failed(reference, said)


def _failed(reference: str, said: Sequence[Mapping[str, Any]]) -> VendorResult:
    """The commonest cause that is not a dead token; dead tokens where there is none else."""
    causes = Counter(reading.text(one.get("code")) for one in said)
    living = Counter({code: n for code, n in causes.items() if code != "5001"})
    code = living.most_common(1)[0][0] if living else "5001"
    if code not in ALL_CODES:
        code = UNKNOWN
    first = next((one for one in said if one.get("code") == code), said[0])
    raw = reading.text(first.get("raw_code")) or ("gone" if code == "5001" else "mixed")
    return reading.result(reference, "failed", code, raw, first.get("raw_text"))


ADAPTER: Adapter = Devices()
