"""The check of a file, a thousand rows at a time, each run kept with the counts so far.

A process that dies, or a tick that ends, costs the run that it was at: the next one reads the file again up to the last
row that is kept, and goes on. Whoever stands twice is known by what is kept, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from shared.domain.events import Recipient
from shared.stores import uploads as store
from shared.stores.sql import Connection
from shared.stores.uploads import Part, Upload
from shared.uploads import cells as cell_rules
from shared.uploads import parts
from shared.uploads.opening import open_table
from shared.uploads.peers import Peers, key_of
from shared.uploads.reading import MAX_CELL, MAX_ROWS, Chunks, Row, Table, Unreadable, Wishes, letter
from shared.uploads.rules import Rules
from shared.uploads.table import Layout, layout

RUN = 1000
SHOWN = 200
"""Characters of a faulty value that are told."""
WARNINGS = 100
COUNTS = ("row_count", "good", "faults", "twice", "opted_out", "blank")
CLASS_OF = {"1001": "number", "2005": "number", "1010": "variable"}
"""Classes of faults by their codes; `content` for others, `cell` for what no cell may be."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Block:
    """What a run of rows has come to: a part to keep, and the values of the file's row."""

    part: Part | None
    values: Json
    ended: bool


@dataclass
class Plan:
    """Which columns are what, by their places; with what is wrong with them."""

    to: int = -1
    ref: int | None = None
    variables: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    faults: list[Json] = field(default_factory=list)


def plan_of(found: Layout, mapping: Mapping[str, Any], names: Sequence[str]) -> Plan:
    """The columns that a mapping names, and those of the variables that the content needs."""
    plan = Plan()

    def place(wanted: str | None, what: str) -> int:
        columns = found.named(wanted) if wanted else []
        if len(columns) == 1:
            return columns[0].place
        if columns:
            where = " and ".join(letter(c.place) for c in columns)
            told = f"{columns[0].name} stands {'twice' if len(columns) == 2 else f'{len(columns)} times'}: {where}"
        else:
            told = f"no column for {what}" + (f": there is no {wanted}" if wanted else "")
        if told not in [f["detail"] for f in plan.faults]:
            plan.faults.append(fault(None, columns[0].name if columns else wanted, None, "columns", "columns", told))
        return -1

    plan.to = place(mapping.get("to"), "the recipient")
    plan.ref = place(mapping["ref"], "ref") if mapping.get("ref") else None
    given = mapping.get("variables") or {}
    for name in names:
        plan.variables[name] = place(given.get(name, name), f"#{{{name}}}")
    for name, column in (mapping.get("addresses") or {}).items():
        plan.addresses[name] = place(column, name)
    return plan


def fault(row: int | None, column: str | None, value: str | None, code: str, kind: str, detail: str) -> Json:
    """A fault as owners see it."""
    told = None if value is None else value[:SHOWN]
    return {"row": row, "column": column, "value": told, "code": code, "class": kind, "detail": detail}


