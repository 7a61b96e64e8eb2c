"""The pictures of a run: time by work and cause, roofline, energy, resources, memories, what estimates do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accelsim.report.figures import CAUSE_COLOURS, CAUSE_TITLES, by_part, merged
from accelsim.report.front import COLOURS
from accelsim.report.page.render import Figure
from accelsim.report.scale import energy_scale, time_scale
from accelsim.results.result import CHIP_SCOPES, NodeResult, Result

MOST_BARS = 14
MOST_ESTIMATES = 12
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
OVER_COLOUR = "#D55E00"

_BAR_PX, _FRAME_PX = 26, 110
_NODE_HOVER = (
    "<b>%{text}</b><br>%{x:.3g} MAC a byte, %{y:.4g} MAC a cycle<br>"
    "%{customdata[0]:.1f} % of the time, limited by %{customdata[1]}<extra></extra>"
)


def work_figure(result: Result) -> Figure:
    """Time by kind of work, stacked by cause; 'busy' causes first."""
    breakdown = merged(by_part(result), MOST_BARS)
    scale = time_scale(breakdown.cycles / breakdown.clock_hz)
    labels = [bar.label for bar in breakdown.bars]
    per_unit = breakdown.clock_hz * scale.factor
    present = {cause for bar in breakdown.bars for cause, cycles in bar.causes.items() if cycles}
    traces = [
        _bars(CAUSE_TITLES.get(cause, cause), labels, [bar.causes.get(cause, 0) / per_unit for bar in breakdown.bars],
              CAUSE_COLOURS.get(cause, "var(--faint)"), f"%{{y}}: %{{x:.4g}} {scale.unit}")
        for cause in (*CAUSE_COLOURS, *sorted(present - set(CAUSE_COLOURS))) if cause in present
    ]  # fmt: skip
    alt = "Time by kind of work and by what it was spent on; the tables below have the numbers"
    return _bar_figure("work", alt, traces, f"{scale.unit} a frame" if not result.frames else scale.unit, labels)


def roofline_figure(result: Result) -> Figure | None:
    """Products a cycle over products a byte of DRAM, with the roofs (Williams, Waterman, Patterson, CACM 2009).

    Roofs of units are the highest peak of their nodes. None where no node has both products and traffic.
    """
    placed = [node for node in result.nodes if node.macs_per_dram_byte and node.cycles]
    if not placed:
        return None
    units: dict[str, list[NodeResult]] = {}
    for node in placed:
        units.setdefault(node.unit, []).append(node)
    intensities = [node.macs_per_dram_byte or 0.0 for node in placed]
    low, high = min(intensities) / 2, max(intensities) * 2
    traces: list[dict[str, Any]] = []
    if result.dram_bytes_per_s:
        per_cycle = result.dram_bytes_per_s / result.clock_hz
        traces.append(_roof("DRAM", [low, high], [low * per_cycle, high * per_cycle], "var(--ink)", "solid"))
    for index, (unit, nodes) in enumerate(units.items()):
        colour = COLOURS[index] if index < len(COLOURS) - 1 else "var(--ink)"
        peak = max((node.macs / node.ideal_cycles for node in nodes if node.ideal_cycles), default=0.0)
        if peak:
            traces.append(_roof(f"peak of {unit}", [low, high], [peak, peak], colour, "dot"))
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": unit,
                "x": [node.macs_per_dram_byte for node in nodes],
                "y": [node.macs / node.cycles for node in nodes],
                "text": [node.name for node in nodes],
                "customdata": [[100 * node.cycles / result.cycles, node.bound] for node in nodes],
                "hovertemplate": _NODE_HOVER,
                "marker": {
                    "color": colour,
                    "symbol": SYMBOLS[index % len(SYMBOLS)],
                    "size": [7 + 22 * (node.cycles / result.cycles) ** 0.5 for node in nodes],
                    "opacity": 0.75,
                    "line": {"width": 0.7, "color": "var(--paper)"},
                },
            }
        )
    left_out = sum(1 for node in result.nodes if node.macs) - len(placed)
    without = f" {left_out} nodes with products and no DRAM traffic are not in it." if left_out else ""
    return Figure(
        "roofline",
        "Roofline: products a cycle of each node over products a byte of DRAM traffic",
        tuple(traces),
        {
            "xaxis": {"title": {"text": "MAC a byte of DRAM traffic"}, "type": "log", "dtick": "D2"},
            "yaxis": {"title": {"text": "MAC a cycle"}, "type": "log", "dtick": "D2"},
        },
        height=480,
        note=f"Larger marks take more of the time. A dotted line is the peak of a unit.{without}",
    )


def _roof(name: str, xs: Sequence[float], ys: Sequence[float], colour: str, dash: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1.5, "dash": dash}
    hover = f"{name}: %{{y:.4g}} MAC a cycle<extra></extra>"
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(xs), "y": list(ys), "line": line,
            "hovertemplate": hover, "showlegend": dash == "solid"}  # fmt: skip


def energy_figure(result: Result) -> Figure | None:
    """Joules by component of the scopes that `energy_j` sums, the largest first."""
    parts = {
        name: joules
        for name, joules in result.energy_components.items()
        if joules and name.partition(".")[0] in CHIP_SCOPES
    }
    if not parts:
        return None
    scale = energy_scale(max(parts.values()), joules_from=1.0)
    ranked = sorted(parts, key=lambda name: -parts[name])
    shown, rest = ranked[:MOST_BARS], ranked[MOST_BARS:]
    labels = [name.partition(".")[2].replace("_", " ") for name in shown]
    hover = f"%{{y}}: %{{x:.4g}} {scale.unit}"
    traces = []
    for index, scope in enumerate(dict.fromkeys(name.partition(".")[0] for name in shown)):
        sizes = [parts[name] / scale.factor if name.startswith(f"{scope}.") else None for name in shown]
        traces.append(_bars(scope.replace("_", " "), labels, sizes, COLOURS[index], hover))
    note = ""
    if rest:
        share = 100 * sum(parts[name] for name in rest) / sum(parts.values())
        note = f"{len(rest)} smaller components, {share:.1f} % of the energy, are only in the table."
    alt = "Energy by component; the table below has the numbers"
    return _bar_figure("energy", alt, traces, scale.unit, labels, note=note)


def resource_figure(result: Result) -> Figure | None:
    """Demand in percent of the board's budget, with the range of the estimate and what can be filled in practice."""
    budgets = {name: (use, use.budget) for name, use in result.resources.items() if use.budget}
    if not budgets:
        return None
    labels = [name.upper() for name in budgets]
    shares = [100 * use.demand / budget for use, budget in budgets.values()]
    bars = _bars("needed", labels, shares, COLOURS[0], "%{y}: %{x:.1f} %")
    bars["marker"]["color"] = [OVER_COLOUR if share > 100 else COLOURS[0] for share in shares]
    bars["marker"]["pattern"] = {"shape": ["/" if share > 100 else "" for share in shares]}
    bars["error_x"] = {
        "type": "data",
        "symmetric": False,
        "array": [100 * ((use.high or use.demand) - use.demand) / budget for use, budget in budgets.values()],
        "arrayminus": [100 * (use.demand - (use.demand if use.low is None else use.low)) / budget
                       for use, budget in budgets.values()],
        "color": "var(--ink)",
        "thickness": 1.2,
    }  # fmt: skip
    practical = {
        "type": "scatter",
        "mode": "markers",
        "name": "can be filled in practice",
        "x": [None if use.practical is None else 100 * use.practical / budget for use, budget in budgets.values()],
        "y": labels,
        "marker": {"symbol": "line-ns-open", "size": 20, "color": "var(--ink)", "line": {"width": 2}},
        "hovertemplate": "%{y}: at most %{x:.0f} % in practice<extra></extra>",
    }
    note = "Lines at the ends of bars are the range of the estimate; hatched bars are more than the board has."
    figure = _bar_figure(
        "resources", "Resources in percent of the board's", [bars, practical], "% of the board", labels, note=note
    )
    figure.layout["shapes"] = [_vertical(100)]
    return figure


