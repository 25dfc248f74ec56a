"""Starting processes of the local platform."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import SLOW_NICE, Spec, launch

AUTOGROUPS = Path("/proc/self/autogroup").exists()


@pytest.fixture(params=[0, SLOW_NICE])
def niceness(request: pytest.FixtureRequest) -> int:
    assert isinstance(request.param, int)
    return request.param


@pytest.fixture
def pid(niceness: int, tmp_path: Path) -> Iterator[int]:
    spec = Spec("sleeper", "function", ("sleep", "60"), 0, lambda: True, nice=niceness)
    process = launch(spec, tmp_path / "sleeper.log")
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_process_has_its_niceness(pid: int, niceness: int) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, before + niceness)


@pytest.mark.skipif(not AUTOGROUPS, reason="this kernel shares the CPU out by processes only")
def test_its_session_yields_too_for_there_niceness_counts_between_processes_of_a_session_only(
    pid: int, niceness: int
) -> None:
    assert Path(f"/proc/{pid}/autogroup").read_text().split()[-1] == str(niceness)
