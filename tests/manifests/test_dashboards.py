"""Grafana's dashboards: committed as made, well-formed, and their queries are PromQL over metrics that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy import dashboards
from local.home import ROOT
from tests.manifests import metrics
from tests.manifests.promtool import check

FOLDER = ROOT / "infra" / "monitoring" / "dashboards"
ALL: dict[str, dict[str, Any]] = {p.name: json.loads(p.read_text()) for p in sorted(FOLDER.glob("*.json"))}
UNITS = {"short", "s", "cps", "bytes", "percentunit"}


def queries() -> list[str]:
    return [target["expr"] for board in ALL.values() for panel in board["panels"] for target in panel["targets"]]


def test_there_are_dashboards_of_lanes_vendors_callbacks_and_functions() -> None:
    assert {board["uid"] for board in ALL.values()} == {"ims-lanes", "ims-vendors", "ims-callbacks", "ims-functions"}
    assert {name: json.loads(text) for name, text in dashboards.files().items()} == ALL


def test_kustomize_takes_every_dashboard() -> None:
    text = (FOLDER.parent / "kustomization.yaml").read_text()
    assert all(f"dashboards/{name}" in text for name in ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_dashboard_is_well_formed(name: str) -> None:
    board = ALL[name]
    assert f"{board['uid']}.json" == name
    assert {"title", "tags", "schemaVersion", "templating", "time", "panels"} <= set(board)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [(x, y) for p in board["panels"] for x, y in covered(p["gridPos"])]
    assert len(set(cells)) == len(cells), "panels overlap"
    assert max(x for x, _ in cells) < 24
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0


def covered(grid: dict[str, int]) -> list[tuple[int, int]]:
    return [(grid["x"] + dx, grid["y"] + dy) for dx in range(grid["w"]) for dy in range(grid["h"])]


def test_every_variable_in_a_query_is_declared() -> None:
    for board in ALL.values():
        declared = {variable["name"] for variable in board["templating"]["list"]}
        text = json.dumps(board["panels"])
        assert {v for v in ("lane", "function", "datasource") if f"${v}" in text or f"${{{v}}}" in text} <= declared


def test_every_query_is_promql(tmp_path: Path) -> None:
    plain = [q.replace("$__rate_interval", "1m").replace("$lane", "auth").replace("$function", ".*") for q in queries()]
    assert check(tmp_path, plain) == ""


def test_queries_read_only_metrics_that_there_are() -> None:
    assert {name for query in queries() for name in metrics.used(query)} - metrics.known() == set()
