"""Several functions in one process: the same answers by a call as over HTTP, and nothing that mixes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridges.carrier import Carrier
from bridges.host import parts
from bridges.http import Answer, TimedOut, Unreachable
from bridges.targets import Address
from shared import flow
from shared.domain.events import Due
from shared.runtime import logs, metrics, scope, settings
from shared.runtime.context import current
from shared.runtime.host import Function, Host
from shared.runtime.scope import PROCESS, Scope, Threads
from shared.runtime.settings import FunctionSettings
from tests.ports import free_port

FUNCTION = """
import asyncio
from shared.domain.errors import Overloaded, Unavailable
from shared.domain.events import Due
from shared.runtime import Context, event_function, logs
from shared.runtime.settings import FunctionSettings, load

calls = []

async def handle(event: Due, ims: Context) -> None:
    what = event.ids[0]
    calls.append(what)
    logs.get().info("handling", pool=load(FunctionSettings).pool, mine=ims.function, calls=len(calls))
    if what == "unavailable":
        raise Unavailable("not now")
    if what == "overloaded":
        raise Overloaded("slower")
    if what == "slow":
        await asyncio.sleep(0.5)

main = event_function(handle)
"""


def event(what: str) -> tuple[list[tuple[str, str]], bytes]:
    attributes = {"specversion": "1.0", "id": what, "type": Due.TYPE, "source": "/t%C3%A9st"}
    headers = [(f"ce-{name}", value) for name, value in attributes.items()]
    return [*headers, ("content-type", "application/json")], json.dumps({"kind": "timeout", "ids": [what]}).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "echo").mkdir()
    (tmp_path / "echo" / "main.py").write_text(FUNCTION)
    monkeypatch.setenv("IMS_FUNCTIONS_DIR", str(tmp_path))
    monkeypatch.setattr("shared.runtime.context.Context.warm", lambda *_: None)
    logs.configure("host")
    return tmp_path


def a_function(name: str, folder: Path, pool: str = "fast") -> Function:
    own = Scope(name, {"IMS_POOL": pool}, folder / f"{name}.log")
    return Function(name, "echo", "127.0.0.1", free_port(), own)


@asynccontextmanager
async def running(*functions: Function) -> AsyncIterator[None]:
    for function in functions:
        await function.start()
    try:
        yield
    finally:
        for function in functions:
            await function.stop()


async def answer(carrier: Carrier, port: int, what: str, seconds: float = 10) -> int | str:
    headers, body = event(what) if what != "no event" else ([("content-type", "application/json")], b"[]")
    try:
        got: Answer = await carrier.post(Address("127.0.0.1", port), headers, body, seconds)
    except (Unreachable, TimedOut) as error:
        return type(error).__name__
    return got.status


WANTED = {"done": 200, "unavailable": 503, "overloaded": 429, "no event": 400, "slow": "TimedOut"}


@pytest.mark.parametrize("way", ["over HTTP", "by a call"])
async def test_an_event_is_answered_the_same_by_a_call_as_over_http(folder: Path, way: str) -> None:
    function = a_function("echo-fast", folder)
    carrier = Carrier({("127.0.0.1", function.port): function} if way == "by a call" else {})
    async with running(function):
        got = {what: await answer(carrier, function.port, what, 0.2 if what == "slow" else 10) for what in WANTED}
    classes = {
        what: status // 100 if isinstance(status, int) and status < 300 else status for what, status in got.items()
    }
    assert classes == {**WANTED, "done": 2}
    assert await answer(carrier, function.port, "done") == "Unreachable", "it has drained"


async def test_what_takes_too_long_by_a_call_goes_on_and_the_drain_waits_for_it(folder: Path) -> None:
    function = a_function("echo-fast", folder)
    carrier = Carrier({("127.0.0.1", function.port): function})
    await function.start()
    app = function.app
    assert app is not None
    assert await answer(carrier, function.port, "slow", 0.05) == "TimedOut"
    assert app._in_flight == 1
    await function.stop()
    assert app._in_flight == 0


async def test_functions_of_one_process_have_their_own_settings_logs_metrics_and_modules(folder: Path) -> None:
    fast, slow = a_function("echo-fast", folder, "fast"), a_function("echo-slow", folder, "slow")
    carrier = Carrier({("127.0.0.1", f.port): f for f in (fast, slow)})
    async with running(fast, slow):
        for port, times in ((fast.port, 3), (slow.port, 1)):
            for _ in range(times):
                assert await answer(carrier, port, "done") in (200, 204)
        shown = {name: await shown_by(port) for name, port in (("echo-fast", fast.port), ("echo-slow", slow.port))}
    for name, times in (("echo-fast", 3), ("echo-slow", 1)):
        lines = [json.loads(line) for line in (folder / f"{name}.log").read_text().splitlines()]
        said = [line for line in lines if line["event"] == "handling"]
        assert [line["calls"] for line in said] == list(range(1, times + 1))
        assert {(line["function"], line["pool"], line["mine"]) for line in said} == {(name, name[5:], "echo")}
        counted = [line for line in shown[name].splitlines() if line.startswith("ims_events_total")]
        assert counted == [f'ims_events_total{{function="{name}",result="done",type="{Due.TYPE}"}} {times}.0']


async def started(host: Host, count: int) -> None:
    async with asyncio.timeout(30):
        while len(host._running) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def shown_by(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return text


async def test_a_function_stops_and_starts_again_while_its_neighbour_goes_on(folder: Path) -> None:
    fast, slow = a_function("echo-fast", folder), a_function("echo-slow", folder)
    carrier = Carrier({("127.0.0.1", f.port): f for f in (fast, slow)})
    host = Host([[fast, slow]])
    running_host = asyncio.create_task(host.run())
    await started(host, 2)
    await host._stop(fast)
    assert await answer(carrier, fast.port, "done") == "Unreachable"
    assert await answer(carrier, slow.port, "done") in (200, 204)
    await host._start(fast)
    assert await answer(carrier, fast.port, "done") in (200, 204)
    host._ending.set()
    assert await running_host == 0


async def test_a_part_that_ends_by_itself_ends_its_host_so_that_everything_comes_back(folder: Path) -> None:
    fast, slow = a_function("echo-fast", folder), a_function("echo-slow", folder)
    host = Host([[fast, slow]])
    running_host = asyncio.create_task(host.run())
    await started(host, 2)
    assert fast._server is not None
    fast._server.end()
    assert await running_host == 1
    assert slow.app is None


def test_a_thread_works_in_the_scope_of_whoever_asked_it() -> None:
    own = Scope("own", {"IMS_POOL": "slow"})
    with Threads(1) as threads:
        with own.entered():
            asked = threads.submit(lambda: (scope.current().name, settings.load(FunctionSettings).pool))
        assert asked.result() == ("own", "slow")
        assert threads.submit(scope.current).result() is PROCESS


def test_each_scope_has_its_own_context() -> None:
    one, other = Scope("one"), Scope("other")
    with one.entered():
        first = current()
        assert current() is first
    with other.entered():
        assert current() is not first


def test_a_metric_counts_where_it_is_counted() -> None:
    own = Scope("own")
    before = metrics.PUBLISHED.labels("test.hosting", "acked")._value.get()
    with own.entered():
        metrics.PUBLISHED.labels("test.hosting", "acked").inc()
        assert b'ims_published_total{function="own",result="acked",topic="test.hosting"} 1.0' in metrics.exposition()
    assert metrics.PUBLISHED.labels("test.hosting", "acked")._value.get() == before


def test_every_function_and_bridge_of_the_map_is_in_one_host() -> None:
    hosted = [name for host in flow.hosts() for name in parts.of_host(host.name)]
    assert sorted(hosted) == sorted(parts.names())


def test_a_bridge_of_a_host_feeds_functions_of_that_host() -> None:
    for host in flow.hosts():
        for bridge in host.bridges:
            assert set(bridge.feeds) <= set(host.processes), bridge.name


def test_every_trigger_that_needs_a_bridge_has_one() -> None:
    fed = {(process.name, bridge.bridge.feeds) for bridge in flow.bridges() for process in bridge.feeds}
    wanted = {(p.name, type(t)) for p in flow.processes() for t in p.function.on if not isinstance(t, flow.Http)}
    assert fed == wanted
