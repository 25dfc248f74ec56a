"""A channel of this folder alone: notes that pigeons carry to lofts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from shared.channels.common import AccountView, Channel, Fault, Hop, Refused, Size
from shared.channels.schema import Content, HopShared, Shared
from shared.domain import variables

ROOM = 20
"""Characters that a pigeon carries."""


class Note(Content):
    """What a note is made of."""

    note: Annotated[str, Field(min_length=1)] | None = None


class NoteRequest(Shared, Note):
    """The body of POST /v1/pigeon/messages."""


class NoteHop(HopShared, Note):
    """A note as a further hop."""


class Flight(NamedTuple):
    """A note as it leaves."""

    note: str
    files: tuple[str, ...] = ()

    def shared_key(self) -> tuple[()]:
        return ()


@dataclass
class Compiled:
    """A note for everybody."""

    content: dict[str, Any]
    names: frozenset[str]

    def type_for(self, values: Mapping[str, str]) -> str:
        if len(variables.fill(self.content["note"], values)) > ROOM:
            raise Refused("/variables", "1002", f"a pigeon carries {ROOM} characters")
        return "note"


class Pigeon(Channel):
    """The channel `pigeon`."""

    name = "pigeon"
    request = NoteRequest
    hop = NoteHop

    def compile(
        self, content: Note, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        if content.note is None:
            return None, [] if "note" in broken else [Fault(f"{pointer}/note", "required", "write something")]
        return Compiled({"note": content.note}, frozenset(variables.names(content.note))), []

    def address(self, content: Any, to: str) -> str:
        if not to.startswith("loft:"):
            raise Refused("/to", "1001", "a loft's name begins with loft:")
        return to.lower()

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> Flight:
        return Flight(variables.fill(content["note"], values))

    def measure(self, payload: Flight) -> Size:
        return Size("note", len(payload.note))


CHANNEL: Channel = Pigeon()
