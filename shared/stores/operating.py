"""What operators ask of the rows: what waits and why, accounts and vendor accounts as a whole. All bounded."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.domain.ids import LANES, Lane
from shared.money import PriceRow
from shared.stores import sql
from shared.stores.due import BACKLOG, SURPLUS
from shared.stores.sql import Connection
from shared.stores.stops import PARKED

HELD_MS = 100 * 365 * 86_400_000
"""By so much the reservations of a suspended account are put off; what is due later than that is held."""
SCHEDULED = "scheduled"
SAMPLE = 20_000


class Waiting(NamedTuple):
    """Messages of a lane by what they wait for."""

    overdue: int = 0
    later: int = 0
    for_turn: int = 0
    for_room: int = 0
    for_pause: int = 0
    on_the_way: int = 0


def waiting(conn: Connection, now_ms: int) -> dict[int, Waiting]:
    """By lane."""
    kinds = sql.fetch(
        conn,
        "SELECT lane, kind, COALESCE(due_ms, 0)<=%s AND due_ms IS NOT NULL, SUM(messages) FROM due GROUP BY 1, 2, 3",
        (now_ms,),
    )
    flying = dict(sql.fetch(conn, "SELECT lane, SUM(in_flight) FROM windows WHERE in_flight>0 GROUP BY lane"))
    return {int(Lane[name]): _waiting(int(Lane[name]), kinds, int(flying.get(int(Lane[name]), 0))) for name in LANES}


def _waiting(lane: int, kinds: list[tuple[Any, ...]], flying: int) -> Waiting:
    counts = dict.fromkeys(Waiting._fields, 0)
    names = {SURPLUS: "for_turn", BACKLOG: "for_room", PARKED: "for_pause"}
    for of, kind, over, messages in kinds:
        if of == lane:
            counts[names.get(kind, "overdue" if over else "later")] += int(messages)
    return Waiting(**{**counts, "on_the_way": flying})


class AccountRow(NamedTuple):
    """An account as operators see it."""

    account_id: int
    username: str
    enabled: int
    callback_uri: str | None
    callback_enabled: int
    callback_batch: int
    send_window: int
    rate_per_second: int | None
    daily_limit: int | None
    created_ms: int


_ACCOUNT = ", ".join(AccountRow._fields)


def accounts(conn: Connection, after: int, limit: int, username: str | None = None) -> list[AccountRow]:
    """Accounts in the order of their numbers."""
    named = f" AND username={sql.literal(username)}" if username else ""
    found = sql.fetch(
        conn,
        f"SELECT {_ACCOUNT} FROM accounts WHERE account_id>%s{named} ORDER BY account_id LIMIT %s",  # noqa: S608
        (after, limit),
    )
    return [AccountRow(*row) for row in found]


def account(conn: Connection, username: str, lock: str = "") -> AccountRow | None:
    """One account."""
    found = sql.fetch(conn, f"SELECT {_ACCOUNT} FROM accounts WHERE username=%s {lock}", (username,))  # noqa: S608
    return AccountRow(*found[0]) if found else None


def open_account(conn: Connection, username: str, columns: dict[str, Any], now_ms: int) -> bool:
    """A new account; False when the name is taken."""
    row = {"username": username, "callback_secrets": "[]", "created_ms": now_ms, **columns}
    return bool(sql.insert_ignore(conn, "accounts", ", ".join(row), [tuple(row.values())]))


def change_account(conn: Connection, account_id: int, columns: dict[str, Any]) -> None:
    """Set columns of an account."""
    if columns:
        listed = ", ".join(f"{name}={sql.literal(value)}" for name, value in columns.items())
        sql.execute(conn, f"UPDATE accounts SET {listed} WHERE account_id={account_id:d}")  # noqa: S608 - literals


def reservations(conn: Connection, account_id: int) -> tuple[int, int]:
    """(messages, requests) that an account has reserved and that have not left."""
    lanes = ",".join(str(int(lane)) for lane in Lane)
    ((messages, requests),) = sql.fetch(
        conn,
        "SELECT COALESCE(SUM(messages), 0), COUNT(DISTINCT request_id) FROM due FORCE INDEX (backlog) "  # noqa: S608
        f"WHERE kind='{SCHEDULED}' AND lane IN ({lanes}) AND account_id=%s",
        (account_id,),
    )
    return int(messages), int(requests)


def reserved(conn: Connection, account_id: int) -> list[bytes]:
    """The requests that an account has reserved."""
    lanes = ",".join(str(int(lane)) for lane in Lane)
    found = sql.fetch(
        conn,
        "SELECT DISTINCT request_id FROM due FORCE INDEX (backlog) "  # noqa: S608
        f"WHERE kind='{SCHEDULED}' AND lane IN ({lanes}) AND account_id=%s AND request_id IS NOT NULL",
        (account_id,),
    )
    return [row[0] for row in found]


def hold_reservations(conn: Connection, account_id: int, *, held: bool) -> None:
    """Put an account's reservations off, or give them their times back."""
    lanes = ",".join(str(int(lane)) for lane in Lane)
    change, where = ("+", "<") if held else ("-", ">=")
    sql.execute(
        conn,
        f"UPDATE due SET due_ms=due_ms{change}{HELD_MS} WHERE kind='{SCHEDULED}' AND lane IN ({lanes}) "  # noqa: S608
        f"AND account_id={account_id:d} AND due_ms{where}{HELD_MS}",
    )


