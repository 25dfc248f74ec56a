"""What a client may ask of a push message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PrivateAttr

from shared.channels.schema import Content, HopShared, Shared

MAX_TEXT = 4096
"""Characters looked at at all; a payload's bytes are what ends it."""
MAX_URL = 2048
MAX_DATA, MAX_KEY = 100, 256
MAX_BADGE = 99_999
MAX_COLLAPSE = 64
"""Bytes: APNs' apns-collapse-id."""
MAX_LANGUAGES = 20

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class Localized(Content):
    """Texts for devices of one language."""

    title: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    body: Text | None = None


class PushContent(Content):
    """What a push message is made of; `app` and `body` are required (`body` not in a silent one)."""

    app: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    title: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    body: Text | None = None
    data: Annotated[dict[str, Annotated[str, Field(max_length=MAX_TEXT)]], Field(max_length=MAX_DATA)] | None = None
    image: Annotated[str, Field(min_length=1, max_length=MAX_URL)] | None = None
    link: Annotated[str, Field(min_length=1, max_length=MAX_URL)] | None = None
    badge: Annotated[int, Field(ge=0, le=MAX_BADGE)] | None = None
    sound: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    silent: bool = False
    collapse_key: Annotated[str, Field(min_length=1, max_length=MAX_COLLAPSE)] | None = None
    localized: Annotated[dict[str, Localized], Field(max_length=MAX_LANGUAGES)] | None = None

    _devices: Mapping[str, Sequence[Mapping[str, Any]]] = PrivateAttr(default_factory=dict)
    _lane: str = PrivateAttr(default="realtime")


class PushRequest(Shared, PushContent):
    """The body of POST /v1/push/messages."""

    model_config = ConfigDict(json_schema_extra={"required": ["app", "body", "recipients"]})


class PushHop(HopShared, PushContent):
    """A push message as a further hop of any plan."""
