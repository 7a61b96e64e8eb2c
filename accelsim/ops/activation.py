"""gelu and relu: functions of one element."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice
from accelsim.ops.nests import pointwise
from accelsim.ops.operands import NUMBER, Operands, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput
from accelsim.ops.unary import erf_exact


def gelu_exact(x: Array) -> Array:
    """x * Phi(x) with the error function of the C library, in float64; slow, and exact to its last bits."""
    wide = np.asarray(x, np.float64)
    phi = 0.5 * (1.0 + erf_exact(wide / math.sqrt(2.0)))
    return np.asarray(wide * phi, x.dtype)


def gelu_tanh(x: Array) -> Array:
    """The tanh form of Hendrycks and Gimpel (arXiv 1606.08415), in float64."""
    wide = np.asarray(x, np.float64)
    inner = math.sqrt(2.0 / math.pi) * (wide + 0.044715 * wide**3)
    return np.asarray(0.5 * wide * (1.0 + np.tanh(inner)), x.dtype)


def relu_exact(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, np.zeros((), x.dtype))


_GELU_FORMS: dict[str, Callable[[Array], Array]] = {"none": gelu_exact, "tanh": gelu_tanh}


def _infer_gelu(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    choice("gelu", attrs, "approximate", _GELU_FORMS)
    x = Operands("gelu", ("x",), types).get(0)
    return (Tensor(x.shape, x.dtype),)


def _gelu(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (_GELU_FORMS[choice("gelu", attrs, "approximate", _GELU_FORMS)](required(arrays, 0)),)


def _infer_relu(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands("relu", ("x",), types).get(0, kinds=NUMBER)
    return (Tensor(x.shape, x.dtype),)


def _relu(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (relu_exact(required(arrays, 0)),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    return pointwise(node, node.node.op)


GELU = OpSpec("gelu", ("x",), ("y",), _infer_gelu, _gelu, _work, attrs={"approximate": "none"})
RELU = OpSpec("relu", ("x",), ("y",), _infer_relu, _relu, _work)
