"""Reading attributes of an op with their types checked."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.errors import did_you_mean
from accelsim.ops.spec import Attrs, ShapeError


def integer(op: str, attrs: Attrs, key: str, *, least: int | None = None) -> int:
    """A whole number, at least `least`."""
    value = attrs[key]
    if not isinstance(value, int) or isinstance(value, bool):
        raise ShapeError(f"{op}: attribute {key} is {value!r}, needs a whole number")
    if least is not None and value < least:
        raise ShapeError(f"{op}: attribute {key} is {value}, needs at least {least}")
    return value


def integers(op: str, attrs: Attrs, key: str, *, count: int | None = None, least: int | None = None) -> tuple[int, ...]:
    """A tuple of whole numbers, `count` of them, each at least `least`."""
    value = attrs[key]
    if not isinstance(value, tuple):
        raise ShapeError(f"{op}: attribute {key} is {value!r}, needs a tuple of whole numbers")
    numbers: list[int] = []
    for item in value:
        if not isinstance(item, int) or isinstance(item, bool):
            raise ShapeError(f"{op}: attribute {key} is {value!r}, needs a tuple of whole numbers")
        if least is not None and item < least:
            raise ShapeError(f"{op}: attribute {key} is {value!r}, needs numbers of at least {least}")
        numbers.append(item)
    if count is not None and len(numbers) != count:
        raise ShapeError(f"{op}: attribute {key} is {value!r}, needs {count} numbers")
    return tuple(numbers)


def real(op: str, attrs: Attrs, key: str) -> float:
    """A number."""
    value = attrs[key]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ShapeError(f"{op}: attribute {key} is {value!r}, needs a number")
    return float(value)


def flag(op: str, attrs: Attrs, key: str) -> bool:
    """True or False."""
    value = attrs[key]
    if not isinstance(value, bool):
        raise ShapeError(f"{op}: attribute {key} is {value!r}, needs true or false")
    return value


def choice(op: str, attrs: Attrs, key: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """One of the known words."""
    value = attrs[key]
    if not isinstance(value, str) or value not in known:
        raise ShapeError(f"{op}: attribute {key} is {value!r}{did_you_mean(str(value), known)}")
    return value


def axis_in(op: str, value: int, rank: int) -> int:
    """An axis counted from the front; negative ones count from the end."""
    if not -rank <= value < rank:
        raise ShapeError(f"{op}: axis {value} is outside of {rank} dimensions")
    return value % rank


def axes_in(op: str, values: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Different axes counted from the front, in the order given."""
    found = tuple(axis_in(op, value, rank) for value in values)
    if len(set(found)) != len(found):
        raise ShapeError(f"{op}: axes {values} name a dimension twice")
    return found
