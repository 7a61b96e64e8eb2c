"""Weights of which two of four neighbours are zero, on a systolic array: what a published design gains by them.

The size of its array, its memories and the rows of its product are not published. The row stands beside our plain 32 x
32 array with int4 weights, and is not scored.
"""

from __future__ import annotations

import re

from accelsim.evaluate.suites.golden import GoldenRow, GoldenSuite, Simulated
from accelsim.evaluate.suites.timed import design, product
from accelsim.ir import Activity
from accelsim.ir.sparsity import parse_sparsity
from accelsim.sim.timing import Frame, time_frames

_GEMM = re.compile(r"GEMM (\d+)x(\d+)")
_ROWS = (1, 64, 4096)


def speed_up(rows: int, outputs: int, inputs: int) -> float:
    """Cycles of dense int4 weights over those of 2:4 weights, for `rows` rows of activations."""
    hardware = design("systolic-32-two-four", (("precision.weight", "int4"),))
    graph = product(rows, outputs, inputs)
    cycles = [
        time_frames([Frame("", graph, Activity("", sparsity=parse_sparsity(text)))], hardware).cycles
        for text in ("dense", "n:m=2:4")
    ]
    return cycles[0] / cycles[1]


def _simulated(row: GoldenRow) -> Simulated | None:
    found = _GEMM.search(row.model)
    if found is None or row.metric != "speedup_2_4_vs_dense":
        return None
    gains = {rows: speed_up(rows, int(found[1]), int(found[2])) for rows in _ROWS}
    told = ", ".join(f"{gain:.2f} x with {rows} rows" for rows, gain in gains.items())
    return Simulated(gains[_ROWS[-1]], min(gains.values()), max(gains.values()), f"on our 32 x 32 array: {told}")


TWO_FOUR = GoldenSuite("two-four", ("N:M sparse int4 FPGA co-design",), _simulated, {})