class Check:
    """The check of one file. What is read of MySQL is read in the calls' own transactions."""

    def __init__(self, row: Upload, rules: Rules) -> None:
        self._row, self._rules = row, rules
        self._conn: Connection = None
        self._file = Chunks(row.size, lambda n: store.chunk(self._conn, row.upload_id, n))
        self._wishes = Wishes(**(row.settings.get("wishes") or {}))
        self._hidden = row.settings.get("hidden_rows") == "send"
        self._all = row.settings.get("duplicates") == "all"
        self._peers = Peers()
        self._counts = {name: int(getattr(row, name)) for name in COUNTS}
        self._last = row.last_row
        self.facts: Json = dict(row.facts)

    def open(self, conn: Connection) -> None:
        """Open the file, find its columns, and go to the first row that is not checked; raises Unreadable."""
        self._conn = conn
        known = self.facts.get("encoding")
        if known and not self._wishes.encoding:
            self._wishes.encoding = known
        table = open_table(self._file, self._wishes)
        self._layout, first = layout(table, self._wishes.header_row)
        self._table: Table = table
        suggestion = self._layout.suggestion(first, self._rules.kind.phone)
        mapping = self._row.settings.get("mapping") or suggestion
        made = self._rules.prepare(conn)
        self._plan = plan_of(self._layout, mapping, sorted(made.names))
        self._names = {c.place: c.name for c in self._layout.columns}
        if not self.facts:
            self.facts = {
                **table.facts,
                "header_row": self._layout.header,
                "columns": [c.name for c in self._layout.columns],
                "places": [c.place for c in self._layout.columns],
                "suggestion": suggestion,
                "column_faults": self._plan.faults,
                **{"hidden": 0, "restored_zeros": 0, "warnings": [], "classes": {}, "types": {}},
                "price": "0",
            }
        self._rows = self._unread()
        if self._row.last_row:
            self._remember(conn)

    def _unread(self) -> Iterator[Row]:
        start = max(self._layout.header, self._row.last_row)
        return (row for row in self._table.rows() if row.number > start)

    def _remember(self, conn: Connection) -> None:
        above = -1
        while found := store.parts(conn, self._row, above, 20, good=True):
            for part in found:
                for one in parts.good(part.good_rows):
                    self._peers.first(one.key, one.row)
            above = found[-1].first_row

    def block(self, conn: Connection) -> Block:
        """The next run of rows; raises Unreadable."""
        self._conn = conn
        rows = list(islice(self._rows, RUN))
        if not rows and self._counts["row_count"] == 0 and not self.facts["hidden"]:
            raise Unreadable("there is no row beneath the header" if self._layout.header else "there is no row")
        good, bad = self._checked(conn, self._shown(rows))
        if self._counts["row_count"] + self.facts["hidden"] > MAX_ROWS:
            raise Unreadable(f"the sheet has more than {MAX_ROWS:,} rows: split it")
        if rows:
            self._last = rows[-1].number
        ended = len(rows) < RUN
        part = self._part(rows, good, bad) if rows else None
        values: Json = {**self._counts, "facts": self.facts, "last_row": self._last}
        values["progress"] = 1.0 if ended else min(0.99, self._file.share)
        if ended:
            values |= {"people_hash": self._peers.mark(), "sketch": self._peers.sketch()}
        return Block(part, values, ended)

    @staticmethod
    def _part(rows: Sequence[Row], good: list[parts.Good], bad: list[parts.Bad]) -> Part | None:
        if not good and not bad:
            return None
        return Part(rows[0].number, rows[-1].number, len(good), len(bad), parts.pack(good), parts.pack(bad))

    def _shown(self, rows: Sequence[Row]) -> list[Row]:
        """Without hidden rows, unless they are wanted; blank ones are counted."""
        found = []
        for row in rows:
            if row.hidden:
                self.facts["hidden"] += 1
                if not self._hidden:
                    continue
            self._counts["row_count"] += 1
            if all(cell_rules.is_blank(cell) for cell in row.cells) and not row.wrong:
                self._counts["blank"] += 1
            elif self._plan.faults:
                self._counts["faults"] += 1
            else:
                found.append(row)
        return found

    def _checked(self, conn: Connection, rows: Sequence[Row]) -> tuple[list[parts.Good], list[parts.Bad]]:
        items, whole, bad = [], [], list[parts.Bad]()
        for row in rows:
            item, wrong = self._item(row)
            if wrong:
                bad.append(self._refused(row, wrong))
            else:
                items.append(item)
                whole.append(row)
        messages, refused = self._rules.read(conn, items) if items else ([], [])
        for one in refused:
            row = whole[one.index]
            bad.append(self._refused(row, [self._told(row, one)]))
        good = self._first_ones(conn, messages, items, whole, bad)
        return good, sorted(bad, key=lambda one: one.row)

    def _item(self, row: Row) -> tuple[Json, list[Json]]:
        """A row as a recipient, and what is wrong with its cells."""
        plan, cells, wrong = self._plan, row.cells, []
        width = len(cells)
        to, restored, why = cell_rules.number(cells[plan.to] if plan.to < width else "")
        if not self._rules.kind.phone:
            to, restored, why = cell_rules.clean(cells[plan.to] if plan.to < width else ""), False, None
        if restored:
            self.facts["restored_zeros"] += 1
        if why:
            wrong.append(self._fault(row, plan.to, "1001", "number", f"not a phone number: {why}"))
        item: Json = {"to": to}
        for name, place in plan.variables.items():
            text = cell_rules.clean(cells[place]) if place < width else ""
            if text and place not in row.wrong:
                item.setdefault("variables", {})[name] = text
            elif place not in row.wrong:
                wrong.append(self._fault(row, place, "1010", "variable", f'variable "{name}" is empty'))
        if plan.ref is not None and plan.ref < width and (text := cell_rules.clean(cells[plan.ref])):
            item["ref"] = text
        for name, place in plan.addresses.items():
            if place < width and (text := cell_rules.clean(cells[place])):
                item.setdefault("addresses", {})[name] = text
        if row.wrong or row.odd or max(map(len, cells)) > MAX_CELL:
            wrong += self._cell_faults(row)
        return item, wrong

    def _used(self) -> set[int]:
        plan = self._plan
        ref = [plan.ref] if plan.ref is not None else []
        return {plan.to, *ref, *plan.variables.values(), *plan.addresses.values()}

    def _cell_faults(self, row: Row) -> list[Json]:
        used, found = self._used(), []
        for place, why in row.wrong.items():
            if place in used:
                found.append(self._fault(row, place, "cell", "cell", why))
        for place, why in row.odd.items():
            if place in used and len(self.facts["warnings"]) < WARNINGS:
                self.facts["warnings"].append(self._fault(row, place, "format", "warning", why))
        for place, cell in enumerate(row.cells):
            if len(cell) > MAX_CELL:
                told = f"has {len(cell):,} characters, at most {MAX_CELL:,}"
                found.append(self._fault(row, place, "range", "cell", told))
        return found

    def _fault(self, row: Row, place: int, code: str, kind: str, detail: str) -> Json:
        value = row.cells[place] if 0 <= place < len(row.cells) else ""
        return fault(row.number, self._names.get(place, letter(max(0, place))), value, code, kind, detail)

    def _told(self, row: Row, refused: Any) -> Json:
        """What accepting refused, at its column."""
        path = refused.pointer.split("/")[3:]
        place = self._plan.to if path[:1] == ["to"] or refused.code == "1001" else -1
        if path[:1] == ["variables"] and len(path) > 1:
            place = self._plan.variables.get(path[1].replace("~1", "/").replace("~0", "~"), -1)
        if path[:1] == ["addresses"] and len(path) > 1:
            place = self._plan.addresses.get(path[1], -1)
        kind = CLASS_OF.get(refused.code, "content")
        if place >= 0:
            return self._fault(row, place, refused.code, kind, refused.detail)
        return fault(row.number, None, None, refused.code, kind, refused.detail)

    def _refused(self, row: Row, wrong: list[Json]) -> parts.Bad:
        self._counts["faults"] += 1
        classes = self.facts["classes"]
        for kind in dict.fromkeys(one["class"] for one in wrong):
            classes[kind] = classes.get(kind, 0) + 1
        return parts.Bad(row.number, [cell[: MAX_CELL * 2] for cell in row.cells], wrong)

    def _first_ones(
        self,
        conn: Connection,
        messages: Sequence[Recipient],
        items: Sequence[Json],
        rows: Sequence[Row],
        bad: list[parts.Bad],
    ) -> list[parts.Good]:
        """Who wants it, and stands there first."""
        out = self._rules.opted_out(conn, [m.to for m in messages])
        good, types = [], Counter[str]()
        for message in messages:
            row = rows[message.n - 1]
            if message.to in out:
                self._counts["opted_out"] += 1
                told = "the recipient wants no such message, or the address is suppressed"
                bad.append(
                    parts.Bad(row.number, row.cells, [self._fault(row, self._plan.to, "1007", "opted_out", told)])
                )
                continue
            key = key_of(message.to)
            first = self._peers.first(key, row.number)
            if first != row.number and not self._all:
                self._counts["twice"] += 1
                told = f"the same recipient as in row {first}"
                bad.append(parts.Bad(row.number, row.cells, [self._fault(row, self._plan.to, "twice", "twice", told)]))
                continue
            self._counts["good"] += 1
            types[message.type] += 1
            self._add_price(message)
            good.append(parts.Good(row.number, key, items[message.n - 1]))
        for name, count in types.items():
            self.facts["types"][name] = self.facts["types"].get(name, 0) + count
        return good

    def _add_price(self, message: Recipient) -> None:
        if self.facts["price"] is None:
            return
        cost = self._rules.price(message)
        self.facts["price"] = None if cost is None else str(Decimal(self.facts["price"]) + cost)
