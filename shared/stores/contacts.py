"""Contacts and their groups. An address belongs to one contact of an account; phone channels share theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from shared.stores import sql
from shared.stores.sql import Connection

MOST_MEMBERS = 10_000
"""Members of a group that one request takes."""

Key = tuple[str, bytes]
"""(kind of address, its hash)"""


class Contact(NamedTuple):
    """Somebody an account writes to; `groups` are names."""

    contact_id: bytes
    account_id: int
    name: str | None
    addresses: dict[str, str]
    variables: dict[str, Any]
    tags: list[str]
    version: int
    created_ms: int
    updated_ms: int
    groups: tuple[str, ...] = ()


class Group(NamedTuple):
    """A group with the number of its members."""

    group_id: bytes
    account_id: int
    name: str
    version: int
    created_ms: int
    updated_ms: int
    members: int = 0


class Taken(Exception):
    """Addresses, or a name, belong to others: their ids."""

    def __init__(self, ids: Collection[bytes]) -> None:
        super().__init__(len(ids))
        self.ids = sorted(ids)


class NoGroup(Exception):
    """There are no groups of these names."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(len(names))
        self.names = sorted(names)


_CONTACT, _GROUP = ", ".join(Contact._fields[:9]), ", ".join(Group._fields[:6])
_NOW = "removed_ms IS NULL"
SHARED = "LOCK IN SHARE MODE"
"""What is read so stays until the transaction ends."""


def key_of(kind: str, address: str) -> Key:
    """What an address is compared by: mails without case, all else as it is."""
    text = address.lower() if kind == "email" else address
    return kind, hashlib.sha256(text.encode()).digest()


def _contact(row: tuple[Any, ...], groups: Mapping[bytes, list[str]]) -> Contact:
    made = Contact(*row)
    values = {name: orjson.loads(getattr(made, name)) for name in ("addresses", "variables", "tags")}
    return made._replace(**values, groups=tuple(sorted(groups.get(bytes(made.contact_id), ()))))


def _contacts(conn: Connection, where: str) -> list[Contact]:
    rows = sql.fetch(conn, f"SELECT {_CONTACT} FROM contacts WHERE {where}")  # noqa: S608 - literals
    if not rows:
        return []
    groups: dict[bytes, list[str]] = {}
    found = sql.fetch(
        conn,
        "SELECT m.contact_id, g.name FROM group_members m JOIN contact_groups g ON g.group_id=m.group_id "  # noqa: S608
        f"WHERE m.contact_id IN ({sql.ids(row[0] for row in rows)}) AND {_NOW}",
    )
    for contact_id, name in found:
        groups.setdefault(bytes(contact_id), []).append(name)
    return [_contact(row, groups) for row in rows]


def one(conn: Connection, account_id: int, contact_id: bytes, lock: str = "") -> Contact | None:
    """An account's contact."""
    found = _contacts(conn, f"account_id={account_id:d} AND contact_id={sql.literal(contact_id)} {lock}")
    return found[0] if found else None


def owners(conn: Connection, account_id: int, keys: Collection[Key], lock: str = "") -> set[bytes]:
    """The contacts that have some of the addresses."""
    if not keys:
        return set()
    found = sql.fetch(
        conn,
        "SELECT contact_id FROM contact_addresses "  # noqa: S608 - literals
        f"WHERE account_id=%s AND (kind, address_hash) IN ({sql.rows(keys)}) {lock}",
        (account_id,),
    )
    return {bytes(row[0]) for row in found}


def save(conn: Connection, new: Contact, keys: Collection[Key]) -> Contact:
    """Write a contact, its addresses and its places in groups; raises Taken, NoGroup."""
    addresses, variables, tags = (orjson.dumps(part).decode() for part in new[3:6])
    row = (*new[:3], addresses, variables, tags, *new[6:9])
    changed = ("name", "addresses", "variables", "tags", "version", "updated_ms")
    tail = f"ON DUPLICATE KEY UPDATE {', '.join(f'{name}=VALUES({name})' for name in changed)}"
    sql.insert(conn, "contacts", _CONTACT, [row], tail)
    sql.execute(conn, f"DELETE FROM contact_addresses WHERE contact_id={sql.literal(new.contact_id)}")  # noqa: S608
    rows = [(new.account_id, *key, new.contact_id) for key in sorted(keys)]
    if sql.insert_ignore(conn, "contact_addresses", "account_id, kind, address_hash, contact_id", rows) < len(rows):
        raise Taken(owners(conn, new.account_id, keys, SHARED) - {new.contact_id})
    _place(conn, new)
    return new._replace(groups=tuple(sorted(set(new.groups))))


def _place(conn: Connection, new: Contact) -> None:
    wanted = group_ids(conn, new.account_id, new.groups, SHARED)
    if missing := set(new.groups) - set(wanted):
        raise NoGroup(missing)
    mine = f"contact_id={sql.literal(new.contact_id)} AND {_NOW}"
    held = {bytes(r[0]) for r in sql.fetch(conn, f"SELECT group_id FROM group_members WHERE {mine}")}  # noqa: S608
    gone, added = held - set(wanted.values()), set(wanted.values()) - held
    if gone:
        ended = f"removed_ms={new.updated_ms:d} WHERE {mine} AND group_id IN ({sql.ids(sorted(gone))})"
        sql.execute(conn, f"UPDATE group_members SET {ended}")  # noqa: S608 - literals
    if added:
        rows = [(group, new.contact_id, new.updated_ms, None) for group in sorted(added)]
        tail = "ON DUPLICATE KEY UPDATE removed_ms=NULL"
        sql.insert(conn, "group_members", "group_id, contact_id, added_ms, removed_ms", rows, tail)


