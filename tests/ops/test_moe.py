"""The mixture of experts: its choice, its gates, its sum, and the work that a routing makes."""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.ir import Access, LoopNest, Routing
from accelsim.ir.graph import AttrValue
from accelsim.ops.build import GraphBuilder
from accelsim.ops.spec import MissingActivityError, ShapeError
from tests.contracts.case import Array, Case, floats, type_of
from tests.contracts.interpret import interpret
from tests.contracts.op_cases import CASES

TOKENS, WIDTH, EXPERTS, HIDDEN = 5, 6, 4, 3
SAMPLE = next(case for case in CASES if case.op == "moe")


def layer(x: Array, gate_w: Array, *, forced: Array | None = None, **attrs: AttrValue) -> Case:
    experts, width = gate_w.shape
    operands = (
        x,
        gate_w,
        floats(experts, HIDDEN, width, seed=3),
        floats(experts, HIDDEN, seed=4),
        floats(experts, width, HIDDEN, seed=5),
        floats(experts, width, seed=6),
    )
    return Case("moe", operands if forced is None else (*operands, forced), {}, {"top_k": 2, **attrs})


def by_hand(case: Case, ids: Array, gates: Array) -> Array:
    """y token by token and choice by choice, in float64."""
    x, _, w1, b1, w2, b2 = (np.asarray(a, np.float64) for a in case.arrays[:6])
    y = np.zeros_like(x)
    for token in range(x.shape[0]):
        for expert, gate in zip(ids[token], gates[token], strict=True):
            hidden = w1[expert] @ x[token] + b1[expert]
            hidden = np.array([h * 0.5 * (1 + erf(h / sqrt(2))) for h in hidden])
            y[token] += gate * (w2[expert] @ hidden + b2[expert])
    return y


def test_gates_are_the_largest_softmax_probabilities_over_all_experts_as_they_are() -> None:
    x, gate_w = floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2)
    case = layer(x, gate_w)
    y, ids, gates = case.reference()
    logits = x.astype(np.float64) @ gate_w.T
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for token in range(TOKENS):
        best = sorted(range(EXPERTS), key=lambda e: -p[token, e])[:2]
        assert ids[token].tolist() == best
        np.testing.assert_allclose(gates[token], p[token, best], rtol=1e-5)
        assert gates[token].sum() < 1
    np.testing.assert_allclose(y, by_hand(case, ids, gates), rtol=1e-4, atol=1e-5)


def test_renormalised_gates_sum_to_one_and_keep_their_ratio() -> None:
    x, gate_w = floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2)
    plain, scaled = layer(x, gate_w).reference(), layer(x, gate_w, renormalise=True).reference()
    np.testing.assert_allclose(scaled[2].sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(scaled[2][:, 0] / scaled[2][:, 1], plain[2][:, 0] / plain[2][:, 1], rtol=1e-5)


def test_experts_of_one_layer_are_packed_without_changing_what_they_compute() -> None:
    x, gate_w, b1 = floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2), floats(EXPERTS, HIDDEN, seed=4)
    positions = np.array([17, 2, 5, 11], np.int64)
    values = floats(EXPERTS, len(positions), seed=3)
    whole = np.zeros((EXPERTS, HIDDEN * WIDTH), np.float32)
    whole[:, positions] = values
    attrs: dict[str, AttrValue] = {"top_k": 2}
    plain = Case("moe", (x, gate_w, whole.reshape(EXPERTS, HIDDEN, WIDTH), b1), {}, attrs).reference()
    packed = Case("moe", (x, gate_w, values, b1, None, None, None, positions), {}, attrs).reference()
    _, ids, gates = plain
    by_hand = sum(
        gates[:, k, None]
        * (np.einsum("toi,ti->to", whole.reshape(EXPERTS, HIDDEN, WIDTH)[ids[:, k]], x) + b1[ids[:, k]])
        for k in range(2)
    )
    np.testing.assert_allclose(plain[0], by_hand, rtol=1e-4, atol=1e-5)
    for one, other in zip(plain, packed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_packed_experts_have_one_layer() -> None:
    arrays = list(layer(floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2)).arrays)
    arrays[2] = floats(EXPERTS, 3)
    case = Case("moe", (*arrays, None, np.arange(3)), {}, {"top_k": 2})
    with pytest.raises(ShapeError, match="positions need experts of one layer"):
        case.spec.infer([None if a is None else type_of(a) for a in case.arrays], case.bound)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ((floats(EXPERTS, WIDTH, HIDDEN), None, None, None), "w2 and b2 are given both or neither"),
        ((None, None, None, np.arange(3)), "has 3 dimensions, needs 2"),
    ],
)
def test_forms_that_do_not_fit_together_are_refused(extra: tuple[Array | None, ...], message: str) -> None:
    x, gate_w = floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2)
    w1, b1 = floats(EXPERTS, HIDDEN, WIDTH, seed=3), floats(EXPERTS, HIDDEN, seed=4)
    case = Case("moe", (x, gate_w, w1, b1, *extra), {}, {"top_k": 2})
    with pytest.raises(ShapeError, match=message):
        case.spec.infer([None if a is None else type_of(a) for a in case.arrays], case.bound)


