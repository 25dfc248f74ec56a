"""What `ims send`, `listen` and `replay` do, through the gateway like any client."""

from __future__ import annotations

import time
from typing import Any

from local.client import Gateway
from local.problems import Problem
from local.show import out
from local.sink import Delivery, Sink
from shared.flow import CHANNELS

Json = dict[str, Any]


def gateway(test: bool) -> Gateway:
    """The demo account with its live or its test key."""
    return Gateway("test" if test else "live")


def send(
    client: Gateway, channel: str, to: list[str], content: Json, wait: float, variables: Json | None = None
) -> Json:
    """Post one request; with `wait`, its messages once they are final. All recipients get the same `variables`."""
    if channel not in CHANNELS:
        raise Problem(f"there is no channel {channel!r}", f"one of: {', '.join(CHANNELS)}")
    same = {"variables": variables} if variables else {}
    recipients = [{"to": address, **same} for address in to]
    accepted = client.post(f"/v1/{channel}/messages", {**content, "recipients": recipients})
    if not wait:
        return accepted
    ids = [message["message_id"] for message in accepted.get("messages", [])]
    return {**accepted, "messages": [_ended(client, message_id, wait) for message_id in ids]}


def _ended(client: Gateway, message_id: str, wait: float) -> Json:
    message = client.wait_for_end(message_id, wait)
    if message is None:
        raise Problem(
            f"message {message_id} has no end after {wait:g} s", f"`ims get {message_id}` shows how far it is"
        )
    return message


def listen(port: int, status: int, register: bool) -> None:
    """Print reports until Ctrl-C; with `register`, become the account's callback."""
    client = gateway(test=False)
    with Sink(port, client.demo["webhook_secret"], _print, status) as sink:
        if register:
            client.put("/v1/callbacks", {"callback_uri": sink.url})
        out.print(f"listening at [bold]{sink.url}[/], answering {status}; Ctrl-C ends")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            later = "; reports go on to this address and are tried again until somebody listens" if register else ""
            out.print(f"\nbye{later}")


def _print(delivery: Delivery) -> None:
    mark = "[green]✓ signature[/]" if delivery.verified else "[red]✗ signature[/]"
    attempt = delivery.headers.get("ims-attempt", "?")
    out.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {mark} try {attempt}, {len(delivery.reports)} report(s)")
    for report in delivery.reports:
        words = (
            report.get("message_id"),
            report.get("to"),
            report.get("status"),
            report.get("code"),
            report.get("ref"),
        )
        out.print("  " + "  ".join(str(word) for word in words if word is not None), markup=False)


def replay(message_id: str, filters: Json) -> Json:
    """Ask for reports again: one message's, or all that the filters name."""
    if message_id and filters:
        raise Problem(
            f"{message_id} is one message: filters would be ignored",
            "leave out the message, or " + ", ".join(f"--{name.replace('_', '-')}" for name in filters),
        )
    client = gateway(test=False)
    if message_id:
        return client.post(f"/v1/messages/{message_id}/report/replay", {})
    if not filters:
        raise Problem("which reports?", "name a message, or --request-id, --since, --until, --to, --ref, --code")
    return client.post("/v1/reports/replay", filters)
