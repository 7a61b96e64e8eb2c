"""The sections of the text report, in the order they are read: time, traffic, energy, resources."""

from __future__ import annotations

from accelsim.report.figures import CAUSE_TITLES, WAIT_TITLES, Bar, Breakdown, by_part, by_place, merged, place
from accelsim.report.scale import (
    Scale,
    byte_scale,
    column_decimals,
    energy_scale,
    fixed,
    percent,
    time_scale,
)
from accelsim.report.table import Notes, Section, Table
from accelsim.results.result import CHIP_SCOPES, NodeResult, ResourceUse, Result
from accelsim.units import format_count, format_joules

TOP_NODES = 10
TOP_GROUPS = 14

_SCOPE_TITLES = {
    "accelerator_dynamic": "accelerator, dynamic",
    "dram": "DRAM",
    "device_static": "device, static",
    "board": "whole board",
}
_RESOURCE_TITLES = {"dsp": "DSP", "bram36": "BRAM36", "uram": "URAM", "lut": "LUT", "ff": "FF"}


def cause_title(cause: str) -> str:
    return CAUSE_TITLES.get(cause, cause)


def time_sections(result: Result) -> list[Section]:
    """Where the time goes: by kind of work, by cause, the slowest nodes, and by place in the model."""
    return [
        _breakdown("Time by kind of work", ("work", "unit"), merged(by_part(result), TOP_GROUPS)),
        _causes(result),
        _nodes(result),
        _breakdown("Time by place in the model", ("place",), merged(by_place(result), TOP_GROUPS)),
    ]


def _breakdown(title: str, names: tuple[str, ...], breakdown: Breakdown) -> Table:
    scale = time_scale(breakdown.cycles / breakdown.clock_hz)
    macs = sum(bar.macs for bar in breakdown.bars)
    decimals = column_decimals(macs / 1e6)
    headings = (
        *names,
        ">nodes",
        f">{scale.unit}",
        ">%",
        ">MMAC",
        ">MAC/cycle",
        ">busy %",
        "waits mostly",
    )
    rows = tuple(
        (
            *(bar.label, ", ".join(bar.units))[: len(names)],
            f"{bar.nodes}",
            scale.cell(breakdown.seconds(bar)),
            percent(bar.cycles, breakdown.cycles),
            fixed(bar.macs / 1e6, decimals) if bar.macs else "",
            fixed(bar.macs / bar.cycles, 1) if bar.macs else "",
            percent(bar.busy_cycles, bar.cycles),
            _waits(bar),
        )
        for bar in breakdown.bars
    )
    whole = scale.cell(breakdown.cycles / breakdown.clock_hz)
    blank = ("",) * len(names)
    end = ("total", *blank, whole, "100.0", fixed(macs / 1e6, decimals), "", "", "")
    return Table(title, headings, (*rows, end))


def _waits(bar: Bar) -> str:
    cause = bar.main_wait
    return f"{WAIT_TITLES.get(cause, cause)} {fixed(100 * bar.causes[cause] / bar.cycles, 0)} %" if cause else ""


def _causes(result: Result) -> Table:
    scale = time_scale(result.latency_s)
    rows = tuple(
        (
            cause_title(cause),
            f"{cycles:,}",
            scale.cell(cycles / result.clock_hz),
            percent(cycles, result.cycles),
            "#" * round(40 * cycles / result.cycles),
        )
        for cause, cycles in sorted(result.stalls.items(), key=lambda item: -item[1])
        if cycles
    )
    return Table("Cycles by cause", ("cause", ">cycles", f">{scale.unit}", ">%", ""), rows)


def _nodes(result: Result) -> Table:
    """The slowest nodes; those of repeated blocks that behave alike share a row."""
    groups: dict[tuple[object, ...], list[NodeResult]] = {}
    for node in result.nodes:
        key = (place(node.name), node.unit, node.cycles, node.macs, node.dram_bytes, node.bound)
        groups.setdefault(key, []).append(node)
    ranked = sorted(groups.values(), key=lambda alike: -alike[0].cycles)[:TOP_NODES]
    time = time_scale(max((alike[0].cycles for alike in ranked), default=0) / result.clock_hz)
    traffic = byte_scale(max((alike[0].dram_bytes for alike in ranked), default=0))
    rows = tuple(
        (
            alike[0].name,
            f"{len(alike)}",
            _main_unit(alike[0]),
            time.cell(alike[0].cycles / result.clock_hz),
            percent(sum(node.cycles for node in alike), result.cycles),
            percent(alike[0].utilisation, 1) if alike[0].macs else "",
            traffic.cell(alike[0].dram_bytes),
            alike[0].bound,
        )
        for alike in ranked
    )
    headings = (
        *("node (the first of those alike)", ">alike", "unit", f">{time.unit} each", ">% all"),
        *(">MACs %", f">DRAM {traffic.unit}", "limited by"),
    )
    shown = [node for alike in ranked for node in alike]
    share = percent(sum(node.cycles for node in shown), result.cycles)
    folded = f" {result.folded_nodes} layout nodes cost nothing." if result.folded_nodes else ""
    note = f"{len(shown)} of {len(result.nodes)} nodes, {share} % of the time; all are in nodes.csv.{folded}"
    return Table("Slowest nodes", headings, rows, note)


