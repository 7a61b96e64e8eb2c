"""Lanes behind queues: the recurrence against a plain simulation, and what must hold for any zeros."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.ir import Pattern
from accelsim.mapping.sparsity_kernel import PASSES, lane_cycles
from accelsim.mapping.sparsity_lanes import Timing, pass_of
from accelsim.mapping.sparsity_matrix import Deal, Matrix, dealt, mask_of

CASES = 2000


def stepped(work: np.ndarray, depth: int, broadcast: int, passes: int) -> int:
    """The recurrence of the module, as a list of times."""
    steps, lanes = work.shape
    finish, ends, now = [0] * lanes, [], 0
    for i in range(steps * passes):
        now = now + broadcast if i else 0
        now = max(now, ends[i - depth] if i >= depth else 0)
        finish = [max(end, now) + int(work[i % steps, lane]) for lane, end in enumerate(finish)]
        ends.append(max(*finish, now))
    return max(*finish, now)


def draw(generator: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """(work, depth, broadcast) of a small case, often with idle lanes."""
    shape = generator.integers(1, 14), generator.integers(1, 9)
    most = int(generator.integers(1, 10))
    work = generator.integers(0, most + 1, shape) * (generator.random(shape) < generator.random())
    return np.ascontiguousarray(work, np.int64), int(generator.integers(1, 10)), int(generator.integers(1, 4))


def test_jumps_over_passes_equal_stepping_through_all_of_them() -> None:
    generator = np.random.default_rng(1)
    for _ in range(CASES):
        work, depth, broadcast = draw(generator)
        passes = int(generator.choice([1, 2, 3, 5, 17, 60]))
        found, exact = lane_cycles(work, depth, broadcast, passes)
        assert exact
        assert found == stepped(work, depth, broadcast, passes)


def test_passes_without_a_period_go_on_at_the_pace_of_the_last_ones() -> None:
    """A lane that falls a cycle behind in each pass fills a deep queue only after hundreds of them."""
    generator = np.random.default_rng(2)
    for _ in range(20):
        work = np.full((20, 3), 10, np.int64)
        work[int(generator.integers(20)), int(generator.integers(3))] = 11
        work[int(generator.integers(20)), :] -= generator.integers(0, 2, 3)
        passes = int(generator.integers(2, 5)) * PASSES
        found, exact = lane_cycles(work, 40, 10, passes)
        assert found == pytest.approx(stepped(work, 40, 10, passes), rel=1e-3)
        assert not exact or found == stepped(work, 40, 10, passes)
    slow = np.full((100, 1), 10, np.int64)
    slow[0] = 11
    assert not lane_cycles(slow, 40, 10, 2 * PASSES)[1]


def test_a_deeper_queue_or_less_work_is_never_slower_and_depth_one_is_a_barrier() -> None:
    generator = np.random.default_rng(3)
    for _ in range(CASES):
        work, depth, broadcast = draw(generator)
        passes = int(generator.integers(1, 4))
        shallow, deep = (lane_cycles(work, d, broadcast, passes)[0] for d in (depth, depth + 1))
        assert deep <= shallow
        assert lane_cycles(np.maximum(work - 1, 0), depth, broadcast, passes)[0] <= shallow
        barrier = np.maximum(work.max(axis=1), broadcast)
        # The last step of all is waited for, but not its broadcast.
        last = int(barrier[-1] - work[-1].max())
        assert lane_cycles(work, 1, broadcast, passes)[0] == passes * int(barrier.sum()) - last


def test_time_lies_between_the_busiest_lane_and_the_barrier() -> None:
    generator = np.random.default_rng(4)
    for _ in range(CASES):
        work, depth, broadcast = draw(generator)
        found = lane_cycles(work, depth, broadcast, 1)[0]
        assert found >= max(int(work.sum(axis=0).max()), broadcast * (len(work) - 1))
        assert found >= -(-int(work.sum()) // work.shape[1])
        assert found <= lane_cycles(work, 1, broadcast, 1)[0]
        endless = lane_cycles(work, len(work) + 1, broadcast, 1)[0]
        assert endless <= found


def _timing(**changed: object) -> Timing:
    plain = Timing(
        multipliers=1, ii=1, decode=None, visit=0, queue=4, broadcast=1, groups=1, rows=1, input_density=None
    )
    return plain._replace(**changed)  # type: ignore[arg-type]


def _matrix(outputs: int, inputs: int, density: float, seed: int = 0) -> Matrix:
    return Matrix(outputs, inputs, inputs, pattern=Pattern("unstructured", density), seed=seed)


def _deal(matrix: Matrix, lanes: int, *, step: int = 1, longest: int | None = None) -> Deal:
    return Deal(0, matrix.outputs, lanes, 1, 1, step, longest)


@pytest.mark.parametrize("longest", [None, 1, 3])
def test_entries_of_lanes_are_the_non_zeros_of_every_other_output_and_the_padding(longest: int | None) -> None:
    generator = np.random.default_rng(5)
    for case in range(150):
        matrix = _matrix(*(int(n) for n in generator.integers(1, 40, 2)), float(generator.random()), case)
        lanes, step = int(generator.integers(1, 9)), int(generator.integers(1, 5))
        found = dealt(matrix, _deal(matrix, lanes, step=step, longest=longest))
        mask = mask_of(matrix)
        expected = np.zeros((-(-matrix.inputs // step), lanes), np.int64)
        for lane in range(lanes):
            for column in range(matrix.inputs):
                run = 0
                for kept in mask[lane::lanes, column]:
                    if kept:
                        expected[column // step, lane] += 1 + (0 if longest is None else run // (longest + 1))
                    run = 0 if kept else run + 1
        assert (found.entries == expected).all()
        assert found.kept == np.count_nonzero(mask)


def test_dense_weights_take_the_time_of_the_dense_array_and_none_take_the_broadcasts_only() -> None:
    for outputs, inputs, lanes in ((64, 100, 16), (60, 100, 16), (7, 3, 8), (1, 1, 1)):
        dense = pass_of(_matrix(outputs, inputs, 1.0), _deal(_matrix(outputs, inputs, 1.0), lanes), _timing(groups=3))
        assert dense.cycles == 3 * inputs * -(-outputs // lanes)
        assert dense.macs == outputs * inputs
        empty = pass_of(_matrix(outputs, inputs, 0.0), _deal(_matrix(outputs, inputs, 0.0), lanes), _timing(groups=3))
        assert (empty.cycles, empty.entries, empty.macs) == (3 * inputs - 1, 0, 0)


def test_sparse_time_lies_between_the_evenly_dealt_non_zeros_and_the_dense_array() -> None:
    generator = np.random.default_rng(6)
    for case in range(CASES):
        outputs, inputs = (int(n) for n in generator.integers(1, 60, 2))
        matrix = _matrix(outputs, inputs, float(generator.random()), case)
        lanes, groups = int(generator.integers(1, 17)), int(generator.integers(1, 4))
        timing = _timing(queue=int(generator.integers(1, 20)), groups=groups, rows=groups)
        found = pass_of(matrix, _deal(matrix, lanes), timing)
        dense = groups * inputs * -(-outputs // lanes)
        assert found.macs / (lanes * 1) <= found.cycles <= dense
        assert found.balanced_cycles <= found.cycles


def test_decoding_and_visits_bound_a_lane_from_below() -> None:
    matrix = _matrix(32, 50, 0.5)
    deal = _deal(matrix, 4, step=2)
    plain = pass_of(matrix, deal, _timing(multipliers=2))
    assert pass_of(matrix, deal, _timing(multipliers=2, decode=0.5)).cycles > plain.cycles
    assert pass_of(matrix, deal, _timing(multipliers=2, visit=40)).cycles == 40 * 25


def test_zero_inputs_are_not_broadcast() -> None:
    matrix = _matrix(64, 400, 0.2)
    deal = _deal(matrix, 8)
    every = pass_of(matrix, deal, _timing())
    some = pass_of(matrix, deal, _timing(input_density=0.25))
    none = pass_of(matrix, deal, _timing(input_density=0.0))
    assert none.cycles == 0
    assert some.macs == pytest.approx(0.25 * every.macs, rel=0.1)
    assert some.cycles == pytest.approx(0.25 * every.cycles, rel=0.15)
    assert pass_of(matrix, deal, _timing(input_density=1.0)).cycles == every.cycles


def test_published_load_imbalance_of_eie_needs_its_queue() -> None:
    """NT-We: 600 outputs on 64 lanes, 10 % of the weights kept; 1.54 with a queue of 8, 3.8 with a barrier."""
    matrix = _matrix(600, 4096, 0.10, 7)
    deal = _deal(matrix, 64, longest=15)
    ratio = {
        queue: found.cycles / found.balanced_cycles
        for queue in (1, 8)
        for found in (pass_of(matrix, deal, _timing(queue=queue, visit=1)),)
    }
    assert ratio[8] == pytest.approx(1.54, rel=0.03)
    assert ratio[1] == pytest.approx(3.83, rel=0.05)
