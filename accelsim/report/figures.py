"""What the figures and tables show, as plain records: where the time of a result goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelsim.results.result import NodeResult, Result, Stage

CAUSE_COLOURS = {
    "compute": "#0072B2",
    "vector": "#009E73",
    "weight_load": "#E69F00",
    "input_wait": "#D55E00",
    "output_wait": "#CC79A7",
    "fill_drain": "#56B4E9",
    "serial": "#8C8C8C",
    "host": "#F0E442",
}
"""One colour a cause in every figure, in the order of drawing; from the palette of Okabe and Ito."""

BUSY = ("compute", "vector")
"""The causes under which a unit works; all others are waits."""

CAUSE_TITLES = {
    "compute": "compute",
    "vector": "vector work",
    "weight_load": "waiting for weights",
    "input_wait": "waiting for inputs",
    "output_wait": "waiting for stores",
    "fill_drain": "pipeline fill and drain",
    "serial": "serial overhead",
    "host": "host",
}

WAIT_TITLES = {
    "weight_load": "weights",
    "input_wait": "inputs",
    "output_wait": "stores",
    "fill_drain": "fill/drain",
    "serial": "serial steps",
    "host": "host",
}
"""What a unit waits for, in a word."""

_PARTS = {
    "attention.scores": "attention scores QK",
    "attention.context": "attention context AV",
    "attention": "attention softmax",
    "linear": "linear layers",
    "matmul": "matrix products",
    "conv2d": "convolutions",
    "layer_norm": "layer norms",
    "add": "additions",
    "gelu": "GELU",
    "moe.gate": "expert gating",
    "moe.gate_softmax": "expert gating",
    "moe.gate_div": "expert gating",
    "moe.top_k": "expert gating",
    "moe.zero": "zeroing of expert outputs",
    "moe": "experts",
}


@dataclass(frozen=True)
class Bar:
    """A group of work: its cycles by cause, the units that did it and how many nodes took part."""

    label: str
    units: tuple[str, ...]
    nodes: int
    cycles: int
    macs: int
    causes: Mapping[str, int]

    @property
    def busy_cycles(self) -> int:
        return sum(self.causes.get(cause, 0) for cause in BUSY)

    @property
    def main_wait(self) -> str:
        """The cause other than work with the most cycles, of equal ones the first by name; '' if there is
        none.
        """
        waits = sorted((-cycles, cause) for cause, cycles in self.causes.items() if cycles and cause not in BUSY)
        return waits[0][1] if waits else ""


@dataclass(frozen=True)
class Breakdown:
    """Bars that add up to `cycles`, the longest first."""

    bars: tuple[Bar, ...]
    cycles: int
    clock_hz: float

    def seconds(self, bar: Bar) -> float:
        return bar.cycles / self.clock_hz


def part_title(stage: str) -> str:
    """'moe.fc1' -> 'experts'; a stage without a title of its own keeps its name."""
    return _PARTS.get(stage) or _PARTS.get(stage.partition(".")[0]) or stage.removesuffix(".main")


def place(name: str) -> str:
    """The node's name with numbers as '*', so that repeated blocks share a place: blocks.*.attn.proj."""
    return ".".join("*" if component.isdigit() else component for component in name.split("."))


def by_part(result: Result) -> Breakdown:
    """Grouped by the kind of work (attention scores, linear layers, experts, ...)."""
    return _grouped(result, lambda node, stage: part_title(stage.name))


def by_place(result: Result) -> Breakdown:
    """Grouped by the place in the user's model."""
    return _grouped(result, lambda node, stage: place(node.name))


def _grouped(result: Result, key: Callable[[NodeResult, Stage], str]) -> Breakdown:
    groups: dict[str, list[tuple[NodeResult, Stage]]] = {}
    for node in result.nodes:
        for stage in node.split():
            groups.setdefault(key(node, stage), []).append((node, stage))
    bars = sorted((_bar(label, members) for label, members in groups.items()), key=lambda bar: -bar.cycles)
    busy = tuple(bar for bar in bars if bar.cycles)
    return Breakdown(busy, sum(bar.cycles for bar in busy), result.clock_hz)


def _bar(label: str, members: list[tuple[NodeResult, Stage]]) -> Bar:
    causes: dict[str, int] = {}
    for _, stage in members:
        for cause, cycles in stage.stalls.items():
            causes[cause] = causes.get(cause, 0) + cycles
    return Bar(
        label,
        tuple(dict.fromkeys(stage.unit for _, stage in members)),
        len({node.name for node, _ in members}),
        sum(stage.cycles for _, stage in members),
        sum(stage.macs for _, stage in members),
        causes,
    )


def merged(breakdown: Breakdown, limit: int) -> Breakdown:
    """At most `limit` bars: the shortest become one that says how many it stands for."""
    if len(breakdown.bars) <= limit:
        return breakdown
    kept, rest = breakdown.bars[: limit - 1], breakdown.bars[limit - 1 :]
    causes: dict[str, int] = {}
    for bar in rest:
        for cause, cycles in bar.causes.items():
            causes[cause] = causes.get(cause, 0) + cycles
    other = Bar(
        f"{len(rest)} others",
        tuple(dict.fromkeys(unit for bar in rest for unit in bar.units)),
        sum(bar.nodes for bar in rest),
        sum(bar.cycles for bar in rest),
        sum(bar.macs for bar in rest),
        causes,
    )
    return Breakdown((*kept, other), breakdown.cycles, breakdown.clock_hz)
