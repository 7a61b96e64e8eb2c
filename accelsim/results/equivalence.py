"""Our engine beside PyTorch and ONNX Runtime: the comparison, and our own run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelsim.results.codec import encode


@dataclass(frozen=True)
class NodeDifference:
    """Largest difference of one tensor between two engines; `max_rel_err` is max|a-b| / max|b|."""

    name: str
    max_abs_err: float
    max_rel_err: float


@dataclass(frozen=True)
class EquivalenceEntry:
    """Our engine beside one other ('torch' or 'onnxruntime').

    `nodes_compared` is 0 where the outputs alone were compared. `first_bad` is the first node outside the
    tolerance. `forced_ok` tells whether the outputs agree once both follow our routing (None: no routing
    flipped, so not needed); `flip_margins` are the gate differences of flipped tokens.
    """

    engine: str
    max_abs_err: float
    max_rel_err: float
    ok: bool
    nodes_compared: int
    first_bad: str | None = None
    routing_flips: int = 0
    flip_margins: tuple[float, ...] = ()
    forced_ok: bool | None = None
    forced_max_rel_err: float | None = None
    version: str = ""
    worst: tuple[NodeDifference, ...] = ()


@dataclass(frozen=True)
class Equivalence:
    """Comparison with other engines.

    `inputs_differ`: two different inputs gave different outputs in every engine. `rounding` is how far PyTorch's own
    outputs are from those it gives in float64, where that decided the tolerance.
    """

    entries: tuple[EquivalenceEntry, ...]
    inputs_differ: bool
    tolerance: float = 1e-4
    rounding: float | None = None

    @property
    def ok(self) -> bool:
        return self.inputs_differ and all(entry.ok for entry in self.entries)


@dataclass(frozen=True)
class Executor:
    """Our own run on the CPU: one measured latency, the peak of the arena, ops without a kernel of their
    own.
    """

    latency_s: float
    peak_bytes: int
    threads: int
    fallbacks: tuple[str, ...] = ()


def equivalence_to_json(equivalence: Equivalence) -> dict[str, Any]:
    """By engine: {'torch': {'max_abs_err': ..., 'ok': ...}}; what holds for all engines is repeated in
    each.
    """
    shared = {
        "tolerance": equivalence.tolerance,
        "inputs_differ": equivalence.inputs_differ,
        "rounding": equivalence.rounding,
    }
    return {entry.engine: encode(entry) | shared for entry in equivalence.entries}


def equivalence_from_json(record: dict[str, Any]) -> dict[str, Any]:
    entries = [dict(entry) for entry in record.values()]
    tolerances = [entry.pop("tolerance") for entry in entries]
    differing = [entry.pop("inputs_differ") for entry in entries]
    roundings = [entry.pop("rounding", None) for entry in entries]
    return {
        "entries": entries,
        "inputs_differ": all(differing),
        "tolerance": tolerances[0] if tolerances else 0.0,
        "rounding": roundings[0] if roundings else None,
    }