def _main_unit(node: NodeResult) -> str:
    """The unit with most of the node's cycles, and how many others help."""
    cycles: dict[str, int] = {}
    for stage in node.split():
        cycles[stage.unit] = cycles.get(stage.unit, 0) + stage.cycles
    unit = max(cycles, key=lambda name: cycles[name])
    return unit if len(cycles) == 1 else f"{unit} +{len(cycles) - 1}"


def scenario_sections(result: Result) -> list[Section]:
    """The frames of a task sequence, and other activities: absent when there is nothing to show."""
    sections: list[Section] = []
    if result.frames:
        sections.append(_frames(result))
    if result.alternatives:
        sections.append(_alternatives(result))
    return sections


def _frames(result: Result) -> Table:
    scale = time_scale(max(frame.latency_s for frame in result.frames))
    rows = tuple(
        (
            f"{index}",
            frame.task,
            scale.cell(frame.latency_s),
            fixed(frame.reload_bytes / 2**10, 1),
            f"{frame.reload_cycles:,}",
            percent(frame.reload_cycles, frame.cycles),
        )
        for index, frame in enumerate(result.frames, 1)
    )
    headings = (">frame", "task", f">{scale.unit}", ">new weights KiB", ">extra cycles", ">% of frame")
    return Table("Frames of the task sequence", headings, rows)


def _alternatives(result: Result) -> Table:
    scale = time_scale(result.latency_s)
    here = (f"this result: {result.scenario.activity_source}", scale.cell(result.latency_s), "")
    rows = tuple(
        (other.name, scale.cell(other.latency_s), f"{100 * (other.cycles / result.cycles - 1):+.1f}")
        for other in result.alternatives
    )
    return Table("Latency under other activities", ("activity", f">{scale.unit}", ">change %"), (here, *rows))


def cost_sections(result: Result) -> list[Section]:
    """Energy by scope and component, and resources against the board."""
    sections: list[Section] = []
    if result.energy:
        sections.append(_energy(result))
    if result.resources:
        sections.append(_resources(result))
    if result.misfits:
        sections.append(Notes("Does not fit", tuple(failure.text() for failure in result.misfits)))
    return sections


def _energy(result: Result) -> Table:
    scale = energy_scale(result.energy_j, joules_from=1.0)
    rows: list[tuple[str, ...]] = []
    chip = [scope for scope in result.energy if scope in CHIP_SCOPES]
    for scope in chip:
        rows += _scope_rows(result, scope, scale)
    rows.append(_energy_row(result, "sum of these (energy_j)", result.energy_j, "energy_j", scale))
    for scope in result.energy:
        if scope not in CHIP_SCOPES:
            rows += _scope_rows(result, scope, scale)
    note = "The whole board is a scope of its own: it contains the sum and is not added to it."
    headings = ("scope", f">{scale.unit}", "range", ">W")
    return Table("Energy a frame" if not result.frames else "Energy", headings, tuple(rows), note)


def _scope_rows(result: Result, scope: str, scale: Scale) -> list[tuple[str, ...]]:
    title = _SCOPE_TITLES.get(scope, scope)
    rows = [_energy_row(result, title, result.energy[scope], f"energy_{scope}_j", scale)]
    for name, value in result.energy_components.items():
        owner, _, component = name.partition(".")
        if owner == scope:
            title = f"  {component.replace('_', ' ')}{_counted(result, name)}"
            rows.append(_energy_row(result, title, value, "", scale))
    return rows


def _counted(result: Result, name: str) -> str:
    """How often what took the energy happened, and what each time took."""
    event = result.energy_events.get(name)
    if event is None:
        return ""
    return f": {format_count(event.count)} x {format_joules(event.each_j)} ({event.name})"


def _energy_row(result: Result, title: str, joules: float, metric: str, scale: Scale) -> tuple[str, ...]:
    limits = result.ranges.get(metric)
    spread = f"[{scale.cell(limits.low)}-{scale.cell(limits.high)}]" if limits else ""
    return (title, scale.cell(joules), spread, fixed(joules / result.latency_s, 2))


def _resources(result: Result) -> Table:
    rows = tuple(
        (
            _RESOURCE_TITLES.get(name, name),
            f"{use.demand:,.10g}",
            "" if use.low is None or use.high is None else f"[{use.low:,.10g}-{use.high:,.10g}]",
            "" if use.budget is None else f"{use.budget:,.10g}",
            _share(use),
        )
        for name, use in result.resources.items()
    )
    where = f" of {result.board}" if result.board else ""
    return Table(f"Resources{where}", ("resource", ">needed", "range", ">available", ">%"), rows)


def _share(use: ResourceUse) -> str:
    if use.budget is None or (use.budget == 0 and use.demand == 0):
        return ""
    return percent(use.demand, use.budget) + (" !" if use.demand > use.budget else "")
