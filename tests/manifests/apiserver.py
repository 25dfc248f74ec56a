"""A real API server for the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import cluster
from local.problems import Problem


def need_crds() -> None:
    """Skip the test where there are no CRDs, and say the way out."""
    try:
        cluster.crds()
    except Problem as problem:
        pytest.skip(f"{problem.what}: {problem.way_out}")


@contextmanager
def api_server() -> Iterator[Path]:
    """The kubeconfig of a new one with all CRDs; the test is skipped, with the way out, where there are no CRDs."""
    need_crds()
    with cluster.cluster() as config:
        yield config
