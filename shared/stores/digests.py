"""Daily digests: who wants one, what it counts, and its row, which is claimed before it is sent.

(no row) ──claim──▶ sending ──settle──▶ sent · failed · uncertain · given_up
                      ▲  lease over, failed, uncertain: claimed again │
                      └──────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from shared.digest.content import UNSUCCESSFUL, Row, Sample
from shared.digest.days import DAY, day_at
from shared.domain.cutting import cut
from shared.domain.errors import Overloaded
from shared.stores import sql
from shared.stores.results import ID_BYTES
from shared.stores.sql import Connection

OPEN = ("failed", "uncertain")
"""States from which a tick tries again; `sending` joins them when its lease has run out."""
GIVEN_UP_MS = 86_400_000
UNSENT = 1000
"""More than so many need no count."""
AGAIN_MS = 600_000
"""On demand an account gets at most one digest in this time: nobody floods a mailbox through us."""
_FAILURES = ",".join(str(int(s)) for s in UNSUCCESSFUL)


class Preferences(NamedTuple):
    """An account's row of digest_settings: `send_by` email or callback; without a `callback_uri` the account's."""

    enabled: bool
    send_by: str
    email: str | None
    callback_uri: str | None
    language: str
    always: bool


NOBODY = Preferences(enabled=False, send_by="email", email=None, callback_uri=None, language="ko", always=False)
"""What holds for an account that has chosen nothing."""
_PREFERENCES = ", ".join(Preferences._fields)


class State(NamedTuple):
    """A digest's row as its account sees it."""

    state: str
    tries: int
    sent_by: str | None
    error: str | None
    updated_ms: int


# --- preferences ------------------------------------------------------------------------------------------------------


def preferences(conn: Connection, account_id: int) -> Preferences:
    """What an account has chosen."""
    found = sql.fetch(conn, f"SELECT {_PREFERENCES} FROM digest_settings WHERE account_id=%s", (account_id,))  # noqa: S608
    if not found:
        return NOBODY
    enabled, send_by, email, callback_uri, language, always = found[0]
    return Preferences(bool(enabled), send_by, email, callback_uri, language, bool(always))


def choose(conn: Connection, account_id: int, changes: dict[str, Any], now_ms: int) -> Preferences:
    """Set some of the preferences and return all of them."""
    chosen = preferences(conn, account_id)._replace(**changes)
    tail = "ON DUPLICATE KEY UPDATE " + ", ".join(f"{c}=VALUES({c})" for c in (*changes, "updated_ms"))
    row = (account_id, *chosen, now_ms)
    sql.insert(conn, "digest_settings", f"account_id, {_PREFERENCES}, updated_ms", [row], tail)
    return preferences(conn, account_id)


def wanting(conn: Connection, day: date, above: int, limit: int) -> tuple[list[int], int | None]:
    """Accounts that want a digest and have something in it (or want it always), and above which id to go on.

    Cheap by the primary keys: one page of preferences, then only these accounts' counters of the day.
    """
    page = sql.fetch(
        conn,
        "SELECT account_id, enabled, always FROM digest_settings WHERE account_id>%s ORDER BY account_id LIMIT %s",
        (above, limit),
    )
    wishing = [(a, bool(always)) for a, enabled, always in page if enabled]
    failing = failing_accounts(conn, day, [a for a, always in wishing if not always])
    chosen = [a for a, always in wishing if always or a in failing]
    return chosen, (page[-1][0] if len(page) == limit else None)


def failing_accounts(conn: Connection, day: date, accounts: Sequence[int]) -> set[int]:
    """Which of these accounts had messages that failed or expired that day (test keys' not counted)."""
    if not accounts:
        return set()
    found = sql.fetch(conn, failing_statement(accounts), (day,))
    return {a for (a,) in found}


def failing_statement(accounts: Sequence[int]) -> str:
    """The query of `failing_accounts`; its one parameter is the day."""
    listed = ",".join(f"{a:d}" for a in accounts)
    return (
        "SELECT DISTINCT account_id FROM results_daily FORCE INDEX (PRIMARY) "  # noqa: S608 - numbers
        f"WHERE account_id IN ({listed}) AND day=%s AND test=0 AND status IN ({_FAILURES})"
    )


