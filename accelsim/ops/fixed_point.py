"""fixed_point: a real rounded to a fixed point number, as ap_fixed of HLS does it.

stored = overflow(rounding(x 2^fraction)), y = stored 2^-fraction, with fraction = bits - integer_bits. Rounding is
'floor' (AP_TRN), 'nearest-up' (AP_RND: halves upward) or 'nearest-even' (AP_RND_CONV); overflow is 'wrap' (AP_WRAP:
the low `bits` are kept) or 'saturate' (AP_SAT). The first of each is the default of HLS. An infinity saturates either
way and NaN stays: fixed point has neither. Values are exact in the format of x, of 24 bits in float32; wider ones keep
what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import LoopNest
from accelsim.ops.attributes import choice, flag, integer
from accelsim.ops.nests import pointwise
from accelsim.ops.operands import Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_OP = "fixed_point"


def _half_up(steps: Array) -> Array:
    """Not floor(steps + 1/2), whose sum rounds just below a half."""
    whole = np.floor(steps)
    return np.asarray(whole + (steps - whole >= 0.5).astype(steps.dtype))


ROUNDINGS: Mapping[str, Callable[[Array], Array]] = {
    "floor": np.floor,
    "nearest-up": _half_up,
    "nearest-even": np.rint,
}
OVERFLOWS = ("wrap", "saturate")


def to_fixed(x: Array, attrs: Attrs) -> Array:
    """The nearest fixed point values by the attributes of the op, in the format of x."""
    fraction, low, high = fixed_limits(attrs)
    scale = x.dtype.type(2.0**fraction)
    with np.errstate(all="ignore"):
        steps = ROUNDINGS[choice(_OP, attrs, "rounding", tuple(ROUNDINGS))](x * scale)
        if choice(_OP, attrs, "overflow", OVERFLOWS) == "wrap":
            span = x.dtype.type(high - low + 1)
            turns = np.floor((steps - x.dtype.type(low)) / span)
            steps = np.where(np.isfinite(steps), steps - turns * span, steps)
        return np.asarray(np.clip(steps, x.dtype.type(low), x.dtype.type(high)) / scale)


def fixed_limits(attrs: Attrs) -> tuple[int, int, int]:
    """Bits behind the point, and the least and the largest stored number."""
    bits = integer(_OP, attrs, "bits", least=1)
    fraction = bits - integer(_OP, attrs, "integer_bits")
    if flag(_OP, attrs, "signed"):
        return fraction, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return fraction, 0, 2**bits - 1


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    x = Operands(_OP, ("x",), types).get(0)
    fixed_limits(attrs)
    choice(_OP, attrs, "rounding", tuple(ROUNDINGS))
    choice(_OP, attrs, "overflow", OVERFLOWS)
    return (Tensor(x.shape, x.dtype),)


def _reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    return (to_fixed(required(arrays, 0), attrs),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """One rounding an element."""
    return pointwise(node, "quantize")


FIXED_POINT = OpSpec(
    _OP,
    ("x",),
    ("y",),
    _infer,
    _reference,
    _work,
    attrs={
        "bits": REQUIRED,
        "integer_bits": REQUIRED,
        "signed": True,
        "rounding": "floor",
        "overflow": "wrap",
    },
)
