"""A result from a timing: totals, costs, what limits it, and what was assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from accelsim.cost.energy import EnergyReport, Usage
from accelsim.cost.resources import AREA, Demand, on_chip_bytes
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, FrozenMap, Graph
from accelsim.results import EnergyEvent, FrameResult, Provenance, Range, ResourceUse, Result, Scenario
from accelsim.results.causes import CAUSES
from accelsim.sim.memories import memory_use
from accelsim.sim.nodes import dram_bytes_per_s, events, node_results, time_by_bound
from accelsim.sim.remarks import pruned_lines, zero_lines
from accelsim.sim.timing import Frame, Timing, time_frames
from accelsim.sim.totals import Totals, totals
from accelsim.units import format_bytes
from accelsim.version import VERSION


def simulate(graph: Graph, hardware: Hardware, *, activity: Activity | None = None, task: str = "") -> Result:
    """Time one frame of `graph` on `hardware`. Raises what lowering raises (see `mapping.lower.lower`)."""
    return simulate_frames([Frame(task or graph.meta.get("task", ""), graph, activity)], hardware)


def simulate_frames(frames: Sequence[Frame], hardware: Hardware, *, trace: bool = False) -> Result:
    """Time frames one after the other. With `trace` the result has events for a trace file."""
    return result_of(time_frames(frames, hardware), trace=trace)


def result_of(timing: Timing, *, trace: bool = False) -> Result:
    """What a timing found out. With `trace` the result has events for a trace file."""
    frames, hardware = timing.frames, timing.hardware
    whole = totals(timing)
    seconds, spent = whole.seconds, whole.spent
    nodes = node_results(timing, _energy_of_rows(timing, spent, whole.usage))
    chip = {name: max(size, whole.kept_bytes.get(name, 0)) for name, size in on_chip_bytes(hardware).items()}
    interval = timing.interval_s
    first = frames[0]
    return Result(
        model=first.graph.name,
        hardware=hardware.name,
        hardware_title=hardware.title,
        scenario=_scenario(frames),
        clock_hz=hardware.clock_hz,
        cycles=timing.cycles,
        latency_s=seconds,
        initiation_interval_s=interval,
        throughput_per_s=1 / interval if interval else 0.0,
        energy=FrozenMap({scope: joules.value for scope, joules in spent.scopes.items()}),
        macs=sum(node.macs for node in nodes),
        utilisation=sum(node.ideal_cycles for node in nodes if node.macs) / timing.cycles if timing.cycles else 0.0,
        on_chip_bytes=sum(chip.values()) * hardware.instances.value,
        dram_read_bytes=sum(node.dram_read_bytes for node in nodes),
        dram_write_bytes=sum(node.dram_write_bytes for node in nodes),
        resources=FrozenMap({kind: _resource_use(demand) for kind, demand in whole.demands.items()}),
        stalls=FrozenMap(dict(zip(CAUSES, (int(c) for c in timing.row_credit.sum(axis=0)), strict=True))),
        limited_by=_limited_by(timing),
        nodes=nodes,
        misfits=whole.misfits,
        memories=memory_use(timing, whole.kept_bytes),
        board=hardware.board.name,
        power_w=spent.scopes["board"].value / seconds if seconds else None,
        energy_components=FrozenMap({f"{c.scope}.{name}": c.joules.value for name, c in spent.components.items()}),
        energy_events=FrozenMap(
            {
                f"{c.scope}.{name}": EnergyEvent(c.event, c.count, c.each)
                for name, c in spent.components.items()
                if c.each is not None
            }
        ),
        frames=_frame_results(timing) if len(frames) > 1 else (),
        events=events(timing) if trace else (),
        ranges=FrozenMap({f"energy_{scope}_j": Range(j.low, j.high) for scope, j in spent.scopes.items()}),
        assumptions=tuple(_assumptions(timing, whole)),
        not_modelled=hardware.not_modelled,
        provenance=Provenance(
            counts=FrozenMap(hardware.provenance_counts()),
            calibrated=tuple(f"{q.path}: {q.text} (rows {', '.join(q.rows)})" for q in hardware.calibrated()),
        ),
        graph_digest=first.graph.digest,
        hardware_digest=hardware.digest,
        accelsim_version=VERSION,
        folded_nodes=len(timing.lowered[0].folded),
        dram_bytes_per_s=dram_bytes_per_s(timing),
        settings=FrozenMap(hardware.settings()),
    )


def _scenario(frames: Sequence[Frame]) -> Scenario:
    activities = [frame.activity for frame in frames if frame.activity is not None]
    sources = dict.fromkeys(activity.source for activity in activities if activity.source)
    several = len({frame.task for frame in frames}) > 1
    active = {
        f"{frame.task}: {name}" if several else name: (routing.active, routing.experts)
        for frame in frames
        if frame.activity is not None
        for name, routing in frame.activity.routings.items()
    }
    first = frames[0].graph
    batch = first.tensors[first.inputs[0]].shape[0] if first.inputs and first.tensors[first.inputs[0]].shape else 1
    return Scenario(tuple(f.task for f in frames), batch, "; ".join(sources), FrozenMap(active))


def _energy_of_rows(timing: Timing, spent: EnergyReport, usage: Usage) -> list[float]:
    """Joules of accelerator, DRAM and device static by row: a unit's by its active cycles, transfers by their bytes,
    all that is always on by time. Rows sum to the three scopes."""
    units = {
        name: joules.value / usage.unit_active_cycles[name]
        for name, joules in spent.units.items()
        if usage.unit_active_cycles.get(name)
    }
    moved = usage.dram_read_bytes + usage.dram_write_bytes
    transfers = spent.components["DRAM transfers"].joules.value if "DRAM transfers" in spent.components else 0.0
    booked = transfers + sum(joule * usage.unit_active_cycles[name] for name, joule in units.items())
    rest = sum(spent.scopes[scope].value for scope in ("accelerator_dynamic", "dram", "device_static")) - booked
    cycles = timing.row_credit.sum(axis=1)
    total = max(int(cycles.sum()), 1)
    distinct = timing.distinct
    each = np.array([units.get(stage.unit, 0.0) for stage in distinct.stages])[distinct.of_row]
    sizes = timing.row_bytes.sum(axis=1)
    shares = transfers * sizes / moved if moved else np.zeros(sizes.shape)
    joules: list[float] = (each * timing.row_compute + shares + rest * cycles / total).tolist()
    return joules


def _frame_cycles(timing: Timing) -> list[int]:
    cycles = [0] * len(timing.frames)
    for frame, own in zip(timing.frame_of, timing.row_credit.sum(axis=1), strict=True):
        cycles[frame] += int(own)
    return cycles


def _frame_results(timing: Timing) -> tuple[FrameResult, ...]:
    clock = timing.hardware.clock_hz
    reloads = [0] * len(timing.frames)
    for frame, stage, own in zip(timing.frame_of, timing.stages, timing.row_credit.sum(axis=1), strict=True):
        if stage.is_reload:
            reloads[frame] += int(own)
    return tuple(
        FrameResult(frame.task, cycles, cycles / clock, reload_bytes, reload)
        for frame, cycles, reload_bytes, reload in zip(
            timing.frames, _frame_cycles(timing), timing.new_bytes, reloads, strict=True
        )
    )


def _resource_use(demand: Demand) -> ResourceUse:
    bound, practical = (value if math.isfinite(value) else None for value in (demand.bound, demand.practical))
    return ResourceUse(demand.interval.value, bound, demand.interval.low, demand.interval.high, practical)


def _limited_by(timing: Timing) -> str:
    """The resources that bound most of the time, with their shares."""
    shares = time_by_bound(timing)
    total = max(timing.cycles, 1)
    largest = [(name, round(100 * cycles / total)) for name, cycles in list(shares.items())[:3]]
    return ", ".join(f"{name} {percent} %" for name, percent in largest if percent) or "nothing"


def _assumptions(timing: Timing, whole: Totals) -> list[str]:
    hardware = timing.hardware
    lines = []
    scope = timing.frames[0].graph.scope
    if scope:
        lines.append(f"the accelerator runs '{scope}'; the rest of the model runs elsewhere and is not timed")
    sources = dict.fromkeys(f.activity.source for f in timing.frames if f.activity is not None and f.activity.routings)
    if sources:
        lines.append(f"routing: {'; '.join(sources)}")
    declared = [f.activity.sparsity for f in timing.frames if f.activity is not None and f.activity.sparsity]
    if declared or any(unit.sparse for unit in hardware.units.values()):
        lines.extend(zero_lines(hardware, declared, timing.stages))
    lines.extend(dict.fromkeys(line for graph in timing.prepared for line in pruned_lines(graph)))
    folded = len(timing.lowered[0].folded)
    if folded:
        lines.append(
            f"{folded} layout nodes (reshape, transpose, concat, ...) are folded into addresses and cost no time"
        )
    included = sorted(
        {
            node.op
            for low, graph in zip(timing.lowered, timing.prepared, strict=True)
            for node in graph.nodes
            if node.name in set(low.included)
        }
    )
    if included:
        lines.append(f"{', '.join(included)}: their time is part of the unit's rate")
    if timing.setup:
        size = sum(transfer.size_bytes for transfer in timing.setup)
        lines.append(f"{format_bytes(size)} of resident parameters are loaded once before the first frame, not counted")
    beside = timing.program.lanes is not None and hardware.schedule.branches == "concurrent"
    if hardware.schedule.prefetch != "all":
        what = "weights of experts" if hardware.schedule.prefetch == "experts" else "no weights"
        lines.append(f"stages run one after the other{' in each branch' if beside else ''}; {what} are prefetched")
    if beside:
        lines.append(
            "branches on different units run side by side, each with a fixed share of links and DRAM; cycles of nodes "
            "are their own and sum to more than the total"
        )
    if hardware.instances.value > 1:
        count, spread = hardware.instances.value, hardware.schedule.spread
        what = f"latency is that of one frame alone on one of {count} instances"
        if len(timing.frames) > 1:
            what = f"frames run on {count} instances"
        lines.append(f"{what}; throughput that of all, {spread} spread over them, with what others leave of the DRAM")
    if whole.spent.unknown:
        lines.append(f"no resources are known of {', '.join(whole.spent.unknown)}: their energy and area are left out")
    area = whole.demands.get(AREA)
    if area is not None:
        what = ", ".join((*area.unknown, "control, wires and pads"))
        lines.append(f"area is that of multipliers, adders and memories, a lower bound: that of {what} is not known")
    return lines
