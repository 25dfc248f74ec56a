"""What a client may ask of RCS; fields as in the public contract."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from shared.channels.rcs.buttons import MAX_ANY, RcsButton, Short
from shared.channels.schema import Content, HopShared, Shared

MAX_CARDS, MAX_BUTTONS = 20, 20
Text = Annotated[str, Field(max_length=10_000)]
Media = Annotated[str, Field(max_length=MAX_ANY)] | Annotated[list[Short], Field(max_length=MAX_CARDS)]
Buttons = Annotated[list[RcsButton], Field(max_length=MAX_BUTTONS)]


class RcsCard(Content):
    """A card of a carousel; `media` is the id of an uploaded file."""

    title: Short | None = None
    text: Text | None = None
    media: Media | None = None
    buttons: Buttons | None = None


class RcsAd(Content):
    """An advertisement: `optout` is the free 080 number that takes opt-outs."""

    optout: Short


class RcsContent(Content):
    """What an RCS message is made of: a `format` with its parts, or a template with nothing but its variables."""

    brand_id: Short | None = None
    chatbot_id: Short | None = None
    format: Short | None = None
    template_code: Short | None = None
    title: Short | None = None
    text: Text | None = None
    cards: Annotated[list[RcsCard], Field(max_length=MAX_CARDS)] | None = None
    media: Media | None = None
    buttons: Buttons | None = None
    ad: RcsAd | None = None
    copy_allowed: bool | None = None


class RcsRequest(Shared, RcsContent):
    """The body of POST /v1/rcs/messages."""

    model_config = ConfigDict(json_schema_extra={"required": ["brand_id", "chatbot_id", "recipients"]})


class RcsHop(HopShared, RcsContent):
    """An RCS message as a further hop of any plan."""
