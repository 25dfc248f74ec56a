"""A secret that only some functions need reaches these alone, and is missed by nobody when it is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings

import shared.runtime.settings as runtime
from deploy import accept, openfaas
from deploy.objects import dns
from deploy.settings import OPENFAAS_SECRETS, OWN_SECRETS, SECRETS
from local.home import ROOT
from shared import flow

Json = dict[str, Any]
OVERLAYS = ("dev", "kind", "node", "prod")
PLAIN = ROOT / "infra" / "secrets" / "plain"
CLASSES = [c for c in vars(runtime).values() if isinstance(c, type) and issubclass(c, BaseSettings)]
FIELDS = {f"IMS_{name.upper()}": field for kind in CLASSES for name, field in kind.model_fields.items()}
EVERYBODYS = {"IMS_KAFKA_PASSWORD"}
"""Not in a common Secret: each process has its own Kafka user's."""


def pods(overlay: str) -> Iterator[tuple[str, list[Json]]]:
    """Each workload of an overlay and where its settings come from."""
    for thing in accept.built(ROOT / "knative" / "overlays" / overlay):
        template = thing.get("spec", {}).get("template", {})
        if thing["kind"] in ("Service", "Deployment", "Job") and template:
            (box,) = template["spec"]["containers"]
            yield thing["metadata"]["name"], box["envFrom"]


def secret(source: Json) -> str:
    """The Secret of a source of settings, without the hash of its content."""
    name = str(source.get("secretRef", {}).get("name", ""))
    return SECRETS if name.startswith(SECRETS) else name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_own_secret_reaches_its_functions_alone(overlay: str) -> None:
    names = {dns(p.function.name): [dns(q.name) for q in flow.processes() if q.function == p.function]
             for p in flow.processes()}  # fmt: skip
    for own in OWN_SECRETS:
        wanted = {process for function in own.functions for process in names[dns(function)]}
        assert {name for name, sources in pods(overlay) if own.name in map(secret, sources)} == wanted


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_own_secret_may_be_missing_and_what_still_lies_in_the_common_one_counts(overlay: str) -> None:
    mine = {own.name for own in OWN_SECRETS}
    for _, sources in pods(overlay):
        names = [secret(source) for source in sources]
        assert all(
            s["secretRef"].get("optional") is True for s, name in zip(sources, names, strict=True) if name in mine
        )
        if SECRETS in names:
            assert names[-1] == SECRETS, "of two sources with the same setting the last one counts"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_what_asks_mysql_and_redis_knows_how(overlay: str) -> None:
    given = {name for name, sources in pods(overlay) if SECRETS in map(secret, sources)}
    assert given == {dns(process.name) for process in flow.processes()} | {"redis-expiry"}


def test_every_secret_setting_has_a_secret_of_its_own() -> None:
    held = [name for own in OWN_SECRETS for name in own.settings]
    assert len(held) == len(set(held))
    assert set(held) <= set(FIELDS)
    private = {name for name, field in FIELDS.items() if field.annotation is SecretStr or name.endswith("_PASSWORD")}
    assert private - EVERYBODYS == set(held)


@pytest.mark.parametrize("own", OWN_SECRETS, ids=[own.name for own in OWN_SECRETS])
def test_both_ways_to_make_a_secret_hold_the_same_settings(own: Any) -> None:
    generated = yaml.safe_load((PLAIN / "kustomization.yaml").read_text())["secretGenerator"]
    (entry,) = [one for one in generated if one["name"] == own.name]
    (file,) = entry["envs"]
    lines = (PLAIN / f"{file}.example").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [f"{name}=" for name in own.settings]
    external = yaml.safe_load_all((ROOT / "infra" / "secrets" / "external" / "own.yaml").read_text())
    (copied,) = [o for o in external if o["metadata"]["name"] == own.name]
    assert copied["spec"]["target"]["name"] == own.name


def test_empty_settings_are_the_same_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As infra/secrets/make.sh leaves them until somebody fills them."""
    monkeypatch.setenv("IMS_SECRETS_DIR", str(tmp_path))
    plain = [kind() for kind in (runtime.WatchSettings, runtime.MailSettings)]
    for name in (name for own in OWN_SECRETS for name in own.settings):
        monkeypatch.setenv(name, "")
    assert [kind() for kind in (runtime.WatchSettings, runtime.MailSettings)] == plain


def test_openfaas_names_a_further_secret_for_its_function_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPENFAAS_SECRETS, "watch", ("ims-slack-webhook-url",))
    for functions in (openfaas.stack()["functions"], openfaas.ce_stack()["functions"]):
        named = {name for name, one in functions.items() if "ims-slack-webhook-url" in one["secrets"]}
        assert named == {"watch"}
        assert functions["watch"]["secrets"] == [*openfaas.SECRETS, "ims-slack-webhook-url"]
