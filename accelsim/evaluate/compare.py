"""Two runs or two hardware descriptions, by name, side by side."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import InputError
from accelsim.evaluate.simulate import hardware_for, simulate_spec
from accelsim.results import Result
from accelsim.results.compare import Comparison, changed_settings, compare
from accelsim.results.read import read_result


def compare_named(before: str, after: str, *, model: str | None = None, task: str | None = None) -> Comparison:
    """What changed from `before` to `after`: both folders or files of results, or both hardware names or files.

    Raises InputError where one is neither, or they are of different kinds.
    """
    results = [_result(name) for name in (before, after)]
    first, second = results
    if first is not None and second is not None:
        if model is not None:
            raise InputError("--model is for hardware files; these are results")
        return compare(first, second, names=(before, after))
    if any(result is not None for result in results):
        raise InputError(f"'{before}' and '{after}' cannot be compared: one is a result, the other is not")
    if model is None:
        if task is not None:
            raise InputError("--task needs --model")
        settings = [hardware_for(name).settings() for name in (before, after)]
        return Comparison(before, after, changed_settings(*settings))
    first, second = (simulate_spec(model, name, task=task) for name in (before, after))
    return compare(first, second, names=(before, after))


def _result(name: str) -> Result | None:
    """The result in a folder or file, None for what is no path to one. Raises InputError."""
    path = Path(name)
    return read_result(path) if path.is_dir() or (path.suffix == ".json" and path.is_file()) else None
