"""Libraries that come when they are used, come in several threads at once: warm-up, event loop, breaker."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LATE = ("kafka", "pymysql", "redis")
THREADS = """
import threading
from shared.runtime.bus import Bus
from shared.runtime.redis import RedisClients, away
from shared.runtime.settings import KafkaSettings, RedisSettings, load

settings, failed, ready = load(RedisSettings).model_copy(update={"redis_cluster": True}), [], threading.Barrier(4)

def cluster():
    from shared.runtime import redis_cluster

def breaker():
    from redis import cluster

def sql():
    from shared.stores import sql

def one(use):
    ready.wait()
    try:
        use()
    except ImportError as error:
        failed.append(error)

threads = [threading.Thread(target=one, args=(use,)) for use in (away, cluster, breaker, sql)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
"""


def inner_imports() -> Iterator[tuple[str, str]]:
    """(place, module) of each import from a module of LATE that is not its top."""
    for path in sorted((ROOT / "shared").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) and not node.level else None
            if module and module.split(".")[0] in LATE and "." in module:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", module


def test_a_package_is_imported_from_its_top() -> None:
    """`from redis import exceptions`, not `from redis.exceptions import …`: two threads that begin at two modules of
    one package would wait for each other for ever, so importlib gives one of them half a module.
    """
    checkers_only = dict.fromkeys(("shared/runtime/mysql.py", "shared/runtime/searches.py"), "pymysql.connections")
    found = [(place, module) for place, module in inner_imports() if checkers_only.get(place.split(":")[0]) != module]
    assert found == []


@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_import_at_once_all_get_the_whole(attempt: int) -> None:
    result = subprocess.run([sys.executable, "-c", THREADS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
