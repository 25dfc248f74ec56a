"""What retention removes on a real MySQL, and what it never removes: whatever is not final."""

from __future__ import annotations

import http.client
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.testing import Platform
from shared.domain.states import State
from shared.runtime.mysql import Database
from shared.stores import removal, retention, sql
from shared.stores.retention import DAY_MS
from shared.stores.usage import korean_day
from tests.past import DAILY, NOW, TASKS, TEXT, Past, messages_of
from tests.reads import rows_read
from tests.spawned import Spawned, spawn


@pytest.fixture
def past(rows: Database) -> Iterator[Past]:
    yield Past(rows)
    Past(rows)


def test_content_goes_after_thirty_days_and_who_sent_what_kind_stays(past: Past) -> None:
    old, young = past.request(31), past.request(29)
    before = past.counts()
    past.sweep()
    assert past.hidden(old)
    assert past.plan(old) == [{"channel": "mt", "content": {"sender": "0215441234", "type": "sms"}}]
    assert not past.hidden(young)
    assert past.counts() == before


def test_history_goes_after_ninety_days_with_all_its_tables(past: Past) -> None:
    for days in (400, 91, 90.5):
        past.request(days)
    young = past.request(89)
    assert past.sweep("history") == 3 * (1 + 4 * 2)
    assert past.counts() == {"requests": 1, "messages": 2, "hops": 2, "trail": 2, "reports": 2}
    assert past.variables(young) == 2


@pytest.mark.parametrize("status", [s for s in State if not s.final])
def test_what_is_not_final_is_never_removed_and_goes_once_it_is(past: Past, status: State) -> None:
    request = past.request(200, status=status)
    past.sweep()
    assert past.variables(request) == 2
    assert past.count("requests") == 1
    past.end(request)
    past.sweep(at=NOW + DAY_MS / 2)
    assert past.count("requests") == 1, "it is looked at once a day"
    past.sweep(at=NOW + 1.1 * DAY_MS)
    assert past.counts() == dict.fromkeys(past.counts(), 0)
    assert past.count("retention_later") == 0


def test_one_open_message_keeps_its_whole_request(past: Past) -> None:
    request = past.request(200, n=3)
    (first,) = past.db.run(sql.fetch, f"SELECT MIN(message_id) FROM messages WHERE {removal.spans([request])}")
    past.db.run(sql.execute, f"UPDATE messages SET status={int(State.sent)} WHERE message_id=0x{first[0].hex()}")
    past.sweep()
    assert (past.variables(request), past.count("messages")) == (3, 3)


def test_a_report_whose_retries_go_on_keeps_its_message(past: Past) -> None:
    request = past.request(200)
    past.db.run(sql.execute, "UPDATE reports SET state='pending'")
    past.sweep()
    assert past.count("requests") == 1
    assert past.variables(request) == 2


def test_a_reservation_is_kept_from_when_it_left_not_from_when_it_was_made(past: Past) -> None:
    request = past.request(300, scheduled_ms=NOW - 20 * DAY_MS)
    past.sweep()
    assert past.variables(request) == 2
    past.sweep(at=NOW + 10.1 * DAY_MS)
    assert past.hidden(request)
    assert past.count("requests") == 1
    past.sweep(at=NOW + 70.1 * DAY_MS)
    assert past.count("requests") == 0


def test_a_second_run_finds_nothing(past: Past) -> None:
    for days in (200, 100, 40, 5):
        past.request(days)
    assert past.sweep() > 0
    before = past.counts()
    assert past.sweep() == 0
    assert past.counts() == before


def test_what_came_late_with_an_old_id_goes_too(past: Past) -> None:
    past.request(95)
    past.sweep()
    past.request(97)
    past.sweep()
    assert past.count("requests") == 0


def test_a_large_request_goes_in_small_transactions(past: Past) -> None:
    past.request(100, n=2500)
    past.request(100, n=2)
    task, steps = TASKS["history"], []
    while (step := past.db.run(retention.run, task, NOW, 300)) is not None and step.more:
        steps.append(step.removed)
    assert max(steps) <= 4 * 300
    assert sum(steps) == 2 + 4 * 2502
    assert past.sweep("history") == 0


def test_two_processes_never_work_on_the_same_task(past: Past) -> None:
    past.request(100)
    other = Database(past.db._url.geturl(), pool=1)
    past.sweep("history", at=NOW - 50 * DAY_MS)
    seen: list[Any] = []

    def meanwhile(conn: Any) -> None:
        retention.run(conn, TASKS["history"], NOW, 500)
        seen.append(other.run(retention.run, TASKS["history"], NOW, 500))
        seen.append(other.run(retention.run, TASKS["seen"], NOW, 500))

    past.db.run(meanwhile)
    assert seen[0] is None
    assert seen[1] is not None
    assert past.count("requests") == 0
    other.close()


