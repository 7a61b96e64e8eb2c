"""What one simulation found out: a `Result`, made of frozen records, written as JSON and read back.

SI units with the unit in the name; cycles are those of `Result.clock_hz`. `Result.to_json` has the keys
that the command line documents; the events of the timeline are left out there, because they live in the
trace file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.ir.activity import Activity
from accelsim.ir.frozen import FrozenMap
from accelsim.results.codec import decode, encode
from accelsim.results.equivalence import (
    Equivalence,
    Executor,
    equivalence_from_json,
    equivalence_to_json,
)
from accelsim.results.failure import Failure
from accelsim.results.memory import MemoryUse

if TYPE_CHECKING:
    import pandas

FORMAT = "accelsim-result/1"

_OWN_FILES = ("events", "activities")
"""Parts of a result that are written to files of their own."""

_DERIVED_AFTER = {"throughput_per_s": "energy_j", "on_chip_bytes": "dram_bytes", "resources": "fits"}

CHIP_SCOPES = ("accelerator_dynamic", "dram", "device_static")
"""The energy scopes that `energy_j` sums.

The scope 'board' contains them and more, and is never added to them.
"""


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included, where the nominal value comes from estimates."""

    low: float
    high: float


@dataclass(frozen=True)
class ResourceUse:
    """Demand on one FPGA resource; `budget` is the board's (None: no board), `low` and `high` the
    estimate's range, `practical` what of the budget can be filled in practice.
    """

    demand: float
    budget: float | None = None
    low: float | None = None
    high: float | None = None
    practical: float | None = None


@dataclass(frozen=True)
class Stage:
    """A part of a node's time under one placement key, such as 'attention.scores' or 'moe.fc1'."""

    name: str
    unit: str
    cycles: int
    stalls: FrozenMap[str, int] = field(default_factory=FrozenMap)
    macs: int = 0


@dataclass(frozen=True)
class NodeResult:
    """Time, traffic and energy of one node of the graph.

    `stalls` maps every cause to cycles and sums to `cycles`. `bound` says what limits the node,
    `utilisation` is macs over what the unit could do in `cycles`, `ideal_cycles` the compute bound alone.
    `bound_cycles` is what the limiting resource alone works for the node: no less is possible however the rest is
    improved. Loads that ran ahead during earlier nodes count where they belong, so that it can exceed `cycles`.
    Roofline: `macs_per_dram_byte` (None: no DRAM traffic, or no products), and `attainable_macs_per_cycle`, the
    smaller of what its units can do and that intensity times the bandwidth of the DRAM.
    `fused` names nodes whose work is done in this one; `stages` split the cycles and sum to them (empty:
    one stage named after the op).
    """

    name: str
    module: str
    op: str
    unit: str
    start_cycle: int
    cycles: int
    ideal_cycles: int = 0
    bound_cycles: int = 0
    macs: int = 0
    macs_per_dram_byte: float | None = None
    attainable_macs_per_cycle: float | None = None
    dram_read_bytes: int = 0
    dram_write_bytes: int = 0
    utilisation: float = 0.0
    bound: str = ""
    stalls: FrozenMap[str, int] = field(default_factory=FrozenMap)
    energy_j: float = 0.0
    detail: str = ""
    fused: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()

    @property
    def dram_bytes(self) -> int:
        return self.dram_read_bytes + self.dram_write_bytes

    def split(self) -> tuple[Stage, ...]:
        """The stages, or the whole node as one."""
        return self.stages or (Stage(self.op, self.unit, self.cycles, self.stalls, self.macs),)


@dataclass(frozen=True)
class FrameResult:
    """One frame of a task sequence; `reload_*` is the cost of switching to its task, part of `cycles`."""

    task: str
    cycles: int
    latency_s: float
    reload_bytes: int = 0
    reload_cycles: int = 0


@dataclass(frozen=True)
class Event:
    """One interval on a track of the timeline ('unit linear', 'link weights'), for the trace."""

    track: str
    name: str
    start_cycle: int
    end_cycle: int
    cause: str = ""


@dataclass(frozen=True)
class EnergyEvent:
    """What a component's energy is counted by: `count` times `each_j`, such as an 'access of 64 bit'."""

    name: str
    count: float
    each_j: float


@dataclass(frozen=True)
class Scenario:
    """What was run: a task or a sequence of them, the batch, and where the activity comes from.

    `active_experts` maps a node to (experts with at least one token, all experts).
    """

    tasks: tuple[str, ...]
    batch: int = 1
    activity_source: str = ""
    active_experts: FrozenMap[str, tuple[int, int]] = field(default_factory=FrozenMap)


@dataclass(frozen=True)
class Alternative:
    """The same model and hardware under another activity, to show how much the latency depends on it."""

    name: str
    cycles: int
    latency_s: float


@dataclass(frozen=True)
class EstimateEffect:
    """An estimated value of the hardware file, and latency and energy with it at the low and the high end of its
    range, everything else as given.
    """

    path: str
    value: str
    low: str
    high: str
    latency_low_s: float
    latency_high_s: float
    energy_low_j: float
    energy_high_j: float
    reason: str = ""


