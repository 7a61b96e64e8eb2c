"""The values that one setting takes: a list, or a range that is linear, by a factor, or even on a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from accelsim.errors import InputError
from accelsim.units import parse_any

Value = int | float | str | bool | None

LARGEST = 1_000_000
_UNSPLIT = ("", "B", "bit", "cycle", "cycles", "beat", "beats")
_FORMS = "{from, to, step}, {from, to, factor} or {from, to, steps, scale: linear | log}"


def values_of(path: str, given: Any, *, repeated: bool = False) -> tuple[Value, ...]:
    """The values of a setting, in order, as a hardware file would hold them; each once unless `repeated` ones may be.

    A range keeps the unit of its ends; whole numbers of things that cannot be split stay whole. Raises InputError.
    """
    if isinstance(given, dict):
        return _range(path, given)
    listed = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not listed:
        raise InputError(f"{path}: an empty list; give at least one value")
    for value in listed:
        if not isinstance(value, (int, float, str, bool)) and value is not None:
            raise InputError(f"{path}: {value!r} is not a value; a list holds numbers and texts")
    if not repeated and len(set(map(repr, listed))) < len(listed):
        raise InputError(f"{path}: a value is listed twice")
    return tuple(listed)


def number_of(value: Value) -> Value:
    """The value as a column of results holds it: a quantity as its SI number, all else as it is."""
    if isinstance(value, str):
        found = parse_any(value)
        if found is not None and any(not letter.isdigit() for letter in value):
            exact = found[0]
            return int(exact) if exact.denominator == 1 else float(exact)
    return value


def _range(path: str, given: dict[str, Any]) -> tuple[Value, ...]:
    unknown = set(given) - {"from", "to", "step", "factor", "steps", "scale"}
    if unknown or not {"from", "to"} <= set(given):
        raise InputError(f"{path}: a range is {_FORMS}" + (f"; '{unknown.pop()}' is no part of it" if unknown else ""))
    (low, unit), (high, other) = (_end(path, given[name]) for name in ("from", "to"))
    if unit != other:
        raise InputError(f"{path}: from and to must have the same unit, not '{unit}' and '{other}'")
    if not low < high:
        raise InputError(f"{path}: 'from' must be below 'to'")
    whole = low.denominator == high.denominator == 1 and unit in _UNSPLIT
    kinds = [name for name in ("step", "factor", "steps") if name in given]
    if len(kinds) != 1 or ("scale" in given and kinds != ["steps"]):
        raise InputError(f"{path}: a range is {_FORMS}")
    found = _SPACED[kinds[0]](path, given, low, high)
    rounded = dict.fromkeys(Fraction(round(value)) if whole else value for value in found)
    return tuple(_text(value, unit) for value in rounded)


def _by_step(path: str, given: dict[str, Any], low: Fraction, high: Fraction) -> list[Fraction]:
    step, _ = _end(path, given["step"])
    if step <= 0:
        raise InputError(f"{path}: 'step' must be positive")
    count = int((high - low) / step) + 1
    _bounded(path, count)
    return [low + step * index for index in range(count)]


def _by_factor(path: str, given: dict[str, Any], low: Fraction, high: Fraction) -> list[Fraction]:
    factor, _ = _end(path, given["factor"])
    if factor <= 1 or low <= 0:
        raise InputError(f"{path}: 'factor' must be above 1 and 'from' above 0")
    count = int(math.log(high / low) / math.log(factor) + 1e-9) + 1
    _bounded(path, count)
    return [low * factor**index for index in range(count)]


def _by_steps(path: str, given: dict[str, Any], low: Fraction, high: Fraction) -> list[Fraction]:
    steps, scale = given["steps"], given.get("scale", "linear")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 2:
        raise InputError(f"{path}: 'steps' must be a whole number from 2 on")
    _bounded(path, steps)
    if scale == "linear":
        return [low + (high - low) * Fraction(index, steps - 1) for index in range(steps)]
    if scale != "log":
        raise InputError(f"{path}: scale must be linear or log, not {scale!r}")
    if low <= 0:
        raise InputError(f"{path}: a log range starts above 0")
    ratio = math.log(high / low) / (steps - 1)
    inner = [Fraction(f"{float(low) * math.exp(ratio * index):.6g}") for index in range(1, steps - 1)]
    return [low, *inner, high]


_SPACED = {"step": _by_step, "factor": _by_factor, "steps": _by_steps}


def _bounded(path: str, count: int) -> None:
    if count > LARGEST:
        raise InputError(f"{path}: a range of {count:,} values; at most {LARGEST:,}")


def _end(path: str, raw: Any) -> tuple[Fraction, str]:
    """A number and the unit that it is written in."""
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and math.isfinite(raw):
        return Fraction(str(raw)), ""
    text = str(raw).strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/").strip()
    unit = text[len(number) :].strip()
    if isinstance(raw, str) and parse_any(text) is not None and unit:
        return Fraction(number.replace("_", "").replace(",", "")), unit
    raise InputError(f"{path}: {raw!r} is not the end of a range; write a number or a quantity such as '8 GB/s'")


def _text(value: Fraction, unit: str) -> Value:
    plain = int(value) if value.denominator == 1 else float(value)
    return f"{plain} {unit}" if unit else plain
