"""Rows that are the same stage under other names, as those of equal layers: what they take is worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from accelsim.mapping.stage import Stage
from accelsim.sim.table import Ticks


class Distinct(NamedTuple):
    """`stages` in order of their first row, and for each row the index of its own."""

    stages: tuple[Stage, ...]
    of_row: Ticks

    @property
    def counts(self) -> list[int]:
        """How many rows each stage has."""
        found: list[int] = np.bincount(self.of_row, minlength=len(self.stages)).tolist()
        return found

    def rows(self, values: Iterable[object]) -> Ticks:
        """[rows, ...] integers of all rows, from those of the distinct stages."""
        return np.asarray(np.array(list(values), np.int64)[self.of_row])


def distinct_stages(stages: Sequence[Stage]) -> Distinct:
    """The distinct stages of rows."""
    number: dict[int, int] = {}
    first: list[Stage] = []
    of_row = np.empty(len(stages), np.int64)
    for row, stage in enumerate(stages):
        found = number.setdefault(id(stage.original), len(first))
        if found == len(first):
            first.append(stage)
        of_row[row] = found
    return Distinct(tuple(first), of_row)