@dataclass(frozen=True)
class Lever:
    """One change of the hardware, simulated anew with a mapping of its own.

    `settings` are the values as `-s PATH=VALUE` takes them. `speedup` and `energy_ratio` are latency before over after
    and energy after over before. `fits` says whether the changed design is within the board; `reason` what of it is
    not, or, where the numbers are None, why it cannot run this at all.
    """

    name: str
    kind: str
    settings: FrozenMap[str, str]
    latency_s: float | None = None
    speedup: float | None = None
    energy_j: float | None = None
    energy_ratio: float | None = None
    fits: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Stop:
    """Where more of a resource stops helping, the rest of the hardware as it is.

    With `stops_at` of it, no more than the share `tolerance` of the latency can be gained by having more, with less
    there is more to gain. None: there is no such value between `low` and `high`, the values tried; then `limits` tells
    whether it helps throughout or not at all. Values are in the SI unit of `dimension`. `latency_s` is the best of the
    values tried; `mapping` is 'held' where tiles stay as they are cut now, 'searched' where each value has its own.
    """

    path: str
    kind: str
    value: float
    dimension: str
    stops_at: float | None
    limits: bool
    low: float
    high: float
    latency_s: float
    tolerance: float
    mapping: str


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of the hardware file come from; `counts` by kind (sourced, estimate, calibrated,
    override).
    """

    counts: FrozenMap[str, int] = field(default_factory=FrozenMap)
    calibrated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One model on one accelerator in one scenario.

    `latency_s` is one frame's, or the whole sequence's when `frames` are given; `initiation_interval_s` is the mean
    distance of two frames, one over the throughput. `ranges` maps a metric (a key of the JSON such as 'latency_s')
    to what the estimates allow, and `sensitivities` say what each estimate alone does, the largest effect first.
    `levers` are changes of the hardware with what they gain, the best first, and `stops` the values at which a
    resource stops helping (both empty unless asked for). `energy` maps a scope to joules, `energy_components`
    'scope.component' to joules, `energy_events` the same to what it was counted by, where it was.
    `folded_nodes` counts layout nodes that cost nothing (why stands in `assumptions`). `accuracy` maps a metric to
    its value. `settings` are the hardware's by dotted path, as text; `dram_bytes_per_s` is what its DRAMs deliver
    together (0: not told).
    """

    model: str
    hardware: str
    hardware_title: str
    scenario: Scenario
    clock_hz: float
    cycles: int
    latency_s: float
    initiation_interval_s: float
    throughput_per_s: float
    energy: FrozenMap[str, float]
    macs: int
    utilisation: float
    on_chip_bytes: int
    dram_read_bytes: int
    dram_write_bytes: int
    resources: FrozenMap[str, ResourceUse]
    stalls: FrozenMap[str, int]
    limited_by: str
    nodes: tuple[NodeResult, ...]
    misfits: tuple[Failure, ...] = ()
    memories: tuple[MemoryUse, ...] = ()
    board: str = ""
    power_w: float | None = None
    energy_components: FrozenMap[str, float] = field(default_factory=FrozenMap)
    energy_events: FrozenMap[str, EnergyEvent] = field(default_factory=FrozenMap)
    frames: tuple[FrameResult, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    events: tuple[Event, ...] = ()
    activities: FrozenMap[str, Activity] = field(default_factory=FrozenMap)
    equivalence: Equivalence | None = None
    executor: Executor | None = None
    accuracy: FrozenMap[str, float] | None = None
    ranges: FrozenMap[str, Range] = field(default_factory=FrozenMap)
    sensitivities: tuple[EstimateEffect, ...] = ()
    levers: tuple[Lever, ...] = ()
    stops: tuple[Stop, ...] = ()
    assumptions: tuple[str, ...] = ()
    not_modelled: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    graph_digest: str = ""
    hardware_digest: str = ""
    accelsim_version: str = ""
    folded_nodes: int = 0
    dram_bytes_per_s: float = 0.0
    settings: FrozenMap[str, str] = field(default_factory=FrozenMap)

    @property
    def fits(self) -> bool:
        return not self.misfits

    @property
    def energy_j(self) -> float:
        """Energy of accelerator, DRAM and device together; the board's is another scope and not in it."""
        return sum(self.energy.get(scope, 0.0) for scope in CHIP_SCOPES)

    @property
    def dram_bytes(self) -> int:
        return self.dram_read_bytes + self.dram_write_bytes

    def comparable(self) -> Result:
        """Without what was measured on this machine: equal inputs give equal values here, byte for byte."""
        return replace(self, executor=None)

    def to_json(self) -> dict[str, Any]:
        """Plain values under the documented keys; `energy_j`, `dram_bytes`, `fits` are derived and added."""
        record: dict[str, Any] = {"format": FORMAT}
        for item in fields(self):
            if item.name not in _OWN_FILES:
                record[item.name] = encode(getattr(self, item.name))
            if item.name in _DERIVED_AFTER:
                name = _DERIVED_AFTER[item.name]
                record[name] = getattr(self, name)
        record["ranges"] = {name: [value.low, value.high] for name, value in self.ranges.items()}
        if self.equivalence is not None:
            record["equivalence"] = equivalence_to_json(self.equivalence)
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Result:
        """The inverse of `to_json`, without what has files of its own.

        Raises InputError when the record is not a result of ours.
        """
        if record.get("format") != FORMAT:
            raise InputError(f"not a result of accelsim: 'format' is {record.get('format')!r}, expected '{FORMAT}'")
        known = {item.name for item in fields(cls)}
        plain = {key: value for key, value in record.items() if key in known}
        plain["ranges"] = {name: {"low": low, "high": high} for name, (low, high) in record["ranges"].items()}
        if record.get("equivalence") is not None:
            plain["equivalence"] = equivalence_from_json(record["equivalence"])
        result: Result = decode(cls, plain)
        return result

    def frame(self) -> pandas.DataFrame:
        """The nodes as a table, a row each, with a column for each cause. Raises MissingExtraError."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtraError("pandas", "table", "a data frame of the nodes") from None
        rows = [{**encode(node), **{f"{cause}_cycles": n for cause, n in node.stalls.items()}} for node in self.nodes]
        return pandas.DataFrame(rows).drop(columns=["stalls", "stages"])

    def dumps(self) -> str:
        """The JSON text, the same bytes for the same result."""
        return json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n"
