"""A statement that takes longer than it may is ended by the server, and its connection goes on."""

from __future__ import annotations

import pytest

from local.testing import Platform
from shared.runtime.mysql import Database, TooSlow
from shared.runtime.problems import Problem
from shared.runtime.searches import Searches
from shared.runtime.settings import MysqlSettings, SearchSettings
from shared.stores import sql
from shared.stores.sql import Connection

SLOW = "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, information_schema.columns c"


def slow(conn: Connection) -> object:
    return sql.fetch(conn, SLOW)


def quick(conn: Connection) -> tuple[int, int]:
    ((one, thread),) = sql.fetch(conn, "SELECT 1, CONNECTION_ID()")
    return one, thread


def test_the_server_ends_it_and_the_connection_is_used_again(servers: Platform) -> None:
    database = Database(servers.demo["mysql"], pool=1, statement=0.2)
    try:
        before = database.run(quick)
        with pytest.raises(TooSlow):
            database.run(slow)
        assert database.run(quick) == before
    finally:
        database.close()


async def test_its_client_is_told_to_ask_for_less(servers: Platform) -> None:
    searches = Searches(
        MysqlSettings(mysql_url=servers.demo["mysql"]),
        SearchSettings(searches=1, searches_by_account=1, search_seconds=0.2),
    )
    try:
        with pytest.raises(Problem) as told:
            await searches(1, slow)
        assert told.value.status == 503
        assert (await searches.primary(1, quick))[0] == 1
        assert (await searches(2, quick))[0] == 1
    finally:
        searches.close()
