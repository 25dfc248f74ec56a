"""What the measurements run on: a platform of their own (or a running one), clients, counters, processes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import pymysql

from bench import cpu
from bench.load import SENDER, Work, encode
from local import control, plan
from local.home import ROOT
from local.probes import HOST, http_ok
from local.problems import Problem
from local.testing import Platform

OFFSET = 8000
"""Added to every port, so that a run stands beside a platform in use; IMS_PORT_OFFSET gives another."""
SECOND = 3000
"""Added once more for a second platform beside that one."""
SITE = Path(__file__).parent / "site"
"""On the path of our own platform's Python processes: the sampler, which sleeps until it is woken."""
PAUSE = 0.05
NUMBERS = itertools.count(0)


@dataclass(frozen=True)
class Client:
    """One account made for a scenario."""

    account_id: int
    username: str
    key: str
    secret: str


class Bed:
    """A platform to measure on. `own` says that it was started for this run, so its data may be thrown away."""

    def __init__(self, running: bool, env: Mapping[str, str] | None = None) -> None:
        """`env`: of a second platform, whose ports lie beyond those of the first."""
        self.own, self._env = not running, dict(env or {})
        self.scratch = Path(tempfile.mkdtemp(prefix="ims-bench-"))
        self.profiles = self.scratch / "profiles"
        self.profiles.mkdir()
        self.platform = Platform(control.current().home.path, _ours()) if running else self._fresh()
        if running and control.supervisor(self.platform.home) is None:
            raise Problem("no platform runs", "start it with `ims up`, or leave --platform out")

    def _fresh(self) -> Platform:
        offset = int(os.environ.get("IMS_PORT_OFFSET") or OFFSET) + (SECOND if self._env else 0)
        return Platform(self.scratch / "ims", {"IMS_PORT_OFFSET": str(offset), **self._sampler, **self._env})

    @property
    def _sampler(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(SITE), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path, "BENCH_PROFILES": str(self.profiles)}

    def __enter__(self) -> Bed:
        if self.own:
            try:
                self.platform.start()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.own:
            self.platform.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def demo(self) -> dict[str, Any]:
        """Addresses and keys."""
        return self.platform.demo

    def port(self, base: int) -> int:
        """A port of this platform."""
        return base + self.platform.options.ports.offset

    # --- the database ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def mysql(self, database: str = "ims") -> Iterator[Any]:
        """A connection with all rights."""
        url = urlsplit(self.platform.root_mysql)
        connection = pymysql.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=url.username,
            password=unquote(url.password or ""),
            database=database,
            charset="utf8mb4",
            autocommit=True,
        )
        with connection:
            yield connection

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement with all rights."""
        with self.mysql() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def client(self, callback_uri: str = "", batch: int = 500) -> Client:
        """A new account with a live key and a sender number."""
        username, secret = (
            f"bench-{secrets.token_hex(6)}",
            f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
        )
        key = f"ims_live_{secrets.token_hex(16)}"
        self.sql(
            "INSERT INTO accounts (username, callback_secrets, callback_uri, callback_batch, created_ms)"
            " VALUES (%s, %s, %s, %s, 0)",
            username,
            json.dumps([secret]),
            callback_uri or None,
            batch,
        )
        ((account_id,),) = self.sql("SELECT account_id FROM accounts WHERE username = %s", username)
        digest = hashlib.sha256(key.encode()).digest()
        insert = "INSERT INTO api_keys (key_hash, account_id, kind, created_ms) VALUES (%s, %s, 'live', 0)"
        self.sql(insert, digest, account_id)
        self.sql("INSERT INTO senders (account_id, number, created_ms) VALUES (%s, %s, 0)", account_id, SENDER)
        return Client(int(account_id), username, key, secret)

    # --- processes ---------------------------------------------------------------------------------------------------

    def processes(self) -> dict[str, cpu.Process]:
        """Every process of the platform that runs, and its supervisor."""
        known = self.platform.processes()
        found = {
            p.get("host", name): cpu.Process(p["pid"], "function" if "host" in p else p["kind"])
            for name, p in known.items()
            if p["pid"]
        }
        supervisor = control.supervisor(self.platform.home)
        return found | ({"supervisor": cpu.Process(supervisor.pid, "supervisor")} if supervisor else {})

    def processes_ports(self) -> dict[str, int]:
        """The port of every process of the platform."""
        return {name: process["port"] for name, process in self.platform.processes().items()}

    @property
    def env(self) -> dict[str, str]:
        """What a function process of this platform is started with."""
        demo, outside = self.demo, {k: v for k, v in os.environ.items() if not k.startswith("IMS_")}
        servers = {
            "IMS_KAFKA_BOOTSTRAP": demo["kafka"],
            "IMS_MYSQL_URL": demo["mysql"],
            "IMS_REDIS_URL": demo["redis"].removesuffix("/0"),
            "IMS_REDIS_CLUSTER": "1" if self.platform.options.redis_cluster else "0",
        }
        return {**outside, **plan.addresses(self.platform.options), **servers}

    @contextlib.contextmanager
    def run(self, name: str, *arguments: str, port: int, path: str = "/stats") -> Iterator[cpu.Process]:
        """A process of ours beside the platform's, until the block ends: `python -m ARGUMENTS --port PORT`."""
        argv = [sys.executable, "-m", *arguments, "--port", str(port)]
        with (self.scratch / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(argv, env=self.env | self._sampler, cwd=ROOT, stdout=log, stderr=log)
        try:
            ready = http_ok(port, path)
            wait(lambda: ready() or process.poll() is not None, 60, f"{name} to be ready")
            if process.poll() is not None:
                raise Problem(f"{name} did not start", (self.scratch / f"{name}.log").read_text()[-500:])
            yield cpu.Process(process.pid, name)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def held(self, *names: str) -> Iterator[None]:
        """Keep processes of the platform down within the block."""
        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(self.platform.stopped(name))
            yield

    # --- load and counters -------------------------------------------------------------------------------------------

    def work(self, client: Client, messages: int, per_request: int = 1, **more: Any) -> Work:
        """A piece of load with recipients of its own, through the gateway unless `url` says otherwise."""
        url = more.pop("url", f"{self.demo['gateway']}/v1/mt/messages")
        first = next(NUMBERS) * 1_000_000
        return Work(url, client.key, messages, per_request, first=first, **more)

    def simulator(self, method: str, path: str, **query: Any) -> Any:
        """The vendor simulator's own API."""
        response = httpx2.request(method, self.demo["simulator"] + path, params=query, timeout=30, trust_env=False)
        return response.json() if response.content else None


class Load:
    """A load generator under way."""

    def __init__(self, work: Work) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self._process.stdin
        self._process.stdin.write(encode(work))
        self._process.stdin.close()

    @property
    def running(self) -> bool:
        """Whether it has more to send."""
        return self._process.poll() is None

    def result(self, seconds: float = 600) -> dict[str, Any]:
        """What happened, once it is done."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise TimeoutError(f"the load was not done within {seconds:.0f} s") from None
        assert self._process.stdout
        found: dict[str, Any] = json.loads(self._process.stdout.read())
        return found

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self._process.kill()
            self._process.wait()


def wait(condition: Callable[[], object], seconds: float, what: str, pause: float = PAUSE) -> None:
    """Poll until a condition holds; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)


def _ours() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("IMS_")}


def get(url: str) -> Any:
    """JSON from loopback."""
    return httpx2.get(url, timeout=30, trust_env=False).json()


def address(port: int, path: str = "") -> str:
    """An address on loopback."""
    return f"http://{HOST}:{port}{path}"
