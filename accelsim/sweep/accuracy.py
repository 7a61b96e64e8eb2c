"""Measured accuracy beside every point: rows of the table that `accelsim evaluate --out` writes, joined to a sweep.

Columns read: model, variant (builder arguments as `ratio=0.3;top_k=1`), precision (`float32`, a format, or those of
activations and weights as `int8/int4`; also the name of a hardware), data, task, metric, value, higher_is_better and,
where there is one, split. A point gets a column `<metric>_<task>` in small letters for each metric of its model,
variant and precision: those of its own task, or all where the model's tasks are others (`all`, or none).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, did_you_mean
from accelsim.frontends.modelspec import find_model
from accelsim.ir.frozen import FrozenMap
from accelsim.sweep.front import ACCURACY, column_of
from accelsim.sweep.spec import Measured, ModelChoice, Sense, SweepSpec

if TYPE_CHECKING:
    import pandas

    from accelsim.sweep.space import Group

_NEEDED = ("model", "variant", "precision", "data", "task", "metric", "value", "higher_is_better")
_ALL = "all"


def resolved(spec: SweepSpec) -> SweepSpec:
    """The sweep with the measured rows of its models in it, and a model with wildcards become those that it names.

    The objective `accuracy` becomes the column of that name's task. Raises InputError for a table that cannot be read,
    holds no such model, or says two things about one.
    """
    if spec.accuracy is None:
        wild = next((choice.model for choice in spec.models if _is_pattern(choice.model)), None)
        if wild is not None:
            raise InputError(f"{spec.name}: model '{wild}' names models of a table of accuracies: give accuracy.file")
        return spec
    stated = spec.accuracy
    path = Path(stated.file)
    rows = tuple(row for row in _read(path) if not stated.data or row.data == stated.data)
    choices = [found for choice in spec.models for found in _expanded(choice, rows, path)]
    names = {choice.model for choice in choices}
    own = tuple(row for row in rows if row.model in names)
    _check_once(own, path)
    found = spec.model_copy(update={"models": tuple(choices), "accuracy": stated.model_copy(update={"rows": own})})
    measured = measured_columns(found)
    objectives = {
        column_of(name, measured): _sense(measured[column_of(name, measured)])
        if name == ACCURACY and measured
        else sense
        for name, sense in spec.objectives.items()
    }
    return found.model_copy(update={"objectives": FrozenMap(objectives)})


def measured_columns(spec: SweepSpec) -> dict[str, bool]:
    """The columns that accuracies make, and whether more of each is better."""
    return {row.column: row.higher_is_better for row in (spec.accuracy.rows if spec.accuracy else ())}


def stated_senses(spec: SweepSpec) -> dict[str, Sense]:
    """The columns that have a better way, and which: accuracies, and what the sweep says."""
    measured: dict[str, Sense] = {name: _sense(more) for name, more in measured_columns(spec).items()}
    return measured | dict(spec.objectives)


def _sense(more: bool) -> Sense:
    return "maximise" if more else "minimise"


def joined(spec: SweepSpec, group: Group, task: str, precision: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float64]]:
    """The measured columns of points of a group, `precision` a text each; missing where nothing was measured."""
    found = {name: np.full(precision.size, np.nan) for name in measured_columns(spec)}
    if spec.accuracy is None:
        return found
    variant = variant_of(group.arguments)
    rows = [row for row in spec.accuracy.rows if row.model == group.model and variant_of(row.arguments) == variant]
    own = [row for row in rows if row.task == task] or rows
    for text in dict.fromkeys(precision.tolist()):
        wanted = (spec.accuracy.precision,) if spec.accuracy.precision else (text, group.hardware)
        for row in own:
            if row.precision in wanted:
                found[row.column][precision == text] = row.value
    return found


def not_measured(spec: SweepSpec, frame: pandas.DataFrame) -> list[str]:
    """A line for each model, task and precision whose points got no accuracy, with what would help."""
    if spec.accuracy is None:
        return []
    columns, file = list(measured_columns(spec)), spec.accuracy.file
    lacking = frame[frame[columns].isna().all(axis=1)] if columns else frame
    lines = []
    for (model, task, precision), count in lacking.groupby(["model", "task", "precision"], dropna=False).size().items():
        there = sorted({row.precision for row in spec.accuracy.rows if row.model == model})
        wanted = spec.accuracy.precision or precision
        lines.append(
            f"accuracy of {model}{f' ({task})' if task else ''} at {wanted} is not measured: "
            f"{count:,} points have none; {file} has {', '.join(there) or 'no row of it'} "
            f"(accelsim evaluate {model} --precision '{wanted}' --out {file})"
        )
    return lines


def variant_of(arguments: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Builder arguments so that 0.3 and 0.30, True and true are the same."""
    return frozenset((name, str(_scalar(str(value)))) for name, value in arguments.items())