# --- texts of the auth lane -------------------------------------------------------------------------------------------


def test_an_auth_text_is_masked_when_the_last_message_of_its_request_has_ended(past: Past) -> None:
    request, other = past.request(0, n=2, lane="auth", status=State.sent), past.request(0, lane="auth")
    first, second = sorted(messages_of(past, request))
    past.db.run(sql.execute, f"UPDATE messages SET status=11 WHERE message_id=0x{first.hex()}")
    past.db.run(removal.mask_ended, [first])
    assert past.variables(request) == 1
    assert TEXT in str(past.plan(request)), "the other recipient's message may need another hop"
    past.end(request)
    for _ in range(2):
        past.db.run(removal.mask_ended, [first, second])
    assert past.hidden(request)
    assert not past.hidden(other)


def test_a_part_of_an_auth_request_that_is_still_to_come_keeps_its_text(past: Past) -> None:
    request = past.request(0, n=2, lane="auth")
    past.db.run(sql.execute, "UPDATE requests SET total=3")
    past.db.run(removal.mask_ended, messages_of(past, request))
    assert TEXT in str(past.plan(request))
    past.sweep(at=NOW + 1.1 * DAY_MS)
    assert past.hidden(request), "the rest never came"


def test_a_day_later_only_the_auth_lane_is_masked(past: Past) -> None:
    auth, waiting = past.request(1.5, lane="auth"), past.request(1.5, lane="auth", status=State.uncertain)
    others = [past.request(1.5, lane=lane) for lane in ("realtime", "bulk", "ad")]
    past.sweep()
    assert [past.hidden(r) for r in (auth, waiting, *others)] == [True, False, False, False, False]


# --- the other tables -------------------------------------------------------------------------------------------------


def test_each_other_table_loses_what_is_over_and_keeps_the_rest(past: Past) -> None:
    def ms(days: float) -> int:
        return int(NOW - days * DAY_MS)

    add = past.db.run
    add(sql.insert, "seen", "event_id, seen_ms", [(bytes([i]) * 16, ms(d)) for i, d in enumerate((91, 89))])
    columns = "account_id, key_hash, body_hash, request_id, expires_ms"
    keys = [(1, bytes([i]) * 16, b"b" * 16, b"r" * 16, ms(d)) for i, d in enumerate((0.1, -0.1))]
    add(sql.insert, "idempotency", columns, keys)
    columns = "vendor_ref, channel, vendor, vendor_account, state, code, at_ms, kept_ms"
    receipts = [(f"R{d}", "mt", "nhn", "main", "sent", "0000", 1, ms(d)) for d in (31, 29)]
    add(sql.insert, "receipt_inbox", columns, receipts)
    columns = "account_id, webhook_id, attempt, outcome, duration_ms, messages, at_ms"
    add(sql.insert, "attempts", columns, [(1, f"w{d}", 2, "failed", 1, 1, ms(d)) for d in (91, 89)])
    account = past.account()
    columns = "account_id, day, lane, channel, type"
    add(sql.insert, "usage_daily", columns, [(account, korean_day(ms(d)), 1, "mt", "sms") for d in (735, 725)])
    columns = "account_id, day, test, status, channel, code, lane, total, since_ms"
    results = [(account, korean_day(ms(d)), 0, 12, "mt", "4001", 1, 5, 0) for d in (735, 725)]
    add(sql.insert, "results_daily", columns, results)
    columns = "account_id, day, state, tries, claim, lease_ms, updated_ms"
    digests = [(account, korean_day(ms(d)), "sent", 1, b"c" * 8, 0, 0) for d in (92, 88)]
    add(sql.insert, "digests", columns, digests)
    columns = "vendor, account, hour_ms, state, code"
    add(sql.insert, "vendor_hourly", columns, [("nhn", "main", ms(d), "sent", "0000") for d in (735, 725)])
    columns = "event_id, topic, reason, headers, body, state, at_ms"
    letters = [(f"{s}{d}", "t", "r", "{}", "b", s, ms(d)) for s in ("waiting", "replayed", "dropped") for d in (31, 29)]
    add(sql.insert, "dead_letters", columns, letters)
    assert past.sweep() == 8 + 2
    for table in ("seen", "idempotency", "receipt_inbox", "attempts", *DAILY, "vendor_hourly"):
        assert past.count(table) == 1, table
    assert past.count("dead_letters", "state='waiting'") == 2, "nobody has dealt with it"
    assert past.count("dead_letters") == 4


