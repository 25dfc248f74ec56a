"""infra/mysql/promote.sh, for real: a replica that is behind takes over from a primary that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.probes import HOST
from tests.manifests.database import INFRA, PASSWORDS, Server, server

ROWS = 300


class Pair:
    """A primary with its replica, and a table to write to."""

    def __init__(self, primary: Server, replica: Server) -> None:
        self.primary, self.replica = primary, replica
        primary.ask("CREATE TABLE ims.t (n INT PRIMARY KEY)")
        self.wait()

    def wait(self) -> None:
        """Until the replica has applied all."""
        ((position,),) = self.primary.ask("SELECT @@gtid_binlog_pos")
        assert self.replica.ask("SELECT MASTER_GTID_WAIT(%s, 120)", position) == [(0,)]

    def write(self, first: int) -> None:
        """One row a commit, as the functions' user."""
        with self.primary.connect("ims", PASSWORDS["IMS"]) as connection, connection.cursor() as cursor:
            for n in range(first, first + ROWS):
                cursor.execute("INSERT INTO ims.t VALUES (%s)", (n,))

    def kill_primary(self) -> None:
        """SIGKILL, at once."""
        os.kill(int((self.primary.folder / "pid").read_text()), signal.SIGKILL)

    def promote(self) -> subprocess.CompletedProcess[str]:
        """What the runbook says."""
        command = ["bash", str(INFRA / "mysql" / "promote.sh")]
        return subprocess.run(command, env=self.replica.env, capture_output=True, text=True, check=False)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with server(tmp_path / "primary", 1, "accounts.sh", "settled.sh") as primary:
        source = {"SOURCE_HOST": HOST, "SOURCE_PORT": str(primary.port)}
        with server(tmp_path / "replica", 2, "accounts.sh", "follow.sh", more=("--read-only=1",), **source) as replica:
            yield Pair(primary, replica)


def test_a_replica_that_was_behind_has_every_answered_commit_and_takes_writes(pair: Pair) -> None:
    pair.replica.ask("STOP SLAVE SQL_THREAD")
    pair.write(0)
    assert dict(pair.primary.ask("SHOW STATUS LIKE 'Rpl_semi_sync_master_status'")) == {
        "Rpl_semi_sync_master_status": "ON"
    }
    pair.kill_primary()
    done = pair.promote()
    assert done.returncode == 0, done.stdout + done.stderr
    assert pair.replica.ask("SELECT COUNT(*) FROM ims.t") == [(ROWS,)]
    pair.primary = pair.replica
    began = time.monotonic()
    pair.write(ROWS)
    assert time.monotonic() - began < 30, "without a replica a commit waits for nobody"
    assert pair.promote().returncode == 1, "it is the primary"


def test_with_both_threads_stopped_nothing_is_started_that_would_throw_away_what_was_received(pair: Pair) -> None:
    pair.replica.ask("STOP SLAVE SQL_THREAD")
    pair.write(0)
    pair.replica.ask("STOP SLAVE IO_THREAD")
    pair.kill_primary()
    done = pair.promote()
    assert (done.returncode, "both threads are stopped" in done.stderr) == (1, True)
    assert pair.replica.ask("SELECT @@read_only") == [(1,)]


def test_a_replica_that_has_applied_all_is_promoted_whatever_runs(pair: Pair) -> None:
    pair.write(0)
    pair.wait()
    pair.replica.ask("STOP SLAVE")
    pair.kill_primary()
    assert pair.promote().returncode == 0
    assert pair.replica.ask("SELECT COUNT(*) FROM ims.t") == [(ROWS,)]
