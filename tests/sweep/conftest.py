"""A small sweep of a topology file: no torch, a fraction of a second."""

from __future__ import annotations

from pathlib import Path

import pytest

SWEEP = """
name: small
models: [{model: TOPOLOGY}]
hardware: [systolic-16, systolic-32]
settings:
  grid:
    memories.ddr.bandwidth: {from: 2 GB/s, to: 12 GB/s, steps: 4}
    units.array.fold_overlap: [none, full]
  zip:
    - {units.array.rows: [8, 16, 32], units.array.cols: [32, 16, 8]}
where: ["units.array.rows <= 16 or memories.ddr.bandwidth > 5 GB/s"]
part_points: 5
"""


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    rows = ["a, 14, 14, 3, 3, 8, 16, 1,", "b, 7, 7, 1, 1, 16, 32, 1,"]
    header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
    topology = tmp_path / "two.csv"
    topology.write_text("\n".join([header, *rows]) + "\n")
    path = tmp_path / "small.yaml"
    path.write_text(SWEEP.replace("TOPOLOGY", str(topology)))
    return path
