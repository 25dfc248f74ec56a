"""The local platform, on real servers: it starts, heals, refuses with a clear word, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil
import pymysql
import pytest
import redis
from kafka import KafkaAdminClient

from local import checks, control
from local.options import options
from local.ports import Ports
from local.problems import Problem
from local.processes import Identity, leftovers
from local.servers import envoy
from local.testing import Platform
from shared import flow
from tests.ports import running

OFFSET = 2500
SERVERS = {"kafka", "mysql", "redis"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform"), {}, OFFSET, servers_only=True) as made:
        yield made


def connect(address: str) -> pymysql.Connection:
    url = urlsplit(address)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return pymysql.connect(
        host=url.hostname, port=url.port, user=user, password=password, database="ims", autocommit=True
    )


def ims(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.cli", *arguments]
    return subprocess.run(command, env={**os.environ, **platform.env}, capture_output=True, text=True, timeout=120)


def test_commands_find_the_settings_of_a_running_platform_by_its_home(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in platform.env:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMS_HOME", str(platform.home.path))
    assert control.current().ports.offset == platform.options.ports.offset
    monkeypatch.setenv("IMS_PORT_OFFSET", "1")
    assert control.current() == platform.options, "what runs counts, not what the environment would start"


def test_status_shows_every_server_healthy(platform: Platform) -> None:
    result = ims(platform, "status", "--json")
    processes = json.loads(result.stdout)["processes"]
    assert result.returncode == 0
    assert {p["name"] for p in processes} == SERVERS
    assert all(p["healthy"] and psutil.pid_exists(p["pid"]) and p["kind"] == "server" for p in processes)


def test_every_topic_of_the_map_is_there(platform: Platform) -> None:
    admin = KafkaAdminClient(bootstrap_servers=platform.demo["kafka"])
    try:
        assert set(flow.topics()) <= set(admin.list_topics())
    finally:
        admin.close()


def test_the_schema_is_migrated_and_the_demo_account_is_in_it(platform: Platform) -> None:
    with connect(platform.demo["mysql"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM flyway_schema_history WHERE success = 0")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT number FROM senders JOIN accounts USING (account_id) WHERE username = 'demo'")
        assert {row[0] for row in cursor.fetchall()} == {"0215441234", "15991234"}
        cursor.execute("SELECT kind, account_id IS NULL FROM api_keys ORDER BY kind")
        assert cursor.fetchall() == (("admin", 1), ("live", 0), ("test", 0))


def test_the_functions_database_user_cannot_change_the_schema(platform: Platform) -> None:
    with connect(platform.demo["mysql"]) as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.err.OperationalError, match="DROP command denied"):
            cursor.execute("DROP TABLE messages")
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            cursor.execute("SELECT * FROM mysql.global_priv")


def test_secrets_are_readable_by_their_owner_only(platform: Platform) -> None:
    for path in (platform.home.demo_file, platform.home.path / "secrets.json", platform.home.conf / "mysql.sql"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_second_start_says_that_it_runs(platform: Platform) -> None:
    before = platform.pid("kafka")
    result = ims(platform, "up", "--servers-only")
    assert result.returncode == 0
    assert "already running" in result.stdout
    assert platform.pid("kafka") == before


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_killed_server_comes_back_with_its_data(platform: Platform, name: str) -> None:
    store = redis.Redis.from_url(platform.demo["redis"])
    store.set("kept", "yes")
    time.sleep(1.1)  # appendfsync everysec
    killed = platform.kill(name)
    platform.wait_healthy(*SERVERS)
    assert platform.pid(name) != killed
    assert store.get("kept") == b"yes"
    assert platform.processes()[name]["restarts"] == 1


def test_a_stopped_process_stays_down_until_it_is_started(platform: Platform) -> None:
    with platform.stopped("redis"):
        time.sleep(1.5)
        assert platform.processes()["redis"]["pid"] is None
        assert ims(platform, "status").returncode == 1
    assert redis.Redis.from_url(platform.demo["redis"]).ping()


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path) -> None:
    wanted = options({"IMS_HOME": str(tmp_path)})
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(Problem, match=rf"port {port} \(mysql\) is held by .*pid {os.getpid()}") as problem:
            checks.free_ports([("mysql", port)])
    assert "IMS_PORT_OFFSET" in problem.value.way_out
    assert wanted.ports["mysql"] == 41001


def test_the_servers_ports_are_taken_while_it_runs(platform: Platform) -> None:
    with pytest.raises(Problem, match=r"redis-server|mariadbd|java"):
        checks.free_ports(checks.needed(platform.options, servers_only=True), patience=0)


def test_down_leaves_nothing_even_after_the_supervisor_was_killed(platform: Platform) -> None:
    demo = platform.demo
    pids = [platform.pid(name) for name in SERVERS]
    supervisor = control.supervisor(platform.home)
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    while supervisor.alive:
        time.sleep(0.05)
    assert {name for name, _ in leftovers(platform.home)} == SERVERS
    assert ims(platform, "status").returncode == 3

    platform.start()
    assert platform.demo == demo, "keys and addresses stay"
    assert not any(alive(pid) for pid in pids)
    pids = [platform.pid(name) for name in SERVERS]

    platform.stop()
    assert not any(alive(pid) for pid in pids)
    assert not list(leftovers(platform.home))
    checks.free_ports(checks.needed(platform.options, servers_only=True))
    platform.start()


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return Identity.of(pid) is not None
    return False


def test_a_missing_program_without_root_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from local import install

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(install, "have", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Problem) as problem:
        install.program("redis-server", ("redis-server",), "set IMS_REDIS_URL", print)
    assert "sudo apt-get install -y redis-server" in problem.value.way_out
    assert "IMS_REDIS_URL" in problem.value.way_out


def test_the_gateways_configuration_is_valid_and_routes_every_public_function(tmp_path: Path) -> None:
    wanted = options({"IMS_HOME": str(tmp_path / "ims"), "IMS_REPLICAS_API_MT": "2"})
    wanted.home.make()
    spec = envoy.build(wanted)
    result = subprocess.run([*spec.argv, "--mode", "validate"], capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, result.stderr
    clusters = {c["name"]: c for c in envoy.configuration(wanted)["static_resources"]["clusters"]}
    assert set(clusters) == {f.name for f in flow.FLOW if any(isinstance(t, flow.Http) for t in f.on)}
    assert len(clusters["api_mt"]["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 2


def test_the_gateways_own_answers_are_the_problems_of_the_api() -> None:
    from shared.runtime import problems

    assert envoy.PROBLEM_BASE == problems.BASE
    for status, (*problem, _) in envoy.LOCAL_REPLIES.items():
        assert tuple(problem) == problems.TITLES[status if status in problems.TITLES else 503]


def test_no_two_processes_share_a_port_and_replicas_stay_in_their_range() -> None:
    everything = options({"IMS_KAFKA_NODES": "3", "IMS_MYSQL_REPLICA": "1", "IMS_REDIS_CLUSTER": "1"})
    ports = [port for _, port in checks.needed(everything)]
    assert len(ports) == len(set(ports))
    with pytest.raises(Problem, match="IMS_REPLICAS_REPORT=11"):
        list(checks.needed(options({"IMS_REPLICAS_REPORT": "11"})))


def test_reserved_ranges_cover_every_port_in_the_ephemeral_range() -> None:
    ranges = list(Ports(0).reserved())
    for _, port in checks.needed(options({"IMS_REDIS_CLUSTER": "1"})):
        if port >= 32768:
            assert any(low <= port <= high for low, high in ranges)


def test_an_impossible_wish_is_refused_in_words() -> None:
    with pytest.raises(Problem, match="IMS_KAFKA_NODES=2"):
        options({"IMS_KAFKA_NODES": "2"})
    with pytest.raises(Problem, match="IMS_PORT_OFFSET=many is not a number"):
        options({"IMS_PORT_OFFSET": "many"})
    for pair in ("mysql", "mysqld=3306", "mysql=much", "mysql=0", "mysql=65536"):
        with pytest.raises(Problem, match="IMS_SERVER_PORTS"):
            options({"IMS_SERVER_PORTS": pair})


def test_a_server_has_the_port_that_it_was_given_and_the_others_follow_the_offset() -> None:
    ports = options({"IMS_PORT_OFFSET": "100", "IMS_SERVER_PORTS": "mysql=3306, redis=6379"}).ports
    assert (ports["mysql"], ports["redis"], ports["kafka-1"]) == (3306, 6379, 9192)
