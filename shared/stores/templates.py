"""Templates and their versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.domain.templates import APPROVED, DRAFT, SUBMITTED, WAITING, advances, together
from shared.stores import sql
from shared.stores.sql import Connection

COMMENTS = 200
"""More words of reviewers are not kept for one version."""


class Head(NamedTuple):
    """A template: its newest version, and the one that messages use."""

    template_id: bytes
    account_id: int
    channel: str
    code: str
    name: str
    latest: int
    used: int | None
    created_ms: int
    updated_ms: int


class Version(NamedTuple):
    """One version; `states` by vendor, `comments` as [{"by", "text", "at"}]."""

    template_id: bytes
    version: int
    state: str
    states: dict[str, str]
    content: dict[str, Any]
    variables: list[str]
    comments: list[dict[str, Any]]
    created_ms: int
    updated_ms: int


class Whole(NamedTuple):
    """A template with one of its versions."""

    head: Head
    version: Version
    username: str = ""


class Refused(Exception):
    """A step that does not follow the state in which a version is."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


_HEAD, _VERSION = ", ".join(f"t.{n}" for n in Head._fields), ", ".join(f"v.{n}" for n in Version._fields)
_JSON = ("states", "content", "variables", "comments")
_SIZE = len(Head._fields)


def _whole(row: Sequence[Any]) -> Whole:
    version = Version(*row[_SIZE : _SIZE + len(Version._fields)])
    read: dict[str, Any] = {name: orjson.loads(getattr(version, name)) for name in _JSON}
    return Whole(Head(*row[:_SIZE]), version._replace(**read), *row[_SIZE + len(Version._fields) :])


def _written(version: Version) -> tuple[Any, ...]:
    made = {name: orjson.dumps(getattr(version, name)).decode() for name in _JSON}
    return tuple({**version._asdict(), **made}.values())


def add(conn: Connection, head: Head, version: Version) -> bool:
    """A new template with its first version; False when the account has the code on this channel."""
    if not sql.insert_ignore(conn, "templates", ", ".join(Head._fields), [tuple(head)]):
        return False
    sql.insert(conn, "template_versions", ", ".join(Version._fields), [_written(version)])
    return True


def next_version(conn: Connection, head: Head, version: Version, name: str | None, now_ms: int) -> Whole | None:
    """Add a draft after the newest version; None when the template is gone."""
    ((latest,),) = sql.fetch(
        conn, "SELECT COALESCE(MAX(latest), 0) FROM templates WHERE template_id=%s FOR UPDATE", (head.template_id,)
    )
    if not latest:
        return None
    made = version._replace(version=latest + 1)
    sql.insert(conn, "template_versions", ", ".join(Version._fields), [_written(made)])
    _set_head(conn, head.template_id, {"latest": made.version, "updated_ms": now_ms} | ({"name": name} if name else {}))
    return one(conn, head.account_id, head.template_id)


def _set_head(conn: Connection, template_id: bytes, values: Mapping[str, Any]) -> None:
    pairs = ", ".join(f"{name}={sql.literal(value)}" for name, value in values.items())
    sql.execute(conn, f"UPDATE templates SET {pairs} WHERE template_id={sql.literal(template_id)}")  # noqa: S608


def _select(conn: Connection, where: str, args: Sequence[Any], tail: str = "") -> list[Whole]:
    found = sql.fetch(
        conn,
        f"SELECT {_HEAD}, {_VERSION}, a.username FROM templates t "  # noqa: S608 - names
        f"JOIN template_versions v ON v.template_id=t.template_id "
        f"JOIN accounts a ON a.account_id=t.account_id WHERE {where} {tail}",
        args,
    )
    return [_whole(row) for row in found]


def one(conn: Connection, account_id: int, template_id: bytes, lock: str = "") -> Whole | None:
    """An account's template with its newest version."""
    where = "t.template_id=%s AND t.account_id=%s AND v.version=t.latest"
    found = _select(conn, where, (template_id, account_id), lock)
    return found[0] if found else None


def by_code(conn: Connection, account_id: int, code: str, channel: str | None = None) -> list[Whole]:
    """An account's templates of a code (one a channel), each with its newest version."""
    where, args = "t.account_id=%s AND t.code=%s AND v.version=t.latest", [account_id, code]
    if channel is not None:
        where, args = f"{where} AND t.channel=%s", [*args, channel]
    return _select(conn, where, args)