class VendorRow(NamedTuple):
    """A vendor account as it is stored; `settings` as JSON."""

    channel: str
    vendor: str
    account: str
    base_url: str
    weight: int
    enabled: int
    sandbox: int
    settings: str

    @property
    def name(self) -> str:
        """As its breaker and its drain are called."""
        return f"{self.vendor}/{self.account}/{self.channel}"


_VENDOR = ", ".join(VendorRow._fields)


def vendors(conn: Connection) -> list[VendorRow]:
    """All vendor accounts."""
    return [
        VendorRow(*row)
        for row in sql.fetch(conn, f"SELECT {_VENDOR} FROM vendor_accounts ORDER BY channel, vendor, account")  # noqa: S608
    ]


def vendor(conn: Connection, vendor: str, account: str, lock: str = "") -> list[VendorRow]:
    """A vendor's account on each of its channels."""
    found = sql.fetch(
        conn,
        f"SELECT {_VENDOR} FROM vendor_accounts WHERE vendor=%s AND account=%s ORDER BY channel {lock}",  # noqa: S608
        (vendor, account),
    )
    return [VendorRow(*row) for row in found]


def change_vendor(conn: Connection, row: VendorRow) -> None:
    """Write a vendor account's weight, switch and settings."""
    channel, vendor_, account_ = map(sql.literal, (row.channel, row.vendor, row.account))
    where = f"channel={channel} AND vendor={vendor_} AND account={account_}"
    sql.execute(
        conn,
        f"UPDATE vendor_accounts SET weight={row.weight:d}, enabled={row.enabled:d}, "  # noqa: S608 - literals
        f"settings={sql.literal(row.settings)} WHERE {where}",
    )


def vendor_results(conn: Connection, since_ms: int) -> dict[tuple[str, str, str], dict[tuple[str, str], int]]:
    """(vendor, account, channel) → (state, code) → how many, of the hours since then."""
    found: dict[tuple[str, str, str], dict[tuple[str, str], int]] = {}
    for vendor_, account_, channel, state, code, total in sql.fetch(
        conn,
        "SELECT vendor, account, channel, state, code, SUM(total) FROM vendor_hourly WHERE hour_ms>=%s "
        "GROUP BY 1, 2, 3, 4, 5",
        (since_ms,),
    ):
        found.setdefault((vendor_, account_, channel), {})[state, code] = int(total)
    return found


class DueRow(NamedTuple):
    """Due work of one lane, kind and account; times in ms."""

    lane: int
    kind: str
    username: str | None
    batches: int
    messages: int
    first_ms: int | None
    last_ms: int | None
    overdue: bool
    held: bool


def due(conn: Connection, now_ms: int) -> list[DueRow]:
    """What is overdue comes first; at most 500 rows."""
    found = sql.fetch(
        conn,
        "SELECT d.lane, d.kind, a.username, COUNT(*), SUM(d.messages), MIN(d.due_ms), MAX(d.due_ms) FROM due d "  # noqa: S608
        f"LEFT JOIN accounts a ON a.account_id=d.account_id GROUP BY 1, 2, 3, COALESCE(d.due_ms, 0)>={HELD_MS} "
        "ORDER BY COALESCE(MIN(d.due_ms), 1<<62) LIMIT 500",
    )
    return [_due(row, now_ms) for row in found]


def _due(row: tuple[Any, ...], now_ms: int) -> DueRow:
    lane, kind, username, batches, messages, first, last = row
    held = first is not None and first >= HELD_MS
    times = [None if at is None else int(at) - HELD_MS * held for at in (first, last)]
    overdue = times[0] is not None and times[0] <= now_ms and not held
    return DueRow(lane, kind, username, int(batches), int(messages), times[0], times[1], overdue, held)


def prices(conn: Connection) -> list[PriceRow]:
    """All that were entered, the newest first."""
    query = (
        "SELECT channel, vendor, account, type, country, from_ms, amount FROM prices ORDER BY from_ms DESC LIMIT 5000"
    )
    return [PriceRow(*row) for row in sql.fetch(conn, query)]


def add_price(conn: Connection, row: PriceRow) -> None:
    """A price from a moment on; one of the same moment is replaced."""
    columns = "channel, vendor, account, type, country, from_ms, amount"
    sql.insert(conn, "prices", columns, [tuple(row)], "ON DUPLICATE KEY UPDATE amount=VALUES(amount)")


def tables(conn: Connection) -> list[tuple[str, int, int]]:
    """(name, rows as estimated, bytes) of the largest tables."""
    found = sql.fetch(
        conn,
        "SELECT table_name, table_rows, data_length+index_length FROM information_schema.tables "
        "WHERE table_schema=DATABASE() ORDER BY 3 DESC LIMIT 50",
    )
    return [(str(name), int(rows or 0), int(size or 0)) for name, rows, size in found]
