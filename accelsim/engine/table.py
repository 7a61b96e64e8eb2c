"""Which op has which kernel. What is not listed or is declined runs on the op's NumPy reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.engine.convolution import prepare_conv2d
from accelsim.engine.experts import prepare_moe
from accelsim.engine.kernel import Prepare
from accelsim.engine.pointwise import (
    prepare_batch_norm,
    prepare_concat,
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

KERNELS: Mapping[str, Prepare] = {
    "add": prepare_ufunc(np.add),
    "attention": prepare_attention,
    "batch_norm": prepare_batch_norm,
    "concat": prepare_concat,
    "conv2d": prepare_conv2d,
    "div": prepare_ufunc(np.divide),
    "expand": prepare_expand,
    "gelu": prepare_gelu,
    "layer_norm": prepare_layer_norm,
    "linear": prepare_linear,
    "matmul": prepare_matmul,
    "moe": prepare_moe,
    "mul": prepare_ufunc(np.multiply),
    "relu": prepare_relu,
    "reshape": prepare_reshape,
    "resize": prepare_resize,
    "softmax": prepare_softmax,
    "sub": prepare_ufunc(np.subtract),
}
