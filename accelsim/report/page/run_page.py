"""The page of a run: verdict, where the time goes, every node, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.report.evidence import evidence_sections
from accelsim.report.explain import explanation_sections
from accelsim.report.memories import memory_sections
from accelsim.report.nodes import waits
from accelsim.report.page.render import Figure, render
from accelsim.report.page.run_figures import (
    energy_figure,
    estimate_figure,
    memory_figure,
    resource_figure,
    roofline_figure,
    work_figure,
)
from accelsim.report.page.timeline import timeline
from accelsim.report.scale import byte_scale, energy_scale, fixed, percent, time_scale
from accelsim.report.sections import cost_sections, scenario_sections, time_sections
from accelsim.report.table import Section, Table
from accelsim.report.text import scenario_notes
from accelsim.report.verdict import facts, subject
from accelsim.results.result import Result

_LANE_PX = 30


@dataclass(frozen=True)
class Chapter:
    """Figures and sections under one heading; `id` is where the list of contents leads."""

    id: str
    title: str
    figures: tuple[Figure, ...] = ()
    sections: tuple[Section, ...] = ()


def run_html(result: Result, *, events_left_out: int = 0) -> str:
    """The whole page; `events_left_out` counts those that the result lacks already. Raises MissingExtraError."""
    lines = timeline(result)
    chapters = tuple(chapter for chapter in _chapters(result, len(lines.lanes)) if chapter is not None)
    return render(
        "run.html.j2",
        script="run.js",
        figures=[figure for chapter in chapters for figure in chapter.figures],
        data={"timeline": lines.record(result)},
        subject=subject(result),
        heading=subject(result),
        about=result.hardware_title,
        contents=[(chapter.id, chapter.title) for chapter in chapters],
        facts=facts(result),
        chapters=chapters,
        nodes=_nodes_table(result),
        timeline_note=_timeline_note(result, lines.left_out + events_left_out),
        settings=Table("", ("setting", "value"), tuple(result.settings.items())),
    )


def _chapters(result: Result, lanes: int) -> tuple[Chapter | None, ...]:
    costs = {section.title.partition(" ")[0]: section for section in cost_sections(result)}
    misfits = costs.pop("Does", None)
    alt = "Timeline: what each unit and link did when; the table of nodes has the numbers"
    return (
        Chapter("misfits", "Does not fit", (), (misfits,)) if misfits else None,
        Chapter("time", "Where the time goes", _drawn(work_figure(result)), tuple(_times(result))),
        Chapter("when", "Timeline", (Figure("timeline", alt, height=110 + _LANE_PX * lanes),)),
        Chapter("each-node", "Nodes"),
        _chapter("roofs", "Roofline", roofline_figure(result), []),
        _chapter("levers", "Levers", None, explanation_sections(result)),
        _chapter("joules", "Energy", energy_figure(result), [costs[k] for k in ("Energy",) if k in costs]),
        _chapter("board", "Resources", resource_figure(result), [costs[k] for k in ("Resources",) if k in costs]),
        _chapter("memory", "Memory", memory_figure(result), memory_sections(result)),
        _chapter("trust", "Evidence", estimate_figure(result), [scenario_notes(result), *evidence_sections(result)]),
    )


def _chapter(name: str, title: str, figure: Figure | None, sections: list[Section]) -> Chapter | None:
    """A chapter with an optional picture; None where there is nothing to show."""
    return Chapter(name, title, _drawn(figure), tuple(sections)) if figure or sections else None


def _drawn(figure: Figure | None) -> tuple[Figure, ...]:
    return (figure,) if figure else ()


def _times(result: Result) -> list[Section]:
    """As in the text report, without the slowest nodes: the page has all of them."""
    return [*scenario_sections(result), *(s for s in time_sections(result) if not s.title.startswith("Slowest"))]


def _timeline_note(result: Result, left_out: int) -> str:
    lines = ["Drag to zoom, double-click for the whole; with the keyboard: arrows, + and -, 0."]
    if not result.events:
        lines.append("The run has no trace: nodes are shown as one interval each (`accelsim run --trace` stores more).")
    if left_out:
        lines.append(f"{left_out:,} intervals, the shortest, are not in this page.")
    return " ".join(lines)


def _nodes_table(result: Result) -> Table:
    """Every node, in the order of execution; columns of one unit each, so that they sort and compare."""
    longest = max((node.cycles for node in result.nodes), default=0)
    time = time_scale(longest / result.clock_hz)
    traffic = byte_scale(max((node.dram_bytes for node in result.nodes), default=0))
    joules = energy_scale(max((node.energy_j for node in result.nodes), default=0.0), joules_from=1.0)
    rows = tuple(
        (
            node.name,
            node.op,
            node.unit,
            f"{node.start_cycle:,}",
            f"{node.cycles:,}",
            time.cell(node.cycles / result.clock_hz),
            percent(node.cycles, result.cycles),
            f"{node.ideal_cycles:,}",
            percent(node.utilisation, 1),
            fixed(node.macs / 1e6, 3) if node.macs else "",
            fixed(node.macs / node.cycles, 1) if node.macs and node.cycles else "",
            "" if node.attainable_macs_per_cycle is None else fixed(node.attainable_macs_per_cycle, 1),
            traffic.cell(node.dram_bytes),
            joules.cell(node.energy_j),
            node.bound,
            waits(node),
        )
        for node in result.nodes
    )
    headings = (
        *("node", "op", "unit", ">start", ">cycles", f">{time.unit}", ">%", ">ideal", ">busy %", ">MMAC", ">MAC/c"),
        *(">roof", f">DRAM {traffic.unit}", f">{joules.unit}", "limited by", "waits %"),
    )
    note = (
        "start, cycles, ideal: in cycles; ideal is with every multiplier or lane busy, busy is ideal over cycles. "
        "roof: products a cycle that the units' peak and the DRAM allow; MAC/c: those achieved."
    )
    return Table("", headings, rows, note)
