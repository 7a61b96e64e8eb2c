"""Validation errors as lines `file:line:column: path: what is wrong -- what would help`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from accelsim.errors import did_you_mean
from accelsim.hw.document import Document, Key, TreePath
from accelsim.hw.part import Part

Registry = dict[int, type[Part]]
"""Which part each mapping of a tree was read as, by the mapping's id."""


def located(document: Document, registry: Registry, error: ValidationError) -> list[str]:
    """One line for each error, in the order of the file."""
    found: list[tuple[tuple[str, int, int], str]] = []
    for detail in error.errors(include_url=False):
        path, rest = _walk(document.tree, detail["loc"])
        kind = detail["type"]
        of_key = kind == "extra_forbidden" or rest[-1:] == ("[key]",)
        parent = _at(document.tree, path[:-1])
        part = registry.get(id(parent))
        message = _MESSAGES.get(kind, _plain)(detail, path, rest, part)
        shown = (*path, rest[-1]) if kind == "missing" and rest else path
        place = document.place(path, of_key=of_key)
        order = (place.file, place.line, place.column) if place else ("", 0, 0)
        found.append((order, f"{_prefix(document, path, of_key)}{_dotted(shown)}: {message}"))
    return [line for _, line in sorted(dict.fromkeys(found))]


def unlocated(document: Document, path: TreePath, message: str) -> str:
    """A line for a message that is about the value at `path`."""
    return f"{_prefix(document, path, False)}{_dotted(path)}: {message}"


def _prefix(document: Document, path: TreePath, of_key: bool) -> str:
    place = document.place(path, of_key=of_key)
    return f"{place}: " if place else ""


def _dotted(path: TreePath) -> str:
    return ".".join(str(key) for key in path)


def _walk(tree: Any, loc: tuple[Key, ...]) -> tuple[TreePath, tuple[Key, ...]]:
    """Split pydantic's location into a path of the tree and what follows it; tags of unions are left out."""
    path: list[Key] = []
    node = tree
    for index, key in enumerate(loc):
        in_list = isinstance(node, list) and isinstance(key, int) and key < len(node)
        if in_list or (isinstance(node, dict) and key in node):
            node = node[key]
            path.append(key)
        elif not (isinstance(node, dict) and node.get("kind") == key):
            return tuple(path), loc[index:]
    return tuple(path), ()


def _at(tree: Any, path: TreePath) -> Any:
    for key in path:
        tree = tree[key]
    return tree


_Writer = Callable[[Any, TreePath, tuple[Key, ...], "type[Part] | None"], str]


def _unknown_key(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    known = part.model_fields if part else ()
    return f"'{path[-1]}' is not a key here{did_you_mean(str(path[-1]), known)}"


def _missing(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    return "required, but not given"


def _choice(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    choices = detail["ctx"].get("expected") or detail["ctx"].get("expected_tags", "")
    names = [name.strip().strip("'") for name in choices.replace(" or ", ", ").split(",")]
    given = detail["ctx"].get("tag", detail["input"])
    return f"'{given}' is not one of {', '.join(names)}{_close(given, names)}"


def _close(given: object, names: list[str]) -> str:
    hint = did_you_mean(str(given), names)
    return hint if "did you mean" in hint else ""


def _no_kind(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    return "needs a 'kind'"


def _name(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    return f"'{detail['input']}' is not a valid name here; write lower case, as 'linear' or 'moe.fc1'"


def _mapping(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    return f"expected a mapping of fields, found {detail['input']!r}"


def _plain(detail: Any, path: TreePath, rest: tuple[Key, ...], part: type[Part] | None) -> str:
    message: str = detail["msg"]
    return message[0].lower() + message[1:] if message.startswith("Input") else message


_MESSAGES: dict[str, _Writer] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "literal_error": _choice,
    "union_tag_invalid": _choice,
    "union_tag_not_found": _no_kind,
    "string_pattern_mismatch": _name,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "mapping_type": _mapping,
    "dict_type": _mapping,
}
