"""What only webhooks would refuse is refused here, and our own manifests pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from deploy import overlays, rules
from local.home import ROOT

Json = dict[str, Any]
BASE: list[Json] = [
    thing
    for path, objects in overlays.files().items()
    if path.startswith("base/") and not path.endswith("kustomization.yaml")
    for thing in objects
]


def broken(kind: str, name: str) -> tuple[list[Json], Json]:
    """The base, copied, and one object of it to break."""
    everything = copy.deepcopy(BASE)
    (found,) = (o for o in everything if o["kind"] == kind and o["metadata"]["name"] == name)
    return everything, found


def service(name: str = "route-fast") -> tuple[list[Json], Json]:
    everything = copy.deepcopy(BASE)
    return everything, rules.functions(everything)[name]


def test_our_base_has_no_fault() -> None:
    assert rules.check(BASE) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"ordering": "random"}, "neither ordered nor unordered"),
        ({"ordering": "ordered"}, "230 events"),
        ({"consumerGroup": None}, "consumerGroup"),
        ({"consumerGroup": "ims.route-accepted-realtime"}, "its own"),
        ({"initialOffset": "latest"}, "earliest"),
        ({"delivery": {}}, "no retry"),
        ({"sink": {"ref": {"name": "nobody"}}}, "is not there"),
    ],
)
def test_a_bad_kafka_source_is_refused(change: Json, word: str) -> None:
    objects, source = broken("KafkaSource", "route-accepted-auth")
    source["spec"] |= change
    assert any(word in complaint for complaint in rules.check(objects))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"retry": 0}, "no retry"),
        ({"backoffPolicy": "quadratic"}, "linear"),
        ({"backoffDelay": "200ms"}, "duration"),
        ({"timeout": "PT60S"}, "must be over"),
        ({"deadLetterSink": {"ref": {"name": "nowhere"}}}, "lost"),
    ],
)
def test_a_bad_delivery_is_refused(change: Json, word: str) -> None:
    objects, source = broken("KafkaSource", "send-mt-send-bulk")
    source["spec"]["delivery"] |= change
    assert any(word in complaint for complaint in rules.check(objects))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"schedule": "61 * * * *"}, "minute"),
        ({"schedule": "* * * *"}, "4 fields"),
        ({"schedule": "0 0 * * 7"}, "day of week"),
        ({"timezone": "Asia/Seol"}, "time zone"),
        ({"dataBase64": "e30="}, "exclude"),
        ({"contentType": None}, None),
    ],
)
def test_a_bad_ping_source_is_refused(change: Json, word: str | None) -> None:
    objects, source = broken("PingSource", "schedule")
    source["spec"] |= change
    if word is None:
        del source["spec"]["contentType"]
    assert any((word or "content-type") in complaint for complaint in rules.check(objects))


def test_autoscaling_on_the_services_own_metadata_is_refused() -> None:
    objects, one = service()
    one["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": "1"}
    assert any("belongs on the template" in complaint for complaint in rules.check(objects))


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("min-scale", "30", "do not agree"),
        ("min-scale", "one", "not a number"),
        ("target", "0", "at least"),
        ("minScale", "1", "unknown"),
    ],
)
def test_a_bad_autoscaling_annotation_is_refused(key: str, value: str, word: str) -> None:
    objects, one = service()
    one["spec"]["template"]["metadata"]["annotations"][f"autoscaling.knative.dev/{key}"] = value
    assert any(word in complaint for complaint in rules.check(objects))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"timeoutSeconds": 601}, "over 600"),
        ({"responseStartTimeoutSeconds": 61}, "responseStart"),
        ({"containerConcurrency": 1001}, "containerConcurrency"),
        ({"nodeSelector": {"disk": "ssd"}}, "nodeSelector is off"),
        ({"initContainers": []}, "initContainers is off"),
        ({"securityContext": {}}, "securityContext is off"),
        ({"affinity": {}}, "affinity is off"),
        ({"topologySpreadConstraints": []}, "topologySpreadConstraints is off"),
        ({"automountServiceAccountToken": True}, "token"),
        ({"volumes": [{"name": "d", "persistentVolumeClaim": {}}]}, "persistentVolumeClaim are off"),
    ],
)
def test_a_bad_pod_is_refused(change: Json, word: str) -> None:
    objects, one = service()
    one["spec"]["template"]["spec"] |= change
    assert any(word in complaint for complaint in rules.check(objects))


def test_a_flagged_field_passes_where_the_flag_is_on() -> None:
    objects, one = service()
    one["spec"]["template"]["spec"]["topologySpreadConstraints"] = []
    assert rules.check(objects, frozenset({"kubernetes.podspec-topologyspreadconstraints"})) == []


@pytest.mark.parametrize("name", sorted(rules.RESERVED_ENV))
def test_a_reserved_environment_name_is_refused(name: str) -> None:
    objects, one = service()
    one["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": name, "value": "1"})
    assert any(f"env {name} is reserved" in complaint for complaint in rules.check(objects))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"image": "ims/route"}, "no tag"),
        ({"image": "ims/route:latest"}, "no tag"),
        ({"securityContext": {}}, "runAsNonRoot"),
        ({"resources": {}}, "memory limit"),
        ({"ports": [{"containerPort": 1}, {"containerPort": 2}]}, "one port"),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]}, "fieldRef is off"),
    ],
)
def test_a_bad_container_is_refused(change: Json, word: str) -> None:
    objects, one = service()
    one["spec"]["template"]["spec"]["containers"][0] |= change
    assert any(word in complaint for complaint in rules.check(objects))


def test_a_namespace_that_is_open_is_refused() -> None:
    objects = [o for o in BASE if o["metadata"]["name"] != "default-deny"]
    assert any("default-deny" in complaint for complaint in rules.check(objects))


def test_an_object_that_is_there_twice_is_refused() -> None:
    assert any("twice" in complaint for complaint in rules.check([*BASE, BASE[-1]]))


@pytest.mark.parametrize(("text", "expected"), [("PT0.2S", 0.2), ("PT75S", 75), ("PT10M", 600), ("PT1H30M", 5400)])
def test_durations_are_read(text: str, expected: float) -> None:
    assert rules.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "PT", "75s", "P1D", "PT1"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        rules.seconds(text)


def test_every_generated_kustomization_names_files_that_are_there() -> None:
    made = set(overlays.files())
    for path, objects in overlays.files().items():
        if not path.endswith("kustomization.yaml"):
            continue
        folder = ROOT / "knative" / path.removesuffix("/kustomization.yaml")
        (one,) = objects
        for entry in [*one.get("resources", []), *one.get("components", [])]:
            target = (folder / entry).resolve().relative_to(ROOT / "knative").as_posix()
            assert target in made or f"{target}/kustomization.yaml" in made, entry
        for generator in [*one.get("configMapGenerator", []), *one.get("secretGenerator", [])]:
            assert all((folder / file).exists() for file in generator["envs"])
