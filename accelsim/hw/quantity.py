"""A number of a hardware file together with where it comes from.

`{value: 300 MHz, sourced: "text"}`, `{value: 255 cycles, estimate: "why", range: [200 cycles, 310 cycles]}`
or `{value: 1500, calibrated: "how", rows: [row ids]}`. There is no number without such a record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any, Generic, NoReturn, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from accelsim.errors import InputError, did_you_mean
from accelsim.units import parse

Number = TypeVar("Number", int, float)

KINDS = ("sourced", "estimate", "calibrated", "override")
_KEYS = ("value", "range", "rows", *KINDS)
_LARGEST = 2**53


@dataclass(frozen=True)
class Quantity(Generic[Number]):
    """A number in the SI unit of `dimension`, with its provenance.

    `kind` is one of KINDS or 'default' (a neutral value the schema supplies, such as one copy or an interval
    of one cycle). `low` and `high` differ from `value` for estimates only; `rows` are the published rows a
    calibrated value was taken from.
    """

    value: Number
    dimension: str
    kind: str
    text: str
    low: Number
    high: Number
    rows: tuple[str, ...] = ()

    def with_value(self, value: Number) -> Quantity[Number]:
        """The same record with another value, for trying the ends of a range."""
        return replace(self, value=value)


@dataclass(frozen=True)
class QuantityField:
    """What a field accepts: a dimension of `accelsim.units`, 'count' or 'ratio', and bounds."""

    dimension: str
    minimum: float = 0
    maximum: float = _LARGEST
    integer: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        bare = self._bare_schema()
        record = {
            "type": "object",
            "additionalProperties": False,
            "required": ["value"],
            "properties": {
                "value": bare,
                "sourced": {"type": "string"},
                "estimate": {"type": "string"},
                "range": {"type": "array", "items": bare, "minItems": 2, "maxItems": 2},
                "calibrated": {"type": "string"},
                "rows": {"type": "array", "items": {"type": "string"}},
            },
        }
        return {"anyOf": [bare, record], "description": f"{self.dimension}, with its provenance"}

    def _bare_schema(self) -> dict[str, Any]:
        if self.dimension in _UNITLESS:
            return {"type": "integer" if self.integer else "number", "minimum": self.minimum}
        return {"type": "string", "pattern": r"^[+-]?[0-9][0-9_,.eE+-]*\s*[A-Za-z/]+2?$"}

    def validate(self, raw: object) -> Quantity[Any]:
        """Read a record. Raises PydanticCustomError, which the loader turns into a located message."""
        if isinstance(raw, Quantity):
            return raw
        if not isinstance(raw, Mapping):
            self._number(raw)
            _fail(
                f"{raw!r} has no provenance; write {{value: {raw}, sourced: 'where from'}}, "
                f"{{value: {raw}, estimate: 'why', range: [low, high]}}, or give the part a 'sourced'"
            )
        for key in raw:
            if key not in _KEYS:
                _fail(f"'{key}' is not a key of a quantity{did_you_mean(str(key), _KEYS)}")
        if "value" not in raw:
            _fail("a quantity needs 'value'")
        given = [kind for kind in KINDS if kind in raw]
        if len(given) != 1:
            _fail(f"a quantity needs exactly one of {', '.join(KINDS[:3])}; found {', '.join(given) or 'none'}")
        kind, value = given[0], self._number(raw["value"])
        text = raw[kind]
        if not isinstance(text, str) or not text.strip():
            _fail(f"'{kind}' must be a text that says where the value comes from")
        low, high = self._range(kind, value, raw)
        rows = _rows(kind, raw)
        return Quantity(value, self.dimension, kind, text, low, high, rows)

    def _range(self, kind: str, value: Any, raw: Mapping[str, object]) -> tuple[Any, Any]:
        ends = raw.get("range")
        if ends is None:
            if kind == "estimate":
                _fail("an estimate needs 'range: [low, high]'")
            return value, value
        if kind != "estimate":
            _fail(f"'range' belongs to an estimate, not to a value that is '{kind}'")
        if not isinstance(ends, (list, tuple)) or len(ends) != 2:
            _fail("'range' must be a list of two values, [low, high]")
        low, high = (self._number(end) for end in ends)
        if not low <= value <= high:
            _fail(f"the value {raw['value']} lies outside its range [{ends[0]}, {ends[1]}]")
        return low, high

    def _number(self, raw: object) -> Any:
        read = _UNITLESS.get(self.dimension)
        try:
            exact = read(raw) if read else parse(raw, self.dimension)  # type: ignore[arg-type]
        except InputError as error:
            _fail(str(error))
        if self.integer and exact.denominator != 1:
            _fail(f"{raw!r} must be a whole number of {self.dimension}")
        if not self.minimum <= exact <= self.maximum:
            _fail(f"{raw!r} must lie between {_plain(self.minimum)} and {_plain(self.maximum)}")
        return int(exact) if exact.denominator == 1 and self.integer else float(exact)


def _plain(bound: float) -> str:
    return f"{bound:,.10g}"


def _unitless(raw: object) -> Fraction:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw):
        raise InputError(f"{raw!r} is not a plain number")
    return Fraction(str(raw))


_UNITLESS: dict[str, Callable[[object], Fraction]] = {"count": _unitless, "ratio": _unitless}


def _rows(kind: str, raw: Mapping[str, object]) -> tuple[str, ...]:
    rows = raw.get("rows")
    if kind != "calibrated":
        if rows is not None:
            _fail(f"'rows' belongs to a calibrated value, not to one that is '{kind}'")
        return ()
    if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(row, str) for row in rows):
        _fail("a calibrated value needs 'rows', the list of published rows it was taken from")
    return tuple(rows)


def _fail(message: str) -> NoReturn:
    raise PydanticCustomError("quantity", "{message}", {"message": message})


def default(value: Number, dimension: str) -> Quantity[Number]:
    """A neutral value that the schema supplies when a file says nothing."""
    return Quantity(value, dimension, "default", "schema default", value, value)


# Largest values: far above anything that is built, and such that products of a few of them stay below 2**63.
Count = Annotated[Quantity[int], QuantityField("count", minimum=1, maximum=2**40, integer=True)]
Ahead = Annotated[Quantity[int], QuantityField("count", minimum=1, maximum=4, integer=True)]
CountFromZero = Annotated[Quantity[int], QuantityField("count", integer=True)]
Blocks = Annotated[Quantity[float], QuantityField("count")]
Rate = Annotated[Quantity[float], QuantityField("ratio", minimum=1e-9)]
Ratio = Annotated[Quantity[float], QuantityField("ratio", minimum=1e-9, maximum=1)]
Cycles = Annotated[Quantity[int], QuantityField("cycles", maximum=2**40, integer=True)]
Interval = Annotated[Quantity[int], QuantityField("cycles", minimum=1, maximum=2**20, integer=True)]
Beats = Annotated[Quantity[int], QuantityField("beats", minimum=1, maximum=2**20, integer=True)]
Bits = Annotated[Quantity[int], QuantityField("bits", minimum=1, maximum=2**20, integer=True)]
Hertz = Annotated[Quantity[float], QuantityField("hz", minimum=1, maximum=10**12)]
Bytes = Annotated[Quantity[int], QuantityField("bytes", minimum=1, maximum=2**40, integer=True)]
Seconds = Annotated[Quantity[float], QuantityField("s", maximum=1_000)]
BytesPerSecond = Annotated[Quantity[float], QuantityField("bytes_per_s", minimum=1)]
Speed = Annotated[Quantity[float], QuantityField("per_s", minimum=1)]
Watts = Annotated[Quantity[float], QuantityField("w")]
SquareMetres = Annotated[Quantity[float], QuantityField("m2")]
Joules = Annotated[Quantity[float], QuantityField("j")]
JoulesPerBit = Annotated[Quantity[float], QuantityField("j_per_bit")]
