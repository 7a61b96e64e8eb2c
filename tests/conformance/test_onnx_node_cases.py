"""A seeded sample of ONNX's own node tests; `make conformance` runs all of them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.conformance.onnx_cases import (
    LEAST_SHARE,
    PASSED,
    REFUSED,
    WRONG,
    Outcome,
    known_not_to_pass,
    node_cases,
    run_case,
    summary,
)
from tests.conformance.onnx_scope import FORMAT, OPERATOR, OPSET, out_of_scope

SAMPLE = 150


@pytest.mark.slow
def test_no_case_of_a_sample_is_wrong_and_what_does_not_pass_is_listed() -> None:
    cases = node_cases()
    chosen = np.random.Generator(np.random.Philox(3)).choice(len(cases), SAMPLE, replace=False)
    outcomes = [run_case(cases[index]) for index in sorted(chosen)]
    assert [f"{outcome.name}: {outcome.reason}" for outcome in outcomes if outcome.verdict == WRONG] == []
    known = known_not_to_pass()
    assert [outcome.name for outcome in outcomes if (outcome.verdict != PASSED) != (outcome.name in known)] == []


@pytest.mark.slow
def test_the_list_names_cases_and_reasons_and_leaves_enough_that_pass() -> None:
    known = known_not_to_pass()
    assert set(known) <= {case.name for case in node_cases()}
    assert all(known.values())
    inside = [case.name for case in node_cases() if not out_of_scope(case.model)[0]]
    assert len(inside) > 1400
    assert sum(name not in known for name in inside) >= LEAST_SHARE * len(inside)


def _model(op: str, *, kind: int = TensorProto.FLOAT, opset: int = 18, domain: str = "") -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, kind, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], domain=domain)], "one", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("other", 1)])


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (_model("Relu"), ("", "")),
        (_model("HardSwish"), ("", "")),
        (_model("Relu", kind=TensorProto.FLOAT8E4M3FN), (FORMAT, "float8e4m3fn")),
        (_model("Relu", opset=12), (OPSET, "opset 12")),
        (_model("Bernoulli"), (OPERATOR, "RandomUniformLike")),
        (_model("Det"), (OPERATOR, "Det")),
        (_model("Relu", domain="other"), (OPERATOR, "other.Relu")),
    ],
)
def test_the_scope_is_told_from_the_model(model: onnx.ModelProto, wanted: tuple[str, str]) -> None:
    assert out_of_scope(model) == wanted


def test_the_summary_counts_what_is_left_out() -> None:
    text = summary(
        [Outcome("a", PASSED), Outcome("b", PASSED), Outcome("c", REFUSED, "why"), Outcome("d", REFUSED, "x", FORMAT)]
    )
    assert "In scope: 3, of these 2 passed (66.7 %), 1 refused, 0 wrong" in text
    assert "Out of scope: 1: 1 for number format or type" in text
