"""infra/backup/mongodb.py, run as its Jobs run it, against a MongoDB-compatible server: a copy, and back."""

from __future__ import annotations

import contextlib
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId
from pymongo import MongoClient
from pymongo.errors import DuplicateKeyError

from deploy import accept
from local.home import ROOT
from local.probes import HOST
from local.servers import mongodb
from tests.ports import free_port

SCRIPT = ROOT / "infra" / "backup" / "mongodb.py"
READY_SECONDS = 60


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server in memory."""
    port = free_port()
    process = subprocess.Popen(mongodb.command(port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        address = f"mongodb://{HOST}:{port}/"
        with MongoClient[Any](address, serverSelectionTimeoutMS=READY_SECONDS * 1000) as client:
            client.admin.command("ping")
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    """Statistics of some days, with indexes and every type that they may hold."""
    with server() as address:
        with MongoClient[Any](address) as client:
            client.ims.hourly.insert_many(
                {
                    "_id": f"{hour}:{lane}",
                    "lane": lane,
                    "sent": Int64(hour * 7),
                    "price": Decimal128("9.90"),
                    "at": at(hour),
                }
                for hour in range(800)
                for lane in ("auth", "realtime", "bulk")
            )
            client.ims.hourly.create_index([("lane", 1), ("at", -1)], name="by_lane")
            client.ims.windows.insert_many(
                {"key": n, "raw": Binary(bytes([n])), "of": {"list": [n, None, 0.5]}} for n in range(9)
            )
            client.ims.windows.create_index("key", unique=True)
            client.ims.create_collection("empty")
            client.other.secrets.insert_one({"_id": 1})
        yield address


@pytest.fixture
def target() -> Iterator[str]:
    """An empty server."""
    with server() as address:
        yield address


def at(hour: int) -> datetime:
    return datetime.fromtimestamp(1_780_000_000 + hour * 3600, UTC)


def run(verb: str, uri: str, **env: str) -> subprocess.CompletedProcess[str]:
    """As the Job runs it, on a server that has no snapshots."""
    own = {**os.environ, "URI": uri, "SNAPSHOT": "0", **env}
    return subprocess.run([sys.executable, SCRIPT, verb], env=own, capture_output=True, text=True, check=False)


def content(uri: str) -> dict[str, Any]:
    """Every document and index of the database."""
    with MongoClient[Any](uri) as client:
        return {
            name: (
                sorted(client.ims[name].find(), key=lambda d: str(d["_id"])),
                {i: sorted(about["key"]) for i, about in client.ims[name].index_information().items()},
            )
            for name in client.ims.list_collection_names()
        }


def copies(folder: Path) -> list[Path]:
    return sorted((folder / "mongodb").iterdir())


def test_a_copy_brings_back_every_document_and_index(source: str, target: str, tmp_path: Path) -> None:
    dumped = run("dump", source, TO=str(tmp_path))
    assert dumped.returncode == 0, dumped.stderr
    assert "2409 documents of 3 collections" in dumped.stdout
    restored = run("restore", target, FROM=str(tmp_path))
    assert restored.returncode == 0, restored.stderr
    assert content(target) == content(source)
    with MongoClient[Any](target) as client:
        assert "other" not in client.list_database_names()
        assert isinstance(client.ims.windows.find_one({"key": 1})["_id"], ObjectId)
        with pytest.raises(DuplicateKeyError):
            client.ims.windows.insert_one({"key": 1})


def test_a_restore_never_overwrites(source: str, tmp_path: Path) -> None:
    before = content(source)
    assert run("dump", source, TO=str(tmp_path)).returncode == 0
    again = run("restore", source, FROM=str(tmp_path))
    assert again.returncode != 0
    assert "drop the database first" in again.stderr
    assert content(source) == before


@pytest.mark.parametrize("damage", ["cut", "bits", "without its end", "something else"])
def test_a_damaged_copy_is_refused_before_anything_is_written(
    source: str, target: str, tmp_path: Path, damage: str
) -> None:
    assert run("dump", source, TO=str(tmp_path)).returncode == 0
    (path,) = copies(tmp_path)
    data = path.read_bytes()
    plain = gzip.decompress(data)
    worse = {
        "cut": data[: len(data) // 2],
        "bits": data[:2000] + bytes([data[2000] ^ 255]) + data[2001:],
        "without its end": gzip.compress(plain[: plain.rindex(b"E")]),
        "something else": gzip.compress(b"-- SQL"),
    }
    path.write_bytes(worse[damage])
    result = run("restore", target, FROM=str(tmp_path))
    assert result.returncode != 0
    assert result.stderr.startswith("✗"), result.stderr
    assert content(target) == {}


def test_only_the_last_copies_stay_and_leftovers_go(source: str, tmp_path: Path) -> None:
    (tmp_path / "mongodb").mkdir()
    (tmp_path / "mongodb" / "ims-20260101T000000000000Z.bson.gz.part").write_text("died")
    for _ in range(3):
        assert run("dump", source, TO=str(tmp_path), KEEP="2").returncode == 0
    assert len(copies(tmp_path)) == 2
    assert all(path.name.endswith(".bson.gz") for path in copies(tmp_path))


def test_a_dump_that_fails_leaves_nothing(tmp_path: Path) -> None:
    result = run("dump", f"mongodb://{HOST}:1/?serverSelectionTimeoutMS=300", TO=str(tmp_path))
    assert result.returncode != 0
    assert copies(tmp_path) == []


def test_a_moment_is_asked_for_unless_one_says_that_there_is_none(source: str, tmp_path: Path) -> None:
    """This server has no snapshots: it must be said, not read over."""
    result = run("dump", source, TO=str(tmp_path), SNAPSHOT="1")
    assert result.returncode != 0
    assert copies(tmp_path) == []


def test_there_must_be_a_copy(target: str, tmp_path: Path) -> None:
    assert "there is no copy" in run("restore", target, FROM=str(tmp_path)).stderr


def test_the_jobs_run_this_script() -> None:
    commands = {}
    for folder in ("backup", "restore"):
        for thing in accept.built(ROOT / "infra" / folder):
            spec = thing.get("spec", {})
            pod = spec.get("jobTemplate", {"spec": spec})["spec"].get("template", {}).get("spec", {})
            for box in [*pod.get("initContainers", []), *pod.get("containers", [])]:
                if box["image"].startswith("ims/bridges:"):
                    commands[thing["metadata"]["name"]] = box["command"]
    assert commands == {
        "backup-mongodb": ["/opt/ims/bin/python", "/scripts/mongodb.py", "dump"],
        "restore-mongodb": ["/opt/ims/bin/python", "/scripts/mongodb.py", "restore"],
    }
