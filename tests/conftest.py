"""One platform for the whole run, started when the first test needs it.

`IMS_TEST_HOME=<folder>` keeps that platform running between runs, which saves a contributor its start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from local.testing import Platform
from tests.ports import free_offset, running
from tests.road import NORMAL, Road

FOLDERS = ("unit", "contract", "wiring", "manifests", "integration", "e2e")
collect_ignore = [] if os.environ.get("IMS_TEST_CLUSTER") else ["cluster"]
"""`make test-cluster` has tests of its own, on the node of `make cluster`."""
LAST = ("test_kill.py", "test_down.py", "test_openfaas_ce.py", "test_clusters.py")
"""These break most, or need the machine for themselves."""

SESSION = "platform"
"""The group of tests that share the session's platform."""

OWN_PLATFORM = ("test_apart.py", "test_clusters.py", "test_openfaas_ce.py")
"""Of e2e, those that start one of another kind for themselves."""

OF_BUILD = ("test_pipeline.py", "test_scripts.py")
"""These run the pipelines' scripts, which write into build/."""

OFFSET = 8500
"""Where the search for free ports begins; clear of the other platforms that tests start."""
FAST: dict[str, str] = {
    "IMS_HOP_UNIT_SECONDS": "0.03",
    "IMS_RETRY_UNIT_SECONDS": "0.05",
    "IMS_PARK_SECONDS": "0.3",
    "IMS_GIVE_UP_UNIT_SECONDS": "0.1",
    "IMS_VENDOR_TIMEOUT_SECONDS": "4",
    "IMS_VENDOR_TIMEOUT_AUTH_SECONDS": "2",
    "IMS_IDEMPOTENCY_LEASE_SECONDS": "3",
    "IMS_KEY_CACHE_SECONDS": "1",
    "IMS_RECONCILE_SECONDS": "1",
    "IMS_REPORT_GRACE_SECONDS": "3",
    "IMS_REPORT_LEASE_SECONDS": "8",
    "IMS_SOURCE_COMMIT_SECONDS": "0.5",
    "IMS_MYSQL_TIMEOUT_SECONDS": "10",
    "IMS_KAFKA_TIMEOUT_SECONDS": "6",
}
"""Everything that waits, waits less; nothing else differs from the platform of `make demo`."""

settings.register_profile("ims", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ims")
"""A busy machine is slow; no test fails for that, nor for examples that no run had before."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The fast tests first, the breaking ones last; for workers side by side the long groups first."""
    items.sort(key=_place_beside if hasattr(config, "workerinput") else _place)


def _place(item: pytest.Item) -> tuple[int, int]:
    folders = [i for i, name in enumerate(FOLDERS) if name in item.path.parts]
    last = LAST.index(item.path.name) + 1 if item.path.name in LAST else 0
    return (folders[0] if folders else 0), last


def _place_beside(item: pytest.Item) -> tuple[bool, int, int]:
    folder, last = _place(item)
    return not group(item.nodeid).startswith(SESSION), -folder, last


def group(nodeid: str) -> str:
    """What stays with one worker: a file, and all that use the session's one platform, those that break it apart."""
    path = nodeid.partition("::")[0]
    name = Path(path).name
    if name in OF_BUILD:
        return "build"
    if "e2e" not in Path(path).parts or name in OWN_PLATFORM:
        return path
    return SESSION + ("-breaking" if name in LAST else "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole groups, in their order."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Everything, running."""
    with kept_or_new(tmp_path_factory, "platform", FAST, OFFSET) as made:
        yield made


@contextmanager
def kept_or_new(
    folders: pytest.TempPathFactory, name: str, env: dict[str, str], first: int, servers_only: bool = False
) -> Iterator[Platform]:
    """A platform for the session, or the one that `IMS_TEST_HOME` keeps between runs."""
    kept = os.environ.get("IMS_TEST_HOME")
    if not kept:
        with running(folders.mktemp(name), env, first, servers_only) as made:
            yield made
        return
    home = Path(kept) / ("servers" if servers_only else "")
    home.mkdir(parents=True, exist_ok=True)
    known = home / "offset"
    offset = known.read_text() if known.exists() else free_offset(first, env)
    made = Platform(home, {**env, "IMS_PORT_OFFSET": offset}, servers_only)
    made.start()
    known.write_text(offset)
    yield made


@pytest.fixture
def road(platform: Platform) -> Iterator[Road]:
    """A client of its own, with its callback; vendors behave well before and after."""
    platform.wait_healthy()
    with Road(platform) as road:
        road.behave(**NORMAL)
        yield road
        road.behave(**NORMAL)
