"""Messages one by one through a cluster's own way in, and how each ended: `python traffic.py COUNT SECONDS`.

Prints JSON: status → how many, as the look-up says; what was never accepted counts as `refused`. The same key is used
again when an answer does not come, so that nothing is accepted twice.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import time
import uuid

import httpx2

FINAL = {"delivered", "failed", "canceled", "expired"}
PATIENCE_S = 240.0


def main(count: int, seconds: float) -> None:
    """Accept `count` messages over `seconds`, then ask for each until it has ended."""
    until = time.monotonic() + seconds + PATIENCE_S
    with httpx2.Client(timeout=30.0, trust_env=False) as client:
        ids = []
        for _ in range(count):
            ids.append(_accept(client, until))
            time.sleep(seconds / count)
        found: collections.Counter[str] = collections.Counter()
        for name in ids:
            found[_end(client, name, until) if name else "refused"] += 1
    print(json.dumps(found))


def _accept(client: httpx2.Client, until: float) -> str | None:
    key = uuid.uuid4().hex
    body = {"sender": "0215441234", "text": "hello", "recipients": [{"to": "01012345678"}]}
    while time.monotonic() < until:
        try:
            answer = client.post(
                f"{os.environ['IMS_URL']}/v1/mt/messages",
                json=body,
                headers={**_who("IMS_HOST"), "idempotency-key": key},
            )
        except httpx2.HTTPError:
            time.sleep(0.5)
            continue
        if answer.status_code < 300:
            name: str = answer.json()["messages"][0]["message_id"]
            return name
        if answer.status_code not in {409, 429, 502, 503, 504}:
            return None
        time.sleep(0.5)
    return None


def _end(client: httpx2.Client, name: str, until: float) -> str:
    status = "unknown"
    while status not in FINAL and time.monotonic() < until:
        try:
            answer = client.get(f"{os.environ['IMS_URL']}/v1/messages/{name}", headers=_who("IMS_REPORT_HOST"))
            status = answer.json()["status"] if answer.status_code == 200 else status
        except httpx2.HTTPError:
            status = "unknown"
        if status not in FINAL:
            time.sleep(0.5)
    return status


def _who(host: str) -> dict[str, str]:
    return {"host": os.environ[host], "authorization": f"Bearer {os.environ['IMS_TEST_KEY']}"}


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
