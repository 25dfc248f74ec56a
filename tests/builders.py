"""Valid requests in one line, so that a test reads like a sentence: `a_text("…").to_many(500).in_lane("bulk")`."""

from __future__ import annotations

import io
import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from PIL import Image

from shared.domain.ids import message_id

Json = dict[str, Any]
SENDER, OTHER_SENDER = "0215441234", "15991234"
MAGIC = "0109000"
"""Recipients of this prefix get the result that their last four digits name (the simulator only)."""

FIRST_NUMBER, LAST_NUMBER = 1_020_000_000, 1_089_999_999
_next_number = itertools.count(random.randrange(LAST_NUMBER - FIRST_NUMBER))
"""Begins anywhere, for a platform that is kept between runs remembers its handsets."""


def numbers(count: int) -> list[str]:
    """Mobile numbers that no other call of this run got; none of them is magic."""
    room = LAST_NUMBER - FIRST_NUMBER
    return [f"0{FIRST_NUMBER + next(_next_number) % room}" for _ in range(count)]


def magic(code: str) -> str:
    """The number whose message ends with an IMS code, or plays a trick."""
    return f"{MAGIC}{code}"


def later(seconds: float) -> str:
    """A time from now on, as the API takes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


class Text:
    """A request for POST /v1/mt/messages; every method returns it again."""

    def __init__(self, text: str) -> None:
        self.key: str | None = None
        self.body: Json = {"sender": SENDER, "text": text, "recipients": []}

    def to(self, *to: str, **fields: Any) -> Self:
        """One or more recipients; `fields` (ref, variables, addresses) belong to each of them."""
        self.body["recipients"] += [{"to": number, **fields} for number in to]
        return self

    def to_many(self, count: int) -> Self:
        """Recipients of their own, with refs r0, r1, …"""
        start = len(self.body["recipients"])
        self.body["recipients"] += [{"to": to, "ref": f"r{start + i}"} for i, to in enumerate(numbers(count))]
        return self

    def in_lane(self, lane: str) -> Self:
        """auth, realtime, bulk or ad."""
        return self.with_(lane=lane)

    def with_(self, **fields: Any) -> Self:
        """Any fields of the body."""
        self.body |= fields
        return self

    def without(self, *names: str) -> Self:
        """Leave fields out."""
        for name in names:
            self.body.pop(name, None)
        return self

    def keyed(self, key: str | None = None) -> Self:
        """With an Idempotency-Key, its own unless one is given."""
        self.key = key or str(uuid4())
        return self

    @property
    def recipients(self) -> list[str]:
        """The numbers in their order."""
        return [recipient["to"] for recipient in self.body["recipients"]]


def a_text(text: str = "안녕하세요, 주문이 발송되었습니다.") -> Text:
    """A short text message without recipients yet."""
    return Text(text)


def an_otp(code: str = "482913") -> Text:
    """A one-time password in the auth lane."""
    return Text(f"[IMS] 인증번호는 {code} 입니다.").in_lane("auth")


class Sent:
    """An accepted request: its 202, and the ids of its messages by recipient index."""

    def __init__(self, answer: Json, builder: Text) -> None:
        self.answer, self.builder = answer, builder
        self.request_id = UUID(answer["request_id"])
        lane, refused = answer["lane"], {rejected["index"] for rejected in answer["rejected"]}
        places = [i for i in range(len(builder.body["recipients"])) if i not in refused]
        self.ids = [str(message_id(self.request_id, i + 1, lane)) for i in places]

    @property
    def id(self) -> str:
        """The message id of a request with one message."""
        (only,) = self.ids
        return only


def a_jpeg(width: int = 320, height: int = 240, mode: str = "RGB", **how: Any) -> bytes:
    """A picture as cameras make it; `how` is Pillow's (progressive=True, quality=…)."""
    drawn = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(drawn, "JPEG", **how)
    return drawn.getvalue()