# --- what it counts ---------------------------------------------------------------------------------------------------

_ROWS = (
    "SELECT status, channel, code, SUM(total), MIN(since_ms), GROUP_CONCAT(HEX(samples) SEPARATOR '') "
    "FROM results_daily FORCE INDEX (PRIMARY) WHERE account_id=%s AND day=%s AND test={test:d} "
    "GROUP BY status, channel, code"
)
ROWS = _ROWS.format(test=0)
"""A day's counters of an account, its lanes together: as many rows as there are causes, however many messages."""


def rows(conn: Connection, account_id: int, day: date, test: bool = False) -> list[Row]:
    """What became of an account's messages on a day: test keys' left out, or only theirs."""
    return [
        Row(status, channel, code, int(total), int(since_ms), _ids(samples or ""))
        for status, channel, code, total, since_ms, samples in sql.fetch(
            conn, _ROWS.format(test=test), (account_id, day)
        )
    ]


def _ids(text: str | bytes) -> tuple[bytes, ...]:
    raw = bytes.fromhex(text if isinstance(text, str) else text.decode())
    return tuple(raw[i : i + ID_BYTES] for i in range(0, len(raw), ID_BYTES))


def samples(conn: Connection, account_id: int, ids: Sequence[bytes]) -> dict[bytes, Sample]:
    """Recipient and reference of these messages, as far as they are still kept."""
    if not ids:
        return {}
    found = sql.fetch(
        conn,
        f"SELECT message_id, recipient, ref FROM messages WHERE message_id IN ({sql.ids(ids)}) AND account_id=%s",  # noqa: S608
        (account_id,),
    )
    return {i: Sample(to, ref) for i, to, ref in found}


# --- the digest's own row ---------------------------------------------------------------------------------------------


def state(conn: Connection, account_id: int, day: date) -> State | None:
    """How far a digest is; None when nobody has tried to send it."""
    found = sql.fetch(
        conn,
        "SELECT state, tries, sent_by, error, updated_ms FROM digests WHERE account_id=%s AND day=%s",
        (account_id, day),
    )
    return State(*found[0]) if found else None


def settled(conn: Connection, day: date, accounts: Sequence[int], now_ms: int) -> set[int]:
    """Which of these accounts' digests a tick need not look at: ended, or in somebody's hands."""
    if not accounts:
        return set()
    listed = ",".join(f"{a:d}" for a in accounts)
    found = sql.fetch(
        conn,
        f"SELECT account_id, state, lease_ms FROM digests WHERE day=%s AND account_id IN ({listed})",  # noqa: S608
        (day,),
    )
    return {a for a, state, lease_ms in found if not _free(state, lease_ms, now_ms)}


def _free(state: str, lease_ms: int, now_ms: int) -> bool:
    return state in OPEN or (state == "sending" and lease_ms <= now_ms)


class Claim(NamedTuple):
    """A digest that nobody else sends until `lease_ms`; `tries` counts this one."""

    account_id: int
    day: date
    token: bytes
    tries: int
    lease_ms: int


def claim(conn: Connection, wanted: Claim, now_ms: int, again: bool = False) -> Claim | None:
    """Take a digest for one try; None when it has ended or is in somebody's hands.

    `again`: even when it has ended; Overloaded, with when to come back, while another has gone out lately.
    """
    if again:
        _wait_between(conn, wanted, now_ms)
    found = sql.fetch(
        conn,
        "SELECT state, tries, lease_ms FROM digests WHERE account_id=%s AND day=%s FOR UPDATE",
        (wanted.account_id, wanted.day),
    )
    if not found:
        row = (wanted.account_id, wanted.day.isoformat(), "sending", 1, wanted.token, wanted.lease_ms, now_ms)
        columns = "account_id, day, state, tries, claim, lease_ms, updated_ms"
        new = sql.insert_ignore(conn, "digests", columns, [row])  # another may have been faster by a moment
        return wanted._replace(tries=1) if new else None
    state, tries, lease_ms = found[0]
    if not _free(state, lease_ms, now_ms) and not (again and state != "sending"):
        return None
    with conn.cursor() as cursor:
        cursor.execute(
            "UPDATE digests SET state='sending', tries=tries+1, claim=%s, lease_ms=%s, updated_ms=%s "
            "WHERE account_id=%s AND day=%s",
            (wanted.token, wanted.lease_ms, now_ms, wanted.account_id, wanted.day),
        )
    return wanted._replace(tries=tries + 1)


