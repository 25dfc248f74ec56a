"""What an account has of what a request names: files, identities, templates, devices. One call for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.channels.common import FileInfo, Identity, Template, Wants
from shared.stores import devices as device_store
from shared.stores import identities as identity_store
from shared.stores import templates as template_store
from shared.stores.files import file_infos
from shared.stores.sql import Connection


class Known(NamedTuple):
    """The fields of AccountView of the same names."""

    files: Mapping[str, FileInfo] = {}
    identities: Mapping[tuple[str, str, str], Identity] = {}
    templates: Mapping[tuple[str, str], Template] = {}
    devices: Mapping[str, Sequence[Mapping[str, Any]]] = {}


def look_up(conn: Connection, account_id: int, wants: Mapping[str, Wants], test: bool) -> Known:
    """What there is of it; what is missing or another account's is left out. `test`: for a test key."""
    files = sorted({name for one in wants.values() for name in one.files})
    return Known(
        files=file_infos(conn, account_id, files, test) if files else {},
        identities=identities(conn, account_id, {(c, *i) for c, one in wants.items() for i in one.identities}),
        templates=templates(conn, account_id, {(c, code) for c, one in wants.items() for code in one.templates}),
        devices=devices(conn, account_id, {to for one in wants.values() for to in one.devices}, test=test),
    )


def identities(
    conn: Connection, account_id: int, wanted: set[tuple[str, str, str]]
) -> Mapping[tuple[str, str, str], Identity]:
    """(channel, kind, value) → what the account may speak as."""
    found = identity_store.wanted(conn, account_id, wanted)
    return {(row.channel, row.kind, row.value): Identity(row.state, row.settings) for row in found}


def templates(conn: Connection, account_id: int, wanted: set[tuple[str, str]]) -> Mapping[tuple[str, str], Template]:
    """(channel, code) → the version in use; where none is, the newest, whose state says why."""
    found = template_store.wanted(conn, account_id, wanted)
    return {
        (head.channel, head.code): Template(version.version, version.state, version.content, version.states)
        for head, version, _ in found
    }


def devices(
    conn: Connection, account_id: int, wanted: set[str], *, test: bool
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Address → devices on record."""
    return device_store.behind(conn, account_id, wanted, test=test)
