"""Quantities: text with a unit in files, SI numbers inside, text again for people.

`parse("64 KiB", "bytes")` is exact: values are read as decimals and scaled by integer fractions, so that
`17.1 GB/s` means 17,100,000,000 bytes a second and not a float near it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from accelsim.errors import InputError, did_you_mean

_SI = {"p": Fraction(1, 10**12), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000)}
_SI |= {
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
}
_BINARY = {"Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30)}


def _scaled(symbol: str, prefixes: dict[str, Fraction], factor: Fraction = Fraction(1)) -> dict[str, Fraction]:
    return {prefix + symbol: scale * factor for prefix, scale in prefixes.items()}


_LARGE = {prefix: _SI[prefix] for prefix in ("", "k", "M", "G", "T")}
_BYTES = _scaled("B", _LARGE | _BINARY)

_UNITS: dict[str, dict[str, Fraction]] = {
    "bytes": _BYTES,
    "bits": {"bit": Fraction(1), "b": Fraction(1), "kbit": Fraction(1000), "Mbit": Fraction(10**6)},
    "hz": _scaled("Hz", _LARGE),
    "bytes_per_s": {f"{unit}/s": scale for unit, scale in _BYTES.items()},
    "s": _scaled("s", {p: _SI[p] for p in ("p", "n", "u", "m", "")}),
    "w": _scaled("W", {p: _SI[p] for p in ("p", "n", "u", "m", "", "k")}),
    "j": _scaled("J", {p: _SI[p] for p in ("p", "n", "u", "m", "", "k")}) | {"fJ": Fraction(1, 10**15)},
    "j_per_bit": {"pJ/bit": Fraction(1, 10**12), "nJ/bit": Fraction(1, 10**9), "fJ/bit": Fraction(1, 10**15)},
    "m2": {"um2": Fraction(1, 10**12), "mm2": Fraction(1, 10**6)},
    "per_s": _scaled("/s", _LARGE),
    "cycles": {"cycle": Fraction(1), "cycles": Fraction(1)},
    "beats": {"beat": Fraction(1), "beats": Fraction(1)},
}

_TEXT = re.compile(r"^\s*([+-]?\d[\d_,]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-z/]*2?)\s*$")


def parse(text: str | int | float, dimension: str) -> Fraction:
    """The value of `text` in the SI unit of `dimension` (a key of the unit table, such as 'bytes' or 'hz').

    A bare number is refused: a unit left out is the commonest slip in a hardware description.
    Raises InputError.
    """
    table = _UNITS[dimension]
    example = f"'64 {next(iter(table))}'"
    if not isinstance(text, str):
        raise InputError(f"{text!r} has no unit, write it as text such as {example}")
    match = _TEXT.match(text)
    if match is None:
        raise InputError(f"{text!r} is not a quantity, write it as text such as {example}")
    number, unit = match.groups()
    if unit not in table:
        reason = "has no unit" if not unit else f"has unknown unit '{unit}'"
        raise InputError(f"{text!r} {reason}{did_you_mean(unit, table)}")
    return Fraction(number.replace("_", "").replace(",", "")) * table[unit]


_ANY_UNIT = {unit: (scale, dimension) for dimension, table in _UNITS.items() for unit, scale in table.items()}


def parse_any(text: str) -> tuple[Fraction, str] | None:
    """The value in SI and the dimension of a text with a unit, whatever unit it is; None for other text."""
    match = _TEXT.match(text)
    if match is None or match.group(2) not in _ANY_UNIT:
        return None
    scale, dimension = _ANY_UNIT[match.group(2)]
    return Fraction(match.group(1).replace("_", "").replace(",", "")) * scale, dimension


def _with_prefix(value: float, symbol: str, steps: list[tuple[float, str]]) -> str:
    for scale, prefix in steps:
        if abs(value) >= scale:
            return f"{value / scale:.4g} {prefix}{symbol}"
    scale, prefix = steps[-1]
    return f"{value / scale:.4g} {prefix}{symbol}"


def format_bytes(value: float) -> str:
    """`1536` -> '1.5 KiB'."""
    return _with_prefix(value, "B", [(2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki"), (1, "")])


def format_seconds(value: float) -> str:
    """`0.0341` -> '34.1 ms'."""
    return _with_prefix(value, "s", [(1, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n")])


def format_joules(value: float) -> str:
    """`0.504` -> '504 mJ'."""
    return _with_prefix(value, "J", [(1, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p")])


def format_count(value: float) -> str:
    """`783_000_000` -> '783 M'."""
    return _with_prefix(value, "", [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")]).rstrip()


_FORMATS: dict[str, Callable[[float], str]] = {
    "bytes": format_bytes,
    "s": format_seconds,
    "j": format_joules,
    "hz": lambda value: f"{value / 1e6:.6g} MHz",
    "bytes_per_s": lambda value: _with_prefix(value, "B/s", [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")]),
    "j_per_bit": lambda value: f"{value / 1e-12:.4g} pJ/bit",
    "w": lambda value: _with_prefix(value, "W", [(1, ""), (1e-3, "m"), (1e-6, "u")]),
    "per_s": lambda value: _with_prefix(value, "/s", [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")]),
    "bits": lambda value: f"{value:,.10g} bit",
    "count": lambda value: f"{value:,.10g}",
    "ratio": lambda value: f"{value:.4g}",
    "m2": lambda value: f"{value * 1e6:.4g} mm2",
}


@lru_cache(maxsize=4096, typed=True)
def format_value(value: float, dimension: str) -> str:
    """`value` in the SI unit of `dimension` -> text with a unit: (255, 'cycles') -> '255 cycles'."""
    known = _FORMATS.get(dimension)
    return known(value) if known else f"{value:,.10g} {dimension}"


def exact_text(value: float, dimension: str) -> str:
    """`value` in the SI unit of `dimension` -> the shortest text that `parse` reads as the same number: '7.3 GB/s'.

    A dimension without units ('count', 'ratio') gives the bare number.
    """
    exact = Fraction(repr(value))
    table = _UNITS.get(dimension, {"": Fraction(1)})
    shown = [(_decimal(exact / scale), -scale, unit) for unit, scale in table.items()]
    number, _, unit = min(shown, key=lambda item: (len(item[0].replace("0.", "---")), item[1], -len(item[2])))
    return f"{number} {unit}".strip()


def _decimal(value: Fraction) -> str:
    """All digits of a number whose denominator divides a power of ten, as is that of any float in any of our units."""
    digits = 0
    while (value * 10**digits).denominator > 1:
        digits += 1
    if not digits:
        return str(value.numerator)
    whole, rest = divmod(abs(value.numerator) * 10**digits // value.denominator, 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}d}"
