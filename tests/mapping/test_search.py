"""The kernels that cut products: boxes are those of the definition, searches find what a grid finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.ir import Axis, FrozenMap
from accelsim.mapping import kernel, search_kernel
from accelsim.mapping.dataflows.folds import SIDES, Array
from accelsim.mapping.dataflows.tiling import AXES, LOOPS, Plan, Problem, passes
from accelsim.mapping.record import LATENCY_ONLY, ProductRecord
from tests.mapping.plan_boxes import boxes, reduce_boxes, stream_cycles
from tests.sim.plan_times import best_of_grid, timed

DATAFLOWS = tuple(SIDES)
OVERLAPS = ("none", "preload", "full")
ROLES = ("inputs", "weights", "outputs")
TICK_HZ = 16 * 200e6


def record(array: Array, size: tuple[int, int, int], *, batch: int = 1, room: int = 10**12) -> ProductRecord:
    """A product whose operands cross two links: weights the second, the rest the first."""
    m, n, k = size
    row = [m, n, k, batch, array.rows, array.columns, DATAFLOWS.index(array.dataflow), OVERLAPS.index(array.overlap)]
    row += [8, 8, 32, room, room, room, 2, 2, 2, 3, 0]
    held = {"output-stationary": [2, 0, 1], "weight-stationary": [1, 0, 2], "input-stationary": [0, 1, 2]}
    row += [*held[array.dataflow], kernel.AHEAD, 16]
    operands = [
        (batch * m * k, 0, 8, 1 | 4 | 8, 0, 16, 0),
        (batch * n * k, 1, 8, 2 | 4 | 8, 1, 16, 0),
        (batch * m * n, 0, 8, 1 | 2 | 8, 0, 16, 0),
    ]
    return ProductRecord(np.array(row, np.int64), np.array(operands, np.int64), np.ones((0, 2), np.int64))


def rates(gigabytes: float) -> tuple[np.ndarray, np.ndarray]:
    """Two ports of 16 bytes a cycle on one DRAM."""
    links = np.zeros((2, kernel.LINK_COLUMNS))
    links[:, kernel.LINK_TICKS], links[:, kernel.LINK_BYTES], links[:, kernel.PORTS] = 16, 16, 1
    links[:, kernel.NARROWING], links[:, kernel.OUTSTANDING], links[:, kernel.LATENCY] = 1, 1, 16 * 50
    drams = np.array([[gigabytes * 1e9, gigabytes * 1e9, 64, 0, 0]], np.float64)
    return links, drams


small = st.integers(1, 14)


@settings(max_examples=300, deadline=None)
@given(
    size=st.tuples(small, small, small),
    tile=st.tuples(small, small, small),
    array=st.builds(Array, st.integers(1, 4), st.integers(1, 4), st.sampled_from(DATAFLOWS), st.sampled_from(OVERLAPS)),
    held=st.sampled_from(ROLES),
    batch=st.integers(1, 3),
)
def test_boxes_of_the_kernel_are_those_of_the_definition(size, tile, array: Array, held, batch) -> None:
    bits, room = FrozenMap(dict.fromkeys(AXES, 8)), FrozenMap(dict.fromkeys(AXES, 10**9))
    problem = Problem(array, batch, FrozenMap(zip(LOOPS, size, strict=True)), bits, room)
    plan = Plan({axis: min(t, problem.units(axis)) for axis, t in zip(LOOPS, tile, strict=True)}, held)
    found = record(array, size, batch=batch).boxes((*plan.tile.values(), ROLES.index(held)))
    expected = [
        {Axis.REDUCE: k, Axis.ROW: m, Axis.OUTPUT: n}
        for k in reduce_boxes(problem, plan)
        for m in boxes(problem, Axis.ROW, plan.tile[Axis.ROW])
        for n in boxes(problem, Axis.OUTPUT, plan.tile[Axis.OUTPUT])
    ]
    assert len(found.boxes) == len(expected)
    for box, parts in zip(found.boxes, expected, strict=True):
        for side, axis in enumerate(LOOPS):
            part = parts[axis]
            assert box[kernel.COUNT + side] == part.count
            assert box[kernel.UNITS + side] == part.units
            assert box[kernel.BOX_ELEMENTS + side] == part.elements
        assert box[kernel.READS] == parts[Axis.REDUCE].reads
        assert box[kernel.FINAL] == parts[Axis.REDUCE].final
    tiles = found.boxes[:, kernel.OUTER] * found.boxes[:, kernel.INNER]
    assert (tiles * found.boxes[:, kernel.CYCLES]).sum() == stream_cycles(problem, plan)
    often = passes(problem, plan)
    for operand, role in enumerate(ROLES[:2]):
        moved = 0.0
        for move, (moved_bytes, _) in zip(found.moves, found.sizes, strict=True):
            if move[kernel.OPERAND] == operand:
                box = found.boxes[move[kernel.BOX]]
                times = box[kernel.OUTER] * (box[kernel.INNER] if move[kernel.KIND] == kernel.STREAM else 1)
                moved += moved_bytes * times
        first, second = AXES[role]
        assert moved == pytest.approx(often[role] * batch * problem.size[first] * problem.size[second])


def _search(product: ProductRecord, links: np.ndarray, drams: np.ndarray) -> tuple[np.ndarray, float]:
    plan = np.zeros(4, np.int64)
    return plan, search_kernel.search(*product, links, drams, TICK_HZ, LATENCY_ONLY, plan)


@pytest.mark.slow
def test_small_products_are_near_the_best_of_all_tiles() -> None:
    draw = np.random.Generator(np.random.Philox(1))
    gaps = []
    for _ in range(200):
        size = tuple(int(x) for x in draw.integers(4, 56, 3))
        array = Array(
            int(draw.integers(2, 9)), int(draw.integers(2, 9)), DATAFLOWS[draw.integers(3)], OVERLAPS[draw.integers(2)]
        )
        product = record(array, size, room=int(draw.choice([1, 4, 16])) * 8192)
        links, drams = rates(float(draw.choice([0.5, 2.0, 12.0])))
        plan, ticks = _search(product, links, drams)
        assert ticks > 0
        ours = timed(*product, plan, links, drams, TICK_HZ)
        least, _, _ = best_of_grid(*product, links, drams, TICK_HZ, ours, 0.0)
        assert ticks == ours  # the search times plans as the timeline does
        gaps.append(ours / least - 1)
    assert max(gaps) <= 0.02
    assert np.mean(gaps) <= 0.001


def test_a_search_has_one_answer_and_fits_its_buffers() -> None:
    product = record(Array(8, 8, "weight-stationary"), (100, 70, 90), room=4096)
    links, drams = rates(4.0)
    first, ticks = _search(product, links, drams)
    again, _ = _search(product, links, drams)
    assert ticks > 0
    assert (first == again).all()
    grain = np.empty((3, 2), np.int64)
    kernel.grains(product.product, grain)
    assert kernel.fits(product.product, grain, first)


def test_energy_and_its_product_with_time_choose_plans_of_their_own() -> None:
    product = record(Array(16, 16, "output-stationary"), (300, 300, 300), room=65536)
    links, drams = rates(12.0)
    found = {}
    for objective in (search_kernel.LATENCY_OBJECTIVE, search_kernel.ENERGY_OBJECTIVE, search_kernel.PRODUCT_OBJECTIVE):
        weights = np.array([objective, 1e-15, 1e-9, 0.0])  # bytes are dear, time is cheap
        plan = np.zeros(4, np.int64)
        search_kernel.search(*product, links, drams, TICK_HZ, weights, plan)
        boxes = product.boxes(plan.tolist())
        times = np.where(
            boxes.moves[:, kernel.KIND] == kernel.STREAM,
            (boxes.boxes[:, kernel.OUTER] * boxes.boxes[:, kernel.INNER])[boxes.moves[:, kernel.BOX]],
            boxes.boxes[:, kernel.OUTER][boxes.moves[:, kernel.BOX]],
        )
        moved = float((times * boxes.sizes[:, kernel.SIZE_BYTES]).sum())
        found[objective] = (timed(*product, plan, links, drams, TICK_HZ), moved)
    latency, energy, product_of = (found[name] for name in sorted(found))
    assert latency[0] <= energy[0]
    assert energy[1] <= latency[1]
    assert energy[1] <= product_of[1] <= latency[1]


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_products_of_a_million_cubed_do_not_overflow(dataflow: str) -> None:
    links, drams = rates(12.0)
    million = (10**6, 10**6, 10**6)
    # 10**18 products on one place take 10**18 cycles of 16 ticks, more than 2**60.
    _, ticks = _search(record(Array(1, 1, dataflow, "full"), million, room=2**40), links, drams)
    assert ticks == search_kernel.TOO_LONG
    plan, ticks = _search(record(Array(256, 256, dataflow, "full"), million, room=2**40), links, drams)
    assert 10**18 / 256**2 * 16 <= ticks < search_kernel.MOST_TICKS
    assert (plan[:3] > 0).all()
    assert _search(record(Array(256, 256, dataflow), million, room=64), links, drams)[1] == search_kernel.NO_TILE
