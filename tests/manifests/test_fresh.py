"""The committed files are what the map says, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deploy import lock
from deploy.write import FOLDERS, HEADER, files, stale, write
from local.home import ROOT
from shared.runtime import settings

WANTED = files(ROOT)


@pytest.mark.parametrize("path", WANTED)
def test_a_generated_file_is_fresh(path: str) -> None:
    assert (ROOT / path).exists(), "run `make manifests`"
    assert (ROOT / path).read_text() == WANTED[path], "run `make manifests`"


def test_nothing_lies_there_that_the_map_no_longer_names() -> None:
    assert stale(ROOT, WANTED) == []


def test_generated_files_say_so_where_they_begin() -> None:
    first = {text.split("\n", 1)[0] for name, text in WANTED.items() if not str(name).endswith(".json")}
    assert all("make manifests" in line and line.startswith("# Generated") for line in first)
    boards = {text.split("\n", 2)[1] for name, text in WANTED.items() if str(name).endswith(".json")}
    assert all("make manifests" in line and "Generated" in line for line in boards)


def test_writing_twice_changes_nothing_and_leftovers_go(tmp_path: Path) -> None:
    (tmp_path / "openfaas").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "Dockerfile", "openfaas/settings.yml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    assert write(tmp_path) == (len(WANTED), 0)
    leftover = tmp_path / FOLDERS[0] / "api-fax.yaml"
    leftover.write_text(HEADER)
    assert write(tmp_path) == (0, 1)
    assert not leftover.exists()


def test_what_is_generated_is_the_same_in_every_run() -> None:
    assert files(ROOT) == WANTED


def test_every_package_of_the_image_is_pinned_as_the_tests_ran_with_it() -> None:
    whole = {pin.name: pin.lines for pin in lock.read((ROOT / "requirements.lock").read_text())}
    image = {pin.name: pin.lines for pin in lock.read(WANTED["docker/requirements.lock"])}
    assert image.items() <= whole.items()
    assert all(any("--hash=sha256:" in line for line in lines) for lines in image.values())


def test_a_dependency_that_the_lock_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["kafka-python>=3"]\n')
    with pytest.raises(ValueError, match="kafka-python"):
        lock.runtime(tmp_path)


def known() -> set[str]:
    """Every setting of the functions and bridges, as an environment variable."""
    import bridges.settings as more

    kinds = [
        kind
        for module in (settings, more)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, settings._Settings)
    ]
    return {f"IMS_{name.upper()}" for kind in kinds for name in kind.model_fields}


@pytest.mark.parametrize("overlay", ["dev", "kind", "prod"])
def test_settings_written_by_hand_exist(overlay: str) -> None:
    folder = ROOT / "knative" / "overlays" / overlay
    lines = [line for file in folder.glob("*.env") for line in file.read_text().splitlines()]
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert names <= known()
    assert "IMS_KAFKA_BOOTSTRAP" in names


def test_openfaas_settings_exist() -> None:
    text = yaml.safe_load((ROOT / "openfaas" / "settings.yml").read_text())
    assert set(text["environment"]) <= known()
