"""MySQL from async code: a small pool of threads, each with its own connection, each call one transaction.

PyMySQL directly, without an ORM or query builder: see docs/decisions (importing SQLAlchemy costs as much CPU as the
whole cold start may take, and the statements here are few, bulk and hand-tuned).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from shared.domain.errors import Unavailable
from shared.runtime.scope import Threads

if TYPE_CHECKING:
    from pymysql.connections import Connection

P = ParamSpec("P")
T = TypeVar("T")

DEADLOCK, LOCK_WAIT = 1213, 1205
RETRIED = frozenset({DEADLOCK, LOCK_WAIT, 1020})
PACKET_TOO_LARGE = 1153
NO_SUCH_TABLE = 1146
OF_THE_DATA = ("21", "22", "23")
"""Classes of SQLSTATE for what a value is to blame for: trying again cannot help."""
STATEMENT_TIMEOUTS = frozenset({1969, 3024})
"""MariaDB's and MySQL's."""
MAX_TRIES = 6
SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""Set for each connection, so that statements mean the same on every server."""


def encryption(query: str) -> dict[str, Any]:
    """What a URL's query asks for: `?ssl_ca=FILE` wants a server that this authority vouches for, `?ssl=true` one that
    the system's authorities do. Without it, it is TLS where the server can, whoever it may be.

    Raises ValueError for a parameter that is none of these, so that a misspelt one is not taken for none.
    """
    asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    unknown = asked.keys() - {"ssl", "ssl_ca", "charset"}
    if unknown or asked.get("ssl", "true") != "true":
        raise ValueError(f"?{query} in a MySQL address: it may have ssl=true and ssl_ca=FILE")
    if "ssl_ca" in asked:
        return {"ssl_ca": asked["ssl_ca"], "ssl_verify_cert": True, "ssl_verify_identity": True}
    if "ssl" in asked:
        return {"ssl": ssl.create_default_context()}
    return {}


def _will_not_pass(error: Any) -> bool:
    """Whether the statement or a value in it is to blame, not the server. A table that is not there may come: its
    migration is under way."""
    import pymysql

    number = error.args[0] if error.args else 0
    if isinstance(error, pymysql.err.ProgrammingError):
        return number != NO_SUCH_TABLE
    return number == PACKET_TOO_LARGE or str(getattr(error, "sqlstate", None) or "").startswith(OF_THE_DATA)


def _limit(conn: Connection[Any], seconds: float) -> None:
    """Let the server end what takes longer: MySQL counts milliseconds, and SELECTs only."""
    maria = "MariaDB" in str(conn.get_server_info())  # type: ignore[no-untyped-call]
    wanted = f"max_statement_time={seconds:g}" if maria else f"max_execution_time={seconds * 1000:.0f}"
    with conn.cursor() as cursor:
        cursor.execute(f"SET SESSION {wanted}")


class TooSlow(Unavailable):
    """A statement took longer than it may; the server has ended it."""


class Beside(Protocol):
    """What is noted in the same transaction as what a task writes."""

    def here(self) -> Callable[[Connection[Any]], None] | None:
        """What notes it, where that is meant."""


BESIDE: ContextVar[Beside | None] = ContextVar("ims.beside", default=None)


def _noted(
    fn: Callable[Concatenate[Connection[Any], P], T], note: Callable[[Connection[Any]], None]
) -> Callable[Concatenate[Connection[Any], P], T]:
    """fn, and the note if fn has written (shared/stores/sql.py:execute says so)."""

    def both(conn: Connection[Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        conn.wrote = False  # type: ignore[attr-defined]
        result = fn(conn, *args, **kwargs)
        if conn.wrote:  # type: ignore[attr-defined]
            note(conn)
        return result

    return both


class Database:
    """One server. `await db(fn, *args)` runs fn(connection, *args) in a transaction and commits it.

    Deadlocks are retried; a lost connection is Unavailable, and the caller's event comes again. What a value or a
    statement is to blame for is raised as it is. `statement`: seconds after which the server ends a SELECT (TooSlow).
    """

    def __init__(self, url: str, *, pool: int = 4, timeout: float = 15.0, statement: float | None = None) -> None:
        self._url, self._timeout, self._statement = urlsplit(url), timeout, statement
        self._encryption = encryption(self._url.query)
        self._local = threading.local()
        self._threads = Threads(pool, thread_name_prefix="mysql")

    async def __call__(self, fn: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop, beside = asyncio.get_running_loop(), BESIDE.get()
        note = beside.here() if beside is not None else None
        if note is not None:
            fn = _noted(fn, note)
        return await loop.run_in_executor(self._threads, lambda: self.run(fn, *args, **kwargs))

    def run(self, fn: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same from a thread."""
        import pymysql

        for attempt in range(1, MAX_TRIES + 1):
            conn = self._connection()
            try:
                result = fn(conn, *args, **kwargs)
                conn.commit()
                return result
            except (pymysql.err.OperationalError, pymysql.err.ProgrammingError) as error:
                number = error.args[0] if error.args else 0
                if _will_not_pass(error):
                    self._rollback(conn)
                    raise
                if number in STATEMENT_TIMEOUTS:
                    self._rollback(conn)
                    raise TooSlow(f"MySQL: {number}") from error
                if number not in RETRIED:
                    self._drop()
                    raise Unavailable(f"MySQL: {number}") from error
                conn.rollback()
                if attempt == MAX_TRIES:
                    raise Unavailable("MySQL: deadlock") from error
                time.sleep(random.uniform(0.002, 0.02) * attempt)
            except (pymysql.err.InterfaceError, OSError) as error:
                self._drop()
                raise Unavailable(f"MySQL: {type(error).__name__}") from error
            except StopIteration as error:  # a future cannot carry it: who waits for it would wait for ever
                self._rollback(conn)
                raise RuntimeError("StopIteration in a transaction") from error
            except BaseException:
                self._rollback(conn)
                raise
        raise AssertionError

    def _connection(self) -> Connection[Any]:
        conn: Connection[Any] | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = self._local.conn = self._connect()
        return conn

    def _connect(self) -> Connection[Any]:
        import pymysql

        url = self._url
        try:
            conn = pymysql.connect(
                host=url.hostname or "127.0.0.1",
                port=url.port or 3306,
                user=unquote(url.username or ""),
                password=unquote(url.password or ""),
                database=url.path.lstrip("/"),
                charset="utf8mb4",
                autocommit=False,
                connect_timeout=max(1, int(self._timeout)),
                read_timeout=self._timeout,
                write_timeout=self._timeout,
                max_allowed_packet=64 * 1024 * 1024,
                init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                sql_mode=SQL_MODE,
                **self._encryption,
            )
            if self._statement is not None:
                _limit(conn, self._statement)
            return conn
        except (pymysql.err.MySQLError, OSError) as error:
            raise Unavailable(f"MySQL does not answer: {type(error).__name__}") from error

    def _rollback(self, conn: Connection[Any]) -> None:
        try:
            conn.rollback()
        except Exception:
            self._drop()

    def _drop(self) -> None:
        conn = getattr(self._local, "conn", None)
        self._local.conn = None
        if conn is not None:
            with contextlib.suppress(Exception):
                conn._force_close()

    def close(self) -> None:
        """Let running transactions end and stop the threads."""
        self._threads.shutdown(wait=True)
