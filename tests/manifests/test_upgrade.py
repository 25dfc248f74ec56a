"""docs/deploy/upgrade.md: old and new versions run side by side on one schema and one stream of events."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.home import ROOT
from shared.domain import events

MIGRATIONS = sorted((ROOT / "migrations").glob("V*.sql"), key=lambda p: int(p.name[1:].partition("__")[0]))
CONTRACT = "-- contract:"
SHRINKS = re.compile(r"\b(DROP\s+(TABLE|COLUMN)|RENAME|CHANGE\s+(COLUMN\s+)?\w+\s+\w+|TRUNCATE)\b", re.IGNORECASE)
ADDED = re.compile(
    r"ADD\s+COLUMN\s+(\w+)\s+([^;]*?)(?=,\s*ADD\b|,\s*DROP\b|,\s*MODIFY\b|;|\Z)", re.IGNORECASE | re.DOTALL
)


def statements(sql: str) -> str:
    """Without comments."""
    return re.sub(r"--[^\n]*", "", sql)


def shrinks(sql: str) -> list[str]:
    """What the version before would miss."""
    return [] if sql.startswith(CONTRACT) else [match[0] for match in SHRINKS.finditer(statements(sql))]


def unfilled(sql: str) -> list[str]:
    """Columns into which an insert of the version before would put nothing, and fail."""
    columns = ADDED.findall(statements(sql))
    return [
        name
        for name, rest in columns
        if re.search(r"NOT\s+NULL", rest, re.IGNORECASE) and not re.search(r"DEFAULT|AS\s*\(", rest, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda p: p.name)
def test_a_migration_only_adds(path: Path) -> None:
    assert shrinks(path.read_text()) == []
    assert unfilled(path.read_text()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE messages DROP COLUMN ref;",
        "DROP TABLE seen;",
        "ALTER TABLE due RENAME TO work;",
        "ALTER TABLE due CHANGE lane lanes INT;",
    ],
)
def test_what_removes_or_renames_is_found(sql: str) -> None:
    assert shrinks(sql)
    assert shrinks(f"{CONTRACT} nothing has read it since 1.4\n{sql}") == []


def test_a_column_that_old_inserts_leave_out_is_found() -> None:
    sql = "ALTER TABLE a ADD COLUMN x INT NOT NULL, ADD COLUMN y INT NOT NULL DEFAULT 0, ADD COLUMN z INT NULL;"
    assert unfilled(sql) == ["x"]


def test_numbers_go_up_and_none_is_there_twice() -> None:
    numbers = [int(p.name[1:].partition("__")[0]) for p in MIGRATIONS]
    assert numbers == sorted(set(numbers))


def event() -> events.Accepted:
    request = events.Request(
        request_id="0" * 32, account_id=1, username="demo", lane="auth", accepted_at=1, total=1,
        plan=[events.PlanHop(channel="mt", content={})],
        messages=[events.Recipient(n=1, to="01012345678", type="sms")],
    )  # fmt: skip
    return events.Accepted(lane="auth", requests=[request])


def test_an_old_reader_takes_a_new_writers_event() -> None:
    data = event().model_dump(mode="json")
    data["later"] = {"anything": 1}
    data["requests"][0]["later"] = "x"
    data["requests"][0]["messages"][0]["later"] = None
    assert events.Accepted.model_validate(data) == event()


def test_a_new_reader_takes_an_event_without_what_has_a_default() -> None:
    data = event().model_dump(mode="json", exclude_defaults=True)
    assert events.Accepted.model_validate(data) == event()


@pytest.mark.parametrize("kind", sorted(events.REGISTRY.values(), key=lambda k: k.__name__), ids=lambda k: k.__name__)
def test_every_event_and_all_in_it_ignores_what_it_does_not_know(kind: type[events.Event]) -> None:
    assert kind.model_config.get("extra") == "ignore"
    schema = kind.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        assert part.get("additionalProperties") is not False, part.get("title")
