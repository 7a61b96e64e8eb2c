"""Many points at once are the same points one by one: cycles, causes, bytes, energy, fit and reasons."""

from __future__ import annotations

import random

import numpy as np
import pytest

import accelsim
from accelsim.errors import AccelsimError, InputError
from accelsim.frontends.catalogue import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.mapping.lower import lower
from accelsim.sim.assumption import activity_for
from accelsim.sim.many import simulate_many
from accelsim.sim.points import points_of
from accelsim.sim.recipe import recipe_of
from accelsim.sim.simulate import simulate
from accelsim.sim.timing import Frame, workload_of

pytestmark = pytest.mark.slow

SHARED = {
    "memories.ddr.bandwidth": lambda draw: draw.uniform(2e8, 2e10),
    "memories.ddr.efficiency": lambda draw: draw.uniform(0.3, 1.0),
    "clocks.pl.frequency": lambda draw: round(draw.uniform(5e7, 4e8), -3),
}
ARRAY = {
    "units.array.rows": lambda draw: draw.choice([4, 16, 20, 32]),
    "units.array.cols": lambda draw: draw.choice([8, 32]),
    "memories.inputs.words": lambda draw: draw.choice([1, 64, 4096]),
    "memories.weights.words": lambda draw: draw.choice([1, 512, 4096]),
    "memories.outputs.words": lambda draw: draw.choice([64, 1024]),
    "memories.weights.copies": lambda draw: draw.choice([1, 2]),
    "links.data.port_width": lambda draw: draw.choice([32, 128]),
    "links.weights.latency": lambda draw: draw.randint(0, 300),
    "links.data.width": lambda draw: draw.choice([128, 256]),
    "units.vector.lanes": lambda draw: draw.choice([8, 32]),
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return load_model("m3vit-tiny", task="semseg").graph


@pytest.fixture(scope="module")
def activity(graph: Graph) -> Activity | None:
    return activity_for(graph, "skewed")


def _columns(paths: dict, count: int, seed: int) -> dict[str, np.ndarray]:
    draw = random.Random(seed)
    return {path: np.array([value(draw) for _ in range(count)]) for path, value in paths.items()}


def _assert_equal(graph: Graph, activity: Activity | None, hardware: Hardware, found: dict, index: int) -> bool:
    """Whether the point ran; asserts that it is the same by itself."""
    reason, alone = "", None
    try:
        alone = simulate(graph, hardware, activity=activity)
    except AccelsimError as error:
        reason = str(error)
    assert found["failure"][index] == reason
    if alone is None:
        assert found["cycles"][index] == 0
        return False
    for name in ("cycles", "latency_s", "dram_read_bytes", "dram_write_bytes"):
        assert found[name][index] == getattr(alone, name), name
    for cause, cycles in alone.stalls.items():
        assert found[f"stalls.{cause}"][index] == cycles, cause
    for scope, joules in alone.energy.items():
        assert found[f"energy.{scope}"][index] == pytest.approx(joules, rel=1e-9), scope
    assert found["fits"][index] == alone.fits
    assert found["misfits"][index] == "; ".join(failure.what for failure in alone.misfits)
    return True


@pytest.mark.parametrize("dataflow", ["weight-stationary", "output-stationary", "input-stationary"])
def test_random_systolic_points_are_those_of_simulating_each(graph, activity, dataflow: str) -> None:
    hardware = load_hardware("systolic-32", {"units.array.dataflow": dataflow})
    columns = _columns({**SHARED, **ARRAY}, 30, seed=len(dataflow))
    found = simulate_many(graph, hardware, columns, activity=activity, threads=2)
    points = points_of(hardware, columns)
    ran = [_assert_equal(graph, activity, points.hardware(index), found, index) for index in range(points.count)]
    assert any(ran)
    assert not all(ran) or dataflow == "output-stationary"  # which can be cut to a tile of one line


@pytest.mark.parametrize("name", ["edge-moe-zcu102", "m3vit-zcu104-analytic"])
def test_random_rates_of_other_designs_are_those_of_simulating_each(graph, activity, name: str) -> None:
    hardware = load_hardware(name)
    columns = _columns(SHARED, 25, seed=7)
    found = simulate_many(graph, hardware, columns, activity=activity, threads=2)
    points = points_of(hardware, columns)
    assert all(_assert_equal(graph, activity, points.hardware(index), found, index) for index in range(points.count))


@pytest.mark.parametrize("name", ["gemmini-16x16", "tpu-v1-like", "nvdla-small-like", "eyeriss"])
def test_points_of_a_chip_are_charged_for_what_each_did(graph, activity, name: str) -> None:
    hardware, draw = load_hardware(name), random.Random(11)
    dram = next(memory for memory, part in hardware.memories.items() if part.kind == "dram")
    columns = {
        f"memories.{dram}.bandwidth": np.array([draw.uniform(1e9, 4e10) for _ in range(8)]),
        f"clocks.{next(iter(hardware.clocks))}.frequency": np.array([draw.randint(1, 10) * 1e8 for _ in range(8)]),
    }
    array = next((unit for unit, part in hardware.units.items() if part.kind == "systolic"), None)
    if array is not None:
        columns[f"units.{array}.rows"] = np.array([draw.choice([8, 16, 32]) for _ in range(8)])
    found = simulate_many(graph, hardware, columns, activity=activity, threads=2)
    points = points_of(hardware, columns)
    assert all(_assert_equal(graph, activity, points.hardware(index), found, index) for index in range(points.count))
    assert (found["energy.accelerator_dynamic"] > 0).all()
    assert (found["resources.area_mm2"] > 0).all()


def test_tiles_that_a_description_fixes_stay_as_they_are(graph, activity) -> None:
    hardware = load_hardware("systolic-32", {"mapping": {"*qkv": {"main": {"rows": 40, "outputs": 64, "reduce": 96}}}})
    columns = _columns(SHARED, 12, seed=3)
    found = simulate_many(graph, hardware, columns, activity=activity, threads=1)
    points = points_of(hardware, columns)
    assert all(_assert_equal(graph, activity, points.hardware(index), found, index) for index in range(points.count))


def test_a_list_of_hardware_is_the_same_as_columns(graph, activity) -> None:
    hardware = load_hardware("systolic-32")
    columns = _columns({**SHARED, "units.array.rows": ARRAY["units.array.rows"]}, 9, seed=5)
    points = points_of(hardware, columns)
    listed = simulate_many(graph, [points.hardware(index) for index in range(9)], activity=activity)
    by_column = simulate_many(graph, hardware, columns, activity=activity)
    assert listed.keys() == by_column.keys()
    for name, values in listed.items():
        if name.startswith("energy."):
            np.testing.assert_allclose(values, by_column[name], rtol=1e-9)
        else:
            np.testing.assert_array_equal(values, by_column[name])


@pytest.mark.parametrize("name", ["systolic-32", "edge-moe-zcu102", "m3vit-zcu104-analytic"])
def test_the_shipped_designs_take_the_fast_path(graph, activity, name: str) -> None:
    hardware = load_hardware(name)
    workload = workload_of(Frame("", graph, activity), hardware)
    assert recipe_of(workload, lower(workload, hardware)) is not None


def test_columns_that_mean_nothing_are_refused(graph, activity) -> None:
    hardware = load_hardware("systolic-32")
    for columns, reason in (
        ({"units.array.rowz": [1]}, r"'units.array.rowz' is no number of it -- did you mean 'units.array.rows'"),
        ({"units.array.rows": [8, 16], "memories.ddr.bandwidth": [1e9]}, "columns have 1, 2 values; give one length"),
        ({"units.array.rows": [8.5]}, "not a whole number"),
        ({"units.array.rows": [0]}, "not above zero"),
        ({"memories.ddr.bandwidth": [float("nan")]}, "not a number"),
    ):
        with pytest.raises(InputError, match=reason):
            simulate_many(graph, hardware, columns, activity=activity)
    other = load_hardware("systolic-32", {"units.array.dataflow": "output-stationary"})
    with pytest.raises(InputError, match=r"differs from the first point at 'units\.array\.dataflow'"):
        simulate_many(graph, [hardware, other], activity=activity)
    with pytest.raises(InputError, match="is empty"):
        simulate_many(graph, [], activity=activity)


def test_it_is_public() -> None:
    assert accelsim.simulate_many is simulate_many