def _wait_between(conn: Connection, wanted: Claim, now_ms: int) -> None:
    """The account's row is locked, so that of several at once one is claimed. A digest that is under way itself is
    told of as such."""
    sql.fetch(conn, "SELECT 1 FROM digest_settings WHERE account_id=%s FOR UPDATE", (wanted.account_id,))
    ((last_ms,),) = sql.fetch(
        conn,
        "SELECT MAX(updated_ms) FROM digests WHERE account_id=%s AND state IN ('sending','sent','uncertain') "
        "AND NOT (day=%s AND state='sending')",
        (wanted.account_id, wanted.day),
    )
    wait_ms = (last_ms or 0) + AGAIN_MS - now_ms
    if wait_ms > 0:
        raise Overloaded("A digest has gone out in the last 10 minutes.", retry_after=wait_ms / 1000)


def settle(conn: Connection, held: Claim, state: str, sent_by: str | None, error: str | None, now_ms: int) -> bool:
    """Note how a try ended; False when the claim was lost meanwhile and another try decides."""
    with conn.cursor() as cursor:
        changed = cursor.execute(
            "UPDATE digests SET state=%s, sent_by=%s, error=%s, updated_ms=%s "
            "WHERE account_id=%s AND day=%s AND claim=%s AND state='sending'",
            (state, sent_by, cut(error, 255), now_ms, held.account_id, held.day, held.token),
        )
    return bool(changed)


class Unsent(NamedTuple):
    """Digests that are tried again, or whose try has died; and those given up in the last `GIVEN_UP_MS`."""

    waiting: int
    given_up: int


def unsent(conn: Connection, now_ms: int) -> Unsent:
    """How many digests have not gone out; up to `UNSENT` of each."""
    since = day_at(now_ms - GIVEN_UP_MS) - 2 * DAY
    waiting = "state IN ('failed','uncertain') OR (state='sending' AND lease_ms<=%s)"
    ((open_now,),) = sql.fetch(
        conn,
        f"SELECT COUNT(*) FROM (SELECT 1 FROM digests FORCE INDEX (open) WHERE {waiting} LIMIT %s) d",  # noqa: S608
        (now_ms, UNSENT),
    )
    ((ended,),) = sql.fetch(
        conn,
        "SELECT COUNT(*) FROM (SELECT 1 FROM digests FORCE INDEX (open) "
        "WHERE state='given_up' AND day>=%s AND updated_ms>=%s LIMIT %s) d",
        (since, now_ms - GIVEN_UP_MS, UNSENT),
    )
    return Unsent(int(open_now), int(ended))


def give_up(conn: Connection, before: date, now_ms: int) -> list[tuple[int, date, str]]:
    """End what earlier mornings have left open, at most 1,000 at once: (account, day, error) of each."""
    found = sql.fetch(
        conn,
        "SELECT account_id, day, COALESCE(error, '') FROM digests FORCE INDEX (open) "
        "WHERE state IN ('failed','uncertain','sending') AND day<%s AND lease_ms<=%s LIMIT 1000 FOR UPDATE SKIP LOCKED",
        (before, now_ms),
    )
    for account_id, day, _ in found:
        with conn.cursor() as cursor:
            cursor.execute(
                "UPDATE digests SET state='given_up', updated_ms=%s WHERE account_id=%s AND day=%s",
                (now_ms, account_id, day),
            )
    return [(a, d, e) for a, d, e in found]
