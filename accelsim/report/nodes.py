"""Every node, one a row: nodes.csv, and the long table on a terminal."""

from __future__ import annotations

import csv
import io

from accelsim.report.figures import BUSY, CAUSE_COLOURS, WAIT_TITLES
from accelsim.report.scale import fixed, percent
from accelsim.report.table import Section, Table
from accelsim.results.result import NodeResult, Result

_COLUMNS = (
    *("name", "module", "op", "unit", "start_cycle", "cycles", "ideal_cycles", "bound_cycles", "macs", "utilisation"),
    *("macs_per_dram_byte", "attainable_macs_per_cycle"),
    *("dram_read_bytes", "dram_write_bytes", "energy_j", "bound", "detail"),
)


def nodes_csv(result: Result) -> str:
    """CSV text; after the node's own columns one `stall_<cause>` column of cycles for each cause, then
    `fused`.
    """
    causes = [*CAUSE_COLOURS]
    causes += sorted({cause for node in result.nodes for cause in node.stalls} - set(causes))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"stall_{cause}" for cause in causes), "fused"])
    writer.writerows(_row(node, causes) for node in result.nodes)
    return text.getvalue()


def node_sections(result: Result) -> list[Section]:
    """Every node with its cycles, the least that its products and its bound allow, and where it waits."""
    rows = tuple(
        (
            node.name,
            node.unit,
            f"{node.cycles:,}",
            f"{node.ideal_cycles:,}",
            f"{node.bound_cycles:,}",
            percent(node.utilisation, 1),
            "" if node.attainable_macs_per_cycle is None else fixed(node.attainable_macs_per_cycle, 0),
            fixed(node.macs / node.cycles, 0) if node.macs and node.cycles else "",
            node.bound,
            waits(node),
        )
        for node in result.nodes
    )
    headings = ("node", "unit", ">cycles", ">ideal", ">bound", ">busy %", ">roof", ">MAC/c", "limited by", "stalls")
    note = (
        "ideal: every multiplier or lane busy. bound: the limiting resource alone, the least whatever else is "
        "improved. busy: ideal over cycles. roof: products a cycle that the units' peak and the DRAM's bandwidth allow "
        "at the node's intensity (macs_per_dram_byte in json and csv); MAC/c: those achieved. stalls: shares of cycles."
    )
    return [Table("Nodes", headings, rows, note)]


def waits(node: NodeResult) -> str:
    """The waits of a node, the longest first, as shares of its cycles."""
    found = sorted((-cycles, cause) for cause, cycles in node.stalls.items() if cycles and cause not in BUSY)
    shares = [(WAIT_TITLES.get(cause, cause), -cycles / node.cycles) for cycles, cause in found]
    return ", ".join(f"{title} {100 * share:.0f}" for title, share in shares if share >= 0.005)


def _row(node: NodeResult, causes: list[str]) -> list[object]:
    own = [getattr(node, column) for column in _COLUMNS]
    own = ["" if value is None else value for value in own]
    return [*own, *(node.stalls.get(cause, 0) for cause in causes), " ".join(node.fused)]
