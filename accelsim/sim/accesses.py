"""How often a run touches each on-chip buffer: what crosses between buffers and arrays, and between buffers and links.

An array of R x C places that works on full folds reads each streamed element once for all places it passes, and each
held one once a fold. So a row of places shares what enters at its end: products / C elements along the rows,
products / R along the columns.
A spatial array whose places keep operands is charged what enters and leaves it once: a lower bound.
Not modelled: folds that are filled partly (they read less than their cycles say, and here are charged by products).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from accelsim.hw.memory import Buffer
from accelsim.hw.schema import Hardware
from accelsim.hw.unit import DotUnit, SpatialUnit, SystolicUnit, Unit
from accelsim.mapping.stage import Stage

_BITS_PER_BYTE = 8


def operations(stages: Iterable[Stage]) -> dict[str, float]:
    """Products of each array, function values of each other unit."""
    found: dict[str, float] = {}
    for stage in stages:
        count = stage.macs or sum(points for _, points in stage.functions)
        found[stage.unit] = found.get(stage.unit, 0.0) + count
    return found


def buffer_bits(stages: Iterable[Stage], hardware: Hardware) -> dict[str, float]:
    """Bits read from and written to each buffer."""
    found: dict[str, float] = {name: 0.0 for name, memory in hardware.memories.items() if isinstance(memory, Buffer)}
    for stage in stages:
        unit = hardware.units[stage.unit]
        for role, bits in _array_side(unit, stage).items():
            found[unit.held[role]] += bits
        for role, bits in _link_side(unit, stage).items():
            found[unit.held[role]] += bits
    return found


def _link_side(unit: Unit, stage: Stage) -> dict[str, float]:
    """Each byte that crosses a link is written to a buffer once, or read from one."""
    held = unit.held
    weights = next((role for role in ("weights", "w") if role in held), None)
    inputs = "inputs" if "inputs" in held else weights
    outputs = "outputs" if "outputs" in held else None
    found: dict[str, float] = {}
    counted = ((stage.streams, stage.tiles), ((*stage.held, *stage.stores), stage.rounds))
    for transfers, times in counted:
        for transfer in transfers:
            constant = "parameter" in transfer.tensor_class or transfer.tensor_class.endswith((".w", ".b"))
            role = outputs if transfer.write else weights if constant else inputs
            if role is not None:
                found[role] = found.get(role, 0.0) + transfer.size_bytes * _BITS_PER_BYTE * times
    return found


def _systolic(unit: SystolicUnit, stage: Stage) -> dict[str, float]:
    along_rows, along_cols = stage.macs / unit.cols.value, stage.macs / unit.rows.value
    a, b = (bits.value for bits in unit.multiplier)
    sums = unit.accumulator.value
    loaded = sum(t.size_bytes for t in stage.held) * stage.rounds * _BITS_PER_BYTE
    if unit.dataflow == "output-stationary":
        stored = sum(t.size_bytes for t in stage.stores) * stage.rounds
        stored += sum(t.size_bytes for t in stage.streams if t.write) * stage.tiles
        return {"inputs": along_rows * a, "weights": along_cols * b, "outputs": stored * _BITS_PER_BYTE}
    if unit.dataflow == "weight-stationary":
        return {"inputs": along_rows * a, "weights": loaded, "outputs": 2 * along_cols * sums}
    return {"inputs": loaded, "weights": along_rows * b, "outputs": 2 * along_cols * sums}


def _dot(unit: DotUnit, stage: Stage) -> dict[str, float]:
    """Rows share the weights of a step."""
    _, b = (bits.value for bits in unit.multiplier)
    role = next((role for role in unit.held if role == "w"), next(iter(unit.held), ""))
    if not role or not stage.macs:
        return {}
    return {role: stage.macs / unit.rows.value * b if stage.weight_bits is None else stage.weight_bits}


def _spatial(unit: SpatialUnit, stage: Stage) -> dict[str, float]:
    """Places with memories of their own: what crossed the link enters the array at least once, sums leave it once."""
    reads = sum(t.size_bytes for t in stage.streams if not t.write) * stage.tiles
    written = sum(t.size_bytes for t in stage.streams if t.write) * stage.tiles
    loaded = sum(t.size_bytes for t in stage.held) * stage.rounds
    return {
        "inputs": reads * _BITS_PER_BYTE,
        "weights": loaded * _BITS_PER_BYTE,
        "outputs": written * _BITS_PER_BYTE,
    }


_ARRAYS: Mapping[str, Callable[..., dict[str, float]]] = {"systolic": _systolic, "dot": _dot, "spatial": _spatial}


def _array_side(unit: Unit, stage: Stage) -> dict[str, float]:
    reader = _ARRAYS.get(unit.kind)
    return reader(unit, stage) if reader is not None and stage.macs else {}
