"""Map, folders and code say the same: no trigger without a handler, no topic without a reader and a writer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from local.options import options
from local.ports import SERVER_RANGE
from local.servers import envoy
from shared import flow
from shared.domain.events import REGISTRY, Event, ReportDue, Tick
from tests.wiring.functions import FUNCTIONS, loaded

RANGES: dict[str, tuple[int, int]] = {
    "gateway": (30001, 30100), "api_kakao": (30101, 30200), "api_email": (30201, 30300), "api_push": (30301, 30400),
    "watch": (29000, 29019),
    "api_mt": (30401, 30500), "api_rcs": (30501, 30600), "route": (40001, 40100), "send_kakao": (40101, 40200),
    "send_email": (40201, 40300), "send_push": (40301, 40400), "send_mt": (40401, 40500), "send_rcs": (40501, 40600),
}  # fmt: skip
"""The seed's port ranges; each further function has 20 ports from 41101 on."""
SMALL_FROM, SMALL_STEP = 41101, 20


def topics_of(kind: type[Event], lane: str) -> set[str]:
    """Where events of a kind go in a lane, whatever their channel."""
    return {kind.model_construct(lane=lane, channel=channel).topic for channel in flow.CHANNELS}


TRAVELLING = [kind for kind in REGISTRY.values() if kind not in (Tick, ReportDue)]
"""The kinds that go over Kafka; ticks and expiries come over HTTP."""


def kinds_in(topics: tuple[str, ...]) -> set[type[Event]]:
    """The kinds that some of these topics carry."""
    return {kind for kind in TRAVELLING for lane in flow.LANES if topics_of(kind, lane) & set(topics)}


def test_every_function_of_the_map_has_its_folder_and_every_folder_is_in_the_map() -> None:
    folders = {path.parent.name for path in FUNCTIONS.glob("*/main.py")}
    assert folders == {function.name for function in flow.FLOW}


@pytest.mark.parametrize("function", flow.FLOW, ids=lambda f: f.name)
def test_a_handler_takes_exactly_the_events_that_the_map_says(function: flow.Function) -> None:
    main = loaded(function.name)
    assert [kind.__name__ for kind in getattr(main, "handles", ())] == list(function.handles)
    assert main.signature == ("cloudevent" if function.handles else "http")


@pytest.mark.parametrize("function", flow.FLOW, ids=lambda f: f.name)
def test_a_handler_takes_every_event_that_its_triggers_can_bring(function: flow.Function) -> None:
    brought: set[type[Event]] = set()
    for trigger in function.on:
        if isinstance(trigger, flow.Kafka):
            brought |= kinds_in(tuple(t for pattern in trigger.topics for t in flow.expand(pattern)))
        elif isinstance(trigger, flow.Cron):
            brought.add(Tick)
        elif isinstance(trigger, flow.RedisExpiry):
            brought.add(ReportDue)
    assert {kind.__name__ for kind in brought} == set(function.handles)


@pytest.mark.parametrize("function", [f for f in flow.FLOW if not f.handles], ids=lambda f: f.name)
def test_a_function_answers_only_paths_that_the_gateway_brings_to_it(function: flow.Function) -> None:
    prefixes = tuple(p for trigger in function.on if isinstance(trigger, flow.Http) for p in trigger.prefixes)
    routes = loaded(function.name).routes
    assert routes
    assert all(route.path.startswith(prefixes) for route in routes)
    assert all(any(route.path.startswith(prefix) for route in routes) for prefix in prefixes)


def test_the_gateway_routes_every_public_prefix_to_its_function(tmp_path: Path) -> None:
    wanted = options({"IMS_HOME": str(tmp_path / "ims")})
    (listener,) = envoy.configuration(wanted)["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    (manager,) = chain["filters"]
    (host,) = manager["typed_config"]["route_config"]["virtual_hosts"]
    routed = {
        (route["match"].get("prefix") or route["match"]["path_separated_prefix"], route["route"]["cluster"])
        for route in host["routes"]
    }
    public = [(f, t) for f in flow.FLOW for t in f.on if isinstance(t, flow.Http) and not t.internal]
    assert routed == {(prefix, f.name) for f, trigger in public for prefix in trigger.prefixes}


def test_no_prefix_of_one_function_hides_anothers() -> None:
    prefixes = [p for f in flow.FLOW for t in f.on if isinstance(t, flow.Http) for p in t.prefixes]
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and a.startswith(b.rstrip("/") + "/")]
    assert max(Counter(prefixes).values()) == 1


def test_every_topic_is_written_and_read_by_somebody() -> None:
    written = {t for f in flow.FLOW for pattern in f.emits for t in flow.expand(pattern)}
    read = {topic for source in flow.sources() for topic in source.topics}
    assert written == read == set(flow.topics())


def test_every_topic_carries_a_known_event() -> None:
    for topic in flow.topics():
        assert kinds_in((topic,)), f"no event goes to {topic}"


def test_every_event_has_a_reader() -> None:
    handled = {name for function in flow.FLOW for name in function.handles}
    assert {kind.__name__ for kind in REGISTRY.values()} == handled


def test_lane_topics_are_read_lane_by_lane_and_no_two_sources_share_a_group() -> None:
    sources = list(flow.sources())
    assert len({s.group for s in sources}) == len({s.name for s in sources}) == len(sources)
    for source in sources:
        if source.process.function.pools:
            assert len(source.topics) == 1
            assert source.topics[0].rsplit(".", 1)[1] in source.process.lanes


def test_every_lane_of_a_pooled_function_has_exactly_one_source_a_topic() -> None:
    for function in (f for f in flow.FLOW if f.pools):
        patterns = [p for t in function.on if isinstance(t, flow.Kafka) for p in t.topics]
        wanted = Counter(t for pattern in patterns for t in flow.expand(pattern))
        assert wanted == Counter(t for s in flow.sources() if s.process.function is function for t in s.topics)


def test_ports_are_unique_and_lie_in_the_ranges_of_the_design() -> None:
    ports = [process.port for process in flow.processes()]
    assert len(set(ports)) == len(ports)
    assert RANGES["gateway"][0] == flow.GATEWAY_PORT
    for process in flow.processes():
        low, high = _range(process.function)
        assert low <= process.port <= high, process.name


def _range(function: flow.Function) -> tuple[int, int]:
    if function.name in RANGES:
        return RANGES[function.name]
    place, rest = divmod(function.port - SMALL_FROM, SMALL_STEP)
    assert place >= 0
    assert rest == 0, f"{function.name} does not begin a range"
    assert function.port > SERVER_RANGE[1]
    return function.port, function.port + SMALL_STEP - 1