def versions(conn: Connection, template_id: bytes, version: int | None = None) -> list[Whole]:
    """All versions of a template, the newest first, or one of them."""
    if version is not None:
        return _select(conn, "t.template_id=%s AND v.version=%s", (template_id, version))
    return _select(conn, "t.template_id=%s", (template_id,), "ORDER BY v.version DESC LIMIT 200")


def page(conn: Connection, account_id: int | None, above: bytes, limit: int, filters: Mapping[str, str]) -> list[Whole]:
    """Templates with their newest version, the oldest first, above an id; of all accounts for None."""
    bounds, args = ["t.template_id>%s", "v.version=t.latest"], [above]
    if account_id is not None:
        bounds.append("t.account_id=%s")
        args.append(account_id)  # type: ignore[arg-type]
    for name, value in filters.items():
        bounds.append(f"{'v' if name == 'state' else 't'}.{name}=%s")
        args.append(value)  # type: ignore[arg-type]
    return _select(conn, " AND ".join(bounds), args, f"ORDER BY t.template_id LIMIT {limit:d}")


def submit(conn: Connection, account_id: int, template_id: bytes, now_ms: int) -> Whole | None:
    """Hand the newest version in; Refused unless it is a draft and no other version is in review."""
    found = one(conn, account_id, template_id, "FOR UPDATE")
    if found is None:
        return None
    if found.version.state != DRAFT:
        raise Refused(found.version.state)
    waiting = [w for w in versions(conn, template_id) if w.version.state in WAITING]
    if waiting:
        raise Refused(waiting[0].version.state)
    _save(conn, found, found.version._replace(state=SUBMITTED), now_ms)
    return one(conn, account_id, template_id)


def vendor_said(
    conn: Connection,
    template_id: bytes,
    version: int,
    vendor: str,
    state: str,
    comments: Sequence[Mapping[str, Any]],
    now_ms: int,
) -> Whole | None:
    """Note a version's state at a vendor (or an operator's word, with vendor ""), and what its reviewers say.

    Refused where the state cannot follow the vendor's last one. Told again it changes nothing.
    """
    sql.fetch(conn, "SELECT 1 FROM templates WHERE template_id=%s FOR UPDATE", (template_id,))
    found = versions(conn, template_id, version)
    if not found:
        return None
    old = found[0].version
    before = old.states.get(vendor, old.state) if vendor else old.state
    if before == DRAFT or not advances(before, state):
        raise Refused(before)
    states = {**old.states, vendor: state} if vendor else old.states
    whole_state = together(states, old.state) if vendor else state
    new = [dict(c) for c in comments if dict(c) not in old.comments]
    made = old._replace(state=whole_state, states=states, comments=[*old.comments, *new][-COMMENTS:])
    _save(conn, found[0], made, now_ms)
    return versions(conn, template_id, version)[0]


def _save(conn: Connection, whole: Whole, version: Version, now_ms: int) -> None:
    values = dict(zip(Version._fields, _written(version), strict=True))
    pairs = ", ".join(f"{n}={sql.literal(values[n])}" for n in ("state", "states", "comments"))
    sql.execute(
        conn,
        f"UPDATE template_versions SET {pairs}, updated_ms={now_ms:d} "  # noqa: S608 - literals
        f"WHERE template_id={sql.literal(version.template_id)} AND version={version.version:d}",
    )
    ((used,),) = sql.fetch(
        conn,
        "SELECT MAX(version) FROM template_versions WHERE template_id=%s AND state=%s",
        (version.template_id, APPROVED),
    )
    _set_head(conn, version.template_id, {"used": used, "updated_ms": now_ms})


def remove(conn: Connection, template_id: bytes) -> None:
    """Remove a template with all its versions."""
    for table in ("template_versions", "templates"):
        sql.execute(conn, f"DELETE FROM {table} WHERE template_id={sql.literal(template_id)}")  # noqa: S608


def wanted(conn: Connection, account_id: int, names: Collection[tuple[str, str]]) -> list[Whole]:
    """An account's templates among these (channel, code), each with the version in use, or its newest where none is."""
    listed = ",".join(f"({sql.literal(c)},{sql.literal(code)})" for c, code in sorted(names) if code.isascii())
    if not listed:
        return []
    where = f"t.account_id=%s AND (t.channel, t.code) IN ({listed}) AND v.version=COALESCE(t.used, t.latest)"
    return _select(conn, where, (account_id,))
