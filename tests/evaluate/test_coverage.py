"""The coverage matrix says what the front ends really do."""

from __future__ import annotations

import pytest

from accelsim.engine.table import KERNELS
from accelsim.evaluate.coverage import OpCoverage, op_coverage, summary
from accelsim.frontends.torch import Traced, trace_program
from accelsim.ops.registry import all_ops
from tests.frontends.test_aten_calls import IMAGE, KERNEL, EveryCall

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def covered() -> dict[str, OpCoverage]:
    return {one.op: one for one in op_coverage()}


@pytest.fixture(scope="module")
def traced() -> Traced:
    return trace_program(EveryCall().eval(), (IMAGE, KERNEL), name="calls")


def test_there_is_a_row_for_every_registered_op(covered: dict[str, OpCoverage]) -> None:
    assert list(covered) == [spec.name for spec in all_ops()]
    assert {one.op for one in covered.values() if one.kernel == "kernel"} == set(KERNELS)


def test_every_node_of_a_trace_comes_from_a_call_that_the_matrix_names(
    covered: dict[str, OpCoverage], traced: Traced
) -> None:
    helpers = {"cast", "reshape"}  # on the way, in calls that make something else
    odd = []
    for node in traced.graph.nodes:
        calls = {origin.split(":aten.")[1] for origin in node.origins if ":aten." in origin}
        if node.op not in helpers and not calls & set(covered[node.op].torch or ()):
            odd.append((node.op, calls))
    assert odd == []


def test_the_matrix_promises_no_op_that_the_calls_do_not_make(covered: dict[str, OpCoverage], traced: Traced) -> None:
    """Every op with a call of torch is in the trace of all calls."""
    made = {node.op for node in traced.graph.nodes}
    of_other_formats = {"bitwise_or", "bitwise_xor"}  # the calls are there, on bool values
    assert {one.op for one in covered.values() if one.torch} - made <= of_other_formats


@pytest.mark.parametrize(
    ("op", "torch", "onnx"),
    [
        ("conv2d", "conv2d.default", "Conv"),
        ("shift_left", None, "BitShift"),
        ("logical_and", "__and__.Tensor", "And"),
        ("reduce_max", "max.dim", "GlobalMaxPool"),
        ("layer_norm", "layer_norm.default", "LayerNormalization"),
        ("moe", None, None),
    ],
)
def test_rows_name_calls_and_operators(
    op: str, torch: str | None, onnx: str | None, covered: dict[str, OpCoverage]
) -> None:
    row = covered[op]
    assert (torch in row.torch) if torch else row.torch == ()
    assert (onnx in row.onnx) if onnx else row.onnx == ()
    assert row.cost == ("route" if op == "moe" else "nests")


def test_an_op_without_a_form_is_exported_by_its_expansion(covered: dict[str, OpCoverage]) -> None:
    assert (covered["moe"].export, covered["linear"].export) == ("parts", "nodes")
    assert summary(covered.values())["to ONNX"] == len(covered)
