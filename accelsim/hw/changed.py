"""What-if copies of a hardware description: numbers, choices and formats replaced, and checked as a file would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.check import broken_references
from accelsim.hw.part import Part
from accelsim.hw.quantity import Quantity, QuantityField
from accelsim.hw.schema import Hardware
from accelsim.ir.dtype import DType
from accelsim.ir.frozen import FrozenMap
from accelsim.units import exact_text, format_value

Path = tuple[str, ...]
"""Where a value stands: ('memories', 'ddr', 'bandwidth')."""


def changed(hardware: Hardware, values: Mapping[Path, object]) -> Hardware:
    """A copy with the values at the paths replaced: SI numbers, words of a choice, `DType`s of `precision`.

    Raises InputError for a path that is not there, a value out of its field's range, or a file that does not hold
    together any more.
    """
    copy: Any = hardware
    for path, value in values.items():
        copy = _replaced(copy, path, value, ".".join(path), ())
    assert isinstance(copy, Hardware)
    broken = broken_references(copy)
    if broken:
        raise InputError("; ".join(f"{'.'.join(map(str, path))}: {message}" for path, message in broken))
    return copy


def setting_text(hardware: Hardware, path: Path, value: object) -> str:
    """The value as `-s path=value` takes it."""
    old = value_at(hardware, path)
    if isinstance(old, Quantity) and isinstance(value, (int, float)):
        return exact_text(value, old.dimension)
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_at(hardware: Hardware, path: Path) -> Any:
    """The quantity, choice or format at a path. Raises InputError."""
    node: Any = hardware
    for key in path:
        node = _child(node, key, ".".join(path))
    return node


def quantity_at(hardware: Hardware, path: Path) -> Quantity[Any]:
    """The number at a path. Raises InputError where there is none."""
    found = value_at(hardware, path)
    if not isinstance(found, Quantity):
        raise InputError(f"{hardware.name}: '{'.'.join(path)}' is no number")
    return found


def split_path(hardware: Hardware, dotted: str) -> Path:
    """A path from its dotted form; keys with dots of their own ('precision.linear.b') are found. Raises InputError."""
    node: Any = hardware
    words = dotted.split(".")
    path: list[str] = []
    while words:
        known = _keys(node)
        used = next((n for n in range(len(words), 0, -1) if ".".join(words[:n]) in known), 0)
        if not used:
            where = ".".join([*path, words[0]])
            raise InputError(f"{hardware.name}: no '{where}'{did_you_mean(words[0], known)}")
        path.append(".".join(words[:used]))
        node = _child(node, path[-1], dotted)
        words = words[used:]
    return tuple(path)


def limits(hardware: Hardware, path: Path) -> tuple[float, float]:
    """Smallest and largest value that the field of a number accepts."""
    field = _field(value_at(hardware, path[:-1]), path[-1])
    return (field.minimum, field.maximum) if field is not None else (0.0, float("inf"))


def _keys(node: Any) -> list[str]:
    if isinstance(node, Part):
        return list(type(node).model_fields)
    if isinstance(node, Mapping):
        return list(node)
    return [str(index) for index in range(len(node))] if isinstance(node, tuple) else []


def _child(node: Any, key: str, shown: str) -> Any:
    known = _keys(node)
    if key not in known:
        raise InputError(f"{shown}: no '{key}' there{did_you_mean(key, known)}")
    if isinstance(node, Part):
        return getattr(node, key)
    return node[int(key)] if isinstance(node, tuple) else node[key]


def _replaced(node: Any, path: Path, value: object, shown: str, above: tuple[Any, ...]) -> Any:
    if not path:
        return _value(node, value, shown, *above)
    child = _replaced(_child(node, path[0], shown), path[1:], value, shown, (node, path[0]))
    if isinstance(node, Part):
        return node.model_copy(update={path[0]: child})
    if isinstance(node, FrozenMap):
        return node.with_items({path[0]: child})
    index = int(path[0])
    return (*node[:index], child, *node[index + 1 :])


def _value(old: Any, value: object, shown: str, owner: Any, key: str) -> Any:
    """The new leaf, checked against its field."""
    if isinstance(old, Quantity):
        return _number(old, value, shown, _field(owner, key))
    if isinstance(old, DType) and isinstance(value, DType):
        return value
    choices = get_args(type(owner).model_fields[key].annotation) if isinstance(owner, Part) else ()
    if isinstance(value, bool) and isinstance(old, bool):
        return value
    if isinstance(value, str) and value in choices:
        return value
    raise InputError(f"{shown}: {value!r} cannot stand there{did_you_mean(str(value), map(str, choices))}")


def _number(old: Quantity[Any], value: object, shown: str, field: QuantityField | None) -> Quantity[Any]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{shown}: {value!r} is no number")
    exact = type(old.value)(value)
    if exact != value:
        raise InputError(f"{shown}: {value!r} must be a whole number")
    if field is not None and not field.minimum <= exact <= field.maximum:
        ends = " and ".join(format_value(end, old.dimension) for end in (field.minimum, field.maximum))
        raise InputError(f"{shown}: {format_value(exact, old.dimension)} must lie between {ends}")
    return old.with_value(exact)


def _field(owner: Any, key: str) -> QuantityField | None:
    """What a number's field accepts, where the number is a field of a part."""
    if not isinstance(owner, Part):
        return None
    known = type(owner).model_fields[key]
    marks = [*known.metadata, *(mark for member in get_args(known.annotation) for mark in get_args(member)[1:])]
    return next((mark for mark in marks if isinstance(mark, QuantityField)), None)
