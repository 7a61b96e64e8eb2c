"""The plan of a model as tables: parts that are cut alike share a row."""

from __future__ import annotations

from accelsim.report.figures import place
from accelsim.report.scale import percent
from accelsim.report.table import Section, Table
from accelsim.results.plan import Plan, PlannedPart

_LETTERS = {"rows": "M", "outputs": "N", "reduce": "K"}


def plan_sections(plan: Plan, *, every: bool = False) -> list[Section]:
    """One table of parts that are cut into tiles, one of the others. `every` part has a row of its own, or else those
    of repeated blocks that are alike share one."""
    cut = [part for part in plan.parts if part.size]
    other = [part for part in plan.parts if not part.size]
    sections: list[Section] = []
    if cut:
        sections.append(_cut(_alike(cut, every)))
    if other:
        sections.append(_others(_alike(other, every)))
    return sections


def plan_headline(plan: Plan) -> tuple[str, ...]:
    """What was planned, and what it takes."""
    task = f" ({plan.task})" if plan.task else ""
    milliseconds = 1e3 * plan.cycles / plan.clock_hz
    folded = f", {plan.folded} layout nodes cost nothing" if plan.folded else ""
    return (
        f"{plan.model}{task} on {plan.hardware}",
        f"{plan.cycles:,} cycles, {milliseconds:.4g} ms, {len(plan.parts)} parts of work{folded}",
    )


def _alike(parts: list[PlannedPart], every: bool) -> list[list[PlannedPart]]:
    groups: dict[tuple[object, ...], list[PlannedPart]] = {}
    for number, part in enumerate(parts):
        expert = part.part.startswith("expert")
        name = part.part.partition(".")[2] if expert else part.part
        key = (place(part.node), name, part.unit, part.size, part.tile, part.held, part.cycles // 100)
        groups.setdefault((number,) if every else key, []).append(part)
    return list(groups.values())


def _name(alike: list[PlannedPart]) -> str:
    first = alike[0]
    return first.node if first.part in ("main", first.op) else f"{first.node} {first.part}"


def _cut(groups: list[list[PlannedPart]]) -> Table:
    rows = tuple(
        (
            _name(alike),
            f"{len(alike)}",
            f"{alike[0].unit} {_short(alike[0].dataflow)}" + (" fixed" if alike[0].fixed else ""),
            f"{_sides(alike[0], 'size')} {_sides(alike[0], 'tile')}",
            f"{''.join(_LETTERS[loop] for loop in alike[0].loops)} {alike[0].held}",
            f"{alike[0].tiles:,}",
            " ".join(f"{name[0]}{often}" for name, often in alike[0].passes.items()),
            " ".join(_use(use.tile_bytes, use.copy_bytes) for use in alike[0].buffers.values()),
            f"{alike[0].ideal_cycles:,} {alike[0].cycles:,}",
        )
        for alike in groups
    )
    headings = (
        *("node", ">alike", "unit", "MxNxK, tile", "loops, held", ">tiles"),
        *("passes", "buffer %", ">cycles"),
    )
    note = (
        "A row stands for all nodes alike, by the name of the first. M rows, N outputs, K reduced: the product, then "
        "its tile. Loops from the outermost; along the innermost, tiles stream past what is held. Passes: how often an "
        "operand crosses its link. Buffer: share of one copy that a tile takes, in the order of the operands. Cycles: "
        "with every multiplier busy, then those it takes."
    )
    return Table("Products in tiles", headings, rows, note)


def _short(dataflow: str) -> str:
    """'weight-stationary' -> 'WS'."""
    return "".join(word[0].upper() for word in dataflow.split("-")) if dataflow.endswith("-stationary") else dataflow


def _sides(part: PlannedPart, which: str) -> str:
    values = getattr(part, which)
    text = "x".join(f"{values[name]}" for name in _LETTERS)
    return f"{part.batch} of {text}" if which == "size" and part.batch > 1 else text


def _use(used: int, room: int) -> str:
    return f"{100 * used / room:.0f}" if room else "-"


def _others(groups: list[list[PlannedPart]]) -> Table:
    rows = tuple(
        (
            _name(alike),
            f"{len(alike)}",
            alike[0].unit,
            alike[0].kind,
            f"{alike[0].tiles:,}",
            f"{alike[0].ideal_cycles:,}",
            f"{alike[0].cycles:,}",
            percent(alike[0].ideal_cycles, alike[0].cycles),
        )
        for alike in groups
    )
    headings = ("node", ">alike", "unit", "kind", ">tiles", ">ideal", ">cycles", ">busy %")
    return Table("Other work", headings, rows)
