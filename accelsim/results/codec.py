"""Frozen records to plain JSON values and back, driven by their type annotations."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from accelsim.errors import InputError, did_you_mean
from accelsim.ir.frozen import FrozenMap


def encode(value: Any) -> Any:
    """Dataclasses and mappings become dicts, tuples become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def decode(kind: Any, value: Any, where: str = "result") -> Any:
    """A value of the annotated type `kind` from what `encode` made.

    Raises InputError with the path of the fault.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is types.UnionType:
        return None if value is None else decode(arguments[0], value, where)
    if origin is tuple:
        return _decode_tuple(arguments, value, where)
    if origin is FrozenMap:
        _expect(isinstance(value, Mapping), where, "a map", value)
        return FrozenMap({key: decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()})
    if is_dataclass(kind):
        return _decode_record(kind, value, where)
    accepted = (int, float) if kind is float else kind
    _expect(
        isinstance(value, accepted) and (kind is bool or not isinstance(value, bool)),
        where,
        kind.__name__,
        value,
    )
    return float(value) if kind is float else value


def _decode_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, list), where, "a list", value)
    if arguments[-1] is Ellipsis:
        kinds = (arguments[0],) * len(value)
    else:
        kinds = arguments
        _expect(len(value) == len(kinds), where, f"{len(kinds)} values", value)
    return tuple(decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def _decode_record(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, Mapping), where, "a map", value)
    annotations = _annotations(kind)
    for key in value:
        if key not in annotations:
            raise InputError(f"{where}: unknown key '{key}'{did_you_mean(key, annotations)}")
    arguments = {key: decode(annotations[key], item, f"{where}.{key}") for key, item in value.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise InputError(f"{where}: {error}") from None


@cache
def _annotations(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _expect(condition: bool, where: str, expected: str, value: Any) -> None:
    if not condition:
        raise InputError(f"{where}: expected {expected}, found {value!r:.60}")
