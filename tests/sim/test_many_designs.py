"""Shipped designs on their natural models take the fast way, and give there what they give one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from accelsim.evaluate.models import load_model
from accelsim.hw.load import load_hardware
from accelsim.ir import Activity, Graph
from accelsim.sim.assumption import activity_for
from accelsim.sim.many import simulate_many
from accelsim.sim.points import Points, points_of
from accelsim.sim.simulate import simulate

pytestmark = pytest.mark.slow

SEARCHED = "tiles of unit 'array' are searched to choose between ways to run a node"
# Why points of a design are simulated one by one; '': they are not.
DESIGNS = {
    "chaidnn-zu9": "",
    "dpu-b4096-kv260": "",
    "dpu-b4096-zcu102": "",
    "dpu-b4096-zcu104": "",
    "edge-moe-zcu102": "",
    "eyeriss": "",
    "gemmini-16x16": "",
    "m3vit-zcu104-analytic": "",
    "nvdla-small-like": "",
    "systolic-16": "",
    "systolic-32": "",
    "systolic-32-two-four": SEARCHED,
    "systolic-128": "",
    "tpu-v1-like": "",
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return load_model("m3vit-tiny")


@pytest.fixture(scope="module")
def activity(graph: Graph) -> Activity | None:
    return activity_for(graph, "uniform")


def _points(design: str, count: int) -> Points:
    """Random bandwidths and clocks, and buffers as they are or twice as large."""
    hardware, draw = load_hardware(design), random.Random(design)
    numbers = dict(hardware.quantities())

    def first(room: str, field: str) -> str:
        return next(path for path in numbers if path.startswith(f"{room}.") and path.endswith(f".{field}"))

    bandwidth, clock, words = first("memories", "bandwidth"), first("clocks", "frequency"), first("memories", "words")
    columns = {
        bandwidth: np.array([numbers[bandwidth].value * draw.uniform(0.05, 2) for _ in range(count)]),
        clock: np.array([round(numbers[clock].value * draw.uniform(0.3, 1.5), -6) for _ in range(count)]),
        words: np.array([numbers[words].value * draw.choice([1, 2]) for _ in range(count)]),
    }
    return points_of(hardware, columns)


@pytest.mark.parametrize("design", DESIGNS)
def test_designs_share_the_work_of_points_and_equal_one_by_one(
    graph: Graph, activity: Activity | None, design: str
) -> None:
    points = _points(design, 4 if DESIGNS[design] else 12)
    found = simulate_many(graph, points.base, points.columns_of, activity=activity, threads=1)
    assert set(found["one_by_one"]) == {DESIGNS[design]}
    assert set(found["failure"]) == {""}
    for index in (0, points.count - 1):
        alone = simulate(graph, points.hardware(index), activity=activity)
        assert found["cycles"][index] == alone.cycles
        assert found["dram_read_bytes"][index] == alone.dram_read_bytes
        assert found["dram_write_bytes"][index] == alone.dram_write_bytes
        assert {cause: found[f"stalls.{cause}"][index] for cause in alone.stalls} == dict(alone.stalls)
        assert found["fits"][index] == alone.fits
        assert found["misfits"][index] == "; ".join(failure.what for failure in alone.misfits)


def test_progress_is_told_to_the_last_point(graph: Graph, activity: Activity | None) -> None:
    told: list[tuple[int, int]] = []
    points = _points("systolic-32-two-four", 3)
    simulate_many(
        graph, points.base, points.columns_of, activity=activity, progress=lambda done, of: told.append((done, of))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_where_no_tile_fits_one_point_says_so_for_all(graph: Graph, activity: Activity | None) -> None:
    hardware = load_hardware("systolic-32")
    columns = {"memories.weights.words": np.full(2000, 1), "memories.ddr.bandwidth": np.linspace(1e9, 2e10, 2000)}
    found = simulate_many(graph, hardware, columns, activity=activity)
    assert set(found["one_by_one"]) == {""}
    assert len(set(found["failure"])) == 1
    assert "in buffer 'weights'" in found["failure"][0]
