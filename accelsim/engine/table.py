"""Which op has which kernel. What is not listed or is declined runs on the op's NumPy reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.engine.adapted import prepare_adapted_linear, prepare_dynamic_conv, prepare_pixel_difference
from accelsim.engine.convolution import prepare_conv2d
from accelsim.engine.experts import prepare_moe
from accelsim.engine.kernel import Prepare
from accelsim.engine.kernels.pointwise import erf_each, hard_swish_each, sigmoid_each, silu_each
from accelsim.engine.pointwise import (
    prepare_batch_norm,
    prepare_concat,
    prepare_div,
    prepare_each,
    prepare_expand,
    prepare_gelu,
    prepare_group_norm,
    prepare_layer_norm,
    prepare_relu,
    prepare_reshape,
    prepare_resize,
    prepare_rms_norm,
    prepare_softmax,
    prepare_ufunc,
)
from accelsim.engine.products import prepare_attention, prepare_linear, prepare_matmul
from accelsim.engine.simple import (
    prepare_cast,
    prepare_clip,
    prepare_comparison,
    prepare_hard_sigmoid,
    prepare_leaky_relu,
    prepare_pad,
    prepare_pow,
    prepare_reduce,
    prepare_rotary,
    prepare_rsqrt,
    prepare_where,
)
from accelsim.engine.windows import prepare_avg_pool, prepare_max_pool
from accelsim.ops.registry import op_spec

_NUMPY: Mapping[str, np.ufunc] = {
    **{"abs": np.abs, "add": np.add, "ceil": np.ceil, "cos": np.cos, "exp": np.exp, "floor": np.floor, "log": np.log},
    **{"maximum": np.maximum, "minimum": np.minimum, "mul": np.multiply, "neg": np.negative, "round": np.rint},
    **{"reciprocal": np.reciprocal, "sign": np.sign, "sin": np.sin, "sqrt": np.sqrt, "sub": np.subtract},
    "tanh": np.tanh,
}
_COMPARISONS: Mapping[str, np.ufunc] = {
    **{"equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal},
    **{"greater": np.greater, "greater_equal": np.greater_equal},
    **{"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor},
}
_EACH = {"erf": erf_each, "hard_swish": hard_swish_each, "sigmoid": sigmoid_each, "silu": silu_each}

KERNELS: Mapping[str, Prepare] = {
    **{op: prepare_ufunc(function) for op, function in _NUMPY.items()},
    **{op: prepare_comparison(function) for op, function in _COMPARISONS.items()},
    **{op: prepare_each(function) for op, function in _EACH.items()},
    "adapted_linear": prepare_adapted_linear,
    "attention": prepare_attention,
    "avg_pool2d": prepare_avg_pool,
    "batch_norm": prepare_batch_norm,
    "cast": prepare_cast,
    "clip": prepare_clip,
    "concat": prepare_concat,
    "conv2d": prepare_conv2d,
    "div": prepare_div,
    "dynamic_conv2d": prepare_dynamic_conv,
    "expand": prepare_expand,
    "gelu": prepare_gelu,
    "group_norm": prepare_group_norm,
    "hard_sigmoid": prepare_hard_sigmoid,
    "instance_norm": prepare_group_norm,
    "layer_norm": prepare_layer_norm,
    "leaky_relu": prepare_leaky_relu,
    "linear": prepare_linear,
    "matmul": prepare_matmul,
    "max_pool2d": prepare_max_pool,
    "moe": prepare_moe,
    "pad": prepare_pad,
    "pixel_difference_conv2d": prepare_pixel_difference,
    "pow": prepare_pow,
    "reduce_max": prepare_reduce(np.maximum),
    "reduce_mean": prepare_reduce(np.add, mean=True),
    "reduce_min": prepare_reduce(np.minimum),
    "reduce_sum": prepare_reduce(np.add),
    "relu": prepare_relu,
    "reshape": prepare_reshape,
    "resize": prepare_resize,
    "rms_norm": prepare_rms_norm,
    "rotary_embedding": prepare_rotary,
    "rsqrt": prepare_rsqrt,
    "softmax": prepare_softmax,
    "where": prepare_where,
}


def has_kernel(op: str) -> bool:
    """Whether the engine has a kernel for the op, at least for float32. What has none runs on its reference, or is
    written out where it has an expansion."""
    return op in KERNELS


def runs_on(op: str) -> str:
    """How the engine runs an op in float32: `kernel`, `expanded` into ops of which most have one, or `reference`."""
    if has_kernel(op):
        return "kernel"
    return "expanded" if op_spec(op).default_form else "reference"
