"""What the clock starts, on a real MySQL: when it last succeeded, and which digests did not go out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from local.testing import Platform
from shared.domain.errors import Unavailable
from shared.domain.events import Tick
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.context import Context, use
from shared.runtime.mysql import Database
from shared.stores import digests, due, sql, watch
from shared.stores import retention as retention_store
from shared.watch import tasks
from tests.ports import free_port
from tests.reads import read_for
from tests.wiring.functions import FUNCTIONS

DAY_MS = 86_400_000


@pytest.fixture
def db(rows: Database) -> Iterator[Database]:
    """Nothing has ever succeeded, and nobody has tried to send a digest."""
    for table in ("heartbeats", "digests"):
        rows.run(sql.execute, f"DELETE FROM {table}")
    yield rows
    rows.run(sql.execute, "DELETE FROM heartbeats")
    rows.run(sql.execute, "DELETE FROM digests")


@pytest.fixture
def ims(servers: Platform, db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("IMS_MYSQL_URL", servers.demo["mysql"])
    monkeypatch.setenv("IMS_KAFKA_BOOTSTRAP", servers.demo["kafka"])
    settings.reset()
    context = Context("schedule")
    use(context)
    yield context
    context.close()
    settings.reset()


def away() -> Database:
    return Database(f"mysql+pymysql://ims:ims@127.0.0.1:{free_port()}/ims", pool=1, timeout=1)


def shown(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, labels)


def last(task: str) -> float | None:
    return shown("ims_last_success_timestamp_seconds", task=task)


def known(db: Database, task: str) -> int | None:
    return db.run(watch.last_beat, f"success:{task}")


async def test_a_task_that_never_succeeded_is_missed_from_the_first_look_on(db: Database) -> None:
    await tasks.show(db, 1_000_000)
    await tasks.show(db, 2_000_000)
    assert {task: last(task) for task in tasks.TASKS} == dict.fromkeys(tasks.TASKS, 1000.0)


async def test_the_latest_success_counts_whoever_notes_and_whoever_shows_it(db: Database) -> None:
    for at_ms in (5_000_000, 7_000_000, 6_000_000):
        await tasks.succeeded(db, "digest", at_ms)
    await tasks.show(db, 8_000_000)
    assert (last("digest"), last("retention")) == (7000.0, 8000.0)


async def test_without_mysql_the_last_moment_known_stays_and_grows_old(db: Database) -> None:
    await tasks.succeeded(db, "retention", 9_000_000)
    await tasks.show(db, 9_000_000)
    gone = away()
    await tasks.succeeded(gone, "retention", 10_000_000)
    await tasks.show(gone, 10_000_000)
    gone.close()
    assert last("retention") == 9000.0
    assert known(db, "retention") == 9_000_000


def a_digest(db: Database, account: int, state: str, day: date, *, lease_ms: int = 0, updated_ms: int = 0) -> None:
    row = (account, day.isoformat(), state, 1, os.urandom(8), lease_ms, updated_ms)
    db.run(sql.insert, "digests", "account_id, day, state, tries, claim, lease_ms, updated_ms", [row])


async def test_digests_that_did_not_go_out_are_counted(db: Database) -> None:
    now, today = now_ms(), date.today()
    for account, (state, more) in enumerate([
        ("failed", {}), ("uncertain", {}), ("sending", {"lease_ms": now - 1}),
        ("sending", {"lease_ms": now + 60_000}), ("sent", {"updated_ms": now}),
        ("given_up", {"updated_ms": now - DAY_MS + 60_000}), ("given_up", {"updated_ms": now - DAY_MS - 60_000}),
    ]):  # fmt: skip
        a_digest(db, account + 1, state, today - timedelta(days=1), **more)
    await tasks.show(db, now)
    assert shown("ims_digests_unsent", state="waiting") == 3, "one is in somebody's hands"
    assert shown("ims_digests_unsent", state="given_up") == 1, "what was given up is told for a day"


def test_the_count_reads_no_digest_that_was_sent(db: Database) -> None:
    day = date.today() - timedelta(days=1)
    sent = [(account, day.isoformat(), "sent", 1, b"12345678", 0, now_ms()) for account in range(1, 2001)]
    db.run(sql.insert, "digests", "account_id, day, state, tries, claim, lease_ms, updated_ms", sent)
    a_digest(db, 3000, "failed", day)

    assert db.run(digests.unsent, now_ms()) == digests.Unsent(1, 0)
    assert db.run(lambda conn: read_for(conn, lambda: digests.unsent(conn, now_ms()))) < 100


# --- the functions ----------------------------------------------------------------------------------------------------


def module(name: str) -> Any:
    """A function's main.py, for this test alone."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_a_test", FUNCTIONS / name / "main.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


async def test_schedule_has_succeeded_when_it_served_every_lane(
    ims: Context, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = module("schedule")
    function.RUN_SECONDS = 0.5
    take = due.take

    def broken(conn: Any, lane: str, *rest: Any) -> int:
        if lane == "ad":
            raise Unavailable("its rows are locked")
        return take(conn, lane, *rest)

    before = now_ms()
    with monkeypatch.context() as trouble:
        trouble.setattr(due, "take", broken)
        await function.schedule(Tick(), ims)
    began, after = known(db, "schedule"), now_ms()
    assert began is not None
    assert before <= began <= after - 500, "only that it is missed from now on"
    await function.schedule(Tick(), ims)
    ended = known(db, "schedule")
    assert ended is not None
    assert ended >= began + 500
    await function.schedule(Tick(), ims)
    assert last("schedule") == ended / 1000, "the next tick shows it"


async def test_retention_has_succeeded_when_nothing_is_left(
    ims: Context, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = module("retention")
    with monkeypatch.context() as short:
        short.setenv("IMS_RETENTION_RUN_SECONDS", "0")
        settings.reset()
        await function.retention(Tick(), ims)
    assert known(db, "retention") is None, "no task had its turn"
    settings.reset()
    with monkeypatch.context() as other:
        other.setattr(retention_store, "run", lambda *_: None)
        await function.retention(Tick(), ims)
    assert known(db, "retention") is None, "another process is at it"
    await function.retention(Tick(), ims)
    assert known(db, "retention") is not None
