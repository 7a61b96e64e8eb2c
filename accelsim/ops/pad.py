"""pad: more (or with negative numbers fewer) elements at the ends of any axes."""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice, integers
from accelsim.ops.nests import FLAT, flat_dims, read, write
from accelsim.ops.operands import ANY, Operands, required, sizes
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, ShapeError, WorkInput

_MODES = ("constant", "edge", "reflect", "wrap")


def _ends(rank: int, attrs: Attrs) -> tuple[tuple[int, int], ...]:
    """(before, after) of each axis."""
    pads = integers("pad", attrs, "pads", count=2 * rank)
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def _value(attrs: Attrs) -> bool | int | float:
    value = attrs["value"]
    if not isinstance(value, bool | int | float):
        raise ShapeError(f"pad: attribute value is {value!r}, needs a number")
    return value


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("pad", ("x",), types)
    x = operands.get(0, kinds=ANY)
    mode = choice("pad", attrs, "mode", _MODES)
    _value(attrs)
    ends = _ends(len(x.shape), attrs)
    shape = tuple(before + size + after for size, (before, after) in zip(x.shape, ends, strict=True))
    if min(shape, default=0) < 0:
        operands.fail(f"pads {attrs['pads']} cut more off than {operands.show(0)} has")
    cut = _cut(x.shape, ends)
    if mode != "constant" and any(n < 1 and max(pair) > 0 for n, pair in zip(cut, ends, strict=True)):
        operands.fail(f"mode {mode} has nothing to repeat in {operands.show(0)}, cut to {sizes(cut)}")
    return (Tensor(shape, x.dtype),)


def _cut(shape: tuple[int, ...], ends: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Sizes after the negative pads."""
    return tuple(n + min(before, 0) + min(after, 0) for n, (before, after) in zip(shape, ends, strict=True))


def _pad(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """Negative pads cut first. `reflect` does not repeat the border itself and goes back and forth where it must."""
    x = required(arrays, 0)
    ends = _ends(x.ndim, attrs)
    cut = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, ends, strict=True))]
    widths = [(max(before, 0), max(after, 0)) for before, after in ends]
    mode = choice("pad", attrs, "mode", _MODES)
    if mode == "constant":
        return (np.pad(cut, widths, constant_values=np.asarray(_value(attrs)).astype(x.dtype)),)
    return (np.pad(cut, widths, mode=mode),)  # type: ignore[call-overload]


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Every element of the result is written once."""
    x, y = node.tensor(0), node.outputs[0]
    source = read(node, 0, "x", FLAT, elements=min(x.elements, y.elements))
    return (LoopNest("main", "fill", flat_dims(y), (source, write(node, 0, "y", FLAT))),)


PAD = OpSpec("pad", ("x",), ("y",), _infer, _pad, _work, attrs={"pads": REQUIRED, "mode": "constant", "value": 0.0})
