"""MariaDB as the MySQL-compatible server: a primary, and a read replica by GTID when asked for.

Accounts are made by the server's own init file, so no password-less account is ever reachable over the network:
`ims` reads and writes rows, `ims_migrate` changes the schema, `ims_repl` replicates, `ims_watch` sees transactions,
`root` is for you.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.install import Say, program
from local.options import Options
from local.probes import HOST, LOOPBACK, mysql
from local.problems import Problem
from local.processes import Spec
from local.servers import Server, flyway

if TYPE_CHECKING:
    from pymysql.connections import Connection

PACKAGES = ("mariadb-server-core", "mariadb-client-core")
INSTEAD = "set IMS_MYSQL_URL=mysql+pymysql://user:password@host:3306/ims to use a MySQL of yours"
CATCH_UP_SECONDS = 60
CREATED = "ims-created"
SEMI_SYNC = """rpl_semi_sync_master_enabled=ON
rpl_semi_sync_slave_enabled=ON
rpl_semi_sync_master_wait_point=AFTER_SYNC
rpl_semi_sync_master_wait_no_slave=OFF
"""
"""As infra/mysql/mariadb.cnf: a commit is answered when the replica has received it."""


def install(options: Options, say: Say) -> None:
    """See to MariaDB, unless the user gave an address, and to Flyway."""
    if not options.mysql_url:
        _programs(say)
    flyway.install(say)


def build(options: Options) -> Server:
    """Configure the servers, make their data folders, and say how to prepare them."""
    if options.mysql_url:
        return Server(ready=lambda: flyway.migrate(options.mysql_url))
    primary, app = _spec(options, "mysql", 1), options.home.secret("mysql_ims")
    monitor = url(options, "ims_watch", options.home.secret("mysql_watch")).removesuffix("/ims")
    env = {"IMS_MYSQL_URL": url(options, "ims", app), "IMS_WATCH_MYSQL_URL": monitor}
    if not options.mysql_replica:
        return Server((primary,), env, lambda: flyway.migrate(migration_url(options)))
    env["IMS_MYSQL_REPLICA_URL"] = url(options, "ims", app, "mysql-replica")
    return Server((primary, _spec(options, "mysql-replica", 2)), env, lambda: _migrate_and_follow(options))


def url(options: Options, user: str, password: str, server: str = "mysql") -> str:
    """The address of one of our servers for one of its users."""
    return f"mysql+pymysql://{user}:{password}@{HOST}:{options.ports[server]}/ims"


def migration_url(options: Options) -> str:
    """The address for changing the schema: the user's own, or ours."""
    return options.mysql_url or url(options, "ims_migrate", options.home.secret("mysql_migrate"))


def _spec(options: Options, name: str, server_id: int) -> Spec:
    mariadbd, install_db = _programs(print)
    home, port, user = options.home, options.ports[name], pwd.getpwuid(os.getuid()).pw_name
    data, conf, init = home.data / name, home.conf / f"{name}.cnf", home.conf / f"{name}.sql"
    home.write(init, _accounts(options))
    home.write(conf, _configuration(data, init, port, server_id, SEMI_SYNC if options.mysql_replica else ""))
    if not (data / CREATED).exists():
        _create(install_db, data, conf, user)
    argv = (mariadbd, f"--defaults-file={conf}", f"--user={user}")
    return Spec(name, "server", argv, port, mysql(port, "ims", home.secret("mysql_ims")), grace=40)


def _create(install_db: str, data: Path, conf: Path, user: str) -> None:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700, parents=True)
    # The init file belongs to the running server: creating the system tables must not run it.
    plain = conf.with_suffix(".create.cnf")
    plain.write_text("\n".join(line for line in conf.read_text().splitlines() if not line.startswith("init_file")))
    command = [install_db, f"--defaults-file={plain}", f"--datadir={data}", f"--user={user}"]
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    result = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        words = (result.stderr or result.stdout).strip().splitlines()
        raise Problem(f"MariaDB could not make its data folder: {' '.join(words[-2:])}", f"remove {data} and try again")
    (data / CREATED).touch()


