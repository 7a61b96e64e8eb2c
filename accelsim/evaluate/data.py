"""Labelled data that `make data` prepared: a folder with `data.json` and one .npz a split.

`data.json` tells name, source, licence, the inputs, and the tasks with their kinds (see `evaluate.metrics`). A split
holds samples on the first axis: the inputs of models by name, and the labels of a task as `label.<task>`.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.metrics import METRICS, Task
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.weights import Array, content_digest
from accelsim.shipped import shipped_dir

DESCRIPTION = "data.json"
SPLITS = ("train", "validation", "test")
LABEL = "label."


@dataclass(frozen=True)
class Split:
    """Samples of one split: `inputs` and `labels` by name and by task, samples on the first axis."""

    name: str
    inputs: FrozenMap[str, Array]
    labels: FrozenMap[str, Array]

    def __len__(self) -> int:
        return min(len(array) for array in self.inputs.values())

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the content of all arrays."""
        arrays = {**self.inputs, **{f"{LABEL}{task}": array for task, array in self.labels.items()}}
        listed = sorted((name, content_digest(array)) for name, array in arrays.items())
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]

    def head(self, count: int) -> Split:
        """The first samples, at most `count`."""
        return Split(
            self.name,
            FrozenMap({name: array[:count] for name, array in self.inputs.items()}),
            FrozenMap({name: array[:count] for name, array in self.labels.items()}),
        )


@dataclass(frozen=True)
class Data:
    """A data set: where it lies, what it holds, where it comes from."""

    name: str
    folder: Path
    tasks: FrozenMap[str, Task]
    source: str = ""
    licence: str = ""

    def task(self, name: str) -> Task:
        """The task of that name. Raises InputError."""
        if name not in self.tasks:
            raise InputError(f"data '{self.name}' has no task '{name}'{did_you_mean(name, self.tasks)}")
        return self.tasks[name]

    def split(self, name: str) -> Split:
        """The arrays of 'train', 'validation' or 'test'. Raises InputError for a file that is absent or damaged."""
        if name not in SPLITS:
            raise InputError(f"'{name}' is not a split{did_you_mean(name, SPLITS)}")
        path = self.folder / f"{name}.npz"
        found = read_split(path, name, remedy="; run `make data`")
        for task in self.tasks:
            if task not in found.labels:
                raise InputError(f"{path}: no labels '{LABEL}{task}', which {DESCRIPTION} promises; run `make data`")
        return found


def read_split(path: Path, name: str, *, remedy: str = "") -> Split:
    """The inputs and labels of an .npz file. Raises InputError, which ends in `remedy`, for a file that is absent or
    damaged, or whose arrays differ in their number of samples."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file{remedy}") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an .npz of arrays: {error}{remedy and f'; remove it{remedy}'}") from None
    inputs = {key: array for key, array in arrays.items() if not key.startswith(LABEL)}
    labels = {key.removeprefix(LABEL): array for key, array in arrays.items() if key.startswith(LABEL)}
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if not inputs or len(counts) != 1 or 0 in counts:
        raise InputError(f"{path}: needs inputs, and as many samples in each array; got {sorted(counts)}")
    return Split(name, FrozenMap(inputs), FrozenMap(labels))


def load_data(data: str | Path) -> Data:
    """Data by name, as `make data` puts them into models/data, or by folder. Raises InputError."""
    folder = Path(data)
    if not (folder / DESCRIPTION).is_file():
        prepared = shipped_dir("models") / "data"
        folder = prepared / data
        if not (folder / DESCRIPTION).is_file():
            there = sorted(path.parent.name for path in prepared.glob(f"*/{DESCRIPTION}"))
            raise InputError(
                f"no data '{data}': neither a folder with {DESCRIPTION} nor prepared in {prepared}; run `make data`"
                f"{did_you_mean(str(data), there)}"
            )
    path = folder / DESCRIPTION
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable JSON: {error}") from None
    if not isinstance(record, dict) or not isinstance(record.get("tasks"), dict):
        raise InputError(f"{path}: needs 'tasks', which maps names to kinds")
    tasks = {str(name): _task(path, str(name), entry) for name, entry in record["tasks"].items()}
    source, licence = (str(record.get(key, "")) for key in ("source", "licence"))
    return Data(str(record.get("name", folder.name)), folder, FrozenMap(tasks), source, licence)


def _task(path: Path, name: str, entry: Mapping[str, Any]) -> Task:
    kind = str(entry.get("kind") if isinstance(entry, dict) else entry)
    if kind not in METRICS:
        raise InputError(f"{path}: task '{name}': '{kind}' is not a kind{did_you_mean(kind, METRICS)}")
    classes, ignore, tolerance = (entry.get(key) for key in ("classes", "ignore", "tolerance_px"))
    if METRICS[kind].needs_classes and not (isinstance(classes, int) and classes > 1):
        raise InputError(f"{path}: task '{name}': needs 'classes', how many there are")
    return Task(name, kind, int(classes or 0), ignore, tolerance)
