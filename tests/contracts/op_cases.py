"""Sample applications of every built-in op, with the operations that a person counts for them.

A new op needs entries here or in the files that this one gathers; the contract tests fail for an op without any.
"""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import AttrValue
from tests.contracts.case import Array, Case, floats, whole
from tests.contracts.math_cases import MATH_CASES
from tests.contracts.moving_cases import MOVING_CASES
from tests.contracts.network_cases import NETWORK_CASES
from tests.contracts.semantic_cases import SEMANTIC_CASES


def _moe(tokens: tuple[int, ...], width: int, experts: int, hidden: int) -> tuple[Array, ...]:
    return (
        floats(*tokens, width),
        floats(experts, width, seed=2),
        floats(experts, hidden, width, seed=3),
        floats(experts, hidden, seed=4),
        floats(experts, width, hidden, seed=5),
        floats(experts, width, seed=6),
    )


def _single(tokens: int, width: int, experts: int, outputs: int) -> tuple[Array, ...]:
    return (
        floats(tokens, width),
        floats(experts, width, seed=2),
        floats(experts, outputs, width, seed=3),
        floats(experts, outputs, seed=4),
    )


def _single_points(*, tokens: int, width: int, experts: int, outputs: int) -> dict[str, int]:
    """Experts of one layer, two of them a token."""
    return {
        "mac": tokens * experts * width + 2 * tokens * width * outputs,
        "exp": tokens * experts,
        "compare": tokens * experts,
        "div": 2 * tokens,
        "fill": tokens * outputs,
        "mul": 2 * tokens * outputs,
    }


def _moe_points(*, tokens: int, width: int, experts: int, hidden: int, activation: str) -> dict[str, int]:
    """Every sample takes two experts a token."""
    return {
        "mac": tokens * experts * width + 2 * tokens * (width * hidden + hidden * width),
        "exp": tokens * experts,
        "compare": tokens * experts,
        "div": 2 * tokens,
        "fill": tokens * width,
        activation: 2 * tokens * hidden,
        "mul": 2 * tokens * width,
    }


_STRIDED: dict[str, AttrValue] = {
    "stride": (2, 1),
    "padding": (1, 0, 1, 2),
    "dilation": (1, 2),
    "groups": 2,
}
_PACKED = _single(7, 4, 3, 5)
_FORCED = np.array([[[3, 0], [1, 1], [0, 2]]], np.int64)

