"""Ask a real API server whether it would take every object of every overlay: `python -m deploy.accept`.

Without KUBECONFIG it starts its own server with the CRDs of IMS_CRDS (or shared/crds beside the project). With it, that
cluster is asked; nothing is changed there, but namespaces that are missing are made for the time of the check.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from deploy import cluster, rules, webhooks
from deploy.settings import Json
from local.home import ROOT
from local.problems import Problem

OVERLAYS = ("dev", "kind", "node", "prod")
FEATURES = {"prod": frozenset(rules.FLAGGED.values())}
"""Knative's flags that an overlay's cluster must have on (docs: the overlay's components)."""
PLAIN_SECRETS = ROOT / "infra" / "secrets" / "plain"
"""Made of files that are in no version control: asked about with passwords made for it, in a copy."""
UNASKED = frozenset(
    {
        *(("external-secrets.io/v1", kind) for kind in ("ExternalSecret", "SecretStore")),
        *(
            ("gateway.envoyproxy.io/v1alpha1", kind)
            for kind in ("BackendTrafficPolicy", "ClientTrafficPolicy", "EnvoyExtensionPolicy", "HTTPRouteFilter")
        ),
    }
)
"""Kinds that may be missing: the External Secrets Operator's and Envoy Gateway's are not among the CRDs that `crds`
asks for; `make cluster` applies the latter for real."""
DRY_RUN = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--field-manager=ims-check", "-f", "-")


@dataclass(frozen=True)
class Set:
    """What is applied together."""

    name: str
    objects: list[Json]


def sets() -> Iterator[Set]:
    """Every overlay as kustomize makes it, what stands beside OpenFaaS, and the servers of infra/."""
    for overlay in OVERLAYS:
        yield Set(overlay, built(ROOT / "knative" / "overlays" / overlay))
    for file in sorted((ROOT / "openfaas").glob("*.yaml")):
        yield Set(f"openfaas/{file.name}", read(file.read_text()))
    for folder in sorted(p.parent for p in (ROOT / "infra").rglob("kustomization.yaml")):
        objects = plain_secrets() if folder == PLAIN_SECRETS else built(folder)
        yield Set(folder.relative_to(ROOT).as_posix(), objects)


def plain_secrets() -> list[Json]:
    """infra/secrets/plain as its script fills it; one's own *.env are neither read nor written."""
    with tempfile.TemporaryDirectory(prefix="ims-secrets-") as place:
        folder = Path(place) / "secrets"
        shutil.copytree(PLAIN_SECRETS.parent, folder, ignore=shutil.ignore_patterns("*.env"))
        subprocess.run(["bash", str(folder / "make.sh")], check=True, capture_output=True)
        return built(folder / PLAIN_SECRETS.name)


def built(folder: Path) -> list[Json]:
    """What kustomize makes of a folder."""
    made = cluster.run(None, "kustomize", str(folder))
    if made.returncode != 0:
        raise Problem(f"kustomize cannot build {folder}: {made.stderr.strip()[-500:]}")
    return read(made.stdout)


def read(text: str) -> list[Json]:
    """The objects in YAML documents."""
    return [document for document in yaml.safe_load_all(text) if document]


def complaints(config: Path | None, one: Set) -> tuple[int, list[str]]:
    """How many objects Knative's webhooks were asked about (a cluster of KUBECONFIG has its own), and all refusals."""
    features = FEATURES.get(one.name, frozenset())
    asked, refused = webhooks.ask(one.objects, features) if config else (0, [])
    return asked, [*refused, *rules.check(one.objects, features)]


def are_awake(objects: list[Json]) -> bool:
    """Whether the webhooks refuse a reserved variable; if not, their word on the rest is worth nothing."""
    service = copy.deepcopy(next(o for o in objects if o["apiVersion"].startswith("serving.knative.dev/")))
    service["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "K_SERVICE", "value": "mine"}]
    return webhooks.ask([service])[1] != []


def unknown(config: Path | None, objects: list[Json]) -> set[tuple[str, str]]:
    """The kinds that the cluster does not have: (group/version, kind)."""
    known: set[tuple[str, str]] = set()
    for version in {o["apiVersion"] for o in objects}:
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        answer = cluster.run(config, "get", "--raw", path)
        if answer.returncode == 0:
            known |= {(version, r["kind"]) for r in yaml.safe_load(answer.stdout)["resources"]}
    return {(o["apiVersion"], o["kind"]) for o in objects} - known


@contextmanager
def namespaces(config: Path | None, names: set[str]) -> Iterator[None]:
    """The namespaces that a dry run needs; those that were missing are removed again."""
    made = [name for name in sorted(names) if cluster.run(config, "create", "namespace", name).returncode == 0]
    try:
        yield
    finally:
        for name in made:
            cluster.run(config, "delete", "namespace", name, "--wait=false")


def accept(config: Path | None, one: Set) -> tuple[int, int, str]:
    """How many objects were accepted, how many were of kinds that should be known, and what was refused."""
    missing = unknown(config, one.objects)
    asked = [o for o in one.objects if (o["apiVersion"], o["kind"]) not in missing]
    for version, kind in sorted(missing):
        print(f"  ! {one.name}: this cluster has no {version} {kind}")
    answer = cluster.run(config, *DRY_RUN, given=yaml.safe_dump_all(asked))
    accepted = sum("serverside-applied" in line for line in answer.stdout.splitlines())
    refused = answer.stderr.strip()
    if answer.returncode == 0 and accepted == len(asked):
        refused = ""
    return accepted, len(missing - UNASKED), refused or ("" if accepted == len(asked) else "some are missing")


def is_strict(config: Path | None, objects: list[Json]) -> bool:
    """Whether the server refuses a misspelt field; if not, its word on the rest is worth nothing."""
    source = copy.deepcopy(next(o for o in objects if o["kind"] == "KafkaSource"))
    source["spec"]["consumersGroup"] = source["spec"].pop("consumerGroup")
    return cluster.run(config, *DRY_RUN, given=yaml.safe_dump(source)).returncode != 0


def main() -> None:
    """Print what was accepted; fail when anything was not."""
    with ExitStack() as stack:
        config = None if os.environ.get("KUBECONFIG") else stack.enter_context(cluster.cluster())
        asked, good, total, admitted, of_all = list(sets()), True, 0, 0, 0
        needed = {o["metadata"].get("namespace", "") for one in asked for o in one.objects}
        stack.enter_context(namespaces(config, needed - {""}))
        if not is_strict(config, asked[0].objects):
            raise Problem("this API server takes a misspelt field", "its Kubernetes must be 1.27 or newer")
        if config:
            webhooks.build()
            if not are_awake(asked[0].objects):
                raise Problem("Knative's webhooks take a reserved variable", "mend tools/webhooks")
        for one in asked:
            knative, faults = complaints(config, one)
            admitted += knative
            accepted, unasked, refused = accept(config, one)
            total, of_all = total + accepted, of_all + len(one.objects)
            good = good and not faults and not refused and not (unasked and config)
            print(f"{one.name}: {accepted} of {len(one.objects)} objects accepted", flush=True)
            print("".join(f"  ✗ {fault}\n" for fault in [*faults, *refused.splitlines()]), end="")
        print(f"{total} objects accepted by the API server, {admitted} of them asked of Knative's own webhooks too")
        if total < of_all:
            print(f"{of_all - total} were not: refused, or of kinds that this cluster does not have (named above)")
    if not good:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        sys.exit(f"✗ {problem.what}\n  → {problem.way_out}")
