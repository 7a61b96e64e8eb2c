"""Semantic ops on the kernels of the ops they are made of: mixed kernels, pixel differences, adapted layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accelsim.engine.convolution import prepare_conv2d
from accelsim.engine.kernel import Array, Call, Kernel, Operands, leading, rows_of
from accelsim.engine.products import row_pieces
from accelsim.ir import FrozenMap, Tensor
from accelsim.ir.dtype import FLOAT32
from accelsim.ops.adapted_linear import compacted
from accelsim.ops.attributes import real
from accelsim.ops.conv_geometry import Geometry
from accelsim.ops.dynamic_conv import DynamicKernel, kernel_attention
from accelsim.ops.pixel_difference import folded_kernel
from accelsim.ops.registry import op_spec


def _convolution(operands: Operands, inputs: Sequence[Tensor | None], output: Tensor) -> Kernel | None:
    """The kernel of a plain convolution with the same strides, padding, dilation and groups."""
    geometry = Geometry.of(operands.node.op, operands.node.attrs)
    node = replace(operands.node, op="conv2d", attrs=FrozenMap(geometry.attrs))
    return prepare_conv2d(
        Operands(node, op_spec("conv2d"), tuple(inputs), (output,), (None,) * len(inputs), operands.team)
    )


def prepare_pixel_difference(operands: Operands) -> Kernel | None:
    """The convolution with the folded kernel, folded once where it is constant."""
    theta = real(operands.node.op, operands.node.attrs, "theta")
    inner = _convolution(operands, operands.inputs, operands.outputs[0])
    if inner is None:
        return None
    constant = operands.constants[1]
    known = None if constant is None else folded_kernel(constant, theta)

    def run(call: Call) -> None:
        kernel = folded_kernel(call.input(1), theta) if known is None else known
        inner.run(replace(call, inputs=(call.input(0), kernel, *call.inputs[2:])))

    return replace(inner, run=run, packed=(*inner.packed, *(() if known is None else (known,))))


def prepare_dynamic_conv(operands: Operands) -> Kernel | None:
    """Sample by sample: its kernel, aggregated once, then the plain convolution of one image."""
    if any(t is not None and t.dtype != FLOAT32 for i, t in enumerate(operands.inputs) if i not in (6, 7)):
        return None
    x, y = operands.shape(0), operands.outputs[0].shape
    kernels = operands.shape(1)
    static = operands.inputs[5] if len(operands.inputs) > 5 else None
    shape = kernels[1:] if static is None else static.shape
    bias = Tensor((shape[0],)) if len(operands.inputs) > 8 and operands.inputs[8] is not None else None
    image, weights = Tensor((1, *x[1:])), Tensor(shape)
    inner = _convolution(operands, (image, weights, bias), Tensor((1, *y[1:])))
    if inner is None:
        return None
    temperature = real(operands.node.op, operands.node.attrs, "temperature")
    dynamic = Tensor((Tensor(kernels[1:]).elements,))

    def run(call: Call) -> None:
        images, (results, shares) = call.input(0), call.outputs
        merged, mixed, *scratch = call.scratch
        kernel, b = DynamicKernel.of(call.inputs), call.optional(8)
        values = kernel.kernels.reshape(kernels[0], -1)
        shares[:] = kernel_attention(images, (call.input(2), call.input(3), call.input(4)), temperature)
        for sample in range(len(images)):
            np.matmul(shares[sample], values, out=mixed)
            _place(kernel, mixed, merged)
            own = None if b is None else b if b.ndim == 1 else shares[sample] @ b
            part = slice(sample, sample + 1)
            inner.run(Call((images[part], merged, own), (results[part],), tuple(scratch)))

    return Kernel(run, scratch=(weights, dynamic, *inner.scratch), packed=inner.packed)


def _place(kernel: DynamicKernel, mixed: Array, merged: Array) -> None:
    """The dynamic values in `mixed` among the static ones, into `merged`."""
    flat = merged.reshape(-1)
    if kernel.static is None:
        np.copyto(flat, mixed)
        return
    np.copyto(merged, kernel.static)
    if kernel.mask is not None:
        np.copyto(flat, mixed, where=kernel.mask.reshape(-1))
    else:
        flat[kernel.positions] = mixed


def prepare_adapted_linear(operands: Operands) -> Kernel | None:
    """Two products, the thin one through a scratch of low rank; what is dropped is cut out once if it is constant."""
    node, given = operands.node, operands.constants
    if any(t is not None and t.dtype != FLOAT32 for t in (*operands.inputs[:5], *operands.outputs)):
        return None
    pruned = any(tensor is not None for tensor in operands.inputs[5:])
    constant = all(
        array is not None
        for index, (array, tensor) in enumerate(zip(given, operands.inputs, strict=True))
        if tensor is not None and index in (1, 4, 5, 6)
    )
    known = compacted(given, node.attrs) if pruned and constant else None
    scale = np.float32(real(node.op, node.attrs, "scale"))
    rows, outputs, reduce = leading(operands.shape(0)), operands.outputs[0].shape[-1], operands.shape(0)[-1]
    adapter = operands.inputs[2] if len(operands.inputs) > 2 else None
    pieces, step = row_pieces(rows, outputs * reduce)

    def run(call: Call) -> None:
        x, y = rows_of(call.input(0)), rows_of(call.outputs[0])
        w, b = known if known is not None else compacted(call.inputs, node.attrs)

        def product(piece: int, worker: int) -> None:
            part = slice(piece * step, min((piece + 1) * step, rows))
            np.matmul(x[part], w.T, out=y[part])
            if adapter is not None:
                low, high = (array[: part.stop - part.start] for array in call.scratch[2 * worker : 2 * worker + 2])
                np.matmul(x[part], call.input(2).T, out=low)
                np.multiply(low, scale, out=low)
                np.matmul(low, call.input(3).T, out=high)
                np.add(y[part], high, out=y[part])
            if b is not None:
                np.add(y[part], b, out=y[part])

        operands.team.each(pieces, product)

    scratch: tuple[Tensor, ...] = ()
    if adapter is not None:
        one = (Tensor((step, adapter.shape[0])), Tensor((step, outputs)))
        scratch = one * min(operands.team.threads, pieces)
    packed = () if known is None else tuple(array for array in known if array is not None)
    return Kernel(run, scratch=scratch, packed=packed)
