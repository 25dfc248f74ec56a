"""A change of the map changes manifests, topics and the local platform alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridges.cron.ticker import jobs
from bridges.kafka_source.app import choose
from deploy import envoy_gateway, openfaas, overlays, rules
from deploy.objects import dns
from deploy.topics import missing, topics
from local.options import options
from local.servers import envoy
from shared import flow

Json = dict[str, Any]
NAME = st.from_regex(r"[a-z]{3,8}_[a-z]{2,6}", fullmatch=True).filter(lambda n: n not in flow.BY_NAME)
TOPIC = st.from_regex(r"ims\.[a-z]{3,8}x\.\{lane\}", fullmatch=True)
CRON = st.tuples(st.integers(0, 59), st.integers(0, 23)).map(lambda t: flow.Cron(f"{t[0]} {t[1]} * * *", "Asia/Seoul"))
PATH = st.from_regex(r"/v1/[a-z]{4,9}x", fullmatch=True)


def objects(kind: str) -> dict[str, Json]:
    """What base, gateway and strimzi hold of a kind."""
    found = [o for path, made in overlays.files().items() if path.startswith(("base/", "components/")) for o in made]
    return {o["metadata"]["name"]: o for o in found if o["kind"] == kind}


def base() -> list[Json]:
    made = overlays.files()
    return [
        o for path, things in made.items() if path.startswith("base/") and "kustomization" not in path for o in things
    ]


@given(name=NAME, topic=TOPIC, cron=CRON, path=PATH, pooled=st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_new_function_appears_everywhere(name: str, topic: str, cron: flow.Cron, path: str, pooled: bool) -> None:
    pools = ("fast", "slow") if pooled else ()
    listener = flow.Function(name, 45001, on=(flow.Kafka((topic,)),), handles=("Accepted",), pools=pools)
    ticked = flow.Function(f"{name}_t", 45201, on=(cron,), handles=("Tick",))
    served = flow.Function(f"{name}_h", 45301, on=(flow.Http((path,)),), internet=(25,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "FLOW", (*flow.FLOW, listener, ticked, served))
        expected = set(flow.expand(topic))
        assert rules.check(base()) == []
        services = {dns(p.name) for p in flow.processes()}
        assert services == set(rules.functions(base()))
        assert services == set(openfaas.stack()["functions"])
        in_sources = {t for s in objects("KafkaSource").values() for t in s["spec"]["topics"]}
        assert expected <= in_sources
        assert expected <= {t.name for t in topics()}
        assert expected <= set(objects("KafkaTopic"))
        assert expected <= {t for s in choose("fast", []) + choose("slow", []) for t in s.topics}
        acls = objects("KafkaUser")[f"kafka-{dns(name)}"]["spec"]["authorization"]["acls"]
        assert expected <= {a["resource"].get("name") for a in acls if a["operations"] == ["Read", "Describe"]}
        ping = objects("PingSource")[dns(ticked.name)]["spec"]
        assert (ping["schedule"], ping["timezone"]) == (cron.schedule, cron.tz)
        assert ticked.name in {job.process.name for job in jobs(0)}
        assert openfaas.stack()["functions"][dns(ticked.name)]["annotations"]["topic"] == "cron-function"
        route = objects("HTTPRoute")[dns(served.name)]["spec"]["rules"][0]
        assert route["matches"] == [{"path": {"type": "PathPrefix", "value": path}}]
        assert path in str(envoy.configuration(options()))
        assert dns(served.name) in str(objects("NetworkPolicy")["to-internet-25"])


def test_a_trigger_that_is_taken_away_is_gone_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(replace(f, on=(f.on[0],)) if f.name == "route" else f for f in flow.FLOW)
    monkeypatch.setattr(flow, "FLOW", kept)
    assert not [name for name in objects("KafkaSource") if name.startswith("route-outcome")]
    assert not [s for s in choose("fast", []) if s.name.startswith("route-outcome")]
    assert "ims.outcome.auth" not in openfaas.stack()["functions"]["route-fast"]["annotations"]["topic"]
    acls = objects("KafkaUser")["kafka-route"]["spec"]["authorization"]["acls"]
    assert not [a for a in acls if a["resource"].get("name") == "ims.route-outcome-auth"]


def test_a_changed_timeout_moves_every_time_out_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tuple(replace(f, timeout=120) if f.name in ("route", "api_mt") else f for f in flow.FLOW)
    monkeypatch.setattr(flow, "FLOW", changed)
    assert rules.functions(base())["route-fast"]["spec"]["template"]["spec"]["timeoutSeconds"] == 120
    assert objects("KafkaSource")["route-accepted-auth"]["spec"]["delivery"]["timeout"] == "PT135S"
    assert objects("HTTPRoute")["api-mt"]["spec"]["rules"][0]["timeouts"]["request"] == "125s"
    assert rules.check(base()) == []


def test_every_topic_is_in_strimzi_as_the_job_makes_it() -> None:
    made = objects("KafkaTopic")
    assert set(made) == set(flow.topics())
    for topic in topics():
        assert made[topic.name]["spec"] == {"partitions": topic.partitions, "replicas": 3, "config": topic.config}
        assert topic.config["min.insync.replicas"] == "2"


def test_a_kafka_user_may_do_what_the_map_says_and_no_more() -> None:
    for function in flow.FLOW:
        acls = objects("KafkaUser")[f"kafka-{dns(function.name)}"]["spec"]["authorization"]["acls"]
        written = {a["resource"]["name"] for a in acls if "Write" in a["operations"]}
        emitted = {t for pattern in function.emits for t in flow.expand(pattern)}
        assert written == emitted | ({"ims.dead"} if function.handles else set())
        assert all(a["resource"].get("patternType", "literal") == "literal" for a in acls)


def test_only_who_calls_out_may_leave_the_cluster() -> None:
    policy = objects("NetworkPolicy")["to-internet-443"]["spec"]
    assert policy["podSelector"]["matchExpressions"][0]["values"] == sorted(
        dns(f.name) for f in flow.FLOW if f.internet == (443,)
    )
    cidrs = {peer["ipBlock"]["cidr"]: peer["ipBlock"]["except"] for peer in policy["egress"][0]["to"]}
    assert "10.0.0.0/8" in cidrs["0.0.0.0/0"]
    assert "169.254.0.0/16" in cidrs["0.0.0.0/0"], "cloud metadata"


def test_public_functions_have_routes_and_all_others_are_cluster_local() -> None:
    local = {
        name
        for name, service in rules.functions(base()).items()
        if service["metadata"]["labels"].get("networking.knative.dev/visibility") == "cluster-local"
    }
    public = set(rules.functions(base())) - local
    assert public | {f"{name}-reads" for name in public} == set(objects("HTTPRoute")) - {envoy_gateway.NOWHERE}


@pytest.mark.parametrize(("brokers", "replicas", "in_sync"), [(1, 1, "1"), (2, 2, "2"), (3, 3, "2"), (9, 3, "2")])
def test_the_topics_job_asks_for_no_more_replicas_than_there_are_brokers(
    brokers: int, replicas: int, in_sync: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMS_TOPIC_REPLICATION", raising=False)
    wanted = missing({"ims.dead"}, brokers)
    assert {topic.name for topic, _ in wanted} == set(flow.topics()) - {"ims.dead"}
    assert {count for _, count in wanted} == {replicas}
    assert {topic.config["min.insync.replicas"] for topic, _ in wanted} == {in_sync}
