"""`ims doctor`: is this machine ready, and if not, what to do."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from local import checks
from local.control import supervisor
from local.home import DIST, ROOT
from local.install import by_root, have
from local.options import Options
from local.problems import Problem
from local.servers import mongodb
from shared.runtime import descriptors, egress
from shared.runtime.settings import EgressSettings, load

GIBI = 1024**3
MEMORY_NEEDED, DISK_NEEDED = 2 * GIBI, 2 * GIBI
JAVA_NEEDED = 17
FILES_NEEDED = 4096
"""Connections are files: with fewer, calls to many hosts at once wait for each other."""
NETWORK_SECONDS = 15


@dataclass(frozen=True)
class Finding:
    """One check: `level` is ok, note (works, but) or bad."""

    what: str
    level: str
    detail: str
    way_out: str = ""


def examine(options: Options) -> Iterator[Finding]:
    """All checks, the cheap ones first."""
    checks_in_order: tuple[Callable[[Options], Iterator[Finding]], ...] = (
        _python,
        _root,
        _memory,
        _disk,
        _open_files,
        _java,
        _programs,
        _ports,
        _reserved,
        _clock,
        _network,
        _servers,
    )
    for check in checks_in_order:
        yield from check(options)


def _python(_: Options) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    yield Finding("Python", "ok" if good else "bad", version, "" if good else "install Python 3.11 or newer")


def _root(_: Options) -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield Finding("root", "ok", "missing programs can be installed, ports reserved")
    else:
        yield Finding("root", "note", "not root", "what is missing must be installed by you; see below")


def _memory(_: Options) -> Iterator[Finding]:
    free = psutil.virtual_memory().available
    good = free >= MEMORY_NEEDED
    way_out = "" if good else "close something, or leave out replicas and further Kafka nodes"
    yield Finding("memory", "ok" if good else "bad", f"{free / GIBI:.1f} GiB available", way_out)


def _disk(options: Options) -> Iterator[Finding]:
    folder = options.home.path if options.home.path.exists() else DIST.parent.parent
    free = shutil.disk_usage(folder).free
    good = free >= DISK_NEEDED
    yield Finding("disk", "ok" if good else "bad", f"{free / GIBI:.1f} GiB free", "" if good else "free some space")


def _open_files(_: Options) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = descriptors.WANTED if hard == resource.RLIM_INFINITY else min(max(soft, hard), descriptors.WANTED)
    settings = load(EgressSettings)
    calls = min(settings.egress_connections, int(most * egress.CALLS_SHARE))
    idle = min(settings.egress_idle_connections, int(most * egress.IDLE_SHARE))
    detail = f"{most:,} a process: {calls:,} callbacks at once, {idle:,} idle connections"
    way_out = (
        "" if most >= FILES_NEEDED else f"ulimit -Hn {FILES_NEEDED} before `ims up`; many callback hosts need more"
    )
    yield Finding("open files", "ok" if most >= FILES_NEEDED else "note", detail, way_out)


def _java(options: Options) -> Iterator[Finding]:
    path = have("java")
    if path is None:
        yield _missing("java", "openjdk-17-jdk-headless")
        return
    words = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', words)
    good = found is not None and int(found.group(1)) >= JAVA_NEEDED
    detail = words.splitlines()[0] if words else "no answer"
    yield Finding("java", "ok" if good else "bad", detail, "" if good else "install Java 17 or newer")


def _programs(options: Options) -> Iterator[Finding]:
    wanted = [("mvn", "maven", (DIST / "kafka").exists() and (DIST / "flyway").exists())]
    wanted += [("javac", "openjdk-17-jdk-headless", (DIST / "flyway" / "Migrate.class").exists())]
    wanted += [("mariadbd", "mariadb-server-core mariadb-client-core", bool(options.mysql_url))]
    wanted += [("redis-server", "redis-server", bool(options.redis_url))]
    for program, packages, dispensable in wanted:
        path = have(program)
        if path or dispensable:
            yield Finding(program, "ok", path or "not needed")
        else:
            yield _missing(program, packages)


def _missing(program: str, packages: str) -> Finding:
    if os.geteuid() == 0 and have("apt-get"):
        return Finding(program, "note", "missing", f"`ims up` installs it ({packages})")
    return Finding(program, "bad", "missing", by_root(f"apt-get install -y {packages}"))


def _ports(options: Options) -> Iterator[Finding]:
    if supervisor(options.home):
        yield Finding("ports", "ok", "held by this platform, which is running")
        return
    try:
        checks.free_ports(checks.needed(options), patience=0)
        yield Finding("ports", "ok", "all free")
    except Problem as problem:
        yield Finding("ports", "bad", problem.what, problem.way_out)


def _reserved(options: Options) -> Iterator[Finding]:
    if all(checks.is_reserved(r) for r in options.ports.reserved()):
        yield Finding("reserved ports", "ok", "the kernel keeps ours free")
    else:
        yield Finding("reserved ports", "note", "outgoing connections may take ours", "`ims up` as root reserves them")


def _clock(_: Options) -> Iterator[Finding]:
    now = time.strftime("%F %T %Z")
    if time.time() < (ROOT / "pyproject.toml").stat().st_mtime:
        yield Finding("clock", "bad", f"{now} is before this checkout was made", "set it: signatures carry the time")
    else:
        yield Finding("clock", "ok", now)


def _network(_: Options) -> Iterator[Finding]:
    command = [sys.executable, "-m", "pip", "index", "versions", "pip", "--disable-pip-version-check"]
    try:
        reached = subprocess.run(command, capture_output=True, timeout=NETWORK_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        reached = False
    if reached:
        yield Finding("network", "ok", "pip reaches its packages")
    else:
        yield Finding("network", "note", "pip reaches no packages", "needed only while something must be installed")


def _servers(options: Options) -> Iterator[Finding]:
    addresses = {"Kafka": options.kafka_bootstrap, "MySQL": options.mysql_url, "Redis": options.redis_url}
    if options.mongodb_url != mongodb.NONE:
        addresses["MongoDB"] = options.mongodb_url
    for name, address in addresses.items():
        if address:
            yield _reachable(name, address)


def _reachable(name: str, address: str) -> Finding:
    host, _, port = address.split(",")[0].rpartition("@")[2].rpartition("//")[2].partition("/")[0].partition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
    except (OSError, ValueError) as error:
        return Finding(name, "bad", f"{host}:{port} does not answer ({error})", "start it, or unset its IMS_ variable")
    return Finding(name, "ok", f"yours, at {host}:{port}")
