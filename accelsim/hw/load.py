"""Reading a hardware description: names, extends, tables, overrides, validation, cross references."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import GenerateJsonSchema

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.check import broken_references
from accelsim.hw.document import ConfigError, Document, TreePath, merge, read_yaml, with_provenance
from accelsim.hw.located import Registry, located, unlocated
from accelsim.hw.override import apply_overrides
from accelsim.hw.schema import Board, Hardware
from accelsim.shipped import shipped_dir

_TABLES = Path(__file__).resolve().parent / "tables"
_FOLDERS = ("", "ablations")
_SHARED = {"board": ("boards", "name"), "energy": ("energy", "table")}
_WHOLE = {f"{field}.{key}": field for field, (_, key) in _SHARED.items()}


def load_hardware(spec: str | Path, overrides: Mapping[str, object] | None = None) -> Hardware:
    """The hardware called `spec`: a shipped name or a path to a YAML file.

    `overrides` replace values by dotted path, such as {"units.linear.rows": 2, "schedule.prefetch": "none"},
    and hold them as YAML reads them; text of a command line goes through `parse_scalar` first.
    Raises ConfigError with one located line an error.
    """
    document = _with_tables(_read(hardware_path(spec), ()))
    hardware, registry = _validate(document)
    if not overrides:
        return hardware
    whole = {_WHOLE.get(path, path): value for path, value in overrides.items()}
    changed = apply_overrides(document, registry, whole)
    return _validate(_with_tables(changed))[0]


def located_message(spec: str | Path, path: TreePath, message: str, *, overridden: Iterable[str] = ()) -> str:
    """A line about the value at `path` of a description, with its place in the file, or 'override' where one of the
    dotted paths in `overridden` replaced it."""
    dotted = ".".join(map(str, path))
    if any(f"{dotted}.".startswith(f"{other}.") for other in overridden):
        return f"override: {dotted}: {message}"
    return unlocated(_with_tables(_read(hardware_path(spec), ())), path, message)


def hardware_names() -> tuple[str, ...]:
    """Names of the shipped hardware descriptions, ablations included."""
    return tuple(sorted(_shipped()))


def boards() -> tuple[Board, ...]:
    """The boards a hardware file can name."""
    return tuple(Board.model_validate(record, context={}) for record in _table("boards").values())


def _shipped() -> dict[str, Path]:
    folder = shipped_dir("hwconfigs")
    return {path.stem: path for sub in _FOLDERS for path in sorted((folder / sub).glob("*.yaml"))}


def hardware_path(spec: str | Path, *, relative_to: Path | None = None) -> Path:
    """The file behind a shipped name (its folder may stand before it) or a path. Raises InputError."""
    text = str(spec)
    if isinstance(spec, str) and not text.endswith((".yaml", ".yml")):
        known = _shipped()
        folder, _, name = text.rpartition("/")
        text = name if folder in _FOLDERS else text
        if text not in known:
            raise InputError(f"no hardware is called '{text}'{did_you_mean(text, known)}")
        return known[text]
    path = Path(text) if relative_to is None else relative_to / text
    if not path.is_file():
        raise InputError(f"{path}: no such hardware file")
    return path


def _read(path: Path, seen: tuple[Path, ...]) -> Document:
    """The file with everything it extends laid under it."""
    document = read_yaml(path, name=_shown(path))
    if path.resolve() in seen:
        raise ConfigError(f"{document.place(('extends',))}: extends: the file extends itself")
    document = Document(with_provenance(document.tree), document.keys, document.values)
    if "name" not in document.tree:
        raise ConfigError(f"{document.place(())}: name: required; a hardware description needs a name of its own")
    below = document.tree.get("extends")
    if below is None:
        return document
    if not isinstance(below, str):
        raise ConfigError(f"{document.place(('extends',))}: extends: must be the name or path of a description")
    try:
        base = hardware_path(below, relative_to=path.parent)
    except InputError as error:
        raise ConfigError(f"{document.place(('extends',))}: extends: {error}") from error
    return merge(_read(base, (*seen, path.resolve())), document)


def _shown(path: Path) -> str:
    """The path as errors show it: relative below the current folder and for shipped files."""
    resolved = path.resolve()
    for base in (Path.cwd(), shipped_dir("hwconfigs").parent):
        if resolved.is_relative_to(base):
            return str(resolved.relative_to(base))
    return str(path)


@cache
def _table(name: str) -> dict[str, Any]:
    """A table of shared constants: name -> record, provenance attached."""
    document = read_yaml(_TABLES / f"{name}.yaml", name=f"accelsim/hw/tables/{name}.yaml")
    tree: dict[str, Any] = with_provenance(document.tree)
    return tree


def _with_tables(document: Document) -> Document:
    """The named board and energy table written into the tree, under what the file itself gives."""
    tree = dict(document.tree)
    for field, (table_name, key) in _SHARED.items():
        given = tree.get(field)
        own: Any = {key: given} if isinstance(given, str) else given
        if not isinstance(own, dict) or key not in own:
            continue  # validation says what is missing
        table = _table(table_name)
        if not isinstance(own[key], str) or own[key] not in table:
            place = document.place((field, key) if isinstance(given, dict) else (field,))
            raise ConfigError(
                f"{place}: {field}: '{own[key]}' is not in the table of {table_name}"
                f"{did_you_mean(str(own[key]), table)}"
            )
        tree[field] = {**copy.deepcopy(table[own[key]]), **own}
    return Document(tree, document.keys, document.values)


def _validate(document: Document) -> tuple[Hardware, Registry]:
    registry: Registry = {}
    try:
        hardware = Hardware.model_validate(document.tree, context=registry)
    except ValidationError as error:
        raise ConfigError("\n".join(located(document, registry, error))) from None
    broken = broken_references(hardware)
    if broken:
        raise ConfigError("\n".join(unlocated(document, path, message) for path, message in broken))
    return hardware, registry


class _Schema(GenerateJsonSchema):
    """Leaves defaults out: they are quantities, and a default is neutral by definition."""

    ignored_warning_kinds = frozenset({"non-serializable-default"})  # type: ignore[assignment]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of hardware files, for editors."""
    schema = Hardware.model_json_schema(schema_generator=_Schema)
    for field, (table_name, key) in _SHARED.items():
        parts = {"board": ("Board",), "energy": ("FpgaEnergy", "AsicEnergy")}[field]
        for part in parts:
            schema["$defs"][part]["required"] = [key]
        own = [{"$ref": f"#/$defs/{part}"} for part in parts]
        schema["properties"][field] = {"anyOf": [{"type": "string", "enum": sorted(_table(table_name))}, *own]}
    return schema