def test_equal_probabilities_go_to_the_lower_experts() -> None:
    _, ids, gates = layer(floats(TOKENS, WIDTH), np.zeros((EXPERTS, WIDTH), np.float32)).reference()
    assert ids.tolist() == [[0, 1]] * TOKENS
    assert gates.tolist() == [[0.25, 0.25]] * TOKENS


def test_two_experts_with_one_gate_vector_are_taken_lower_first() -> None:
    gate_w = floats(EXPERTS, WIDTH, seed=2)
    gate_w[3] = gate_w[1] = 10 * np.abs(gate_w[1]) + 1
    _, ids, _ = layer(np.abs(floats(TOKENS, WIDTH)), gate_w).reference()
    assert ids.tolist() == [[1, 3]] * TOKENS


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_expansions_break_ties_as_the_op_does(form: str) -> None:
    case = layer(floats(TOKENS, WIDTH), np.zeros((EXPERTS, WIDTH), np.float32))
    builder = GraphBuilder("expansion")
    builder.prefix = "moe."
    inputs = {f"in{i}": a for i, a in enumerate(case.arrays) if a is not None}
    names = tuple(builder.add_input(name, type_of(array)) for name, array in inputs.items())
    outputs = case.spec.expansions[form](builder, names, case.bound)
    made = interpret(builder.finish(outputs), inputs)
    assert made[outputs[1]].tolist() == [[0, 1]] * TOKENS


def test_forcing_the_ids_that_were_chosen_changes_nothing() -> None:
    x, gate_w = floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2)
    free = layer(x, gate_w).reference()
    forced = layer(x, gate_w, forced=free[1]).reference()
    for one, other in zip(free, forced, strict=True):
        np.testing.assert_array_equal(one, other)


def test_forced_ids_take_the_probabilities_of_the_experts_they_name() -> None:
    x, gate_w = floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH, seed=2)
    every = layer(x, gate_w, top_k=EXPERTS).reference()
    wanted = np.array([[3, 0]] * TOKENS, np.int64)
    case = layer(x, gate_w, forced=wanted)
    y, ids, gates = case.reference()
    assert np.array_equal(ids, wanted)
    for token in range(TOKENS):
        probability = dict(zip(every[1][token].tolist(), every[2][token].tolist(), strict=True))
        assert gates[token].tolist() == [probability[3], probability[0]]
    np.testing.assert_allclose(y, by_hand(case, ids, gates), rtol=1e-4, atol=1e-5)


def test_a_forced_id_outside_is_an_error_that_names_it() -> None:
    forced = np.full((TOKENS, 2), EXPERTS, np.int64)
    with pytest.raises(InputError, match="moe: forced_ids holds 4, outside of 0 to 3"):
        layer(floats(TOKENS, WIDTH), floats(EXPERTS, WIDTH), forced=forced).reference()