CASES = (
    *MATH_CASES,
    *MOVING_CASES,
    *NETWORK_CASES,
    *SEMANTIC_CASES,
    # 3 output rows x 2 columns, 5 output channels, 3 channels x 3 x 3 products each
    Case("conv2d", (floats(1, 3, 5, 4), floats(5, 3, 3, 3), floats(5)), {"mac": 3 * 2 * 5 * 27}),
    # rows (7 + 2 - 3) / 2 + 1 = 4; columns 6 + 2 - 2 - 1 + 1 = 6 with a kernel that spans 3
    Case(
        "conv2d",
        (floats(2, 4, 7, 6), floats(6, 2, 3, 2)),
        {"mac": 2 * 6 * 4 * 6 * (2 * 3 * 2)},
        _STRIDED,
        "strided-grouped",
    ),
    Case("conv2d", (floats(1, 1, 9, 9), floats(1, 1, 1, 1)), {"mac": 9}, {"stride": (4, 4)}, "skipping"),
    Case("linear", (floats(2, 3, 5), floats(4, 5), floats(4)), {"mac": 2 * 3 * 5 * 4}),
    Case("linear", (floats(5), floats(4, 5)), {"mac": 5 * 4}, label="vector"),
    Case("matmul", (floats(2, 3, 4), floats(2, 4, 5)), {"mac": 2 * 3 * 4 * 5}),
    Case("matmul", (floats(3, 4), floats(2, 1, 4, 5)), {"mac": 2 * 3 * 4 * 5}, label="broadcast"),
    Case("matmul", (floats(4), floats(4, 5)), {"mac": 4 * 5}, label="vector"),
    Case("matmul", (floats(3, 4), floats(4)), {"mac": 3 * 4}, label="by-vector"),
    Case("grouped_linear", (floats(4, 3), whole(2, 0, 2, 1), floats(3, 5, 3), floats(3, 5)), {"mac": 4 * 3 * 5}),
    Case(
        "attention",
        (floats(2, 3, 4, 5), floats(2, 3, 6, 5), floats(2, 3, 6, 7)),
        {"mac": 6 * 4 * 6 * (5 + 7), "exp": 6 * 4 * 6, "div": 6 * 4},
        {"scale": 0.5},
    ),
    Case("softmax", (floats(2, 3, 4),), {"exp": 24, "div": 24}),
    Case("softmax", (floats(2, 3, 4),), {"exp": 24, "div": 24}, {"axis": 1}, "middle"),
    Case("layer_norm", (floats(2, 3, 8), floats(8), floats(8)), {"mac_stat": 48, "rsqrt": 6, "scale": 48}),
    Case(
        "layer_norm",
        (floats(2, 3, 8), None, floats(3, 8)),
        {"mac_stat": 48, "rsqrt": 2, "scale": 48},
        {"axes": 2},
        "two-axes",
    ),
    Case(
        "batch_norm",
        (floats(2, 3, 4, 5), floats(3), floats(3), floats(3), np.abs(floats(3)) + 1),
        {"scale": 2 * 3 * 4 * 5},
    ),
    Case("gelu", (floats(3, 7),), {"gelu": 21}),
    Case("gelu", (floats(3, 7),), {"gelu": 21}, {"approximate": "tanh"}, "tanh"),
    Case("relu", (floats(3, 7),), {"relu": 21}),
    Case("add", (floats(2, 3, 4), floats(2, 3, 4, seed=2)), {"add": 24}),
    Case("add", (floats(2, 3, 4), floats(3, 1)), {"add": 24}, label="broadcast"),
    Case("add", (floats(), floats(seed=2)), {"add": 1}, label="scalars"),
    Case("sub", (floats(4), floats(3, 4)), {"sub": 12}),
    Case("mul", (whole(1, 2, 3), whole(4, 5, 6)), {"mul": 3}),
    Case("div", (floats(2, 3), floats(2, 3, seed=2)), {"div": 6}),
    Case("div", (whole(7, -7, 4), whole(2)), {"div": 3}, label="integers"),
    Case("reshape", (floats(2, 6),), {"copy": 12}, {"shape": (3, 4)}),
    Case("reshape", (floats(2, 6),), {"copy": 12}, {"shape": (-1, 3)}, "inferred"),
    Case("transpose", (floats(2, 3, 4),), {"copy": 24}, {"perm": (2, 0, 1)}),
    Case("concat", (floats(2, 3), floats(2, 1), floats(2, 2)), {"copy": 12}, {"axis": -1}),
    Case("expand", (floats(3, 1),), {"copy": 24}, {"shape": (2, 3, 4)}),
    Case(
        "slice",
        (floats(5, 6, 7),),
        {"copy": 2 * 6 * 3},
        {"starts": (1, -6), "ends": (4, 100), "axes": (0, 2), "steps": (2, 2)},
    ),
    Case("resize", (floats(1, 2, 3, 4),), {"interpolate": 2 * 5 * 9}, {"size": (5, 9)}),
    Case(
        "resize",
        (floats(1, 2, 3, 4),),
        {"interpolate": 2 * 2 * 2},
        {"size": (2, 2), "mode": "nearest", "coordinates": "asymmetric"},
        "nearest",
    ),
    Case("top_k", (floats(3, 6),), {"compare": 18}, {"k": 2}),
    Case("top_k", (floats(3, 6),), {"compare": 18}, {"k": 3, "axis": 0}, "rows"),
    Case("argsort", (floats(2, 5),), {"compare": 10 * 3}),
    Case("gather", (floats(4, 3), whole(3, 0, 3, -1, 1)), {"gather": 15}),
    Case("gather", (floats(4, 3), np.array([[0, 2]], np.int64)), {"gather": 8}, {"axis": 1}, "columns"),
    Case("scatter_add", (whole(2, 0, 2), floats(3, 4)), {"add": 12, "fill": 20}, {"rows": 5}),
    Case("scatter_add", (whole(1, 0, 1), floats(3, 4)), {"add": 12, "fill": 8}, {"rows": 2}, "crowded"),
    Case("one_hot", (whole(2, 0, 3),), {"compare": 12}, {"depth": 4}),
    Case("reduce_sum", (floats(2, 3, 4),), {"add": 24}, {"axes": (0, -1)}),
    Case("reduce_sum", (floats(2, 3, 4),), {"add": 24}, {"axes": (1,), "keepdims": True}, "keepdims"),
    Case(
        "moe",
        _moe((2, 5), 6, 4, 3),
        _moe_points(tokens=10, width=6, experts=4, hidden=3, activation="gelu"),
        {"top_k": 2},
    ),
    Case(
        "moe",
        _moe((7,), 4, 3, 5),
        _moe_points(tokens=7, width=4, experts=3, hidden=5, activation="relu"),
        {"top_k": 2, "activation": "relu", "renormalise": True},
        "renormalised-relu",
    ),
    Case(
        "moe",
        (*_moe((1, 3), 4, 5, 2), _FORCED),
        _moe_points(tokens=3, width=4, experts=5, hidden=2, activation="gelu"),
        {"top_k": 2},
        "forced",
    ),
    Case(
        "moe",
        _single(7, 4, 3, 5),
        _single_points(tokens=7, width=4, experts=3, outputs=5),
        {"top_k": 2, "renormalise": True},
        "one-layer",
    ),
    Case(
        "moe",
        (*_moe((7,), 4, 3, 5), None, None, floats(3, seed=7)),
        _moe_points(tokens=7, width=4, experts=3, hidden=5, activation="gelu"),
        {"top_k": 2},
        "biased-gate",
    ),
    Case(
        "moe",
        (*_PACKED[:2], floats(3, 6, seed=3), _PACKED[3], None, None, None, np.array([19, 0, 3, 7, 12, 4], np.int64)),
        _single_points(tokens=7, width=4, experts=3, outputs=5),
        {"top_k": 2},
        "one-layer-packed",
    ),
)
