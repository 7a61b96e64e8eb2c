"""What SCALE-Sim 3.0.0 reports for a layer, worked out from our own fold formulas, and its published rows compared.

The peer's timing without stalls is that of `mapping/dataflows/folds.py` with no overlap of folds. Where it counts
differently from what its own array does, a `Slips` setting says so: `PEER` takes the slips over, `EXACT` does not.
Not modelled: its DRAM counts and stalls, which follow from the order in which its buffers are refilled; stalls are
taken out of its cycles before they are compared.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from accelsim.errors import InputError
from accelsim.mapping.dataflows.folds import Array, Dataflow, folds_of
from accelsim.results import ValidationRow

SUITE = "scalesim"
PUBLISHED = Path(__file__).parent / "published" / "scalesim.csv"
SOURCE = (
    "output of the Python package scalesim 3.0.0, one layer a run; DRAM counts and stalls depend on its buffer "
    "algorithm and are not compared"
)
_RELATIVE = 1e-9
_DATAFLOWS: dict[str, Dataflow] = {
    "os": "output-stationary",
    "ws": "weight-stationary",
    "is": "input-stationary",
}


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
    """The peer's numbers of a layer without stalls; shares in per cent, SRAM counts in words."""

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
    height, width, filter_height, filter_width, channels, filters, stride = layer
    high, wide = (max(0, 1 + -(-(a - b) // stride)) for a, b in ((height, filter_height), (width, filter_width)))
    return high * wide, filters, filter_height * filter_width * channels


def analyse(layer: Layer, slips: Slips = EXACT) -> Analysis:
    """Cycles, shares and SRAM accesses of a layer.

    Each fold reads its streamed and its stationary operand once: an operand that lies along one side of the array
    is read again for every fold of the other side; partial sums of weight- and input-stationary folds are written
    for each fold of the reduction and never read back.
    """
    m, n, k, rows, columns, dataflow = layer
    array = Array(rows, columns, dataflow)
    folds = folds_of(array, m, n, k)
    cycles = folds.cycles - slips.last_index
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


_CONVOLUTION = ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
_METRICS = {
    "total_cycles": ("cycles", "without stalls; the index of the last cycle, one less than their number"),
    "overall_util_pct": ("%", "of the cycles without stalls, one short as those are"),
    "mapping_eff_pct": ("%", ""),
    "compute_util_pct": ("%", "with the skew of the columns twice, as the peer counts under ws and is"),
    "ifmap_sram_reads": ("words", ""),
    "filter_sram_reads": ("words", ""),
    "ofmap_sram_writes": ("words", "with the R + C writes a fold that the peer counts too many under os"),
}


def scalesim_rows(file: Path | None, progress: Callable[[str], None]) -> list[ValidationRow]:
    """Every metric of every row of `file` (default: the rows that ship with accelsim) beside ours, which must be
    equal. Raises InputError with file and line for a row that cannot be read."""
    path = file or PUBLISHED
    progress(f"{SUITE}: {path.name}")
    source = SOURCE if file is None else f"rows of {path.name}; DRAM counts and stalls are not compared"
    return [row for line, record in _records(path) for row in _compared(f"{path}:{line}", record, source)]


def _records(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table with their line numbers; lines that begin with # are comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    parsed = list(csv.reader(line for _, line in numbered))
    if not parsed:
        raise InputError(f"{path}: no rows; the first line names the columns")
    header = [name.strip() for name in parsed[0]]
    needed = ("case_id", "array_rows", "array_cols", "dataflow", *_CONVOLUTION, "stall_cycles", *_METRICS)
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(f"{path}:{numbered[0][0]}: no column {', '.join(repr(name) for name in missing)}")
    found = []
    for (number, _), fields in zip(numbered[1:], parsed[1:], strict=True):
        if len(fields) != len(header):
            raise InputError(f"{path}:{number}: {len(fields)} fields, the header has {len(header)}")
        found.append((number, dict(zip(header, fields, strict=True))))
    if not found:
        raise InputError(f"{path}: a header and no rows")
    return found


def _compared(where: str, record: Mapping[str, str], source: str) -> list[ValidationRow]:
    sizes = [_whole(where, record, name, least=1) for name in _CONVOLUTION]
    dataflow = _DATAFLOWS.get(record["dataflow"].strip())
    if dataflow is None:
        raise InputError(f"{where}: dataflow '{record['dataflow']}' is not one of {', '.join(_DATAFLOWS)}")
    rows, columns = (_whole(where, record, name, least=1) for name in ("array_rows", "array_cols"))
    m, n, k = product_of(Convolution(*sizes))
    if m < 1:
        raise InputError(f"{where}: a filter of {sizes[2]} x {sizes[3]} is larger than {sizes[0]} x {sizes[1]}")
    ours = analyse(Layer(m, n, k, rows, columns, dataflow), PEER)
    theirs = {name: _number(where, record, name) for name in _METRICS}
    stall = _whole(where, record, "stall_cycles", least=0)
    if stall:
        running = theirs["total_cycles"] - stall
        if running <= 0:
            raise InputError(f"{where}: {stall} stall cycles of {theirs['total_cycles']:.0f} in all")
        theirs["overall_util_pct"] *= theirs["total_cycles"] / running
        theirs["total_cycles"] = running
    return [_row(record["case_id"], name, theirs[name], float(getattr(ours, name)), source) for name in _METRICS]


def _row(case: str, metric: str, published: float, simulated: float, source: str) -> ValidationRow:
    unit, note = _METRICS[metric]
    return ValidationRow(
        suite=SUITE,
        case=case,
        metric=metric,
        unit=unit,
        published=published,
        simulated=simulated,
        error_pct=100.0 * (simulated - published) / published if published else None,
        scored=True,
        band_pct=0.0,
        ok=math.isclose(simulated, published, rel_tol=_RELATIVE if unit == "%" else 0.0),
        evidence="another simulator",
        source=source,
        note=note,
    )


def _number(where: str, record: Mapping[str, str], name: str) -> float:
    try:
        value = float(record[name])
    except ValueError:
        raise InputError(f"{where}: {name}: '{record[name]}' is not a number") from None
    if not math.isfinite(value):
        raise InputError(f"{where}: {name}: '{record[name]}' is not a finite number")
    return value


def _whole(where: str, record: Mapping[str, str], name: str, *, least: int) -> int:
    text = record[name].strip()
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise InputError(f"{where}: {name}: '{record[name]}' is not a whole number of at least {least}")
    return int(text)
