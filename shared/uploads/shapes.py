"""How bulk files look to their owners, and what owners say of them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import Field

from shared.channels.schema import Content
from shared.runtime.clock import iso
from shared.stores import uploads as store
from shared.stores.uploads import Upload
from shared.uploads.reading import MAX_COLUMNS

Json = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class Mapping(Content):
    """Which column is what, by names as `columns` shows them, or by letters."""

    to: Name
    ref: Name | None = None
    variables: Annotated[dict[str, Name], Field(max_length=MAX_COLUMNS, default_factory=dict)]
    addresses: Annotated[dict[str, Name], Field(max_length=MAX_COLUMNS, default_factory=dict)]


class UploadChange(Content):
    """What is to be sent, to whom. What is absent stays as it is; the file is checked anew."""

    mapping: Mapping | None = None
    content: dict[str, Any] | None = None
    duplicates: Literal["once", "all"] | None = None
    hidden_rows: Literal["skip", "send"] | None = None
    encoding: Literal["utf-8", "cp949", "utf-16-le", "utf-16-be"] | None = None
    delimiter: Literal[",", ";", "\t"] | None = None
    sheet: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    header_row: Annotated[int, Field(ge=0, le=1000)] | None = None
    """0: there is none."""


class UploadSend(Content):
    """`again`: although the same list was sent the same content within 24 hours."""

    again: bool = False


WISHES = ("encoding", "delimiter", "sheet", "header_row")


def settings_of(row: Upload, wish: UploadChange) -> Json:
    """What holds after a change."""
    given = wish.model_dump(exclude_none=True)
    wishes = {**(row.settings.get("wishes") or {}), **{k: given.pop(k) for k in WISHES if k in given}}
    return {**row.settings, **given, "wishes": wishes}


def content_hash(row: Upload, content: Any) -> bytes | None:
    """The same for the same content on the same channel and lane."""
    if content is None:
        return None
    text = orjson.dumps([row.channel, row.lane, content], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def view(row: Upload, same: list[Json] | None = None) -> Json:
    """A file as its owner sees it. rows = good + faults + twice + opted_out + blank; hidden rows beside them."""
    facts, settings = row.facts, row.settings
    given = settings.get("mapping")
    found: Json = {
        "id": str(UUID(bytes=row.upload_id)),
        "name": row.name,
        "channel": row.channel,
        "lane": row.lane,
        "test": row.test,
        "state": row.state,
        "reason": row.why,
        "version": row.version,
        "size": row.size,
        "progress": round(row.progress, 4),
        "rows": row.row_count,
        "good": row.good,
        "faults": row.faults,
        "twice": row.twice,
        "opted_out": row.opted_out,
        "blank": row.blank,
        "classes": facts.get("classes", {}),
        "column_faults": facts.get("column_faults", []),
        "kind": facts.get("kind"),
        "encoding": facts.get("encoding"),
        "delimiter": facts.get("delimiter"),
        "sheet": facts.get("sheet"),
        "sheets": facts.get("sheets", []),
        "header_row": facts.get("header_row"),
        "columns": facts.get("columns", []),
        "mapping": given or facts.get("suggestion", {}),
        "suggested": given is None,
        "content": settings.get("content"),
        "duplicates": settings.get("duplicates", "once"),
        "hidden_rows": facts.get("hidden", 0),
        "hidden": settings.get("hidden_rows", "skip"),
        "restored_zeros": facts.get("restored_zeros", 0),
        "warnings": facts.get("warnings", []),
        "types": facts.get("types", {}),
        "price": _price(row),
        "accepted": row.accepted,
        "refused": row.left_out,
        "created_by": row.created_by,
        "sent_by": row.sent_by,
        "created_at": iso(row.created_ms),
        "updated_at": iso(row.updated_ms),
        "sent_at": iso(row.sent_ms),
        "ended_at": iso(row.ended_ms),
        "erased_at": iso(row.erase_ms),
    }
    return found if same is None else {**found, "same_as": same}


def _price(row: Upload) -> str | None:
    price = row.facts.get("price")
    return None if price is None or row.settings.get("content") is None else f"{float(price):.2f}"


def steps() -> dict[str, tuple[tuple[str, ...], str]]:
    """Step → (states that it may be taken in, the state after it)."""
    return {
        "pause": ((store.SENDING,), store.PAUSED),
        "resume": ((store.PAUSED,), store.SENDING),
        "cancel": ((store.CHECKING, store.CHECKED, store.SENDING, store.PAUSED), store.CANCELED),
    }
