"""The command line refuses what it would otherwise ignore."""

from __future__ import annotations

import pytest

from local import messages
from local.problems import Problem

MESSAGE = "01935f6e-7b1c-7000-8000-000000000081"


@pytest.mark.parametrize("filters", [{"to": "01012345678"}, {"request_id": "x", "code": "4001"}, {"ref": ""}])
def test_a_message_and_a_filter_together_are_refused_with_the_filters_names(filters: dict[str, str]) -> None:
    with pytest.raises(Problem) as problem:
        messages.replay(MESSAGE, filters)
    assert MESSAGE in problem.value.what
    assert all(f"--{name.replace('_', '-')}" in problem.value.way_out for name in filters)