def _read(path: Path) -> Iterator[Measured]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if lacking:
                raise InputError(f"{path}:1: no table of accuracies: no column {', '.join(lacking)}")
            for number, record in enumerate(reader, 2):
                if (record.get("split") or "test") == "test":
                    yield _row(f"{path}:{number}", record)
    except FileNotFoundError:
        raise InputError(f"{path}: no such table; `accelsim evaluate MODEL --out {path}` writes it") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not readable: {error}") from None


def _row(where: str, record: Mapping[str, str | None]) -> Measured:
    text = {name: (record[name] or "").strip() for name in _NEEDED}
    pairs = [part.partition("=") for part in text["variant"].split(";") if part.strip()]
    try:
        value, more = float(text["value"]), {"true": True, "false": False}[text["higher_is_better"].lower()]
    except (ValueError, KeyError):
        raise InputError(f"{where}: value {text['value']!r} or higher_is_better is none") from None
    return Measured(
        model=text["model"],
        arguments=FrozenMap({name.strip(): _scalar(said.strip()) for name, _, said in pairs}),
        precision=text["precision"],
        data=text["data"],
        task=text["task"],
        column=re.sub(r"\W+", "_", "_".join(filter(None, (text["metric"], text["task"])))).lower(),
        value=value,
        higher_is_better=more,
    )


def _expanded(choice: ModelChoice, rows: Iterable[Measured], path: Path) -> Iterator[ModelChoice]:
    """The choice itself, or for a pattern one choice for each model and variant of the table that it names."""
    if not _is_pattern(choice.model):
        yield choice
        return
    found: dict[tuple[str, frozenset[tuple[str, str]]], list[Measured]] = {}
    for row in rows:
        if fnmatchcase(row.model, choice.model):
            found.setdefault((row.model, variant_of(row.arguments)), []).append(row)
    if not found:
        raise InputError(
            f"{path}: no model is called '{choice.model}'{did_you_mean(choice.model, {r.model for r in rows})}"
        )
    for (model, _), own in found.items():
        known = find_model(model).tasks
        tasks = (_ALL,) if _ALL in known else tuple(dict.fromkeys(row.task for row in own if row.task in known))
        values = {name: [value] for name, value in own[0].arguments.items()}
        arguments = FrozenMap({**choice.arguments, **values})
        yield choice.model_copy(update={"model": model, "tasks": choice.tasks or tasks, "arguments": arguments})


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _check_once(rows: Iterable[Measured], path: Path) -> None:
    """Raises InputError where a model, variant and precision has two values in one column."""
    seen: dict[tuple[Any, ...], Measured] = {}
    for row in rows:
        key = (row.model, variant_of(row.arguments), row.precision, row.column)
        other = seen.setdefault(key, row)
        if other.value != row.value:
            which = f"on {other.data} and {row.data}: give accuracy.data" if other.data != row.data else "twice"
            raise InputError(f"{path}: {row.column} of {row.model} at {row.precision} is there {which}")


def _scalar(text: str) -> int | float | str | bool:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
