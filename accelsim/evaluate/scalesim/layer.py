"""What SCALE-Sim 3.0.0 reports for a layer's compute and its SRAM, worked out from our own fold formulas.

The peer's timing without stalls is that of `mapping/dataflows/folds.py` with no overlap of folds. Where it counts
differently from what its own array does, a `Slips` setting says so: `PEER` takes the slips over, `EXACT` does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from accelsim.mapping.dataflows.folds import Array, Dataflow, folds_of


@dataclass(frozen=True)
class Slips:
    """Where SCALE-Sim 3.0.0 counts otherwise than its array works.

    `last_index`: total_cycles is the index of the last cycle, one less than their number. `result_writes`:
    output-stationary writes R + C results too many a fold. `skew_twice`: compute utilisation of weight- and
    input-stationary divides by L + C - 1 lines a fold, which hold the skew of the columns twice.
    """

    last_index: bool
    result_writes: bool
    skew_twice: bool


PEER = Slips(last_index=True, result_writes=True, skew_twice=True)
EXACT = Slips(last_index=False, result_writes=False, skew_twice=False)


class Layer(NamedTuple):
    """A product of M x K by K x N on an array of R x C."""

    m: int
    n: int
    k: int
    rows: int
    columns: int
    dataflow: Dataflow


class Analysis(NamedTuple):
    """The peer's numbers of a layer; shares in per cent, SRAM counts in words."""

    total_cycles: int
    overall_util_pct: float
    mapping_eff_pct: float
    compute_util_pct: float
    ifmap_sram_reads: int
    filter_sram_reads: int
    ofmap_sram_writes: int


class Convolution(NamedTuple):
    """A convolution of one input without padding, in the order of the peer's topology files."""

    height: int
    width: int
    filter_height: int
    filter_width: int
    channels: int
    filters: int
    stride: int


def product_of(layer: Convolution) -> tuple[int, int, int]:
    """M, N, K with the peer's ceil rule: where the stride does not divide the rest, one more window, partly outside,
    is counted (56 with 1x1 and stride 2 gives 29)."""
    high, wide = windows_of(layer)
    return high * wide, layer.filters, layer.filter_height * layer.filter_width * layer.channels


def windows_of(layer: Convolution) -> tuple[int, int]:
    """Windows down and across, by the peer's ceil rule."""
    height, width, filter_height, filter_width, _, _, stride = layer
    high, wide = (max(0, 1 + -(-(a - b) // stride)) for a, b in ((height, filter_height), (width, filter_width)))
    return high, wide


def analyse(layer: Layer, slips: Slips = EXACT, stalls: int = 0) -> Analysis:
    """Cycles, shares and SRAM accesses of a layer whose array waits for `stalls` cycles.

    Each fold reads its streamed and its stationary operand once: an operand that lies along one side of the array
    is read again for every fold of the other side; partial sums of weight- and input-stationary folds are written
    for each fold of the reduction and never read back.
    """
    m, n, k, rows, columns, dataflow = layer
    array = Array(rows, columns, dataflow)
    folds = folds_of(array, m, n, k)
    cycles = folds.cycles - slips.last_index + stalls
    places = rows * columns
    busy_lines = array.fold_cycles(folds.stream)
    if slips.skew_twice and array.preload_cycles:
        busy_lines += columns - 1
    a, b, o = m * k, k * n, m * n
    reads = {
        "output-stationary": (a * folds.column_folds, b * folds.row_folds),
        "weight-stationary": (a * folds.column_folds, b),
        "input-stationary": (a, b * folds.column_folds),
    }[dataflow]
    if dataflow == "output-stationary":
        writes = o + (folds.count * (rows + columns) if slips.result_writes else 0)
    else:
        writes = o * folds.row_folds
    return Analysis(
        total_cycles=cycles,
        overall_util_pct=100.0 * m * n * k / (cycles * places) if cycles else 0.0,
        mapping_eff_pct=100.0 * folds.mapping_efficiency,
        compute_util_pct=100.0 * m * n * k / (folds.count * places * busy_lines),
        ifmap_sram_reads=reads[0],
        filter_sram_reads=reads[1],
        ofmap_sram_writes=writes,
    )
