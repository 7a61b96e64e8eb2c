"""Kernels that are a few calls of NumPy into the arena: bounds, choices, comparisons, reductions, moves."""

from __future__ import annotations

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Layout, Operands, Prepare
from accelsim.ir.dtype import BOOL, FLOAT32
from accelsim.ops.attributes import axes_in, flag, integers, real
from accelsim.ops.resize import nearest_indices, resize_lines


def prepare_comparison(function: np.ufunc) -> Prepare:
    """A NumPy function of two arrays of one format that gives true or false."""

    def run(call: Call) -> None:
        function(call.input(0), call.input(1), out=call.outputs[0])

    return lambda operands: Kernel(run, layout=Layout.ANY)


def prepare_clip(operands: Operands) -> Kernel | None:
    if not operands.all_float32:
        return None
    attrs = operands.node.attrs
    low, high = (None if attrs[key] is None else np.float32(real("clip", attrs, key)) for key in ("low", "high"))

    def run(call: Call) -> None:
        x, y = call.input(0), call.outputs[0]
        if low is not None and high is not None and low <= high:
            np.clip(x, low, high, out=y)
            return
        if low is not None:
            x = np.maximum(x, low, out=y)
        if high is not None:
            np.minimum(x, high, out=y)
        elif low is None:
            np.copyto(y, x)

    return Kernel(run, layout=Layout.ANY, in_place=True)


def prepare_rsqrt(operands: Operands) -> Kernel | None:
    def run(call: Call) -> None:
        (y,) = call.outputs
        np.reciprocal(np.sqrt(call.input(0), out=y), out=y)

    return Kernel(run, layout=Layout.ANY) if operands.all_float32 else None


def prepare_leaky_relu(operands: Operands) -> Kernel | None:
    alpha = np.float32(real("leaky_relu", operands.node.attrs, "alpha"))

    def run(call: Call) -> None:
        x, (y,) = call.input(0), call.outputs
        np.multiply(x, alpha, out=y)
        np.copyto(y, x, where=x >= 0)

    return Kernel(run, layout=Layout.ANY) if operands.all_float32 else None


def prepare_hard_sigmoid(operands: Operands) -> Kernel | None:
    attrs = operands.node.attrs
    alpha, beta = (np.float32(real("hard_sigmoid", attrs, key)) for key in ("alpha", "beta"))

    def run(call: Call) -> None:
        (y,) = call.outputs
        np.multiply(call.input(0), alpha, out=y)
        np.add(y, beta, out=y)
        np.minimum(np.maximum(y, np.float32(0), out=y), np.float32(1), out=y)

    return Kernel(run, layout=Layout.ANY, in_place=True) if operands.all_float32 else None


def prepare_where(operands: Operands) -> Kernel | None:
    def run(call: Call) -> None:
        (y,) = call.outputs
        np.copyto(y, call.input(2))
        np.copyto(y, call.input(1), where=call.input(0))

    return Kernel(run, layout=Layout.ANY)


_POWERS = {2.0: np.square, 0.5: np.sqrt, -1.0: np.reciprocal, 1.0: np.positive}


def prepare_pow(operands: Operands) -> Kernel | None:
    """Squares, roots and reciprocals where the exponent is one constant number, else the power of NumPy."""
    if not operands.all_float32:
        return None
    exponent = operands.constants[1]
    one = float(exponent.reshape(-1)[0]) if exponent is not None and exponent.size == 1 else None
    function = None if one is None else _POWERS.get(one)
    plain = operands.shape(0) == operands.outputs[0].shape

    def run(call: Call) -> None:
        if function is not None and plain:
            function(call.input(0), out=call.outputs[0])
        else:
            np.power(call.input(0), call.input(1), out=call.outputs[0])

    return Kernel(run, layout=Layout.ANY)


def prepare_reduce(function: np.ufunc, *, mean: bool = False) -> Prepare:
    """A NumPy function folded over the axes of a float32 array."""

    def prepare(operands: Operands) -> Kernel | None:
        if not operands.all_float32:
            return None
        op, attrs, shape = operands.node.op, operands.node.attrs, operands.shape(0)
        axes, keep = axes_in(op, integers(op, attrs, "axes"), len(shape)), flag(op, attrs, "keepdims")
        share = np.float32(1 / np.prod([shape[axis] for axis in axes], dtype=np.float64))

        def run(call: Call) -> None:
            (y,) = call.outputs
            function.reduce(call.input(0), axis=axes, out=y, keepdims=keep)
            if mean:
                np.multiply(y, share, out=y)

        return Kernel(run, layout=Layout.ANY)

    return prepare


def prepare_nearest(operands: Operands) -> Kernel:
    """resize that repeats or drops whole pixels."""
    attrs = operands.node.attrs
    rounding = None if attrs["nearest"] is None else str(attrs["nearest"])
    lines = resize_lines(operands.shape(0), attrs)
    rows, columns = (nearest_indices(str(attrs["coordinates"]), line, rounding) for line in lines)

    def run(call: Call) -> None:
        np.take(np.take(call.input(0), rows, axis=2), columns, axis=3, out=call.outputs[0], mode="clip")

    return Kernel(run, layout=Layout.ANY, packed=(rows, columns))


def prepare_pad(operands: Operands) -> Kernel | None:
    """A constant border around what is not cut off; the other modes keep their reference."""
    attrs = operands.node.attrs
    if attrs["mode"] != "constant":
        return None
    shape = operands.shape(0)
    pads = integers("pad", attrs, "pads")
    ends = list(zip(pads[: len(shape)], pads[len(shape) :], strict=True))
    source = tuple(slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(shape, ends, strict=True))
    target = tuple(
        slice(max(before, 0), n - max(after, 0))
        for n, (before, after) in zip(operands.outputs[0].shape, ends, strict=True)
    )
    value = attrs["value"]

    def run(call: Call) -> None:
        (y,) = call.outputs
        y[...] = np.asarray(value).astype(y.dtype)
        y[target] = call.input(0)[source]

    return Kernel(run, layout=Layout.ANY)


def prepare_rotary(operands: Operands) -> Kernel | None:
    if not operands.all_float32:
        return None
    half = operands.shape(0)[-1] // 2
    interleaved = flag("rotary_embedding", operands.node.attrs, "interleaved")
    first, second = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(half), slice(half, None))

    def turn(out: Array, parts: tuple[Array, Array], factors: tuple[Array, Array], sign: np.ufunc) -> None:
        np.multiply(parts[0], factors[0], out=out)
        sign(out, parts[1] * factors[1], out=out)

    def run(call: Call) -> None:
        x, cos, sin = (call.input(index) for index in range(3))
        (y,) = call.outputs
        a, b = x[..., first], x[..., second]
        turn(y[..., first], (a, b), (cos, sin), np.subtract)
        turn(y[..., second], (b, a), (cos, sin), np.add)

    return Kernel(run, layout=Layout.ANY)


def prepare_cast(operands: Operands) -> Kernel | None:
    """To float32 from whole numbers and truths, which every value of them allows; others keep their reference."""
    x = operands.inputs[0]
    assert x is not None
    if operands.outputs[0].dtype != FLOAT32 or (x.dtype.kind not in {"int", "uint"} and x.dtype != BOOL):
        return None
    return Kernel(lambda call: np.copyto(call.outputs[0], call.input(0), casting="unsafe"), layout=Layout.ANY)
