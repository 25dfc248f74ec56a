"""Requests of long ago, put into a real MySQL by hand, and what retention makes of them."""

from __future__ import annotations

import os
from typing import Any

import orjson

from shared.domain import ids
from shared.domain.states import State
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.mysql import Database
from shared.runtime.settings import RetentionSettings
from shared.stores import removal, retention, sql
from shared.stores.retention import DAY_MS, Task

DAILY = ("usage_daily", "results_daily", "digests")
TABLES = (
    *DAILY, "requests", "messages", "hops", "trail", "reports", "attempts", "seen", "idempotency", "vendor_hourly",
    "dead_letters", "receipt_inbox", "files", "retention", "retention_later",
)  # fmt: skip
TASKS = {task.name: task for task in retention.tasks(RetentionSettings())}
NOW = now_ms()
TEXT = "secret 482913"


class Past:
    """Requests of long ago, each message with a hop, a line of trail and a report that was given up."""

    def __init__(self, db: Database) -> None:
        self.db = db
        for table in TABLES:
            db.run(sql.execute, f"DELETE FROM {table}")

    def request(
        self, days: float, n: int = 2, lane: str = "realtime", status: State = State.delivered, **more: Any
    ) -> bytes:
        at = int(NOW - days * DAY_MS)
        request = new_request_id(at)
        plan = [{"channel": "mt", "content": {"sender": "0215441234", "type": "sms", "text": TEXT, "files": ["f"]}}]
        row = {
            "request_id": request.bytes, "account_id": 1, "username": "demo", "lane": int(ids.Lane[lane]), "test": 0,
            "plan": orjson.dumps(plan).decode(), "on_uncertain": "wait", "accepted_ms": at, "total": n, **more,
        }  # fmt: skip
        messages = [ids.message_id(request, i, lane).bytes for i in range(1, n + 1)]
        self.db.run(sql.insert, "requests", ", ".join(row), [tuple(row.values())])
        self._messages(messages, status, at)
        return request.bytes

    def _messages(self, messages: list[bytes], status: State, at: int) -> None:
        self.db.run(
            sql.insert, "messages", "message_id, account_id, recipient, type, vars, status, channel, feed_seq",
            [(m, 1, "01012345678", "sms", '{"code": "482913"}', int(status), "mt", 1) for m in messages],
        )  # fmt: skip
        hop = (1, "mt", "solapi", "main", "sms", "delivered", b"c" * 8, at)
        columns = "message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms"
        self.db.run(sql.insert, "hops", columns, [(m, *hop) for m in messages])
        note = (1, "delivered", "0000", "receipt", b"c" * 16, at)
        self.db.run(
            sql.insert, "trail", "message_id, hop, state, code, via, cause, at_ms", [(m, *note) for m in messages]
        )
        columns = "message_id, account_id, username, webhook_id, callback_uri, state, tries, updated_ms, data"
        report = (1, "demo", "w", "https://a.example", "exhausted", 11, at, "{}")
        self.db.run(sql.insert, "reports", columns, [(m, *report) for m in messages])

    def account(self) -> int:
        """A client of its own."""
        name = os.urandom(6).hex()
        self.db.run(sql.insert, "accounts", "username, callback_secrets, created_ms", [(name, "[]", NOW)])
        return int(self.db.run(sql.fetch, "SELECT account_id FROM accounts WHERE username=%s", (name,))[0][0])

    def count(self, table: str, where: str = "1=1") -> int:
        return int(self.db.run(sql.fetch, f"SELECT COUNT(*) FROM {table} WHERE {where}")[0][0])

    def counts(self) -> dict[str, int]:
        """Rows of a message's tables."""
        return {table: self.count(table) for table in ("requests", "messages", "hops", "trail", "reports")}

    def end(self, request: bytes, status: State = State.delivered) -> None:
        where = removal.spans([request])
        self.db.run(sql.execute, f"UPDATE messages SET status={int(status)} WHERE {where}")

    def plan(self, request: bytes) -> Any:
        ((plan,),) = self.db.run(sql.fetch, "SELECT plan FROM requests WHERE request_id=%s", (request,))
        return orjson.loads(plan)

    def variables(self, request: bytes) -> int:
        """How many of its messages still have their variables."""
        return self.count("messages", f"({removal.spans([request])}) AND vars IS NOT NULL")

    def hidden(self, request: bytes) -> bool:
        """Whether nothing of its content is left."""
        return TEXT not in str(self.plan(request)) and self.variables(request) == 0

    def sweep(self, *names: str, at: float = NOW, limit: int = 500) -> int:
        """Work through tasks until nothing is left; rows removed or blanked."""
        return sum(self._work(TASKS[name], int(at), limit) for name in names or TASKS)

    def _work(self, task: Task, at: int, limit: int) -> int:
        removed = 0
        while (step := self.db.run(retention.run, task, at, limit)) is not None:
            removed += step.removed
            if not step.more:
                return removed
        raise AssertionError("somebody else works on it")


def messages_of(past: Past, request: bytes) -> list[bytes]:
    return [r[0] for r in past.db.run(sql.fetch, f"SELECT message_id FROM messages WHERE {removal.spans([request])}")]
