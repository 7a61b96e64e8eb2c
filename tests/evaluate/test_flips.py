"""Margins of flipped tokens, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.evaluate.flips import flip_margins, told_routings
from accelsim.ir import Activity, FrozenMap, Graph, Routing, Tensor
from accelsim.ops.build import GraphBuilder

# Three tokens that like the experts 0, 1, 2 with these odds: the gate is the identity, x the logarithm.
ODDS = np.array([[4, 2, 2], [5, 3, 2], [1, 2, 7]], np.float32)


def moe() -> Graph:
    build = GraphBuilder("moe")
    x = build.add_input("x", Tensor((1, 3, 3)))
    arrays = {"gate_w": np.eye(3), "w1": np.ones((3, 2, 3)), "b1": np.ones((3, 2)), "w2": np.ones((3, 3, 2))}
    arrays["b2"] = np.ones((3, 3))
    weights = [build.add_parameter(n, a.astype(np.float32), Tensor(a.shape)) for n, a in arrays.items()]
    return build.finish(build.add("moe", (x, *weights), {"top_k": 1}, name="moe"))


def routing(*experts: int) -> Routing:
    return Routing.from_ids([[expert] for expert in experts], 3, [[0.5]] * len(experts))


def margins(ours: Routing, theirs: Routing) -> tuple[float, ...]:
    tensors = {"x": np.log(ODDS)[None]}
    return flip_margins(moe(), Activity("engine", FrozenMap({"moe": ours})), {"moe": theirs}, tensors)


def test_equal_routings_have_no_margins() -> None:
    assert margins(routing(0, 0, 2), routing(0, 0, 2)) == ()


def test_a_margin_is_our_probability_of_our_expert_minus_that_of_theirs() -> None:
    assert margins(routing(0, 0, 2), routing(0, 1, 2)) == pytest.approx((0.2,))


def test_a_tie_has_no_margin_worth_the_name() -> None:
    (margin,) = margins(routing(1, 0, 2), routing(2, 0, 2))
    assert abs(margin) < 1e-7


def test_an_exchange_that_ours_would_not_make_on_equal_input_is_negative() -> None:
    assert margins(routing(0, 0, 0), routing(0, 0, 2)) == pytest.approx((-0.6,))


def test_routings_are_read_from_what_an_engine_told() -> None:
    told = {
        "moe.y": np.zeros((1, 3, 3)),
        "moe.ids": np.array([[[2], [0], [2]]]),
        "moe.gates": np.full((1, 3, 1), 0.5),
    }
    assert told_routings(moe(), told) == {"moe": routing(2, 0, 2)}
    assert told_routings(moe(), {"moe.y": told["moe.y"]}) == {}
