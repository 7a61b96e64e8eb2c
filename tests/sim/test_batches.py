"""Points with one mapping, in batches, are the same points run one after the other, in every column."""

from __future__ import annotations

import random

import numpy as np
import pytest

from accelsim.evaluate.models import load_model
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.sim.assumption import activity_for
from accelsim.sim.lockstep_kernel import POINTS
from accelsim.sim.many import BulkGroup, simulate_many
from accelsim.sim.points import points_of
from accelsim.sim.simulate import simulate
from tests.sim.fixed_tiles import with_fixed_tiles

pytestmark = pytest.mark.slow

BANDWIDTH, CLOCK = "memories.ddr.bandwidth", "clocks.pl.frequency"
RATES = {
    BANDWIDTH: lambda draw: 10 ** draw.uniform(8, 10.3),
    CLOCK: lambda draw: round(draw.uniform(5e7, 4e8), -6),
    "memories.ddr.efficiency": lambda draw: draw.uniform(0.3, 1.0),
    "memories.ddr.turnaround": lambda draw: draw.choice([0, 2e-8]),
    "links.data.port_width": lambda draw: draw.choice([32, 128]),
    "links.weights.latency": lambda draw: draw.choice([1, 50, 3000]),
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return load_model("m3vit-tiny")


@pytest.fixture(scope="module")
def activity(graph: Graph) -> Activity | None:
    return activity_for(graph, "skewed")


def _columns(hardware: Hardware, count: int, seed: int) -> dict[str, np.ndarray]:
    draw, known = random.Random(seed), dict(hardware.quantities())
    return {path: np.array([value(draw) for _ in range(count)]) for path, value in RATES.items() if path in known}


def _one_after_the_other(patch: pytest.MonkeyPatch, *arguments: object, **options: object) -> dict[str, np.ndarray]:
    with patch.context() as patched:
        patched.setattr(BulkGroup, "is_fixed", lambda _: False)
        return simulate_many(*arguments, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["systolic-32", "edge-moe-zcu102", "m3vit-zcu104-analytic"])
def test_batches_are_points_one_after_the_other(
    graph: Graph, activity: Activity | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = with_fixed_tiles(graph, activity, name)
    for count, paths in ((3 * POINTS + 1, [BANDWIDTH, CLOCK]), (2 * POINTS, list(RATES))):
        columns = {p: values for p, values in _columns(hardware, count, count).items() if p in paths}
        found = simulate_many(graph, hardware, columns, activity=activity, threads=1)
        alone = _one_after_the_other(monkeypatch, graph, hardware, columns, activity=activity, threads=1)
        assert set(found["one_by_one"]) == {""}
        assert len(set(found["cycles"].tolist())) > count // 3
        for column, values in found.items():
            np.testing.assert_array_equal(values, alone[column], err_msg=column)
        for index in (0, count // 2, count - 1):
            own = simulate(graph, points_of(hardware, columns).hardware(index), activity=activity)
            assert found["cycles"][index] == own.cycles
            assert {cause: found[f"stalls.{cause}"][index] for cause in own.stalls} == dict(own.stalls)


def test_a_point_whose_times_pass_all_bounds_leaves_its_batch_alone(graph: Graph, activity: Activity | None) -> None:
    hardware = with_fixed_tiles(graph, activity, "systolic-32")
    columns = {BANDWIDTH: np.array([1e10, 1e-9, 5e9])}
    found = simulate_many(graph, hardware, columns, activity=activity, threads=1)
    others = simulate_many(graph, hardware, {BANDWIDTH: columns[BANDWIDTH][[0, 2]]}, activity=activity, threads=1)
    assert [bool(why) for why in found["one_by_one"]] == [False, True, False]
    for column in ("cycles", "dram_read_bytes", "stalls.input_wait"):
        np.testing.assert_array_equal(found[column][[0, 2]], others[column])
