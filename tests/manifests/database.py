"""The servers of infra/mysql without an engine: its own configuration and scripts, run as the image would run them."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
from pymysql.connections import Connection

from local.install import program
from local.probes import HOST
from local.servers import flyway
from local.servers.mysql import INSTEAD, PACKAGES
from tests.ports import free_port

INFRA = Path(__file__).resolve().parents[2] / "infra"
PASSWORDS = {name: f"{name.lower()}-pass-1" for name in ("IMS", "MIGRATE", "REPL", "BACKUP", "EXPORTER")}
SMALL = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M", "--performance-schema=OFF")


class Server:
    """A MariaDB with infra/mysql/mariadb.cnf in a folder of its own."""

    def __init__(self, folder: Path, server_id: int, *more: str) -> None:
        self.folder, self.data, self.port = folder, folder / "data", free_port()
        self.socket = folder / "my.sock"
        self._id, self._more, self._process = server_id, more, None

    @property
    def env(self) -> dict[str, str]:
        """What the image's scripts find in their environment."""
        passwords = {f"{name}_PASSWORD": value for name, value in PASSWORDS.items()}
        return {**os.environ, **passwords, "CLIENT": f"mariadb --no-defaults -uroot --socket={self.socket}"}

    def create(self, *scripts: str, **env: str) -> None:
        """Make the data folder, and run scripts of infra/mysql on it."""
        self.data.mkdir(parents=True)
        user = pwd.getpwuid(os.getuid()).pw_name
        install = program("mariadb-install-db", PACKAGES, INSTEAD, print)
        options = (f"--datadir={self.data}", f"--user={user}", "--auth-root-authentication-method=normal")
        subprocess.run([install, "--no-defaults", *options, "--skip-test-db"], check=True, capture_output=True)
        self.start()
        for script in scripts:
            subprocess.run(["bash", INFRA / "mysql" / script], check=True, env={**self.env, **env})

    def start(self) -> None:
        """Start it and wait until it answers."""
        mariadbd = program("mariadbd", PACKAGES, INSTEAD, print)
        conf = self.folder / "my.cnf"
        text = (INFRA / "mysql" / "mariadb.cnf").read_text()
        conf.write_text(text.replace("/var/lib/mysql", str(self.data)).replace("port=3306", f"port={self.port}"))
        own = (f"--socket={self.socket}", f"--bind-address={HOST}", f"--pid-file={self.folder / 'pid'}")
        user = f"--user={pwd.getpwuid(os.getuid()).pw_name}"
        command = [mariadbd, f"--defaults-file={conf}", user, f"--server-id={self._id}", *own, *SMALL, *self._more]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._wait()

    def stop(self) -> None:
        """Stop it cleanly."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def root(self) -> Connection[Any]:
        """All rights, by the socket."""
        return pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True, local_infile=False)

    def connect(self, user: str, password: str) -> Connection[Any]:
        """As one of the accounts, over TCP."""
        return pymysql.connect(host=HOST, port=self.port, user=user, password=password, autocommit=True)

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows, with all rights."""
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def migrate(self) -> None:
        """The schema, by Flyway, as ims_migrate."""
        flyway.migrate(f"mysql+pymysql://ims_migrate:{quote(PASSWORDS['MIGRATE'])}@{HOST}:{self.port}/ims")

    def checksums(self) -> dict[str, int]:
        """One number a table of ims."""
        names = [
            name for (name,) in self.ask("SELECT table_name FROM information_schema.tables WHERE table_schema='ims'")
        ]
        return {name: self.ask(f"CHECKSUM TABLE ims.`{name}`")[0][1] for name in sorted(names)}

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(pymysql.Error):
                self.root().close()
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-2000:])


@contextlib.contextmanager
def server(folder: Path, server_id: int, *scripts: str, more: tuple[str, ...] = (), **env: str) -> Iterator[Server]:
    """A new server, stopped at the end."""
    folder.mkdir(parents=True)
    one = Server(folder, server_id, *more)
    try:
        one.create(*scripts, **env)
        yield one
    finally:
        one.stop()


def backup(script: str, target: Server, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script of infra/backup against a server."""
    for name in ("mariadb-dump", "mariadb-binlog"):
        program(name, ["mariadb-client"], "put it on the PATH", print)
    own = {"HOST": HOST, "PORT": str(target.port), "MYSQL_PWD": PASSWORDS["BACKUP"], **env}
    command = ["bash", str(INFRA / "backup" / script)]
    return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)
