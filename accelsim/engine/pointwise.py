"""Kernels that treat elements, rows or planes by themselves: arithmetic, activations, norms, resizing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Layout, Operands, Prepare, rows_of
from accelsim.engine.kernels.pointwise import gelu, gelu_tanh_each, scale_planes
from accelsim.engine.kernels.resize import bilinear
from accelsim.engine.kernels.rows import group_norm_planes, layer_norm_rows, rms_norm_rows, softmax_rows
from accelsim.engine.simple import prepare_nearest
from accelsim.ir import Tensor
from accelsim.ops.attributes import integer, real
from accelsim.ops.resize import linear_indices, resize_lines


def prepare_ufunc(function: np.ufunc) -> Prepare:
    """A NumPy function of one or two float32 arrays."""

    def run(call: Call) -> None:
        function(*(array for array in call.inputs if array is not None), out=call.outputs[0])

    return lambda operands: Kernel(run, layout=Layout.ANY, in_place=True) if operands.all_float32 else None


def prepare_div(operands: Operands) -> Kernel | None:
    """The plain quotient; rounded ones keep their reference."""
    return None if operands.node.attrs["rounding"] is not None else prepare_ufunc(np.divide)(operands)


def prepare_relu(operands: Operands) -> Kernel | None:
    return Kernel(_run_relu, layout=Layout.ANY, in_place=True) if operands.all_float32 else None


def _run_relu(call: Call) -> None:
    np.maximum(call.input(0), np.float32(0), out=call.outputs[0])


def prepare_expand(operands: Operands) -> Kernel | None:
    return Kernel(_run_expand, layout=Layout.ANY)


def _run_expand(call: Call) -> None:
    np.copyto(call.outputs[0], call.input(0))


def prepare_reshape(operands: Operands) -> Kernel | None:
    """For inputs that do not lie in order; where they do, the plan makes the output a view."""
    return Kernel(_run_reshape, layout=Layout.ANY)


def _run_reshape(call: Call) -> None:
    x = call.input(0)
    np.copyto(call.outputs[0].reshape(x.shape), x)


def prepare_concat(operands: Operands) -> Kernel | None:
    axis = integer("concat", operands.node.attrs, "axis")

    def run(call: Call) -> None:
        np.concatenate([call.input(i) for i in range(len(call.inputs))], axis=axis, out=call.outputs[0])

    return Kernel(run, layout=Layout.ANY)


ELEMENTS_APART = 1 << 16
"""Elements of a piece, at least: handing one over takes about as long as some thousands of them."""


def prepare_each(function: Callable[[Array, Array], None]) -> Prepare:
    """A compiled function of each element, from one flat array into another."""

    def prepare(operands: Operands) -> Kernel | None:
        if not operands.all_float32:
            return None
        pieces = -(-operands.outputs[0].elements // ELEMENTS_APART)

        def run(call: Call) -> None:
            x, y = call.input(0).reshape(-1), call.outputs[0].reshape(-1)

            def part(piece: int, worker: int) -> None:
                span = slice(piece * ELEMENTS_APART, (piece + 1) * ELEMENTS_APART)
                function(x[span], y[span])

            operands.team.each(pieces, part)

        return Kernel(run, in_place=True)

    return prepare


def prepare_gelu(operands: Operands) -> Kernel | None:
    return prepare_each(_GELU[str(operands.node.attrs["approximate"])])(operands)


_GELU: Mapping[str, Callable[[Array, Array], None]] = {"none": gelu, "tanh": gelu_tanh_each}


def prepare_softmax(operands: Operands) -> Kernel | None:
    """Along the last axis; others keep their reference."""
    if not operands.all_float32 or operands.node.attrs["axis"] not in (-1, len(operands.shape(0)) - 1):
        return None
    return Kernel(_run_softmax)


def _run_softmax(call: Call) -> None:
    softmax_rows(rows_of(call.input(0)), np.float32(1), rows_of(call.outputs[0]))


def prepare_layer_norm(operands: Operands) -> Kernel | None:
    axes = integer("layer_norm", operands.node.attrs, "axes")
    shape = operands.shape(0)
    features = math.prod(shape[len(shape) - axes :])
    weight = operands.vector(1, features, 1.0)
    bias = operands.vector(2, features, 0.0)
    epsilon = real("layer_norm", operands.node.attrs, "epsilon")
    if not operands.all_float32 or weight is None or bias is None:
        return None

    def run(call: Call) -> None:
        x, y = call.input(0).reshape(-1, features), call.outputs[0].reshape(-1, features)
        layer_norm_rows(x, weight, bias, epsilon, y)

    return Kernel(run)


def prepare_rms_norm(operands: Operands) -> Kernel | None:
    axes = integer("rms_norm", operands.node.attrs, "axes")
    shape = operands.shape(0)
    features = math.prod(shape[len(shape) - axes :])
    weight = operands.vector(1, features, 1.0)
    epsilon = real("rms_norm", operands.node.attrs, "epsilon")
    if not operands.all_float32 or weight is None:
        return None

    def run(call: Call) -> None:
        x, y = call.input(0).reshape(-1, features), call.outputs[0].reshape(-1, features)
        rms_norm_rows(x, weight, epsilon, y)

    return Kernel(run)


def prepare_group_norm(operands: Operands) -> Kernel | None:
    """group_norm, and instance_norm as one group a channel."""
    op, attrs, (images, channels, *_) = operands.node.op, operands.node.attrs, operands.shape(0)
    groups = channels if op == "instance_norm" else integer(op, attrs, "groups")
    weight, bias = operands.vector(1, channels, 1.0), operands.vector(2, channels, 0.0)
    epsilon = real(op, attrs, "epsilon")
    if not operands.all_float32 or weight is None or bias is None:
        return None

    def run(call: Call) -> None:
        x, y = (array.reshape(images, channels, -1) for array in (call.input(0), call.outputs[0]))
        group_norm_planes(x, weight, bias, groups, epsilon, y)

    return Kernel(run)


def prepare_batch_norm(operands: Operands) -> Kernel | None:
    """Folded into one scale and one shift per channel while preparing, in float64."""
    weight, bias, mean, variance = operands.constants[1:5]
    if not operands.all_float32 or weight is None or bias is None or mean is None or variance is None:
        return None
    epsilon = real("batch_norm", operands.node.attrs, "epsilon")
    factor = weight.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    scale = factor.astype(np.float32)
    shift = (bias - mean * factor).astype(np.float32)
    batch, channels = operands.shape(0)[:2]

    def run(call: Call) -> None:
        x, y = call.input(0), call.outputs[0]
        scale_planes(x.reshape(batch * channels, -1), scale, shift, y.reshape(batch * channels, -1))

    return Kernel(run, packed=(scale, shift))


def prepare_resize(operands: Operands) -> Kernel | None:
    """Bilinear and nearest; the cubic mode keeps its reference."""
    attrs = operands.node.attrs
    if attrs["mode"] == "nearest":
        return prepare_nearest(operands)
    if not operands.all_float32 or attrs["mode"] != "bilinear":
        return None
    vertical, horizontal = resize_lines(operands.shape(0), attrs)
    in_h, in_w, out_h, out_w = vertical.source, horizontal.source, vertical.target, horizontal.target
    coordinates = str(attrs["coordinates"])
    top, bottom, down = linear_indices(coordinates, vertical)
    left, right, across = linear_indices(coordinates, horizontal)
    tables = (top, bottom, down.astype(np.float32), left, right, across.astype(np.float32))

    def run(call: Call) -> None:
        x, y = call.input(0).reshape(-1, in_h, in_w), call.outputs[0].reshape(-1, out_h, out_w)
        bilinear(x, *tables, call.scratch[0], y)

    return Kernel(run, scratch=(Tensor((in_w,)),), packed=tables)