def test_leading_sizes_do_not_change_the_numbers() -> None:
    x, gate_w = floats(6, WIDTH), floats(EXPERTS, WIDTH, seed=2)
    flat, folded = layer(x, gate_w).reference(), layer(x.reshape(2, 3, WIDTH), gate_w).reference()
    for one, other in zip(flat, folded, strict=True):
        np.testing.assert_array_equal(one.reshape(other.shape), other)


def sample_nests(*queues: int) -> dict[str, LoopNest]:
    routing = Routing(queues, tokens=10, top_k=2)
    return {nest.name: nest for nest in SAMPLE.spec.work(SAMPLE.work_input(routing))}


def test_experts_without_tokens_have_no_nests_and_the_others_follow_in_ascending_order() -> None:
    nests = sample_nests(0, 12, 0, 8)
    assert list(nests) == [
        *("gate", "gate_softmax", "top_k", "gate_div", "zero"),
        *("expert1.fc1", "expert1.gelu", "expert1.fc2", "expert1.combine"),
        *("expert3.fc1", "expert3.gelu", "expert3.fc2", "expert3.combine"),
    ]
    assert [nest.expert for nest in nests.values()] == [None] * 5 + [1] * 4 + [3] * 4


def test_rows_of_an_expert_are_its_queue_and_are_marked_as_data_dependent() -> None:
    nests = sample_nests(0, 12, 0, 8)
    for name, queue in (
        ("expert1.fc1", 12),
        ("expert3.fc2", 8),
        ("expert3.gelu", 8),
        ("expert1.combine", 12),
    ):
        rows = nests[name].dims[0]
        assert (rows.size, rows.data_dependent) == (queue, True)
    assert not nests["gate"].dims[0].data_dependent


def test_an_expert_reads_its_own_weights_once_and_its_tokens_through_its_queue() -> None:
    nests = sample_nests(0, 12, 0, 8)
    fc1 = {operand.role: operand for operand in nests["expert3.fc1"].operands}
    assert (fc1["w1"].elements, fc1["b1"].elements) == (3 * 6, 3)
    assert fc1["w1"].constant
    assert fc1["x"].indirect
    assert fc1["x"].elements == 8 * 6
    fc2 = {operand.role: operand for operand in nests["expert3.fc2"].operands}
    assert (fc2["w2"].elements, fc2["b2"].elements) == (6 * 3, 6)
    assert (fc2["y"].access, fc2["y"].indirect, fc2["y"].elements) == (Access.ACCUMULATE, True, 8 * 6)


def test_a_queue_longer_than_the_tokens_touches_each_token_once() -> None:
    fc1 = sample_nests(20, 0, 0, 0)["expert0.fc1"]
    assert next(o for o in fc1.operands if o.role == "x").elements == 10 * 6


def test_results_are_added_only_after_they_were_zeroed() -> None:
    nests = sample_nests(0, 12, 0, 8)
    assert "zero" in nests["expert1.fc2"].after
    assert "gate_div" in nests["expert1.combine"].after


def test_work_without_a_routing_asks_for_an_activity() -> None:
    with pytest.raises(MissingActivityError, match=r"node 'sample'.*give an activity"):
        SAMPLE.spec.work(SAMPLE.work_input())


@pytest.mark.parametrize("change", [{"tokens": 11}, {"top_k": 1}, {"queues": (10, 10)}], ids=str)
def test_a_routing_of_another_layer_is_refused(change: dict[str, object]) -> None:
    routing = replace(Routing((0, 12, 0, 8), tokens=10, top_k=2), **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the node has 10 tokens, top-2 of 4"):
        SAMPLE.spec.work(SAMPLE.work_input(routing))


def test_the_routing_shape_counts_tokens_over_all_leading_sizes() -> None:
    assert SAMPLE.spec.routing_shape is not None
    assert SAMPLE.spec.routing_shape(SAMPLE.types, SAMPLE.bound) == (10, 2, 4)
    assert SAMPLE.spec.routed
