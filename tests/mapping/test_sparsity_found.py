"""Patterns are detected from values, and read back as the scenario that declares them."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.ir import Graph, Tensor
from accelsim.ir.sparsity import parse_pattern
from accelsim.mapping.sparsity_found import found_zeros, overall_density
from accelsim.mapping.sparsity_matrix import Matrix, mask_of
from accelsim.ops.build import GraphBuilder
from tests.mapping.conftest import moe_graph


def linear(weights: np.ndarray) -> Graph:
    builder = GraphBuilder("layer")
    builder.add_input("x", Tensor((2, weights.shape[1])))
    builder.add_parameter("w", weights.astype(np.float32), Tensor(weights.shape))
    return builder.finish(builder.add("linear", ["x", "w"], name="fc"))


@pytest.mark.parametrize(
    "declared", ["dense", "n:m=2:4", "n:m=1:4", "block=8x8:0.5", "block=4x4:0.25", "structured=0.5x1"]
)
def test_zeros_that_a_scenario_draws_are_found_as_that_scenario(declared: str) -> None:
    mask = mask_of(Matrix(64, 64, 64, pattern=parse_pattern(declared), seed=3))
    (found,) = found_zeros(linear(np.where(mask, 1.5, 0.0)))
    assert found.density == np.count_nonzero(mask) / mask.size
    assert parse_pattern(found.pattern).kind == parse_pattern(declared).kind


def test_irregular_zeros_are_unstructured_with_their_share() -> None:
    weights = np.ones((32, 32))
    weights.reshape(-1)[::3] = 0
    weights[0, :4] = 1
    (found,) = found_zeros(linear(weights))
    assert found.pattern.startswith("unstructured=0.6")


def test_channels_of_a_convolution_are_the_neighbours_of_a_group() -> None:
    weights = np.ones((8, 8, 3, 3), np.float32)
    weights[:, 1::2] = 0  # every other channel: two of four neighbours, and whole inputs
    weights[0, 0, 0, 0] = 0
    builder = GraphBuilder("conv")
    builder.add_input("x", Tensor((1, 8, 6, 6)))
    builder.add_parameter("w", weights, Tensor(weights.shape))
    (found,) = found_zeros(builder.finish(builder.add("conv2d", ["x", "w"], name="conv")))
    assert (found.outputs, found.inputs) == (8, 72)
    assert found.pattern == "n:m=2:4"


def test_experts_count_as_one_weight_and_shares_add_up_over_all() -> None:
    found = found_zeros(moe_graph())
    assert [(one.parameter, one.outputs) for one in found] == [("w1", 32), ("w2", 32)]
    assert overall_density(found) == pytest.approx(sum(one.density for one in found) / 2)
