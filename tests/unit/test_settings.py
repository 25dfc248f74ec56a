"""Settings that cannot work are named before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.runtime import settings


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    settings.reset()
    yield
    settings.reset()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("IMS_REPORT_LEASE_SECONDS", "3", "greater than or equal to 8"),
        ("IMS_REPORT_LEASE_SECONDS", "soon", "valid number"),
        ("IMS_REPORT_CLAIM_SECONDS", "1", "greater than or equal to 6"),
    ],
)
def test_a_wrong_setting_is_named_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name}: .*{hint}"):
        settings.load(settings.ReportSettings)
