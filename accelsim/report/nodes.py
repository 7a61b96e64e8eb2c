"""nodes.csv: every node, one a row."""

from __future__ import annotations

import csv
import io

from accelsim.report.figures import CAUSE_COLOURS
from accelsim.results.result import NodeResult, Result

_COLUMNS = (
    *("name", "module", "op", "unit", "start_cycle", "cycles", "ideal_cycles", "macs", "utilisation"),
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


def _row(node: NodeResult, causes: list[str]) -> list[object]:
    own = [getattr(node, column) for column in _COLUMNS]
    return [*own, *(node.stalls.get(cause, 0) for cause in causes), " ".join(node.fused)]