def memory_figure(result: Result) -> Figure | None:
    """How full each memory on chip was at its fullest, in percent of its capacity."""
    used = {use.name: (use.peak_bytes, use.capacity_bytes) for use in result.memories if use.peak_bytes is not None}
    if not used:
        return None
    labels = list(used)
    shares = [100 * peak / capacity if capacity else 0.0 for peak, capacity in used.values()]
    bars = _bars("at most", labels, shares, COLOURS[2], "%{y}: %{text} bytes, %{x:.1f} %")
    bars["text"] = [f"{peak:,} of {capacity:,}" for peak, capacity in used.values()]
    bars["textposition"] = "none"
    unknown = len(result.memories) - len(used)
    note = f"{unknown} memories whose content is not counted are only in the table." if unknown else ""
    figure = _bar_figure(
        "memories", "Memories on chip at their fullest", [bars], "% of the capacity", labels, note=note
    )
    figure.layout["showlegend"] = False
    figure.layout["shapes"] = [_vertical(100)]
    return figure


def estimate_figure(result: Result) -> Figure | None:
    """What each estimate does to the latency: from one end of its range to the other."""
    moved = [(e, abs(e.latency_high_s - e.latency_low_s)) for e in result.sensitivities]
    ranked = [effect for effect, swing in sorted(moved, key=lambda pair: (-pair[1], pair[0].path)) if swing > 0]
    shown = ranked[:MOST_ESTIMATES]
    if not shown:
        return None
    scale = time_scale(result.latency_s)
    labels = [effect.path for effect in shown]
    traces = []
    for index, (end, name) in enumerate((("low", "at the low end"), ("high", "at the high end"))):
        seconds = [effect.latency_low_s if end == "low" else effect.latency_high_s for effect in shown]
        bars = _bars(name, labels, [(one - result.latency_s) / scale.factor for one in seconds], COLOURS[index], "")
        bars["base"] = result.latency_s / scale.factor
        bars["text"] = [
            f"{getattr(effect, end)}: {scale.full(one, 4)}" for effect, one in zip(shown, seconds, strict=True)
        ]
        bars["textposition"] = "none"
        bars["hovertemplate"] = "%{y} = %{text}<extra></extra>"
        traces.append(bars)
    left_out = len(ranked) - len(shown)
    note = f"{left_out} estimates that do less are left out." if left_out else ""
    figure = _bar_figure("estimates", "Latency at both ends of each estimate", traces, scale.unit, labels, note=note)
    return Figure(figure.name, figure.alt, figure.traces, {**figure.layout, "barmode": "overlay"}, figure.height, note)


def _bars(name: str, labels: Sequence[str], sizes: Sequence[float | None], colour: str, hover: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(labels),
        "x": list(sizes),
        "marker": {"color": colour, "line": {"width": 0.5, "color": "var(--paper)"}},
        "hovertemplate": f"{hover}<extra>{name}</extra>",
    }


def _bar_figure(
    name: str, alt: str, traces: Iterable[Mapping[str, Any]], unit: str, labels: Sequence[str], *, note: str = ""
) -> Figure:
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": unit}},
        "yaxis": {"autorange": "reversed", "ticksuffix": "  "},
        "showlegend": True,
    }
    return Figure(name, alt, tuple(map(dict, traces)), layout, _FRAME_PX + _BAR_PX * max(len(labels), 2), note)


def _vertical(x: float) -> dict[str, Any]:
    line = {"color": "var(--ink)", "width": 1, "dash": "dash"}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}
