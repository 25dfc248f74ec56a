"""What MySQL knows of an account's callbacks: the tries of one message's report, and how they go lately."""

from __future__ import annotations

from typing import NamedTuple

from shared.stores import sql
from shared.stores.lookup import TEST
from shared.stores.sql import Connection

SAMPLE = 10_000
"""Health looks at no more than so many of the latest reports, tries and waiting reports."""
TRIES = 50
DAY_MS = 86_400_000


class Waiting(NamedTuple):
    """A report that its client has not taken: `state` pending, exhausted or disabled."""

    webhook_id: str
    callback_uri: str
    state: str
    tries: int
    next_due_ms: int | None
    last_status: int | None
    last_error: str | None
    updated_ms: int


class Attempt(NamedTuple):
    """One try."""

    attempt: int
    outcome: str
    status: int | None
    error: str | None
    duration_ms: int | None
    at_ms: int


class Exchange(NamedTuple):
    """One try of a body with so many reports, and what the callback said to it; `answer` as it came."""

    attempt_id: int
    webhook_id: str
    attempt: int
    outcome: str
    status: int | None
    error: str | None
    duration_ms: int
    messages: int
    at_ms: int
    answer: str | None


class Tries(NamedTuple):
    """Which tries to list, newest first: from `since_ms` to below (`until_ms`, `below`)."""

    account_id: int
    since_ms: int
    until_ms: int
    below: int
    limit: int
    outcome: str | None
    test: bool


def exchanges(conn: Connection, wanted: Tries) -> list[Exchange]:
    """A page of an account's tries, newest first; one taken at once has no row (stores/reports.py:_has_row)."""
    outcome = f" AND outcome={sql.literal(wanted.outcome)}" if wanted.outcome else ""
    of_tests = f" AND {_TRIED_TESTS}" if wanted.test else ""
    found = sql.fetch(
        conn,
        f"SELECT {', '.join(Exchange._fields)} FROM attempts FORCE INDEX (account) "  # noqa: S608 - literals
        "WHERE account_id=%s AND at_ms>=%s AND (at_ms<%s OR (at_ms=%s AND attempt_id<%s))"
        f"{outcome}{of_tests} ORDER BY at_ms DESC, attempt_id DESC LIMIT %s",
        (wanted.account_id, wanted.since_ms, wanted.until_ms, wanted.until_ms, wanted.below, wanted.limit),
    )
    return [Exchange(*row) for row in found]


def of_message(conn: Connection, account_id: int, message_id: bytes, name: str) -> tuple[Waiting | None, list[Attempt]]:
    """A message's waiting report and the known tries; `name` is the webhook-id it has when it goes alone."""
    found = sql.fetch(
        conn,
        "SELECT webhook_id, callback_uri, state, tries, next_due_ms, last_status, last_error, updated_ms FROM reports "
        "WHERE message_id=%s AND account_id=%s",
        (message_id, account_id),
    )
    waiting = Waiting(*found[0]) if found else None
    names = {name} | ({waiting.webhook_id} if waiting else set())
    tries = sql.fetch(
        conn,
        "SELECT attempt, outcome, status, error, duration_ms, at_ms FROM attempts FORCE INDEX (once) "
        "WHERE webhook_id IN %s AND account_id=%s ORDER BY webhook_id, attempt, at_ms LIMIT %s",
        (sorted(names), account_id, TRIES),
    )
    return waiting, sorted((Attempt(*t) for t in tries), key=lambda t: (t.at_ms, t.attempt))


class Recent(NamedTuple):
    """Reports since `since_ms`: taken by the client, and carried in vain (each failed try counts)."""

    since_ms: int
    delivered: int
    failed: int


_TRIED_TESTS = (
    f"EXISTS (SELECT 1 FROM reports w WHERE w.webhook_id=attempts.webhook_id AND {TEST.format(id='w.message_id')}=1)"  # noqa: S608
)
"""Tries of reports that hold a test key's message and whose rows are still there."""


def recent(conn: Connection, account_id: int, since_ms: int, test: bool = False) -> Recent:
    """How callbacks went since a moment, or among the latest `SAMPLE` where there were more.

    `test`: those of test keys' messages among them.
    """
    of_test = TEST.format(id="messages.message_id") if test else "1"
    tried_test = _TRIED_TESTS if test else "1"
    ended = (
        f"SELECT finished_ms, reported_ms, {of_test} AS counts FROM messages FORCE INDEX (feed) "  # noqa: S608 - literals
        f"WHERE account_id={account_id:d} AND feed_seq IS NOT NULL ORDER BY feed_seq DESC LIMIT {SAMPLE}"
    )
    tried = (
        f"SELECT at_ms, outcome, messages, {tried_test} AS counts FROM attempts FORCE INDEX (account) "  # noqa: S608 - literals
        f"WHERE account_id={account_id:d} AND at_ms>={since_ms:d} ORDER BY at_ms DESC LIMIT {SAMPLE}"
    )
    starts = [since_ms]
    for column, table in (("finished_ms", ended), ("at_ms", tried)):
        ((size, oldest),) = sql.fetch(conn, f"SELECT COUNT(*), MIN({column}) FROM ({table}) t")  # noqa: S608
        if size == SAMPLE:
            starts.append(oldest)
    start = max(starts)
    ((delivered,),) = sql.fetch(conn, f"SELECT COUNT(*) FROM ({ended}) t WHERE reported_ms>={start:d} AND counts")  # noqa: S608
    ((failed,),) = sql.fetch(
        conn,
        f"SELECT COALESCE(SUM(messages), 0) FROM ({tried}) t "  # noqa: S608 - literals
        f"WHERE at_ms>={start:d} AND outcome<>'delivered' AND counts",
    )
    return Recent(start, int(delivered), int(failed))


def waiting_counts(conn: Connection, account_id: int, test: bool = False) -> dict[str, int]:
    """Reports by state: pending, exhausted, disabled; each counted up to `SAMPLE` (`test`: test keys' among them)."""
    counts = {}
    flag = TEST.format(id="reports.message_id") if test else "1"
    for state in ("pending", "exhausted", "disabled"):
        ((n,),) = sql.fetch(
            conn,
            f"SELECT COUNT(*) FROM (SELECT {flag} AS counts FROM reports FORCE INDEX (account) "  # noqa: S608
            "WHERE account_id=%s AND state=%s LIMIT %s) t WHERE counts",
            (account_id, state, SAMPLE),
        )
        counts[state] = n
    return counts


def last_failure(conn: Connection, account_id: int, now_ms: int, test: bool = False) -> Attempt | None:
    """The latest try of the last seven days that failed (`test`: of a test key's message, among the last `SAMPLE`)."""
    chosen, of_tests = "", ""
    if test:
        chosen, of_tests = f", {_TRIED_TESTS} AS counts", "WHERE counts "
    found = sql.fetch(
        conn,
        "SELECT attempt, outcome, status, error, duration_ms, at_ms FROM ("  # noqa: S608 - literals
        f"SELECT attempt, outcome, status, error, duration_ms, at_ms{chosen} FROM attempts FORCE INDEX (account) "
        "WHERE account_id=%s AND at_ms>=%s AND outcome<>'delivered' ORDER BY at_ms DESC LIMIT %s) t "
        f"{of_tests}ORDER BY at_ms DESC LIMIT 1",
        (account_id, now_ms - 7 * DAY_MS, SAMPLE if test else 1),
    )
    return Attempt(*found[0]) if found else None
