"""Nothing is cut silently: what is too long to keep ends with a mark, and no statement shortens a value by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import moments
from shared.domain.cutting import MARK, VENDOR_REF, cut, cut_name
from shared.runtime.mysql import SQL_MODE

ROOT = Path(__file__).parents[2]
LENIENT = ("INSERT" + " IGNORE", "UPDATE" + " IGNORE", "LOAD" + " DATA")


@given(st.text(max_size=300), st.integers(1, 300))
def test_what_fits_stays_and_what_does_not_ends_with_the_mark(text: str, size: int) -> None:
    short = cut(text, size)
    assert len(short) <= size
    assert short == text if len(text) <= size else short == text[: size - 1] + MARK


@given(st.text(max_size=300), st.text(max_size=300))
def test_long_names_that_begin_alike_stay_two(one: str, other: str) -> None:
    start = "R" * VENDOR_REF
    first, second = cut_name(start + one, VENDOR_REF), cut_name(start + other, VENDOR_REF)
    assert max(len(first), len(second)) <= VENDOR_REF
    assert (first == second) == (one.rstrip(" ") == other.rstrip(" "))
    assert cut_name(first, VENDOR_REF) == first


def test_the_database_refuses_what_does_not_fit() -> None:
    assert "STRICT_TRANS_TABLES" in SQL_MODE


@pytest.mark.parametrize("folder", ["bridges", "functions", "infra", "local", "migrations", "shared", "simulator"])
def test_no_statement_overlooks_its_own_errors(folder: str) -> None:
    files = [p for end in ("py", "sql", "sh", "cnf") for p in (ROOT / folder).rglob(f"*.{end}")]
    found = [str(p) for p in files for said in LENIENT if f"{said} " in p.read_text()]
    assert found == []


@pytest.mark.parametrize(("at", "kept"), [(-1, 0), (0, 0), (5, 5), (10**20, moments.LAST_MS)])
def test_a_moment_is_kept_as_near_as_it_can_be(at: int, kept: int) -> None:
    assert moments.storable(at) == kept
