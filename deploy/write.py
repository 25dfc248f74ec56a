"""Turn objects into files: deterministic YAML whose first line says where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deploy import alerts, dashboards, lock, openfaas, openfaas_bridges, overlays, secrets
from deploy.settings import Json
from shared import flow

HEADER = "# Generated from shared/flow.py by `make manifests`: change the map (or deploy/), not this file.\n"
LOCK_HEADER = "# Generated from requirements.lock by `make manifests`: what runs in an image.\n"
COPY_HEADER = "# Generated from the Dockerfile at the root by `make manifests`, for `faas-cli new --lang dockerfile`.\n"
FOLDERS = ("knative/base", "knative/components", "infra/monitoring/dashboards")
"""Holding generated files only: what the map no longer names is removed from them."""


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _text)


def dump(objects: list[Json]) -> str:
    """YAML documents, keys in the order in which they were made."""
    documents = [yaml.dump(o, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True) for o in objects]
    return "---\n".join(documents)


def files(root: Path) -> dict[str, str]:
    """Path in the tree → text, for all that `make manifests` writes; `root` holds the lock and the migrations."""
    found = {f"knative/{path}": HEADER + dump(objects) for path, objects in overlays.files().items()}
    found["stack.yml"] = HEADER + dump([openfaas.stack()])
    found["stack.ce.yml"] = HEADER + openfaas.ce_note() + dump([openfaas.ce_stack()])
    found["openfaas/bridges.yaml"] = HEADER + dump(list(openfaas_bridges.ce_bridges(root)))
    found["openfaas/bridges.pro.yaml"] = HEADER + dump(list(openfaas_bridges.pro_bridges(root)))
    found["openfaas/routes.yaml"] = HEADER + dump(list(openfaas_bridges.routes(flow.processes())))
    found["infra/monitoring/alerts.yaml"] = HEADER + dump([alerts.rules()])
    found |= {f"infra/monitoring/dashboards/{name}": text for name, text in dashboards.files().items()}
    found["infra/secrets/external/kafka-users.yaml"] = HEADER + dump(list(secrets.kafka_users()))
    found["infra/secrets/external/own.yaml"] = HEADER + dump(list(secrets.own()))
    found["migrations/kustomization.yaml"] = HEADER + dump([migrations(root)])
    found["template/dockerfile/function/Dockerfile"] = COPY_HEADER + (root / "Dockerfile").read_text()
    found["docker/requirements.lock"] = LOCK_HEADER + lock.runtime(root)
    return dict(sorted(found.items()))


def migrations(root: Path) -> Json:
    """The ConfigMap that Flyway's Job reads: kustomize takes no files from outside a folder, but a folder."""
    names = sorted(path.name for path in (root / "migrations").glob("V*.sql"))
    tags = {"labels": {"app.kubernetes.io/part-of": "ims"}}
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [{"name": "migrations", "files": names, "options": tags}],
    }


def write(root: Path) -> tuple[int, int]:
    """Write what changed, remove what is gone; how many of each."""
    wanted = files(root)
    changed = [path for path, text in wanted.items() if not _same(root / path, text)]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path])
    gone = stale(root, wanted)
    for path in gone:
        (root / path).unlink()
    return len(changed), len(gone)


def stale(root: Path, wanted: dict[str, str]) -> list[str]:
    """Files in the generated folders that the map no longer names."""
    there = [p.relative_to(root).as_posix() for folder in FOLDERS for p in (root / folder).rglob("*") if p.is_file()]
    return sorted(set(there) - set(wanted))


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
