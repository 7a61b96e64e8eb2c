"""Comparing engines: what differs is told, and what cannot be compared never counts as equal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from accelsim import engine
from accelsim.engine.compare import (
    activity_flips,
    compare_nodes,
    compare_outputs,
    compare_tensor,
    first_bad_node,
    routing_flips,
)
from accelsim.errors import InputError
from accelsim.ir import Activity, FrozenMap, Routing
from tests.engine.graphs import floats, moe_graph


def array(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_error_is_relative_to_the_largest_reference() -> None:
    difference = compare_tensor("y", array(1, 2, -4.5), array(1, 2, -4), 0.2)
    assert (difference.max_abs_err, difference.max_rel_err, difference.ok) == (0.5, 0.125, True)
    assert not compare_tensor("y", array(1, 2, -4.5), array(1, 2, -4), 0.12).ok


def test_against_a_zero_reference_the_error_is_absolute() -> None:
    difference = compare_tensor("y", array(0, 3e-5), array(0, 0), 1e-4)
    assert difference.ok
    assert difference.max_rel_err == pytest.approx(3e-5)
    assert not compare_tensor("y", array(0, 3e-3), array(0, 0), 1e-4).ok


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (array(1, 2), array(1, 2, 3), r"shape [2], the reference has [3]"),
        (array(1), array(1).reshape(1, 1), "shape [1], the reference has [1, 1]"),
        (array(1, np.nan), array(1, 2), "1 of 2 values infinite or NaN"),
        (array(1, np.nan), array(1, np.nan), "1 of 2 values infinite or NaN"),
        (array(np.inf), array(np.inf), "1 of 1 values infinite or NaN"),
        (array(1, 2), array(1, np.nan), "the reference has 1 of 2 values infinite or NaN"),
        (np.array([1, 2]), array(1, 2), "int64, the reference has float32"),
    ],
)
def test_what_cannot_be_compared_is_a_failure(ours: np.ndarray, theirs: np.ndarray, reason: str) -> None:
    difference = compare_tensor("y", ours, theirs, 1e9)
    assert not difference.ok
    assert difference.reason == reason
    assert math.isinf(difference.max_rel_err)


def test_integers_are_compared_exactly() -> None:
    assert compare_tensor("i", np.array([1, 2]), np.array([1, 2], np.int32), 0.5).ok
    assert not compare_tensor("i", np.array([100, 2]), np.array([101, 2]), 0.5).ok


def test_outputs_that_only_one_side_has_are_failures() -> None:
    comparison = compare_outputs({"a": array(1), "b": array(1)}, {"a": array(1), "c": array(1)}, 1e-4)
    assert not comparison.ok
    assert {d.name: d.reason for d in comparison.tensors} == {
        "a": "",
        "c": "only the reference has it",
        "b": "the reference does not have it",
    }
    assert math.isinf(comparison.max_abs_err)
    assert compare_outputs({"a": array(1)}, {"a": array(1)}, 0).ok
    with pytest.raises(InputError, match="no outputs to compare"):
        compare_outputs({}, {}, 1e-4)


def test_the_first_node_that_leaves_the_tolerance_is_named() -> None:
    graph = moe_graph(5, width=4, experts=3, hidden=4, top_k=1, layers=3)
    ours = engine.compile(graph)(floats(5, 4), keep="all").kept
    theirs = {name: kept.copy() for name, kept in ours.items()}
    assert first_bad_node(graph, ours, theirs, 1e-6) is None
    for name in ("sum1", "layer2.y"):
        theirs[name][0, 0] += 1
    bad = first_bad_node(graph, ours, theirs, 1e-4)
    assert bad is not None
    assert (bad.node, bad.op, bad.difference.name) == ("sum1", "add", "sum1")
    comparison = compare_nodes(graph, ours, theirs, 1e-4)
    assert {d.name for d in comparison.worst[:2]} == {"sum1", "layer2.y"}


def test_tensors_that_one_engine_does_not_tell_are_counted() -> None:
    graph = moe_graph(5, width=4, experts=3, hidden=4, top_k=1)
    comparison = compare_nodes(graph, {"sum0": array(1)}, {"sum0": array(1)}, 1e-4)
    assert (len(comparison.differences), comparison.untold) == (
        1,
        2,
    )  # y and gates; ids are never compared here
    with pytest.raises(InputError, match="tell no node's result under the same name"):
        compare_nodes(graph, {"sum0": array(1)}, {}, 1e-4)


def routing(ids: list[list[int]], gates: list[list[float]] | None = None) -> Routing:
    return Routing.from_ids(ids, 4, gates)


def test_equal_routings_have_no_flips() -> None:
    assert routing_flips(routing([[0, 1], [2, 3]]), routing([[0, 1], [2, 3]])) == ()


def test_a_flip_names_token_experts_and_margin() -> None:
    ours = routing([[0, 1], [2, 3]], [[0.5, 0.25], [0.5, 0.25]])
    theirs = routing([[0, 1], [2, 1]], [[0.5, 0.25], [0.5, 0.125]])
    (flip,) = routing_flips(ours, theirs, node="blocks.1.moe")
    assert (flip.node, flip.token, flip.ours, flip.theirs) == ("blocks.1.moe", 1, 3, 1)
    assert flip.margin == 0.125
    assert not flip.order_only


def test_experts_in_another_order_are_told_as_such() -> None:
    flips = routing_flips(routing([[0, 1]]), routing([[1, 0]]))
    assert [(flip.ours, flip.theirs, flip.margin, flip.order_only) for flip in flips] == [
        (0, 1, None, True),
        (1, 0, None, True),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        (routing([[0, 1]]), routing([[0]]), "differ in"),
        (routing([[0]]), Routing((1, 0, 0, 0), 1, 1), "queue lengths only"),
        (routing([[0, 2]]), routing([[0, 0]]), "the same expert twice"),
    ],
)
def test_routings_that_cannot_be_compared_are_refused(ours: Routing, theirs: Routing, text: str) -> None:
    with pytest.raises(InputError, match=text):
        routing_flips(ours, theirs, node="moe")


def test_activities_are_compared_node_by_node() -> None:
    ours = Activity("a", FrozenMap({"m": routing([[0]]), "n": routing([[1]])}))
    theirs = Activity("b", FrozenMap({"m": routing([[0]]), "n": routing([[3]])}))
    assert [(flip.node, flip.ours, flip.theirs) for flip in activity_flips(ours, theirs)] == [("n", 1, 3)]
    with pytest.raises(InputError, match="only one of the two activities has a routing for: n"):
        activity_flips(ours, Activity("b", FrozenMap({"m": routing([[0]])})))
