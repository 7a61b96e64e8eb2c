"""Sweeps by name, file or mapping, ready to run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.document import parse_yaml, read_yaml
from accelsim.shipped import shipped_dir
from accelsim.sweep.accuracy import resolved
from accelsim.sweep.spec import SweepSpec, read_sweep


def load_sweep(given: str | Path | Mapping[str, Any]) -> SweepSpec:
    """The sweep in a YAML file, the shipped one of that name, or what a mapping of the same form says.

    Its accuracies are read. Raises InputError, with file, line and column for what is wrong inside.
    """
    if isinstance(given, Mapping):
        try:
            text = json.dumps(given, indent=1)
        except TypeError as error:
            raise InputError(f"a sweep holds numbers, texts, lists and mappings: {error}") from None
        return resolved(read_sweep(parse_yaml(text, name="sweep")))
    file = _path(given)
    document = read_yaml(file, name=str(given) if Path(given).is_file() else f"hwconfigs/sweeps/{file.name}")
    return resolved(read_sweep(document))


def sweep_names() -> tuple[str, ...]:
    """The sweeps that ship with accelsim."""
    return tuple(_shipped())


def shipped_sweep(name: str) -> SweepSpec:
    """A shipped sweep as its file says, its accuracies not read."""
    return read_sweep(read_yaml(_shipped()[name], name=f"hwconfigs/sweeps/{name}.yaml"))


def _shipped() -> dict[str, Path]:
    return {file.stem: file for file in sorted((shipped_dir("hwconfigs") / "sweeps").glob("*.yaml"))}


def _path(given: str | Path) -> Path:
    path, known = Path(given), _shipped()
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise InputError(f"{path}: no such sweep file")
        return path
    if str(given) not in known:
        raise InputError(f"no sweep is called '{given}'{did_you_mean(str(given), known)}")
    return known[str(given)]
