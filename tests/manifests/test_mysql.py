"""infra/mysql and infra/backup, for real: accounts, replication, a dump with binary logs, a restore to a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest

from local.probes import HOST
from tests.manifests.database import PASSWORDS, Server, backup, server

RESTORE_PASSWORD = "root-pass-1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mysql")


@pytest.fixture(scope="module")
def primary(folder: Path) -> Iterator[Server]:
    with server(folder / "primary", 1, "accounts.sh", "settled.sh") as one:
        yield one


@pytest.fixture(scope="module")
def replica(folder: Path, primary: Server) -> Iterator[Server]:
    source = {"SOURCE_HOST": HOST, "SOURCE_PORT": str(primary.port)}
    with server(folder / "replica", 2, "accounts.sh", "follow.sh", more=("--read-only=1",), **source) as one:
        primary.migrate()
        yield one


def insert(one: Server, first: int, count: int) -> None:
    """Requests with a message each, committed in one go."""
    now = int(time.time() * 1000)
    with one.connect("ims", PASSWORDS["IMS"]) as connection, connection.cursor() as cursor:
        connection.begin()
        cursor.executemany(
            "INSERT INTO ims.requests (request_id, account_id, username, lane, test, plan, on_uncertain, accepted_ms,"
            " total) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(n.to_bytes(16), 1, "demo", 2, 0, "[]", "wait", now, 1) for n in range(first, first + count)],
        )
        cursor.executemany(
            "INSERT INTO ims.messages (message_id, account_id, recipient, type, status, channel) VALUES"
            " (%s, %s, %s, %s, %s, %s)",
            [(n.to_bytes(16), 1, "01012345678", "sms", 1, "mt") for n in range(first, first + count)],
        )
        connection.commit()


def caught_up(primary: Server, replica: Server) -> bool:
    ((position,),) = primary.ask("SELECT @@gtid_binlog_pos")
    return bool(replica.ask("SELECT MASTER_GTID_WAIT(%s, 120)", position) == [(0,)])


def may(one: Server, user: str, password: str, statement: str) -> bool:
    with one.connect(user, password) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except pymysql.Error:
            return False
        return True


def test_the_replica_follows_from_the_first_write(primary: Server, replica: Server) -> None:
    insert(primary, 1, 100)
    assert caught_up(primary, replica)
    assert replica.ask("SELECT COUNT(*) FROM ims.messages") == [(100,)]
    assert replica.checksums() == primary.checksums()


def test_nobody_but_root_writes_to_the_replica(replica: Server) -> None:
    assert not may(replica, "ims", PASSWORDS["IMS"], "DELETE FROM ims.seen")
    assert not may(replica, "ims_migrate", PASSWORDS["MIGRATE"], "CREATE TABLE ims.x (n INT)")


@pytest.mark.parametrize(
    ("user", "name", "allowed", "refused"),
    [
        ("ims", "IMS", "DELETE FROM ims.seen", "CREATE TABLE ims.x (n INT)"),
        ("ims", "IMS", "SELECT 1 FROM ims.messages", "SELECT 1 FROM mysql.global_priv"),
        ("ims_repl", "REPL", "DO 1", "SELECT 1 FROM ims.messages"),
        ("ims_backup", "BACKUP", "SELECT 1 FROM ims.messages", "DELETE FROM ims.seen"),
        ("ims_exporter", "EXPORTER", "SHOW SLAVE STATUS", "SELECT 1 FROM ims.messages"),
    ],
)
def test_an_account_may_do_what_it_needs_and_no_more(
    primary: Server, replica: Server, user: str, name: str, allowed: str, refused: str
) -> None:
    assert may(primary, user, PASSWORDS[name], allowed)
    assert not may(primary, user, PASSWORDS[name], refused)


def test_a_password_with_a_quote_is_refused_at_once(tmp_path: Path) -> None:
    import subprocess

    from tests.manifests.database import INFRA

    env = {f"{name}_PASSWORD": value for name, value in PASSWORDS.items()} | {"IMS_PASSWORD": "a'b", "CLIENT": "false"}
    result = subprocess.run(["bash", INFRA / "mysql" / "accounts.sh"], env=env, capture_output=True, check=False)
    assert b"IMS_PASSWORD holds a quote" in result.stderr


@pytest.fixture(scope="module")
def backups(folder: Path, primary: Server, replica: Server) -> dict[str, Any]:
    """A dump, then more rows, a moment, then still more rows; the binary logs of all of it."""
    to = folder / "backups"
    dumped = backup("mysql-dump.sh", primary, TO=str(to))
    assert dumped.returncode == 0, dumped.stderr
    insert(primary, 1001, 50)
    middle = primary.checksums()
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    insert(primary, 2001, 25)
    archived = backup("mysql-binlogs.sh", primary, TO=str(to))
    assert archived.returncode == 0, archived.stderr
    return {"to": to, "middle": middle, "moment": moment.strftime("%Y-%m-%d %H:%M:%S"), "last": primary.checksums()}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Server]:
    """A server with nothing but an account for restoring."""
    with server(tmp_path / "empty", 3) as one:
        one.ask(f"CREATE USER 'ims_restore'@'%%' IDENTIFIED BY '{RESTORE_PASSWORD}'")
        one.ask("GRANT ALL ON *.* TO 'ims_restore'@'%%'")
        yield one


def restore(target: Server, backups: dict[str, Any], **env: str) -> str:
    result = backup("mysql-restore.sh", target, MYSQL_PWD=RESTORE_PASSWORD, FROM=str(backups["to"]), **env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_dump_and_binary_logs_restore_every_row(backups: dict[str, Any], empty: Server) -> None:
    assert "175 messages" in restore(empty, backups)
    assert empty.checksums() == backups["last"]


def test_a_restore_stops_at_the_moment_that_is_asked_for(backups: dict[str, Any], empty: Server) -> None:
    assert "150 messages" in restore(empty, backups, STOP_AT=backups["moment"])
    assert empty.checksums() == backups["middle"]


def test_a_restore_never_overwrites(backups: dict[str, Any], primary: Server) -> None:
    result = backup("mysql-restore.sh", primary, USER_NAME="ims_backup", FROM=str(backups["to"]))
    assert result.returncode != 0
    assert "drop the database first" in result.stderr


def test_an_archived_binary_log_is_copied_once(backups: dict[str, Any], primary: Server) -> None:
    again = backup("mysql-binlogs.sh", primary, TO=str(backups["to"]))
    assert again.stdout.startswith("1 new binary logs"), again.stdout + again.stderr


def test_only_the_last_dumps_are_kept(backups: dict[str, Any], primary: Server, tmp_path: Path) -> None:
    for _ in range(3):
        assert backup("mysql-dump.sh", primary, TO=str(tmp_path), KEEP="2").returncode == 0
    assert len(list((tmp_path / "dumps").iterdir())) == 2


def test_a_dump_that_fails_leaves_nothing_behind(primary: Server, replica: Server, tmp_path: Path) -> None:
    assert backup("mysql-dump.sh", primary, TO=str(tmp_path), MYSQL_PWD="wrong").returncode != 0
    assert not list((tmp_path / "dumps").iterdir())
