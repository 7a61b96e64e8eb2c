"""Number formats: IEEE floats, integers, bool, and the fixed point formats of hardware."""

from __future__ import annotations

import re
from dataclasses import dataclass

from accelsim.errors import InputError

_TEXT = re.compile(r"^(?:(float|bfloat|int|uint)(\d+)|(bool)|(u?fixed)<(\d+),\s*(-?\d+)>)$")


@dataclass(frozen=True)
class DType:
    """A number format. `fixed<w,i>` has `bits` = w in all and `integer_bits` = i left of the point, sign included."""

    kind: str
    bits: int
    integer_bits: int | None = None

    def __str__(self) -> str:
        if self.integer_bits is not None:
            return f"{self.kind}<{self.bits},{self.integer_bits}>"
        return "bool" if self.kind == "bool" else f"{self.kind}{self.bits}"

    @property
    def is_float(self) -> bool:
        return self.kind in ("float", "bfloat")

    @classmethod
    def parse(cls, text: str) -> DType:
        """`float32`, `int8`, `bool`, `fixed<16,6>` -> DType. Raises InputError."""
        match = _TEXT.match(text.strip())
        if match is None:
            raise InputError(f"'{text}' is not a data type; examples: float32, bfloat16, int8, bool, fixed<16,6>")
        kind, bits, boolean, fixed, width, integer = match.groups()
        if boolean:
            return BOOL
        if fixed:
            return cls(fixed, int(width), int(integer))
        return cls(kind, int(bits))


FLOAT64 = DType("float", 64)
FLOAT32 = DType("float", 32)
FLOAT16 = DType("float", 16)
BFLOAT16 = DType("bfloat", 16)
INT64 = DType("int", 64)
INT32 = DType("int", 32)
INT16 = DType("int", 16)
INT8 = DType("int", 8)
UINT64 = DType("uint", 64)
UINT32 = DType("uint", 32)
UINT16 = DType("uint", 16)
UINT8 = DType("uint", 8)
BOOL = DType("bool", 8)


@dataclass(frozen=True)
class Numerics:
    """How real values map to the stored integers of a quantised tensor: real = (stored - zero_point) * scale.

    `axis` is the dimension that scales run along (None: one scale). `rounding` is 'floor' or 'nearest-even',
    `overflow` is 'wrap' or 'saturate'.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...] = (0,)
    axis: int | None = None
    rounding: str = "nearest-even"
    overflow: str = "saturate"
