"""Values replaced from outside a file, by dotted path, before validation."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from accelsim.errors import did_you_mean
from accelsim.hw.document import ConfigError, Document, Key, Place, TreePath
from accelsim.hw.located import Registry
from accelsim.hw.part import Part
from accelsim.hw.quantity import QuantityField


def apply_overrides(document: Document, registry: Registry, overrides: Mapping[str, object]) -> Document:
    """A document with the values replaced; numbers get the provenance 'override'.

    `registry` comes from a validation of the same document and tells which keys each part knows.
    Raises ConfigError for a path that is not there, with the keys that are.
    """
    memo: dict[int, Any] = {}
    tree = copy.deepcopy(document.tree, memo)
    parts = {id(memo[key]): part for key, part in registry.items() if key in memo}
    keys, values = dict(document.keys), dict(document.values)
    for dotted, value in overrides.items():
        path = _replace(tree, parts, dotted, value)
        keys[path] = values[path] = Place("override")
    return Document(tree, keys, values)


def _replace(tree: dict[str, Any], parts: Registry, dotted: str, value: object) -> TreePath:
    """Walk to the place and write there; a part that the file left out is made on the way."""
    node: Any = tree
    path: list[Key] = []
    words = dotted.split(".")
    while True:
        known = _known_keys(node, parts)
        key, used = _longest(words, known)
        if key is None:
            shown = ".".join(map(str, [*path, words[0]]))
            raise ConfigError(f"override {dotted}: no '{shown}'{_suggest(words[0], known)}")
        words = words[used:]
        path.append(key)
        if not words:
            node[key] = _record(node, parts, key, value)
            return tuple(path)
        node = _child(node, parts, key)
        if not isinstance(node, (dict, list)) or (id(node) not in parts and "value" in node):
            raise ConfigError(f"override {dotted}: '{'.'.join(map(str, path))}' is one value; give it as a whole")


def _known_keys(node: Any, parts: Registry) -> list[str]:
    if isinstance(node, list):
        return [str(index) for index in range(len(node))]
    part = parts.get(id(node))
    return list(part.model_fields) if part else list(node)


def _longest(words: list[str], known: list[str]) -> tuple[Key | None, int]:
    """The longest run of words that is a key; keys of placement and precision may hold dots themselves."""
    for used in range(len(words), 0, -1):
        key = ".".join(words[:used])
        if key in known:
            return (int(key) if key.isdigit() else key), used
    return None, 0


def _suggest(word: str, known: list[str]) -> str:
    hint = did_you_mean(word, known)
    return f"{hint} -- known here: {', '.join(known)}" if "did you mean" in hint else hint


def _child(node: Any, parts: Registry, key: Key) -> Any:
    part = parts.get(id(node))
    if isinstance(node, dict) and key not in node and part is not None:
        inner = next((kind for kind in _members(_annotation(part, key)) if _is_part(kind)), None)
        if inner is None:
            return None
        node[key] = {}
        parts[id(node[key])] = inner
    return node[key]


def _record(node: Any, parts: Registry, key: Key, value: object) -> object:
    """The value as the file would hold it: a number comes with its provenance."""
    old = node.get(key) if isinstance(node, dict) else node[int(key)]
    part = parts.get(id(node))
    is_number = isinstance(old, dict) and "value" in old
    if part is not None:
        marks = (*part.model_fields[str(key)].metadata, *_marks(_annotation(part, key)))
        is_number = any(isinstance(mark, QuantityField) for mark in marks)
    if not is_number or isinstance(value, dict):
        return value
    was = f"; the description says {old['value']}" if isinstance(old, dict) and "value" in old else ""
    return {"value": value, "override": f"set from outside{was}"}


def _annotation(part: type[Part], key: Key) -> Any:
    return part.model_fields[str(key)].annotation


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of `A | B`, or the type itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _marks(annotation: Any) -> Iterator[object]:
    """Marks of an optional field, which stand inside `X | None`."""
    for member in _members(annotation):
        if get_origin(member) is Annotated:
            yield from get_args(member)[1:]


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)
