"""Two runs or two hardware descriptions, by name, side by side."""

from __future__ import annotations

import json
from pathlib import Path

from accelsim.errors import InputError
from accelsim.evaluate.simulate import hardware_for, simulate_spec
from accelsim.results import Result
from accelsim.results.compare import Comparison, changed_settings, compare


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
    settings = tuple(hardware_for(name).settings() for name in (before, after))
    if model is None:
        if task is not None:
            raise InputError("--task needs --model")
        return Comparison(before, after, changed_settings(*settings), (), (), ())
    first, second = (simulate_spec(model, name, task=task) for name in (before, after))
    return compare(first, second, settings=(settings[0], settings[1]), names=(before, after))


def _result(name: str) -> Result | None:
    """The result in a folder or file, None for what is no path to one."""
    path = Path(name)
    file = path / "result.json" if path.is_dir() else path
    if file.suffix != ".json" or not file.is_file():
        if path.is_dir():
            raise InputError(f"{path}: no result.json in this folder")
        return None
    try:
        return Result.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: not a result of accelsim: {error}") from None
