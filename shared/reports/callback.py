"""Body, signature and headers of one try, as Standard Webhooks wants them. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from functools import lru_cache

from shared.accounts.at_rest import callback_place, reveal
from shared.reports.units import Account, Unit

_FINISHED = re.compile(rb'"finished_at":"([^"]+)"')


@lru_cache(maxsize=1)
def user_agent() -> str:
    """`ims/` and the version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ims/{version('ims')}"
    except PackageNotFoundError:
        return "ims/0"


def body(unit: Unit, batch_size: int) -> bytes:
    """The request's body: one form for all reports of an account, also for a lone one where it takes many at once.

    Its timestamp is when the messages finished, so every try has the same bytes while `batch_size`, the account's at
    the time of the call, stays. That decides, and nothing that is kept with the unit: a report that waits, was rebuilt
    from MySQL or is replayed comes in the form that its receiver reads now. Only a unit of many stays plural when the
    size went down to 1: its members and webhook-id are those of its earlier tries.
    """
    if batch_size <= 1 and len(unit.data) == 1:
        return b'{"type":"message.finished","timestamp":"%s","data":%s}' % (_finished(unit.data[0]), unit.data[0])
    when = max(_finished(data) for data in unit.data)
    reports = b",".join(unit.data)
    return b'{"type":"messages.finished","timestamp":"%s","data":{"reports":[%s]}}' % (when, reports)


def _finished(data: bytes) -> bytes:
    found = _FINISHED.search(data)
    return found[1] if found else b""


@lru_cache(maxsize=4096)
def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_") + "==")


def signing(account: Account, now_ms: int) -> tuple[str, ...]:
    """The secrets of an account that hold now, the newest first."""
    holding = (*account.callback_secrets, *(secret for secret, until in account.former_secrets if until > now_ms))
    where = callback_place(account.account_id)
    return tuple(reveal(secret, where) for secret in holding)


def signature(secrets: Sequence[str], webhook_id: str, timestamp: int, content: bytes) -> str:
    """`v1,<base64>` for each secret (two during rotation), separated by a space."""
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, content)
    digests = (hmac.digest(_key(secret), signed, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(d).decode()}" for d in digests)


def headers(unit: Unit, secrets: Sequence[str], timestamp: int, content: bytes) -> list[tuple[str, str]]:
    """The headers of the unit's next try, signed anew."""
    out = [
        ("content-type", "application/json"),
        ("user-agent", user_agent()),
        ("webhook-id", unit.webhook_id),
        ("webhook-timestamp", str(timestamp)),
        ("ims-attempt", str(unit.tries + 1)),
    ]
    if secrets:
        out.append(("webhook-signature", signature(secrets, unit.webhook_id, timestamp, content)))
    return out