def test_a_key_that_was_renewed_in_the_meantime_is_kept(past: Past) -> None:
    columns = "account_id, key_hash, body_hash, request_id, expires_ms"
    past.db.run(sql.insert, "idempotency", columns, [(1, b"k" * 16, b"b" * 16, b"r" * 16, NOW - 1000)])
    other = Database(past.db._url.geturl(), pool=1)

    def renewed_after_it_was_found(conn: Any) -> None:
        class Sly:
            def __getattr__(self, name: str) -> Any:
                return getattr(conn, name)

            def cursor(self) -> Any:
                found = conn.cursor()
                execute = found.execute

                def renew_first(statement: str, args: Any = None) -> Any:
                    if statement.startswith("DELETE FROM idempotency"):
                        other.run(sql.execute, f"UPDATE idempotency SET expires_ms={NOW + DAY_MS}")
                    return execute(statement, args)

                found.execute = renew_first
                return found

        retention.run(Sly(), TASKS["idempotency"], NOW, 500)

    past.db.run(renewed_after_it_was_found)
    assert past.count("idempotency") == 1
    other.close()


# --- cost and death ---------------------------------------------------------------------------------------------------


def test_the_cost_follows_what_is_removed_not_what_is_kept(past: Past) -> None:
    one = Past.__new__(Past)
    one.db = Database(past.db._url.geturl(), pool=1)

    def cost() -> int:
        for _ in range(20):
            past.request(95, n=5)
        return rows_read(one.db, one.sweep)

    past.request(2, n=1000)  # in a table of a few rows MySQL reads all of them, which is not counted
    few = cost()
    one.sweep()
    idle = rows_read(one.db, one.sweep)
    for _ in range(30):
        past.request(50, n=300)
    one.sweep()
    for _ in range(10):
        past.request(2, n=1000)
    many = cost()
    assert past.count("messages") == 20_000
    assert many < 1.3 * few + 50
    assert rows_read(one.db, one.sweep) < idle + 50, "with nothing to remove, what is kept costs nothing"
    one.db.close()


def tick(at: int) -> int | None:
    """A tick as PingSource sends it; its status, or None when nobody answers."""
    kind = {"ce-specversion": "1.0", "ce-id": "t1", "ce-type": "dev.knative.sources.ping", "ce-source": "/ping"}
    request = urllib.request.Request(f"http://127.0.0.1:{at}/", b"{}", {**kind, "content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def bare_tick(at: int) -> int:
    """A tick as OpenFaaS' cron connector sends it: an empty request."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=120)
    connection.request("POST", "/")
    return connection.getresponse().status


def start(servers: Platform, folder: Path) -> Spawned:
    """The function in a process of its own, in batches that are small enough to die between."""
    demo = servers.demo
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IMS_")},
        "IMS_MYSQL_URL": demo["mysql"], "IMS_KAFKA_BOOTSTRAP": demo["kafka"], "IMS_REDIS_URL": demo["redis"],
        "IMS_RETENTION_BATCH": "20",
    }  # fmt: skip
    return spawn(["shared.runtime", "--function", "retention"], env, folder / "retention.log", "/healthz")


def test_the_function_killed_in_the_middle_goes_on_where_it_was(past: Past, servers: Platform, tmp_path: Path) -> None:
    for _ in range(200):
        past.request(95, n=4)
    kept = past.request(95, n=3, status=State.sent)
    one = start(servers, tmp_path)
    caller = threading.Thread(target=tick, args=(one.port,))
    caller.start()
    deadline = time.monotonic() + 60
    while past.count("requests") > 190 and time.monotonic() < deadline:
        time.sleep(0.005)
    one.process.kill()
    one.process.wait(10)
    caller.join(30)
    half = past.counts()
    assert 1 < half["requests"] <= 190
    assert half["messages"] == half["hops"] == half["trail"] == half["reports"], "whole transactions only"
    two = start(servers, tmp_path)
    assert bare_tick(two.port) == 200
    two.process.terminate()
    two.process.wait(30)
    assert past.counts() == {"requests": 1, "messages": 3, "hops": 3, "trail": 3, "reports": 3}
    assert past.variables(kept) == 3
    ((removed,),) = past.db.run(sql.fetch, "SELECT removed FROM retention WHERE task='history'")
    assert removed == 200 * (1 + 4 * 4), "each row was removed once"
