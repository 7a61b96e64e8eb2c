"""Folds of a systolic array in closed form: the one place that knows them, for our arrays and for peers'.

A product of M x K by K x N is cut into folds: two of its sizes, Sr and Sc, lie along the rows R and columns C of
the array, the third, T, streams through it line by line.

    dataflow            Sr  Sc  T   preload P
    output-stationary   M   N   K   0
    weight-stationary   K   N   M   R
    input-stationary    K   M   N   R

    folds F = ceil(Sr / R) * ceil(Sc / C)           lines of a fold alone L = P + T + R + C - 2
    cycles of F folds in a row = (F - 1) * interval + L

(Samajdar et al., "A systematic methodology for characterizing scalability of DNN accelerators using SCALE-Sim",
ISPASS 2020, and what SCALE-Sim 3.0.0 counts: R lines to shift the stationary operand in, then T lines, which the
last row and column see R - 1 and C - 1 lines later.) `interval` says what of a fold hides behind the one before:

    none     L            nothing, as in SCALE-Sim
    preload  L - P        the stationary operand of the next fold is shifted in behind the running one
    full     max(T, R)    the next fold follows at once; R lines pass before a column can take or give its values

A partly filled fold takes as long as a full one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from accelsim.ir import Axis

Dataflow = Literal["output-stationary", "weight-stationary", "input-stationary"]
Overlap = Literal["none", "preload", "full"]


class Sides(NamedTuple):
    """Which loops lie along the rows and the columns of the array, and which stream through it."""

    rows: Axis
    columns: Axis
    stream: Axis


SIDES: dict[Dataflow, Sides] = {
    "output-stationary": Sides(Axis.ROW, Axis.OUTPUT, Axis.REDUCE),
    "weight-stationary": Sides(Axis.REDUCE, Axis.OUTPUT, Axis.ROW),
    "input-stationary": Sides(Axis.REDUCE, Axis.ROW, Axis.OUTPUT),
}


class Array(NamedTuple):
    """A systolic array: its size, what stays in it and what of a fold hides behind the one before."""

    rows: int
    columns: int
    dataflow: Dataflow
    overlap: Overlap = "none"

    @property
    def preload_cycles(self) -> int:
        return 0 if self.dataflow == "output-stationary" else self.rows

    def fold_cycles(self, stream: int) -> int:
        """Cycles of a fold alone, from its first line in to its last result out."""
        return self.preload_cycles + stream + self.rows + self.columns - 2

    def interval_cycles(self, stream: int) -> int:
        """Cycles from a fold to the next."""
        if self.overlap == "full":
            return max(stream, self.rows)
        return self.fold_cycles(stream) - (self.preload_cycles if self.overlap == "preload" else 0)


@dataclass(frozen=True)
class Folds:
    """A product on an array, one fold after the other."""

    array: Array
    row_folds: int
    column_folds: int
    sr: int
    sc: int
    stream: int

    @property
    def count(self) -> int:
        return self.row_folds * self.column_folds

    @property
    def cycles(self) -> int:
        return (self.count - 1) * self.array.interval_cycles(self.stream) + self.array.fold_cycles(self.stream)

    @property
    def mapping_efficiency(self) -> float:
        """Share of the array's places that hold something, over all folds."""
        return self.sr * self.sc / (self.count * self.array.rows * self.array.columns)


def folds_of(array: Array, m: int, n: int, k: int) -> Folds:
    """The folds of M x K by K x N."""
    size = {Axis.ROW: m, Axis.OUTPUT: n, Axis.REDUCE: k}
    sides = SIDES[array.dataflow]
    sr, sc = size[sides.rows], size[sides.columns]
    return Folds(array, -(-sr // array.rows), -(-sc // array.columns), sr, sc, size[sides.stream])
