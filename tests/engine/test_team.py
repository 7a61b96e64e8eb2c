"""Sharing out pieces of a node, and keeping BLAS to one thread meanwhile."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest

from accelsim import engine
from accelsim.engine import team as team_module
from accelsim.engine.team import Team, one_blas_thread
from accelsim.ir import Tensor
from accelsim.ops.build import GraphBuilder
from tests.engine.graphs import floats, moe_graph, type_of


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pieces", [0, 1, 3, 200])
def test_every_piece_is_done_once_by_a_worker_in_range(threads: int, pieces: int) -> None:
    done: list[tuple[int, int]] = []
    Team(threads).each(pieces, lambda piece, worker: done.append((piece, worker)))
    assert Counter(piece for piece, _ in done) == Counter(range(pieces))
    assert {worker for _, worker in done} <= set(range(threads))


def test_two_workers_are_at_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)
    Team(2).each(2, lambda piece, worker: both.wait() and None)


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_any_piece_is_raised_by_the_caller(bad: int) -> None:
    both = threading.Barrier(2, timeout=30)

    def work(piece: int, worker: int) -> None:
        both.wait()
        if worker == bad:
            raise ValueError("from a piece")

    with pytest.raises(ValueError, match="from a piece"):
        Team(2).each(2, work)


def test_a_busy_team_leaves_all_pieces_to_the_caller() -> None:
    team, release, done = Team(2), threading.Event(), []
    assert team._pool is not None
    blocker = team._pool.submit(release.wait, 30)
    team.each(3, lambda piece, worker: done.append((piece, worker)))
    release.set()
    assert blocker.result()
    assert done == [(0, 0), (1, 0), (2, 0)]


def test_results_are_equal_bit_for_bit_under_any_number_of_threads() -> None:
    builder = GraphBuilder("mixed")
    x = builder.add_input("x", Tensor((2, 3, 40, 48)))
    kernel, weight = floats(32, 3, 3, 3), floats(512, 1920)
    image = builder.add1("conv2d", (x, builder.add_parameter("k", kernel, type_of(kernel))))
    image = builder.add1("resize", (image,), {"size": (40, 48)})
    heads = builder.add1("reshape", (image,), {"shape": (2, 32, 40, 48)})
    mixed = builder.add1("attention", (heads, heads, heads), {"scale": 0.01})
    rows = builder.add1("reshape", (mixed,), {"shape": (64, 1920)})
    rows = builder.add1("concat", (rows, rows, rows), {"axis": 0})
    mixed = builder.add1("linear", (rows, builder.add_parameter("w", weight, type_of(weight))))
    graph = builder.finish([mixed])
    inputs = {"x": floats(2, 3, 40, 48)}
    results = {engine.compile(graph, threads=n)(inputs).outputs[mixed].tobytes() for n in (1, 2, 3)}
    assert len(results) == 1


def test_experts_give_equal_bits_under_any_number_of_threads() -> None:
    graph = moe_graph(50, width=24, experts=8, hidden=40, top_k=3, layers=2)
    x = floats(50, 24)
    results = {engine.compile(graph, threads=n)(x).outputs["sum1"].tobytes() for n in (1, 2, 4)}
    assert len(results) == 1


def test_convolution_bands_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.engine.convolution.PATCH_BYTES", 4 * 27 * 46 * 3)
    builder = GraphBuilder("conv")
    x = builder.add_input("x", Tensor((1, 3, 40, 48)))
    kernel = floats(8, 3, 3, 3)
    y = builder.add1("conv2d", (x, builder.add_parameter("k", kernel, type_of(kernel))))
    graph = builder.finish([y])
    results = {engine.compile(graph, threads=n)(floats(1, 3, 40, 48)).outputs[y].tobytes() for n in (1, 3)}
    assert len(results) == 1


@pytest.fixture
def blas(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The thread counts a pretended BLAS was given; the last is the current one."""
    counts = [7]
    monkeypatch.setattr(team_module, "_BLAS", (lambda: counts[-1], counts.append))
    return counts


def test_blas_gets_its_threads_back_after_the_last_user(blas: list[int]) -> None:
    with one_blas_thread():
        with one_blas_thread():
            assert blas[-1] == 1
        assert blas[-1] == 1
    assert blas == [7, 1, 7]


def test_blas_gets_its_threads_back_after_a_run_and_after_an_error(blas: list[int]) -> None:
    builder = GraphBuilder("gather")
    x = builder.add_input("x", Tensor((3,)))
    at = builder.add_input("at", type_of(np.array([0])))
    executable = engine.compile(builder.finish([builder.add1("gather", (x, at))]))
    executable({"x": floats(3), "at": np.array([2])})
    assert blas == [7, 1, 7]
    with pytest.raises(Exception, match="holds 5"):
        executable({"x": floats(3), "at": np.array([5])})
    assert blas == [7, 1, 7, 1, 7]


def test_another_blas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team_module, "_BLAS", None)
    graph = moe_graph(5, width=4, experts=3, hidden=4, top_k=1)
    assert np.isfinite(engine.compile(graph)(floats(5, 4)).outputs["sum0"]).all()


def test_the_openblas_of_numpys_wheel_is_found_and_set() -> None:
    found = team_module._find_blas()
    assert found is not None, "this environment's NumPy is not a wheel with OpenBLAS; constraints.txt pins one"
    get, put = found
    before = get()
    with one_blas_thread():
        assert get() == 1
    assert get() == before
    put(before)
