"""What depends on the input, was pruned, folded or is sparse, as nodes tell it; those that say the same share a row."""

from __future__ import annotations

from accelsim.report.scale import percent
from accelsim.report.table import Section, Table
from accelsim.results.result import NodeResult, Result

TOP_NOTES = 12


def feature_sections(result: Result) -> list[Section]:
    """Absent where no node has a note."""
    groups: dict[tuple[str, str], list[NodeResult]] = {}
    for node in result.nodes:
        if node.detail:
            groups.setdefault((node.op, node.detail), []).append(node)
    if not groups:
        return []
    ranked = sorted(groups.items(), key=lambda item: -sum(node.cycles for node in item[1]))
    rows = tuple(
        (op, f"{len(nodes)}", percent(sum(node.cycles for node in nodes), result.cycles), detail)
        for (op, detail), nodes in ranked[:TOP_NOTES]
    )
    rest = ranked[TOP_NOTES:]
    note = ""
    if rest:
        nodes = [node for _, alike in rest for node in alike]
        share = percent(sum(node.cycles for node in nodes), result.cycles)
        note = f"{len(nodes)} nodes with other notes, {share} % of the time, are in nodes.csv."
    return [Table("Dynamic and sparse work", ("op", ">nodes", ">% all", "what the hardware made of it"), rows, note)]
