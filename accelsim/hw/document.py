"""YAML files as plain trees that remember the line and column of every key and value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from accelsim.errors import InputError

Key = str | int
TreePath = tuple[Key, ...]

_SIZE_LIMIT_BYTES = 2**20
_ADDED = ("sources", "notes", "not_modelled")
_NUMBER_LIKE = re.compile(r"^[+-]?\d[\d_,.]*(?:[eE][+-]?\d+)?\s*[A-Za-z/]*2?$")


class ConfigError(InputError):
    """One or more located errors of a configuration file, one a line."""


@dataclass(frozen=True)
class Place:
    """A position in a file, counted from 1; line 0 stands for a source that has no lines."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return self.file if not self.line else f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Document:
    """A tree of dicts, lists and scalars; `keys` and `values` give the place of each path."""

    tree: dict[str, Any]
    keys: dict[TreePath, Place]
    values: dict[TreePath, Place]

    def place(self, path: TreePath, *, of_key: bool = False) -> Place | None:
        """Where `path` stands, or the nearest thing above it that has a place."""
        for length in range(len(path), -1, -1):
            table = self.keys if of_key and length == len(path) else self.values
            if path[:length] in table:
                return table[path[:length]]
        return None


def read_yaml(path: Path, *, name: str | None = None) -> Document:
    """The YAML file at `path` (`name` is how errors call it). Raises ConfigError.

    Anchors, tags, duplicate keys and files above 1 MiB are refused: no hardware description needs them.
    """
    shown = name or str(path)
    try:
        if path.stat().st_size > _SIZE_LIMIT_BYTES:
            raise ConfigError(f"{shown}: larger than 1 MiB, which no hardware description needs")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{shown}: cannot be read: {reason}") from error
    return parse_yaml(text, name=shown)


def parse_yaml(text: str, *, name: str) -> Document:
    """The YAML text as a document whose top level is a mapping. Raises ConfigError."""
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError(f"{where}: not valid YAML: {error.problem or error.context}") from error
    except YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: nested too deeply") from error
    if not isinstance(node, MappingNode):
        raise ConfigError(f"{name}:1:1: expected a mapping of fields at the top level")
    reader = _Reader(name)
    tree = reader.build(node, ())
    return Document(tree, reader.keys, reader.values)


class _Reader:
    """Turns composed nodes into a tree; holds the places met on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[TreePath, Place] = {}
        self.values: dict[TreePath, Place] = {}
        self._seen: set[int] = set()

    def build(self, node: Node, path: TreePath) -> Any:
        place = self._place(node)
        if id(node) in self._seen:
            raise ConfigError(f"{place}: anchors and aliases are not supported; write the value again")
        self._seen.add(id(node))
        self.values[path] = place
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, path: TreePath) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, ScalarNode):
                raise ConfigError(f"{place}: a key must be a plain word")
            key = str(key_node.value)
            if key in tree:
                shown = ".".join(str(part) for part in (*path, key))
                raise ConfigError(f"{place}: {shown}: the key '{key}' is given twice; remove one of the two")
            self.keys[(*path, key)] = place
            tree[key] = self.build(value_node, (*path, key))
        return tree

    def _scalar(self, node: Node, place: Place) -> Any:
        kind = str(node.tag).rpartition(":")[2]
        if kind not in _SCALARS:
            raise ConfigError(f"{place}: the tag '{node.tag}' is not supported; write plain YAML")
        try:
            return _SCALARS[kind](str(node.value))
        except ValueError as error:
            raise ConfigError(f"{place}: '{node.value}' is not a number") from error

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "timestamp": str,
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text.replace("_", ""), 0),
    "float": lambda text: float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan")),
}


def parse_scalar(text: str) -> Any:
    """One value as YAML reads it: `2` is a number, `32 bit` and `none` are text, `[a, b]` a list."""
    return parse_yaml(f"value: {text}", name="override").tree["value"]


def merge(base: Document, top: Document) -> Document:
    """`top` laid over `base`: mappings merge, quantities, lists and scalars replace, null removes.

    A part that changes its `kind` replaces the part under it as a whole. Sources, notes and limits add up.
    """
    return Document(_merged(base.tree, top.tree), base.keys | top.keys, base.values | top.values)


def _merged(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    if "kind" in top and top["kind"] != base.get("kind"):
        base = {}
    tree = dict(base)
    for key, value in top.items():
        below = tree.get(key)
        if value is None:
            tree.pop(key, None)
        elif below is not None and _is_part(value) and _is_part(below):
            tree[key] = _merged(below, value)
        elif key in _ADDED and isinstance(value, list) and isinstance(below, list):
            tree[key] = [*below, *value]
        else:
            tree[key] = value
    return tree


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and "value" not in value


def with_provenance(tree: Any, sourced: str | None = None) -> Any:
    """The tree with each part's own `sourced` written into the bare numbers below it.

    Done file by file before merging, so that a number of an overlay never borrows the source of its base.
    """
    if isinstance(tree, dict):
        if "value" in tree:
            return tree
        own = tree.get("sourced", sourced)
        return {key: value if key == "sourced" else with_provenance(value, own) for key, value in tree.items()}
    if isinstance(tree, list):
        return [with_provenance(item, sourced) for item in tree]
    if sourced is not None and _is_number_like(tree):
        return {"value": tree, "sourced": sourced}
    return tree


def _is_number_like(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) or (isinstance(value, str) and bool(_NUMBER_LIKE.match(value)))