def _programs(say: Say) -> tuple[str, str]:
    return (
        program("mariadbd", PACKAGES, INSTEAD, say),
        program("mariadb-install-db", PACKAGES, INSTEAD, say),
    )


def _accounts(options: Options) -> str:
    """The init file: one statement a line; it changes nothing when all is there already."""
    secret = options.home.secret
    rights = {
        "ims": (secret("mysql_ims"), "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON ims.*"),
        "ims_migrate": (secret("mysql_migrate"), "ALL ON ims.*"),
        "ims_repl": (secret("mysql_repl"), "REPLICATION SLAVE ON *.*"),
        "ims_watch": (secret("mysql_watch"), "PROCESS ON *.*"),
        "root": (secret("mysql_root"), "ALL ON *.*"),
    }
    lines = [
        "SET sql_log_bin=0;",
        "CREATE DATABASE IF NOT EXISTS ims CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;",
    ]
    callers = HOST if HOST == LOOPBACK else "%"
    for user, (password, right) in rights.items():
        lines.append(f"CREATE USER IF NOT EXISTS '{user}'@'{callers}' IDENTIFIED BY '{password}';")
        lines.append(f"ALTER USER '{user}'@'{callers}' IDENTIFIED BY '{password}';")
        lines.append(f"GRANT {right} TO '{user}'@'{callers}';")
    lines.append(f"DELETE FROM mysql.global_priv WHERE User IN ('root', '') AND Host <> '{callers}';")  # noqa: S608
    lines.append("FLUSH PRIVILEGES;")
    return "\n".join(lines) + "\n"


def _configuration(data: Path, init: Path, port: int, server_id: int, semi_sync: str) -> str:
    replica = "read_only=ON\nrelay_log=relay\nslave_parallel_threads=2\n" if server_id > 1 else ""
    return f"""[mariadbd]
datadir={data}
socket=my.sock
pid-file=my.pid
tmpdir={data}
port={port}
bind-address={HOST}
init_file={init}
skip-name-resolve
character-set-server=utf8mb4
collation-server=utf8mb4_unicode_ci
innodb_buffer_pool_size=256M
innodb_log_file_size=128M
innodb_flush_log_at_trx_commit=1
innodb_flush_method=O_DIRECT
performance_schema=OFF
key_buffer_size=8M
max_connections=400
max_allowed_packet=64M
server_id={server_id}
log_bin=bin
binlog_format=ROW
binlog_row_image=MINIMAL
log_slave_updates=ON
gtid_strict_mode=ON
sync_binlog=1
log_bin_trust_function_creators=1
expire_logs_days=1
{semi_sync}{replica}"""


def _migrate_and_follow(options: Options) -> None:
    """Let the replica follow from the primary's first write, migrate, and wait until it has caught up."""
    secret, ports = options.home.secret, options.ports
    with root(options, "mysql-replica") as replica, replica.cursor() as cursor:
        cursor.execute("STOP SLAVE")
        cursor.execute(
            "CHANGE MASTER TO master_host=%s, master_port=%s, master_user='ims_repl', master_password=%s,"
            " master_use_gtid=slave_pos, master_connect_retry=1",
            (HOST, ports["mysql"], secret("mysql_repl")),
        )
        cursor.execute("START SLAVE")
    flyway.migrate(migration_url(options))
    with root(options, "mysql") as primary, primary.cursor() as cursor:
        cursor.execute("SELECT @@gtid_binlog_pos")
        position = cursor.fetchone()[0]
    _wait_for(options, position)


def _wait_for(options: Options, position: str) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    with root(options, "mysql-replica") as replica, replica.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT MASTER_GTID_WAIT(%s, 1)", (position,))
            if cursor.fetchone()[0] == 0:
                return
    raise Problem("the MySQL replica does not follow its primary", f"see {options.home.logs / 'mysql-replica.log'}")


@contextlib.contextmanager
def root(options: Options, server: str) -> Iterator[Connection[Any]]:
    """A connection with all rights to one of our servers."""
    import pymysql

    password = options.home.secret("mysql_root")
    connection = pymysql.connect(host=HOST, port=options.ports[server], user="root", password=password, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()
