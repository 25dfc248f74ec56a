"""Slack's incoming webhooks: `POST /slack/services/…` as Slack takes them, `GET /slack` what came, in order.

`PUT /slack {"status": 500, "latency_ms": 0, "retry_after": null}` lets them fail, `DELETE /slack` forgets the messages.
What Slack refuses is refused here: no text and no blocks, over 50 blocks, a section over 3,000 characters, a header
over 150.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from simulator.http import Reply, Request, json

PREFIX = "/slack/services/"
REMEMBERED = 1000
BLOCKS, SECTION_CHARACTERS, HEADER_CHARACTERS = 50, 3000, 150
LIMITS = {"section": SECTION_CHARACTERS, "header": HEADER_CHARACTERS}


class SlackBehaviour(BaseModel):
    """What is answered instead of 200, how long after the message was taken, and when to come again (s, with 429)."""

    status: int = 200
    latency_ms: float = 0
    retry_after: float | None = None


class SlackStandIn:
    """Remembers the last messages."""

    def __init__(self) -> None:
        self._behaviour = SlackBehaviour()
        self._messages: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    async def take(self, request: Request, now_ms: int) -> Reply:
        """`ok`, as Slack answers, or why not."""
        reply = self._take(request, now_ms)
        await asyncio.sleep(self._behaviour.latency_ms / 1000)
        return reply

    def _take(self, request: Request, now_ms: int) -> Reply:
        if self._behaviour.status != 200:
            wait = self._behaviour.retry_after
            headers = () if wait is None else ((b"retry-after", f"{wait:g}".encode()),)
            return Reply(self._behaviour.status, b"not now", headers)
        try:
            message = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return Reply(400, b"invalid_payload")
        if fault := _fault(message):
            return Reply(400, fault.encode())
        self._messages.append({"at": now_ms, "path": request.path, "message": message})
        return Reply(200, b"ok")

    def items(self) -> list[dict[str, Any]]:
        """What came: {at, path, message}."""
        return list(self._messages)

    def clear(self) -> None:
        """Forget the messages."""
        self._messages.clear()

    def behave(self, request: Request) -> Reply:
        """Change what is answered."""
        try:
            self._behaviour = SlackBehaviour.model_validate_json(request.body)
        except ValidationError as error:
            return json(422, {"detail": str(error)})
        return json(200, self._behaviour.model_dump())


def _fault(message: Any) -> str:
    if not isinstance(message, dict) or not (message.get("text") or message.get("blocks")):
        return "no_text"
    blocks = message.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return "invalid_blocks"
    for block in blocks:
        text = (block.get("text") or {}).get("text", "") if isinstance(block, dict) else ""
        if not text or len(text) > LIMITS.get(block.get("type"), 0):
            return "invalid_blocks"
    return ""
