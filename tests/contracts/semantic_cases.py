"""Semantic ops beside moe: convolutions with mixed kernels and pixel differences, adapted layers, exchange of tasks."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import AttrValue
from tests.contracts.case import Array, Case, floats, whole

_MASK = np.random.default_rng(5).random((6, 2, 3, 3)) < 0.3
_POSITIONS = np.flatnonzero(_MASK)
_WHOLE = 6 * 2 * 9
_DYNAMIC_ATTRS: dict[str, AttrValue] = {"padding": (1, 1, 1, 1), "stride": (2, 1), "groups": 2, "temperature": 3.0}


def _attention_weights(channels: int, hidden: int, kernels: int) -> tuple[Array, ...]:
    return floats(hidden, channels, seed=11), floats(kernels, hidden, seed=12), floats(kernels, seed=13)


# 2 samples of 4 channels of 5 x 4 pixels, 4 kernels, 2 hidden channels; 3 x 4 pixels come out
_IMAGE, _BRANCH = floats(2, 4, 5, 4), _attention_weights(4, 2, 4)
_DYNAMIC_POINTS = {
    "add": 2 * 4 * 20,
    "relu": 2 * 2,
    "exp": 2 * 4,
    "div": 2 * 4,
}


def _dynamic_macs(positions: int, bias: int = 0) -> int:
    """Attention, aggregation of the dynamic positions and of mixed biases, convolution."""
    return 2 * (4 * 2 + 2 * 4) + 2 * 4 * (positions + bias) + 2 * 12 * _WHOLE


def exchange(channels: int, size: tuple[int, int], *, own: int, query: int, value: int) -> tuple[Array, ...]:
    """Operands of cross_task_attention without self-gating and alpha where `own` is 0."""
    maps = (floats(2, channels, *size), floats(2, channels, *size, seed=2))
    extract = (floats(channels, channels, 3, 3, seed=3) / 4, floats(channels, seed=4))
    tokens = tuple(
        array
        for seed, width in ((5, query), (7, query), (9, value))
        for array in (floats(width, channels, 1, 1, seed=seed), floats(width, seed=seed + 1))
    )
    project = (floats(channels, own + value, 1, 1, seed=11), floats(channels, seed=12))
    gates = (floats(own, channels, 3, 3, seed=13) / 4, floats(own, channels, 3, 3, seed=14) / 4, floats(value, seed=15))
    return (*maps, *extract, *tokens, *project, *(gates if own else ()))


# 2 x 4 channels of 4 x 6 pixels, downsampled by 2 to 2 x 3 = 6 tokens
_EXCHANGE_POINTS = {
    "mac": 2 * (24 * 4 * 36 + 2 * 24 * 2 * 36 + 6 * 4 * (3 + 3 + 5) + 36 * (3 + 5) + 24 * 4 * (2 + 5)),
    "relu": 2 * (24 * 4 + 6 * (3 + 3 + 5) + 24 * 4),
    "sigmoid": 2 * 24 * 2,
    "mul": 2 * (24 * 2 + 6 * 5),
    "compare": 2 * 24 * 4,
    "exp": 2 * 36,
    "div": 2 * 6,
}

SEMANTIC_CASES = (
    Case(
        "dynamic_conv2d",
        (_IMAGE, floats(4, 6, 2, 3, 3, seed=2), *_BRANCH),
        {**_DYNAMIC_POINTS, "mac": _dynamic_macs(_WHOLE)},
        _DYNAMIC_ATTRS,
        "all-dynamic",
    ),
    Case(
        "dynamic_conv2d",
        (_IMAGE, floats(4, 6, 2, 3, 3, seed=2), *_BRANCH, floats(6, 2, 3, 3, seed=3), _MASK, None, floats(6)),
        {**_DYNAMIC_POINTS, "mac": _dynamic_macs(_WHOLE), "where": 2 * _WHOLE},
        _DYNAMIC_ATTRS,
        "masked",
    ),
    Case(
        "dynamic_conv2d",
        (
            *(_IMAGE, floats(4, _POSITIONS.size, seed=2), *_BRANCH, floats(6, 2, 3, 3, seed=3)),
            *(None, _POSITIONS, floats(4, 6)),
        ),
        {**_DYNAMIC_POINTS, "mac": _dynamic_macs(_POSITIONS.size, 6), "scatter": 2 * _POSITIONS.size},
        _DYNAMIC_ATTRS,
        "deployed",
    ),
    Case(
        "dynamic_conv2d",
        (
            *(_IMAGE, floats(4, _POSITIONS.size, seed=2), *_BRANCH, floats(6, 2, 3, 3, seed=3)),
            *(None, _POSITIONS.astype(np.int32)),
        ),
        {**_DYNAMIC_POINTS, "mac": _dynamic_macs(_POSITIONS.size), "scatter": 2 * _POSITIONS.size},
        _DYNAMIC_ATTRS,
        "int32",
    ),
    # 5 x 4 pixels come out of 4 channels in and 6 out, 3 x 3; sums of 24 kernels of 9
    Case(
        "pixel_difference_conv2d",
        (_IMAGE, floats(6, 4, 3, 3, seed=2), floats(6)),
        {"mac": 2 * 20 * (6 * 36 + 6 * 4), "add": 6 * 36},
        {"theta": 0.7, "padding": (1, 1, 1, 1)},
    ),
    # depthwise, dilated, off centre: rows (7 + 4 + 0 - 4 - 1) / 2 + 1 = 4, columns 6 + 1 + 3 - 4 - 1 + 1 = 6
    Case(
        "pixel_difference_conv2d",
        (floats(2, 4, 7, 6), floats(4, 1, 3, 5, seed=2)),
        {"mac": 2 * 4 * 6 * 4 * 16, "add": 4 * 15},
        {"theta": 1.0, "padding": (4, 1, 0, 3), "stride": (2, 1), "dilation": (2, 1), "groups": 4},
        "depthwise-off-centre",
    ),
    Case(
        "pixel_difference_conv2d",
        (_IMAGE, floats(6, 4, 3, 3, seed=2)),
        {"mac": 2 * 6 * (6 * 36 + 6 * 4), "add": 6 * 36},
        {"theta": 0.25},
        "no-padding",
    ),
    Case(
        "adapted_linear",
        (floats(2, 3, 5), floats(4, 5), floats(2, 5, seed=2), floats(4, 2, seed=3), floats(4)),
        {"mac": 6 * (20 + 10 + 8)},
        {"scale": 0.5},
    ),
    Case(
        "adapted_linear",
        (floats(3, 5), floats(6, 5), floats(2, 5, seed=2), floats(4, 2, seed=3), floats(6), whole(2, 0)),
        {"mac": 3 * (20 + 10 + 8)},
        {"block": 2},
        "rows",
    ),
    Case(
        "adapted_linear",
        (floats(3, 4), floats(5, 6), None, None, floats(5), None, np.array([0, 2], np.int32)),
        {"mac": 3 * 20},
        {"block": 2},
        "columns-alone",
    ),
    Case(
        "adapted_linear",
        (floats(2), floats(3, 4), floats(1, 2), floats(2, 1), None, whole(2, 1), whole(3, 0)),
        {"mac": 4 + 2 + 2},
        label="vector",
    ),
    Case(
        "cross_task_attention",
        exchange(4, (4, 6), own=2, query=3, value=5),
        _EXCHANGE_POINTS,
        {"downsample": 2},
    ),
    Case(
        "cross_task_attention",
        exchange(3, (2, 3), own=0, query=2, value=3),
        {
            "mac": 2 * (6 * 3 * 27 + 6 * 3 * (2 + 2 + 3) + 36 * (2 + 3) + 6 * 9),
            "relu": 2 * 6 * (3 + 2 + 2 + 3 + 3),
            "exp": 2 * 36,
            "div": 2 * 6,
        },
        label="attention-alone",
    ),
)
