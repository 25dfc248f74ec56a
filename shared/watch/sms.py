"""SMS straight to a vendor's API with the watch's own account: no Kafka, no MySQL, no function of ours between.

Its references are none of IMS's ids, so a receipt that comes for one is logged by api_receipt and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime as Moment
from datetime import timedelta, timezone
from typing import Any
from uuid import uuid4

import orjson

from shared.channels.mt_payload import MtPayload
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.runtime.settings import WatchSettings
from shared.sending.calls import perform
from shared.vendors.base import Adapter, Outbound, VendorAccount
from shared.vendors.registry import REGISTRY
from shared.watch.alarms import Notice
from shared.watch.slack import Said

SMS_BYTES = 90
HOUR_MS = 3_600_000
TIMEOUT_S = 5.0
KST = timezone(timedelta(hours=9))


class Sms:
    """Sends one short text to all recipients by one vendor account."""

    def __init__(self, http: Any, settings: WatchSettings, now_ms: Callable[[], int]) -> None:
        self._http, self._settings, self._now_ms = http, settings, now_ms
        self._to = [number for number in settings.watch_sms_recipients.replace(" ", "").split(",") if number]
        self._adapter: Adapter = REGISTRY[settings.watch_sms_vendor, "mt"]
        secrets = orjson.loads(settings.watch_sms_settings.get_secret_value() or "{}")
        self._account = VendorAccount(settings.watch_sms_vendor, "watch", settings.watch_sms_url, secrets)

    async def send(self, notices: Sequence[Notice]) -> Said:
        """One text about all of them."""
        return await self.text(words(notices, self._now_ms()))

    async def text(self, text: str) -> Said:
        """Sent when the vendor has taken it for at least one recipient."""
        content = MtPayload(self._settings.watch_sms_sender, text, kind="sms")
        batch = [Outbound(uuid4().hex, to, "sms", payload=content) for to in self._to]
        try:
            call = self._adapter.send(self._account, batch, self._now_ms(), uuid4().hex)
            answer = await perform(self._http, call, self._adapter.name, TIMEOUT_S)
            results = self._adapter.read_send(batch, answer, self._now_ms())
        except (Unavailable, Uncertain, Rejected) as error:
            return Said(False, isinstance(error, Uncertain), str(error))
        except KeyError as error:
            return Said(False, False, f"IMS_WATCH_SMS_SETTINGS has no {error}")
        failed = {f"{r.raw_code} {r.raw_text}".strip() for r in results if r.state in ("failed", "pending")}
        sent = any(r.state in ("sent", "delivered") for r in results)
        return Said(sent, any(r.state == "pending" for r in results), "; ".join(sorted(failed)))


def configured(settings: WatchSettings) -> bool:
    """Whether there is an account, a sender and somebody to tell. ValueError when it is set but cannot work."""
    wanted = (settings.watch_sms_vendor, settings.watch_sms_url, settings.watch_sms_sender)
    if not settings.watch_sms_recipients or not all(wanted):
        return False
    if (settings.watch_sms_vendor, "mt") not in REGISTRY:
        raise ValueError(f"IMS_WATCH_SMS_VENDOR={settings.watch_sms_vendor} is no vendor of text messages")
    return True


def due(notice: Notice, now_ms: int) -> bool:
    """Whether an SMS may tell of it: at most one an alarm and hour, and never of an end."""
    sms_ms = notice.alarm.sms_ms
    return notice.kind != "resolved" and (sms_ms is None or now_ms - sms_ms >= HOUR_MS)


def words(notices: Sequence[Notice], now_ms: int) -> str:
    """`[IMS] 14:05 ImsMysqlDown primary, ImsRedisDown redis +3`: as many as fit into 90 bytes of cp949."""
    text = f"[IMS] {Moment.fromtimestamp(now_ms / 1000, KST):%H:%M}"
    names = [f"{n.alarm.name} {n.alarm.subject}" for n in notices]
    for i, name in enumerate(names):
        longer = f"{text}{',' if i else ''} {name}"
        rest = f" +{len(names) - i - 1}" if i + 1 < len(names) else ""
        if _bytes(longer + rest) > SMS_BYTES and i:
            return f"{text} +{len(names) - i}"
        text = longer
        if _bytes(text + rest) > SMS_BYTES:
            return _cut(text, SMS_BYTES - len(rest)) + rest
    return text


def _bytes(text: str) -> int:
    return len(text.encode("cp949", "replace"))


def _cut(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` bytes; what cp949 does not have becomes a question mark."""
    return text.encode("cp949", "replace")[:limit].decode("cp949", "ignore")
