"""What an RCS message is once it is filled in: all that a vendor of RCS needs."""

from __future__ import annotations

from typing import NamedTuple


class Button(NamedTuple):
    """One button; `fields` are those of its type, as in buttons.py, in the order of their names."""

    type: str
    name: str
    fields: tuple[tuple[str, str], ...] = ()

    def get(self, field: str) -> str:
        """A field's text; empty where it has none."""
        return next((value for name, value in self.fields if name == field), "")


class Card(NamedTuple):
    """A card; a message without cards is one. `media` is the id of an uploaded file."""

    title: str
    text: str
    media: str
    buttons: tuple[Button, ...] = ()


class RcsPayload(NamedTuple):
    """`format` is the messagebaseId, or the template's code; `footer` is the 080 number of an advertisement with
    header 1; `params` fill a template."""

    type: str
    brand: str
    chatbot: str
    format: str
    cards: tuple[Card, ...]
    files: tuple[str, ...] = ()
    footer: str = ""
    copy_allowed: bool = True
    expiry: int = 1
    params: tuple[tuple[str, str], ...] | None = None
    """Of a template: names and values; None for a message without one."""

    def shared_key(self) -> tuple[str, ...]:
        """Files are uploaded once a call; everything else may differ."""
        return self.files

    @property
    def text(self) -> str:
        """What is read first."""
        return self.cards[0].text if self.cards else ""
