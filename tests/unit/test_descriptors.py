"""The limit of open files: raised at the start, shared out, and told."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from local import doctor
from shared.runtime import descriptors
from shared.runtime.egress import Egress
from shared.runtime.settings import EgressSettings

INFINITY = resource.RLIM_INFINITY


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    descriptors.limit.cache_clear()
    yield
    descriptors.limit.cache_clear()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 4096), (4096, 4096)),
        ((1024, 1_000_000), (descriptors.WANTED, 1_000_000)),
        ((1024, INFINITY), (descriptors.WANTED, INFINITY)),
        ((4096, 4096), (4096, 4096)),
        ((INFINITY, INFINITY), (INFINITY, INFINITY)),
        ((100_000, 200_000), (100_000, 200_000)),
    ],
)
def test_a_process_takes_what_it_may_have_and_never_less(
    before: tuple[int, int], after: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: now.append(to))
    descriptors.raise_limit()
    assert now[-1] == after
    assert descriptors.limit() == (descriptors.WANTED if after[0] == INFINITY else min(after[0], descriptors.WANTED))


def test_a_limit_that_may_not_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", refused)
    descriptors.raise_limit()
    assert descriptors.limit() == 256


@pytest.mark.parametrize("limit", [1, 64, 256, 1024, 20_000, 1_000_000])
def test_connections_stay_well_below_the_limit_whatever_the_settings_say(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    client = Egress(EgressSettings(egress_connections=10**6, egress_idle_connections=10**6))
    assert 1 <= client._idle._most <= max(1, limit // 8)
    assert 1 <= client.calls_at_once <= max(1, limit // 2)


@pytest.mark.parametrize(("hard", "level"), [(1024, "note"), (4096, "ok"), (INFINITY, "ok")])
def test_doctor_tells_the_limit_and_what_follows_from_it(
    hard: int, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, hard))
    (finding,) = doctor._open_files(None)  # type: ignore[arg-type]
    assert finding.level == level
    assert f"{1024 if hard == 1024 else descriptors.WANTED if hard == INFINITY else hard:,} a process" in finding.detail
    assert bool(finding.way_out) == (level == "note")
