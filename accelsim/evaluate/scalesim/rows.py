"""SCALE-Sim's published rows beside ours: its own formulas and buffers, which must be equal, and a design of ours.

Not modelled: cycles at which the peer's SRAMs are first and last read or written.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelsim.errors import DoesNotFitError, InputError
from accelsim.evaluate.scalesim.layer import PEER, Convolution, Layer, analyse, product_of
from accelsim.evaluate.scalesim.stalls import Case, Ours
from accelsim.evaluate.scalesim.traffic import Buffer, Buffers
from accelsim.mapping.dataflows.folds import Dataflow
from accelsim.results import ValidationRow
from accelsim.results.validation import compare

SUITE = "scalesim"
PUBLISHED = Path(__file__).parent.parent / "published" / "scalesim.csv"
SOURCE = "output of the Python package scalesim 3.0.0, one layer a run"
_EVIDENCE = "another simulator"
_RELATIVE = 1e-9
_WORDS = 1024  # a kB of the peer; a word is a byte
_DATAFLOWS: dict[str, Dataflow] = {
    "os": "output-stationary",
    "ws": "weight-stationary",
    "is": "input-stationary",
}
_CONVOLUTION = ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
_OPERANDS = Buffers._fields
_METRICS = {
    "total_cycles": ("cycles", "stalls included; the index of the last cycle, one less than their number"),
    "overall_util_pct": ("%", "of the total cycles, one short as those are"),
    "mapping_eff_pct": ("%", ""),
    "compute_util_pct": ("%", "with the skew of the columns twice, as the peer counts under ws and is"),
    "ifmap_sram_reads": ("words", ""),
    "filter_sram_reads": ("words", ""),
    "ofmap_sram_writes": ("words", "with the R + C writes a fold that the peer counts too many under os"),
    "stall_cycles": ("cycles", "by the peer's own refills, each wait for one counted twice as it does"),
    "ifmap_dram_reads": ("words", "by the peer's own refills"),
    "filter_dram_reads": ("words", "by the peer's own refills"),
    "ofmap_dram_writes": ("words", "by the peer's own drains"),
    "total_cycles_incl_prefetch": ("cycles", "from the first word read to the last written"),
}
_OWN = "own_stall_cycles"
_DIGITS = 9  # of any whole number of a row
_MOST_WORDS = 2**27


def scalesim_rows(file: Path | None, progress: Callable[[str], None]) -> list[ValidationRow]:
    """Every metric of every row of `file` (default: the rows that ship with accelsim) beside ours.

    The peer's own numbers must be equal; what a design of ours waits with the same bandwidths is shown, its causes in
    the note. Raises InputError with file and line for a row that cannot be read.
    """
    path = file or PUBLISHED
    progress(f"{SUITE}: {path.name}")
    source = SOURCE if file is None else f"rows of {path.name}"
    return [row for line, record in _records(path) for row in _compared(f"{path}:{line}", record, source)]


def cases_of(path: Path) -> list[Case]:
    """The layers of a table. Raises InputError with file and line for a row that cannot be read."""
    return [_case(f"{path}:{line}", record) for line, record in _records(path)]


def _records(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table with their line numbers; lines that begin with # are comments."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    parsed = [next(csv.reader([line])) for _, line in numbered]
    if not parsed:
        raise InputError(f"{path}: no rows; the first line names the columns")
    header = [name.strip() for name in parsed[0]]
    ports = [f"{operand}_{of}" for operand in _OPERANDS for of in ("sram_kb", "bw")]
    needed = ("case_id", "array_rows", "array_cols", "dataflow", "kind", "bw_mode", *ports, *_CONVOLUTION, *_METRICS)
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError(f"{path}:{numbered[0][0]}: more than one column {', '.join(map(repr, repeated))}")
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


def _case(where: str, record: Mapping[str, str]) -> Case:
    sizes = [_whole(where, record, name, least=1) for name in _CONVOLUTION]
    dataflow = _DATAFLOWS.get(record["dataflow"].strip())
    if dataflow is None:
        raise InputError(f"{where}: dataflow '{record['dataflow']}' is not one of {', '.join(_DATAFLOWS)}")
    rows, columns = (_whole(where, record, name, least=1) for name in ("array_rows", "array_cols"))
    convolution = Convolution(*sizes)
    m, n, k = product_of(convolution)
    if m < 1:
        raise InputError(f"{where}: a filter of {sizes[2]} x {sizes[3]} is larger than {sizes[0]} x {sizes[1]}")
    for name, size in (("gemm_m", m), ("gemm_n", n), ("gemm_k", k)):
        if record.get(name, "").strip() and _whole(where, record, name, least=1) != size:
            raise InputError(f"{where}: {name} is {record[name]}; the sizes of the layer make it {size}")
    _check_kind(where, record, sizes)
    layer = Layer(m, n, k, rows, columns, dataflow)
    _check_size(where, layer)
    limited = _mode(where, record)
    buffers = Buffers(
        *(
            Buffer(
                _WORDS * _whole(where, record, f"{operand}_sram_kb", least=1),
                _whole(where, record, f"{operand}_bw", least=1) if limited else None,
            )
            for operand in _OPERANDS
        )
    )
    if not record["case_id"].strip():
        raise InputError(f"{where}: case_id is empty")
    return Case(record["case_id"].strip(), convolution, layer, buffers)


def _check_size(where: str, layer: Layer) -> None:
    """Raises InputError for a layer of more words than can be followed one by one."""
    found = analyse(layer)
    side = max(layer.rows, layer.columns)
    fold = (max(layer.m, layer.n, layer.k) + 3 * side) * side
    words = max(found.ifmap_sram_reads + found.filter_sram_reads, found.ofmap_sram_writes, fold)
    if words > _MOST_WORDS:
        raise InputError(
            f"{where}: the array asks for {words:,} words, which are followed one by one: at most {_MOST_WORDS:,}"
        )


def _check_kind(where: str, record: Mapping[str, str], sizes: Sequence[int]) -> None:
    """Raises InputError for a product that is not M x K as an input of one channel and filters of one row of it."""
    kind = record["kind"].strip()
    if kind not in ("gemm", "conv"):
        raise InputError(f"{where}: kind '{kind}' is not one of gemm, conv")
    _, width, filter_height, filter_width, channels, _, stride = sizes
    if kind == "gemm" and (filter_height, filter_width, channels, stride) != (1, width, 1, 1):
        raise InputError(f"{where}: a gemm has filter_h 1, filter_w as ifmap_w, one channel and stride 1")


def _mode(where: str, record: Mapping[str, str]) -> bool:
    """Whether bandwidths are given."""
    modes = {"USER": True, "CALC": False}
    if record["bw_mode"].strip() not in modes:
        raise InputError(f"{where}: bw_mode '{record['bw_mode']}' is not one of {', '.join(modes)}")
    return modes[record["bw_mode"].strip()]


def _compared(where: str, record: Mapping[str, str], source: str) -> list[ValidationRow]:
    case = _case(where, record)
    theirs = {name: _number(where, record, name) for name in _METRICS}
    peer = case.peer
    ours: dict[str, float] = analyse(case.layer, PEER, peer.stalls)._asdict()
    ours |= dict(zip(("ifmap_dram_reads", "filter_dram_reads", "ofmap_dram_writes"), peer.moved, strict=True))
    ours |= {"stall_cycles": peer.stalls, "total_cycles_incl_prefetch": peer.cycles}
    found = [_row(case.name, name, theirs[name], float(ours[name]), source) for name in _METRICS]
    if not case.has_bandwidths:
        return found
    own = case.ours()
    if isinstance(own, DoesNotFitError):
        return [_noted(row, f"no {_OWN}: {own}") if row.metric == "stall_cycles" else row for row in found]
    return [*found, _own(case, own, theirs["stall_cycles"], source)]


def _noted(row: ValidationRow, more: str) -> ValidationRow:
    return replace(row, note=f"{row.note}; {more}")


def _own(case: Case, own: Ours, published: float, source: str) -> ValidationRow:
    """What a design of ours waits with the same ports."""
    return compare(
        SUITE,
        case.name,
        metric=_OWN,
        unit="cycles",
        published=published,
        simulated=float(own.stalls),
        evidence=_EVIDENCE,
        source=source,
        scored=False,
        note=f"theirs: {case.theirs()}; ours: {own}",
    )


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
        evidence=_EVIDENCE,
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
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) < least:
        raise InputError(f"{where}: {name}: '{record[name][:40]}' is not a whole number from {least} to 10^{_DIGITS}")
    return int(text)
