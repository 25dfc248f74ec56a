"""The servers without the functions, for tests of rows: shared by the modules that leave their rows alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.testing import Platform
from shared.runtime.mysql import Database
from tests.ports import free_offset

OFFSET = 3900


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Kafka, MySQL with its schema, and Redis; `IMS_TEST_HOME` keeps them, too."""
    kept = os.environ.get("IMS_TEST_HOME")
    home = Path(kept) / "servers" if kept else tmp_path_factory.mktemp("servers")
    home.mkdir(parents=True, exist_ok=True)
    known = home / "offset"
    offset = known.read_text() if known.exists() else free_offset(OFFSET)
    running = Platform(home, {"IMS_PORT_OFFSET": offset}, servers_only=True)
    running.start()
    known.write_text(offset)
    yield running
    if not kept:
        running.stop()


@pytest.fixture(scope="session")
def rows(servers: Platform) -> Iterator[Database]:
    """Their MySQL."""
    database = Database(servers.demo["mysql"])
    yield database
    database.close()
