"""rotary_embedding: pairs of features turned by an angle that grows with the position (arXiv 2104.09864)."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import flag
from accelsim.ops.nests import FLAT, flat_dims, read, write
from accelsim.ops.operands import Operands, required, sizes
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("x", "cos", "sin")


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    flag("rotary_embedding", attrs, "interleaved")
    operands = Operands("rotary_embedding", _INPUTS, types)
    x = operands.get(0, min_rank=1)
    operands.same_dtype(0, 1, 2)
    if x.shape[-1] % 2:
        operands.fail(f"{operands.show(0)} has an odd number of features, which make no pairs")
    pairs = (*x.shape[:-1], x.shape[-1] // 2)
    for index in (1, 2):
        angle = operands.get(index)
        padded = (1,) * (len(pairs) - len(angle.shape)) + angle.shape
        if len(padded) != len(pairs) or any(a not in (1, n) for a, n in zip(padded, pairs, strict=True)):
            operands.fail(
                f"{operands.show(index)} does not broadcast to {sizes(pairs)}, the pairs of {operands.show(0)}"
            )
    return (Tensor(x.shape, x.dtype),)


def _rotary(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """(a cos - b sin, b cos + a sin); a pair is (i, i + half), or two neighbours where `interleaved`."""
    x, cos, sin = (required(arrays, i) for i in range(3))
    half = x.shape[-1] // 2
    interleaved = flag("rotary_embedding", attrs, "interleaved")
    a, b = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    first, second = a * cos - b * sin, b * cos + a * sin
    if interleaved:
        return (np.stack([first, second], axis=-1).reshape(x.shape),)
    return (np.concatenate([first, second], axis=-1),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Two products and a sum for each element."""
    operands = (*(read(node, i, role, FLAT) for i, role in enumerate(_INPUTS)), write(node, 0, "y", FLAT))
    return (LoopNest("main", "rotate", flat_dims(node.outputs[0]), operands),)


ROTARY_EMBEDDING = OpSpec("rotary_embedding", _INPUTS, ("y",), _infer, _rotary, _work, attrs={"interleaved": False})
