"""The servers without the functions, for tests of rows: shared by the modules that leave their rows alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.testing import Platform
from shared.runtime.mysql import Database
from tests.conftest import kept_or_new

OFFSET = 3900


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Kafka, MySQL with its schema, and Redis; `IMS_TEST_HOME` keeps them, too."""
    with kept_or_new(tmp_path_factory, "servers", {}, OFFSET, servers_only=True) as made:
        yield made


@pytest.fixture(scope="session")
def rows(servers: Platform) -> Iterator[Database]:
    """Their MySQL."""
    database = Database(servers.demo["mysql"])
    yield database
    database.close()
