"""The one error that the command line shows: what is wrong and the way out, never a traceback."""

from __future__ import annotations


class Problem(Exception):
    """`what` is wrong; `way_out` is what to do about it."""

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what)
        self.what, self.way_out = what, way_out