def remove(conn: Connection, account_id: int, contact_id: bytes) -> Contact | None:
    """Erase a contact with its addresses and places; what it was."""
    held = one(conn, account_id, contact_id, "FOR UPDATE")
    if held is not None:
        for table in ("group_members", "contact_addresses", "contacts"):
            sql.execute(conn, f"DELETE FROM {table} WHERE contact_id={sql.literal(contact_id)}")  # noqa: S608
    return held


def page(conn: Connection, account_id: int, above: bytes, limit: int, filters: Mapping[str, Any]) -> list[Contact]:
    """An account's contacts above an id; `keys`: of these addresses only, `group`: of the group of this id only."""
    where = f"account_id={account_id:d} AND contact_id>{sql.literal(above)}"
    if "group" in filters:
        inside = f"group_id={sql.literal(filters['group'])} AND {_NOW}"
        where += f" AND contact_id IN (SELECT contact_id FROM group_members WHERE {inside})"  # noqa: S608 - literals
    if "keys" in filters:
        found = owners(conn, account_id, filters["keys"])
        where += f" AND contact_id IN ({sql.ids(sorted(found))})" if found else " AND FALSE"
    return _contacts(conn, f"{where} ORDER BY contact_id LIMIT {limit:d}")


# --- groups -----------------------------------------------------------------------------------------------------------


def group_ids(conn: Connection, account_id: int, names: Iterable[str], lock: str = "") -> dict[str, bytes]:
    """Name → id of the account's groups, as far as they are there."""
    listed = sorted(set(names))
    if not listed:
        return {}
    found = sql.fetch(
        conn,
        "SELECT name, group_id FROM contact_groups "  # noqa: S608 - literals
        f"WHERE account_id=%s AND name IN ({','.join(map(sql.literal, listed))}) {lock}",
        (account_id,),
    )
    return {name: bytes(group_id) for name, group_id in found}


def _groups(conn: Connection, where: str) -> list[Group]:
    counted = f"(SELECT COUNT(*) FROM group_members m WHERE m.group_id=contact_groups.group_id AND {_NOW})"  # noqa: S608
    return [Group(*row) for row in sql.fetch(conn, f"SELECT {_GROUP}, {counted} FROM contact_groups WHERE {where}")]  # noqa: S608


def group(conn: Connection, account_id: int, group_id: bytes, lock: str = "") -> Group | None:
    """An account's group."""
    found = _groups(conn, f"account_id={account_id:d} AND group_id={sql.literal(group_id)} {lock}")
    return found[0] if found else None


def groups(conn: Connection, account_id: int, above: bytes, limit: int) -> list[Group]:
    """An account's groups above an id."""
    where = f"account_id={account_id:d} AND group_id>{sql.literal(above)}"
    return _groups(conn, f"{where} ORDER BY group_id LIMIT {limit:d}")


def save_group(conn: Connection, new: Group) -> Group:
    """Make a group, or rename it; raises Taken where another has the name."""
    held = group_ids(conn, new.account_id, [new.name]).get(new.name, new.group_id)
    if held != new.group_id:
        raise Taken([held])
    if new.version > 1:
        told = f"name={sql.literal(new.name)}, version={new.version:d}, updated_ms={new.updated_ms:d}"
        sql.execute(conn, f"UPDATE contact_groups SET {told} WHERE group_id={sql.literal(new.group_id)}")  # noqa: S608
    elif not sql.insert_ignore(conn, "contact_groups", _GROUP, [new[:6]]):
        raise Taken(group_ids(conn, new.account_id, [new.name], SHARED).values())
    return new


def remove_group(conn: Connection, account_id: int, group_id: bytes) -> Group | None:
    """Delete a group; its members stay contacts. What it was."""
    held = group(conn, account_id, group_id, "FOR UPDATE")
    if held is not None:
        for table in ("group_members", "contact_groups"):
            sql.execute(conn, f"DELETE FROM {table} WHERE group_id={sql.literal(group_id)}")  # noqa: S608 - literals
    return held


def members(conn: Connection, account_id: int, name: str, at_ms: int) -> list[Contact] | None:
    """The members that a group had at a moment, at most one more than `MOST_MEMBERS`; None: no such group."""
    found = group_ids(conn, account_id, [name]).get(name)
    if found is None:
        return None
    inside = f"group_id={sql.literal(found)} AND added_ms<={at_ms:d} AND (removed_ms IS NULL OR removed_ms>{at_ms:d})"
    where = f"contact_id IN (SELECT contact_id FROM group_members WHERE {inside})"  # noqa: S608 - literals
    rows = sql.fetch(
        conn,
        f"SELECT {_CONTACT} FROM contacts WHERE account_id=%s AND {where} ORDER BY contact_id LIMIT %s",  # noqa: S608
        (account_id, MOST_MEMBERS + 1),
    )
    return [_contact(row, {}) for row in rows]
