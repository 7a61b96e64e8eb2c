"""The loop nests of dynamic_conv2d: attention, the sample's kernel, the convolution with it."""

from __future__ import annotations

import math

from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ops.conv_geometry import IMAGE_DIMS, KERNEL_DIMS, RESULT_DIMS, Geometry
from accelsim.ops.nests import inner, present, read, write
from accelsim.ops.spec import WorkInput

_STATIC, _MASK, _POSITIONS, _BIAS = range(5, 9)
_ROWS = ("samples", "outputs")
_X, _W = ("samples", "reduce"), ("outputs", "reduce")


def dynamic_conv_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """`pool` to `attention_div` find the shares of the kernels, `aggregate` mixes the dynamic positions (samples x
    positions x K), `place` puts them among the static ones, `main` convolves each sample with its own kernel.

    `place` is a scatter of the dynamic positions in the deployed form, a choice at every position in the trained one,
    and absent where all is dynamic. A hardware that mixes outputs instead of kernels replaces what follows `aggregate`.
    """
    return (*_attention(node), *_mixing(node), _convolution(node))


def _attention(node: WorkInput) -> tuple[LoopNest, ...]:
    x, hidden, kernels = node.tensor(0), node.tensor(2).shape[0], node.tensor(1).shape[0]
    samples = Dim("samples", x.shape[0], Axis.ROW)
    channels, pixels = x.shape[1], x.shape[2] * x.shape[3]

    def each(size: int) -> tuple[Dim, ...]:
        return samples, Dim("outputs", size, Axis.OUTPUT)

    def value(role: str, size: int, access: Access = Access.READ, dims: tuple[str, ...] = _ROWS) -> Operand:
        return inner(role, dims, samples.size * size, access)

    fc2 = (read(node, 3, "fc2_w", _W), read(node, 4, "fc2_b", ("outputs",)))
    return (
        LoopNest(
            "pool",
            "add",
            (*each(channels), Dim("pixels", pixels, Axis.REDUCE)),
            (read(node, 0, "x", ("samples", "outputs", "pixels")), value("pooled", channels, Access.WRITE)),
        ),
        LoopNest(
            "fc1",
            "mac",
            (*each(hidden), Dim("reduce", channels, Axis.REDUCE)),
            (value("pooled", channels, dims=_X), read(node, 2, "fc1_w", _W), value("hidden", hidden, Access.WRITE)),
            after=("pool",),
        ),
        LoopNest(
            "fc1_relu",
            "relu",
            each(hidden),
            (value("hidden", hidden), value("hidden", hidden, Access.WRITE)),
            after=("fc1",),
        ),
        LoopNest(
            "fc2",
            "mac",
            (*each(kernels), Dim("reduce", hidden, Axis.REDUCE)),
            (value("hidden", hidden, dims=_X), *fc2, value("logits", kernels, Access.WRITE)),
            after=("fc1_relu",),
        ),
        LoopNest(
            "attention",
            "exp",
            (samples, Dim("outputs", kernels, Axis.REDUCE)),
            (value("logits", kernels), value("powers", kernels, Access.WRITE)),
            after=("fc2",),
        ),
        LoopNest(
            "attention_div",
            "div",
            each(kernels),
            (value("powers", kernels), write(node, 1, "attention", _ROWS)),
            after=("attention",),
        ),
    )


def _mixing(node: WorkInput) -> tuple[LoopNest, ...]:
    """Each dynamic position as a sum over the kernels, the biases likewise; then the whole kernel."""
    kernels = node.tensor(1)
    samples = Dim("samples", node.tensor(0).shape[0], Axis.ROW)
    dynamic, whole = math.prod(kernels.shape[1:]), math.prod(kernel_shape(node))
    reduce = Dim("reduce", kernels.shape[0], Axis.REDUCE)
    static = present(node, _STATIC)
    made = inner("dynamic_w" if static else "kernel", _ROWS, samples.size * dynamic, Access.WRITE)
    shares = inner("attention", _X, samples.size * reduce.size)
    nests = [
        LoopNest(
            "aggregate",
            "mac",
            (samples, Dim("outputs", dynamic, Axis.OUTPUT), reduce),
            (shares, read(node, 1, "kernels", _W), made),
            after=("attention_div",),
        )
    ]
    if _mixed_bias(node):
        outputs = node.tensor(_BIAS).shape[1]
        nests.append(
            LoopNest(
                "aggregate_bias",
                "mac",
                (samples, Dim("outputs", outputs, Axis.OUTPUT), reduce),
                (shares, read(node, _BIAS, "b", _W), inner("bias", _ROWS, samples.size * outputs, Access.WRITE)),
                after=("attention_div",),
            )
        )
    if static:
        index, role = (_MASK, "mask") if present(node, _MASK) else (_POSITIONS, "positions")
        nests.append(
            LoopNest(
                "place",
                "where" if index == _MASK else "scatter",
                (samples, Dim("outputs", dynamic, Axis.OUTPUT)),
                (
                    inner("dynamic_w", _ROWS, samples.size * dynamic),
                    read(node, index, role, ("outputs",)),
                    read(node, _STATIC, "static_w", ("outputs",)),
                    inner("kernel", _ROWS, samples.size * whole, Access.WRITE),
                ),
                after=("aggregate",),
            )
        )
    return tuple(nests)


def _convolution(node: WorkInput) -> LoopNest:
    geometry = Geometry.of("dynamic_conv2d", node.node.attrs)
    x, y, shape = node.tensor(0), node.outputs[0], kernel_shape(node)
    operands = [
        read(node, 0, "x", IMAGE_DIMS, elements=geometry.touched(x, shape, y)),
        inner("kernel", ("batch", *KERNEL_DIMS), x.shape[0] * math.prod(shape)),
    ]
    after = ["place" if present(node, _STATIC) else "aggregate"]
    if _mixed_bias(node):
        operands.append(inner("bias", ("batch", "group", "oc"), x.shape[0] * shape[0]))
        after.append("aggregate_bias")
    elif present(node, _BIAS):
        operands.append(read(node, _BIAS, "b", ("group", "oc")))
    operands.append(write(node, 0, "y", RESULT_DIMS))
    return LoopNest("main", "mac", geometry.dims(shape, y), tuple(operands), after=tuple(after))


def kernel_shape(node: WorkInput) -> tuple[int, ...]:
    """[O, I/groups, kh, kw]."""
    return node.tensor(_STATIC).shape if present(node, _STATIC) else node.tensor(1).shape[1:]


def _mixed_bias(node: WorkInput) -> bool:
    return present(node, _BIAS) and len(node.tensor(_BIAS).shape) > 1
