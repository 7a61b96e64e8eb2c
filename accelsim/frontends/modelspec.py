"""Models by name: the catalogue that ships with accelsim, or a builder in a Python file of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from accelsim.errors import InputError, did_you_mean
from accelsim.ir.frozen import FrozenMap
from accelsim.shipped import shipped_dir

CATALOGUE = "catalogue.yaml"
_KEYS = {"builder", "arguments", "tasks", "hardware_scope", "title", "sources", "notes", "variants", "data"}


@dataclass(frozen=True)
class ModelSpec:
    """Where a model comes from: function `builder` of `file`, called with `task` and `arguments`, or an ONNX file.

    `tasks` is empty for a model with one output head that takes no task. `scope` is the module path of the
    part that hardware runs (empty: all of it). `variants` are other models that differ in one thing, by
    that thing. `data` are the prepared data that it was trained for, as `name` or `name/task` (empty: none).
    """

    name: str
    file: Path
    builder: str
    arguments: FrozenMap[str, Any] = field(default_factory=FrozenMap)
    tasks: tuple[str, ...] = ()
    scope: str = ""
    title: str = ""
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    variants: FrozenMap[str, str] = field(default_factory=FrozenMap)
    data: str = ""

    @property
    def is_onnx(self) -> bool:
        return self.file.suffix == ".onnx"

    def chosen_task(self, task: str | None) -> str:
        """`task` if the model has it, the first task for None. Raises InputError."""
        if task is None:
            return self.tasks[0] if self.tasks else ""
        if self.tasks and task not in self.tasks:
            raise InputError(f"{self.name}: no task '{task}'{did_you_mean(task, self.tasks)}")
        return task

    def with_arguments(self, arguments: Mapping[str, Any]) -> ModelSpec:
        """A copy whose builder gets `arguments` over its own."""
        return ModelSpec(**{**vars(self), "arguments": self.arguments.with_items(arguments)})


def find_model(spec: str) -> ModelSpec:
    """A name of the catalogue, `path/to/file.py:function` or `path/to/file.onnx`. Raises InputError otherwise."""
    path, separator, builder = spec.rpartition(":")
    if separator and path.endswith(".py"):
        file = Path(path)
        if not file.is_file():
            raise InputError(f"{path}: no such file; a model is a name or path.py:function")
        if not builder.isidentifier():
            raise InputError(f"{spec}: '{builder}' is not the name of a function")
        return ModelSpec(name=f"{file.stem}:{builder}", file=file.resolve(), builder=builder)
    if spec.endswith(".onnx"):
        file = Path(spec)
        if not file.is_file():
            raise InputError(f"{spec}: no such file")
        return ModelSpec(name=file.stem, file=file.resolve(), builder="")
    if spec.endswith(".py"):
        raise InputError(f"{spec}: name the function that builds the model: {spec}:build")
    known = catalogue()
    if spec not in known:
        raise InputError(f"'{spec}' is not a model{did_you_mean(spec, known)}; or give path.py:function or path.onnx")
    return known[spec]


def catalogue() -> dict[str, ModelSpec]:
    """Every model that ships with accelsim, by name."""
    folder = shipped_dir("models")
    return read_catalogue(folder / CATALOGUE)


def read_catalogue(path: Path) -> dict[str, ModelSpec]:
    """Read a catalogue; builders are relative to its folder. Raises InputError naming file and entry."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise InputError(f"{path}: no such catalogue") from None
    return dict(_read(path, changed))


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> dict[str, ModelSpec]:
    """Kept until the file changes: reading it takes longer than timing a model."""
    try:
        record = YAML(typ="safe").load(path)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise InputError(f"{path}: not readable YAML: {error}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: a catalogue maps names to models")
    return {str(name): _entry(path, str(name), entry) for name, entry in record.items()}


def _entry(path: Path, name: str, entry: object) -> ModelSpec:
    if not isinstance(entry, dict) or "builder" not in entry:
        raise InputError(f"{path}: {name}: needs 'builder: file.py:function'")
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"{path}: {name}: no key '{key}'{did_you_mean(str(key), _KEYS)}")
    file, _, builder = str(entry["builder"]).partition(":")
    arguments = entry.get("arguments") or {}
    if not builder or not isinstance(arguments, dict):
        raise InputError(f"{path}: {name}: 'builder' is file.py:function and 'arguments' a map")
    return ModelSpec(
        name=name,
        file=(path.parent / file).resolve(),
        builder=builder,
        arguments=FrozenMap({str(key): value for key, value in arguments.items()}),
        tasks=tuple(str(task) for task in entry.get("tasks") or ()),
        scope=str(entry.get("hardware_scope") or ""),
        title=str(entry.get("title") or ""),
        sources=tuple(str(source) for source in entry.get("sources") or ()),
        notes=tuple(str(note) for note in entry.get("notes") or ()),
        variants=FrozenMap({str(key): str(other) for key, other in (entry.get("variants") or {}).items()}),
        data=str(entry.get("data") or ""),
    )
