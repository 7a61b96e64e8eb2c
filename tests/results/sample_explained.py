"""A made-up plan and a made-up calibration, for tests."""

from __future__ import annotations

from accelsim.ir.frozen import FrozenMap
from accelsim.results.calibration import CalibratedRow, Calibration, Constant
from accelsim.results.plan import BufferUse, Plan, PlannedPart


def _product(index: int) -> PlannedPart:
    return PlannedPart(
        node=f"blocks.{index}.fc",
        part="main",
        op="linear",
        unit="array",
        kind="systolic",
        dataflow="weight-stationary",
        ideal_cycles=18_576,
        cycles=29_360,
        tiles=24,
        size=FrozenMap({"rows": 129, "outputs": 768, "reduce": 192}),
        tile=FrozenMap({"rows": 129, "outputs": 32, "reduce": 192}),
        held="inputs",
        loops=("reduce", "rows", "outputs"),
        passes=FrozenMap({"inputs": 1, "weights": 1, "outputs": 1}),
        buffers=FrozenMap({"inputs": BufferUse("inputs", 24_768, 131_072)}),
        choices=("rows", "outputs", "reduce", "held"),
    )


def sample_plan() -> Plan:
    """Two layers that are cut alike, and a norm that is not cut."""
    norm = PlannedPart("norm", "main", "layer_norm", "vector", "vector", "vector", 1_553, 1_791, 129)
    return Plan("tiny", "board", "semseg", 60_511, 200e6, (_product(0), _product(1), norm), folded=7)


def sample_calibration() -> Calibration:
    """One constant inside its range, two fitted rows and one held out."""
    constant = Constant(
        "memories.ddr.efficiency", 0.75, 0.8281, "0.8281", 0.65, 0.9, "ratio", True, False, 0.31
    )  # fmt: skip
    rows = (
        CalibratedRow("row-1", False, 0.0344, 0.0346, 0.0343),
        CalibratedRow("row-2", False, 0.0381, 0.0414, 0.0382),
        CalibratedRow("row-3", True, 0.0522, 0.0572, 0.0521),
    )
    return Calibration("board", (constant,), rows, "name: board-calibrated\n", ("the rows hardly tell them apart",))
