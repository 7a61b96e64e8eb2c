"""Which op has which kernel. What is not listed or is declined runs on the op's NumPy reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.engine.adapted import prepare_adapted_linear, prepare_dynamic_conv, prepare_pixel_difference
from accelsim.engine.convolution import prepare_conv2d
from accelsim.engine.experts import prepare_moe
from accelsim.engine.kernel import Prepare
from accelsim.engine.pointwise import (
    prepare_batch_norm,
    prepare_concat,
    prepare_div,
    prepare_erf,
    prepare_expand,
    prepare_gelu,
    prepare_layer_norm,
    prepare_relu,
    prepare_reshape,
    prepare_resize,
    prepare_softmax,
    prepare_ufunc,
)
from accelsim.engine.products import prepare_attention, prepare_linear, prepare_matmul
from accelsim.engine.windows import prepare_avg_pool, prepare_max_pool

_NUMPY: Mapping[str, np.ufunc] = {
    **{"abs": np.abs, "add": np.add, "ceil": np.ceil, "cos": np.cos, "exp": np.exp, "floor": np.floor, "log": np.log},
    **{"maximum": np.maximum, "minimum": np.minimum, "mul": np.multiply, "neg": np.negative, "round": np.rint},
    **{"sin": np.sin, "sqrt": np.sqrt, "sub": np.subtract, "tanh": np.tanh},
}

KERNELS: Mapping[str, Prepare] = {
    **{op: prepare_ufunc(function) for op, function in _NUMPY.items()},
    "adapted_linear": prepare_adapted_linear,
    "attention": prepare_attention,
    "avg_pool2d": prepare_avg_pool,
    "batch_norm": prepare_batch_norm,
    "concat": prepare_concat,
    "conv2d": prepare_conv2d,
    "div": prepare_div,
    "dynamic_conv2d": prepare_dynamic_conv,
    "erf": prepare_erf,
    "expand": prepare_expand,
    "gelu": prepare_gelu,
    "layer_norm": prepare_layer_norm,
    "linear": prepare_linear,
    "matmul": prepare_matmul,
    "max_pool2d": prepare_max_pool,
    "moe": prepare_moe,
    "pixel_difference_conv2d": prepare_pixel_difference,
    "relu": prepare_relu,
    "reshape": prepare_reshape,
    "resize": prepare_resize,
    "softmax": prepare_softmax,
}
