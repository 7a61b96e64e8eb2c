"""Layers of networks: pooling, transposed convolution, norms, attention, einsum, quantisation, resizing."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import AttrValue
from tests.contracts.case import Case, floats

_POOL: dict[str, AttrValue] = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0, 1, 1)}
_HEADS = (floats(2, 4, 3, 5), floats(2, 4, 6, 5, seed=2), floats(2, 4, 6, 7, seed=3))
_SHARED = (_HEADS[0], floats(2, 2, 6, 5, seed=2), floats(2, 2, 6, 7, seed=3))
_SCORES = {"mac": 8 * 3 * 6 * (5 + 7), "exp": 8 * 3 * 6, "div": 8 * 3}
_SEEN = np.random.default_rng(4).random((2, 1, 3, 6)) < 0.7

FIXED_SATURATED = {"bits": 6, "integer_bits": 3, "signed": False, "rounding": "nearest-up", "overflow": "saturate"}

NETWORK_CASES = (
    # (6 + 2 - 3) / 2 + 1 = 3 rows and 5 + 1 - 2 + 1 = 5 columns of windows of 6 places
    Case("max_pool2d", (floats(2, 3, 6, 5),), {"compare": 6 * 3 * 5 * 6}, _POOL),
    # rounded up: ceil((6 + 2 - 3) / 2) + 1 = 4 rows
    Case("max_pool2d", (floats(2, 3, 6, 5),), {"compare": 6 * 4 * 5 * 6}, {**_POOL, "ceil_mode": True}, "ceil"),
    # a window that spans 1 + 2 * 2 = 5 rows
    Case(
        "max_pool2d",
        (floats(1, 2, 7, 7),),
        {"compare": 2 * 3 * 6 * 6},
        {"kernel": (3, 2), "dilation": (2, 1)},
        "dilated",
    ),
    Case(
        "max_pool2d",
        ((floats(1, 1, 4, 4) * 50).astype(np.int8),),
        {"compare": 16},
        {"kernel": (2, 2), "stride": (2, 2)},
        "bytes",
    ),
    Case("avg_pool2d", (floats(2, 3, 6, 5),), {"add": 6 * 3 * 5 * 6, "scale": 6 * 3 * 5}, _POOL),
    Case(
        "avg_pool2d",
        (floats(2, 3, 6, 5),),
        {"add": 6 * 3 * 5 * 6, "scale": 6 * 3 * 5},
        {**_POOL, "count_include_pad": True},
        "with-padding",
    ),
    # each of the 2 x 3 x 4 pixels of 4 channels meets 3 outputs x 3 x 2 places
    Case("conv_transpose2d", (floats(2, 4, 3, 4), floats(4, 3, 3, 2), floats(3)), {"mac": 2 * 12 * 4 * 18}),
    Case(
        "conv_transpose2d",
        (floats(1, 4, 3, 4), floats(4, 2, 3, 2)),
        {"mac": 2 * 12 * 2 * 12},
        {"stride": (2, 3), "padding": (1, 0, 0, 1), "dilation": (2, 1), "groups": 2, "output_padding": (1, 0)},
        "strided-grouped",
    ),
    Case(
        "group_norm",
        (floats(2, 6, 3, 4), floats(6), floats(6, seed=2)),
        {"mac_stat": 144, "rsqrt": 4, "scale": 144},
        {"groups": 2},
    ),
    Case("group_norm", (floats(2, 6, 5),), {"mac_stat": 60, "rsqrt": 6, "scale": 60}, {"groups": 3}, "plain"),
    Case("instance_norm", (floats(2, 3, 4, 5), floats(3), floats(3)), {"mac_stat": 120, "rsqrt": 6, "scale": 120}),
    Case("instance_norm", (floats(2, 3, 4, 5),), {"mac_stat": 120, "rsqrt": 6, "scale": 120}, label="plain"),
    Case("rms_norm", (floats(2, 3, 8), floats(8)), {"mac_stat": 48, "rsqrt": 6, "scale": 48}),
    Case("rms_norm", (floats(2, 3, 8),), {"mac_stat": 48, "rsqrt": 2, "scale": 48}, {"axes": 2}, "plain"),
    Case(
        "local_response_norm",
        (floats(2, 5, 3, 2),),
        {"mac_stat": 60 * 3, "pow": 60, "scale": 60},
        {"size": 3, "alpha": 0.5},
    ),
    Case("log_softmax", (floats(2, 3, 4),), {"exp": 24, "sub": 24}),
    Case("log_softmax", (floats(2, 3, 4),), {"exp": 24, "sub": 24}, {"axis": 1}, "middle"),
    Case("attention", (*_HEADS, _SEEN), _SCORES, {"scale": 0.5}, "bool-mask"),
    Case("attention", (*_HEADS, floats(3, 6)), _SCORES, {"scale": 0.5}, "added-mask"),
    Case("attention", _HEADS, _SCORES, {"scale": 0.5, "causal": True}, "causal"),
    Case("attention", _SHARED, _SCORES, {"scale": 0.5}, "shared-heads"),
    Case("rotary_embedding", (floats(2, 3, 4, 6), floats(4, 3), floats(4, 3, seed=2)), {"rotate": 144}),
    Case(
        "rotary_embedding",
        (floats(2, 4, 6), floats(2, 4, 3), floats(2, 4, 3, seed=2)),
        {"rotate": 48},
        {"interleaved": True},
        "interleaved",
    ),
    Case("einsum", (floats(2, 3, 4), floats(2, 4, 5)), {"mac": 120}, {"equation": "bij,bjk->bik"}),
    Case("einsum", (floats(2, 3), floats(3, 4), floats(4)), {"mac": 24}, {"equation": "ij,jk,k->i"}, "three"),
    Case("einsum", (floats(2, 3),), {"add": 6}, {"equation": "ij->j"}, "sum"),
    Case("einsum", (floats(2, 3), floats(4, 3)), {"mac": 24}, {"equation": "ik, jk"}, "implicit"),
    Case("quantize_linear", (floats(2, 3), np.array(0.1, np.float32)), {"quantize": 6}, {"dtype": "int8"}),
    Case("fixed_point", (floats(2, 3) * 9,), {"quantize": 6}, {"bits": 8, "integer_bits": 4}),
    Case("fixed_point", (floats(2, 3) * 9,), {"quantize": 6}, FIXED_SATURATED, label="saturated"),
    Case(
        "quantize_linear",
        (floats(2, 3, 4), np.array([0.1, 0.02, 1], np.float32), np.array([128, 3, 200], np.uint8)),
        {"quantize": 24},
        label="channels",
    ),
    Case(
        "dequantize_linear",
        (np.array([[0, 128, 255]], np.uint8), np.array(0.1, np.float32), np.array(128, np.uint8)),
        {"scale": 3},
    ),
    Case(
        "dequantize_linear",
        (np.array([[0, -128, 127]], np.int8), np.array([0.1, 0.2, 0.3], np.float32)),
        {"scale": 3},
        label="channels",
    ),
    *(
        Case(
            "resize",
            (floats(1, 2, 4, 5),),
            {"interpolate": 2 * 7 * 3},
            {"size": (7, 3), "mode": mode, "coordinates": coordinates},
            f"{mode}-{coordinates}",
        )
        for mode in ("bilinear", "cubic", "nearest")
        for coordinates in ("align_corners", "pytorch_half_pixel", "half_pixel", "asymmetric")
        if (mode, coordinates) != ("nearest", "asymmetric")
    ),
    *(
        Case(
            "resize",
            (floats(1, 2, 4, 5),),
            {"interpolate": 2 * 7 * 3},
            {"size": (7, 3), "mode": "nearest", "nearest": nearest},
            f"nearest-{nearest}",
        )
        for nearest in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    ),
    Case(
        "resize",
        (floats(1, 1, 4, 5),),
        {"interpolate": 2 * 3},
        {"size": (2, 3), "scales": (0.6, 0.6)},
        "scales",
    ),
    Case(
        "resize",
        (floats(1, 1, 4, 5),),
        {"interpolate": 9 * 8},
        {"size": (9, 8), "mode": "cubic", "cubic_a": -0.5, "exclude_outside": True},
        "cubic-inside",
    ),
)
