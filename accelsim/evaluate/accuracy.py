"""How right a model is: our engine over a held-out split, at any precision, and PyTorch beside it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.data import Data, Split, load_data
from accelsim.evaluate.load import load_model
from accelsim.evaluate.metrics import Rows, metric_of
from accelsim.evaluate.peers import chosen_peers
from accelsim.evaluate.predictions import Counting, Outputs, in_engine, in_torch, largest_magnitudes, uncounted
from accelsim.evaluate.simulate import Progress, silent
from accelsim.frontends.catalogue import LoadedModel, ModelSpec, catalogue, find_model
from accelsim.frontends.inputs import input_options
from accelsim.ir import Graph
from accelsim.passes.precision import FULL, deployed, parse_precision, precision_name
from accelsim.results.accuracy import AccuracyRow
from accelsim.version import VERSION

__all__ = ["accuracy", "named_models"]

ALL = "all"
"""The task of a model that gives the outputs of all its tasks, in order."""

BATCH = 32
"""Samples at a time of models whose catalogue entry names their data; others run as they are built."""

CALIBRATION = 128
"""Training samples whose largest magnitudes set the scales of whole numbers."""

Key = tuple[str | int, ...]


def accuracy(
    model: str,
    data: str | Path | Data | None = None,
    *,
    task: str | None = None,
    arguments: Mapping[str, object] | None = None,
    split: str = "test",
    precisions: Sequence[str] = (FULL,),
    limit: int | None = None,
    batch: int | None = None,
    against: str | None = None,
    known: Sequence[AccuracyRow] = (),
    threads: int = 2,
    progress: Progress = silent,
    counting: Counting = uncounted,
) -> tuple[AccuracyRow, ...]:
    """The metrics of a model on a split, one row for each task and precision.

    `data` is a name, a folder, or loaded; by default what the catalogue names for the model. `task` is by default every
    task that model and data share. `arguments` go to the builder; `limit` takes the first samples of the split.
    `against` 'torch' runs PyTorch on the same weights too, which is of float32 whatever the precision. Rows that
    `known` answers are taken from there. Raises InputError for what is unknown or does not fit together.
    """
    spec = find_model(model)
    own_data, _, own_task = spec.data.partition("/")
    if data is None and not own_data:
        raise InputError(f"{model}: the catalogue names no data for it; say which")
    found = data if isinstance(data, Data) else load_data(data or own_data)
    task = task or (own_task if found.name == own_data else "") or None
    named = tuple(dict.fromkeys(map(precision_name, precisions)))
    for precision in named:
        if precision != FULL:
            parse_precision(precision)
    _check_peer(spec, against)
    samples = found.split(split)
    asked = _Asked(spec, found, samples.head(limit) if limit else samples, arguments or {}, batch, threads, progress)
    answered = {row.key: row for row in known}
    rows: list[AccuracyRow] = []
    for own, labelled in _runs(spec, found, task):
        progress(f"loading {spec.name}{f' ({own})' if own else ''}")
        loaded = asked.load(own)
        tasks = _outputs(loaded, found, labelled)
        theirs: dict[str, float] = {}
        for precision in named:
            done = [answered.get(asked.key(name, loaded.graph, precision)) for name in tasks.values()]
            complete = [row for row in done if row is not None and (against is None or row.torch is not None)]
            if len(complete) == len(tasks):
                rows += complete
                continue
            graph = asked.at_precision(loaded.graph, precision)
            progress(f"running {len(asked.split):,} samples in {precision}")
            ours = asked.measured(tasks, in_engine(graph, asked.split, threads=threads, counting=counting))
            if against is not None and not theirs:
                progress(f"running {len(asked.split):,} samples in {against}")
                theirs = _scores(found, asked.measured(tasks, in_torch(loaded, asked.split)))
            for name, counts in ours.items():
                rows.append(replace(asked.row(name, loaded.graph, precision, counts), torch=theirs.get(name)))
    return tuple(rows)


def named_models(words: Iterable[str]) -> tuple[str, ...]:
    """Names as they are; a word with wildcards stands for the models of the catalogue that name their data.

    Raises InputError for one that fits none.
    """
    trained = sorted(name for name, spec in catalogue().items() if spec.data)
    found: list[str] = []
    for word in words:
        fitting = fnmatch.filter(trained, word) if any(mark in word for mark in "*?[") else [word]
        if not fitting:
            raise InputError(f"no model with data fits '{word}'{did_you_mean(word.strip('*'), trained)}")
        found += fitting
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class _Asked:
    """What is evaluated: a model and its data, of which split and how many samples, with which builder arguments."""

    spec: ModelSpec
    data: Data
    split: Split
    arguments: Mapping[str, object]
    batch: int | None
    threads: int
    progress: Progress

    @property
    def variant(self) -> str:
        return ";".join(f"{name}={value}" for name, value in sorted(self.arguments.items()))

    def load(self, task: str | None) -> LoadedModel:
        """The model for one of its own tasks, in batches."""
        if self.spec.is_onnx:
            return load_model(str(self.spec.file), options=input_options(None, self.batch))
        batch = self.batch or (BATCH if self.spec.data else None)
        given = {**self.arguments, **({"batch": min(batch, len(self.split))} if batch else {})}
        name = f"{self.spec.file}:{self.spec.builder}" if ":" in self.spec.name else self.spec.name
        return load_model(name, task=task, arguments=given)

    def at_precision(self, graph: Graph, precision: str) -> Graph:
        """The graph with the rounding of a precision in it; ranges come from training samples."""
        if precision == FULL:
            return graph
        chosen, bare = parse_precision(precision), deployed(graph)
        watched = chosen.observed(bare)
        if not watched:
            return chosen.rounded(bare, {})
        seen = self.data.split("train").head(CALIBRATION)
        self.progress(f"calibrating {len(watched)} tensors on {len(seen)} training samples")
        return chosen.rounded(bare, largest_magnitudes(bare, seen, watched, threads=self.threads))

    def measured(self, tasks: Mapping[str, str], outputs: Iterator[Outputs]) -> dict[str, Rows]:
        """Counts of each sample by task."""
        found: dict[str, list[Rows]] = {name: [] for name in tasks.values()}
        first = 0
        for made in outputs:
            last = first + len(next(iter(made.values())))
            for output, name in tasks.items():
                task, label = self.data.task(name), self.split.labels[name][first:last]
                found[name].append(metric_of(task).rows(made[output], label, task))
            first = last
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def key(self, task: str, graph: Graph, precision: str) -> Key:
        """The `AccuracyRow.key` of the row that answers for a task."""
        split = self.split
        settings = (self.spec.name, self.variant, task, precision, self.data.name, split.name, len(split))
        return (*settings, _digest(graph), split.digest)

    def row(self, task: str, graph: Graph, precision: str, counts: Rows) -> AccuracyRow:
        """The row of a task from the counts of all samples."""
        metric = metric_of(self.data.task(task))
        return AccuracyRow(
            model=self.spec.name,
            variant=self.variant,
            task=task,
            precision=precision,
            metric=metric.name,
            value=metric.score(counts.sum(axis=0)),
            standard_error=metric.standard_error(counts),
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            torch=None,
            data=self.data.name,
            split=self.split.name,
            samples=len(self.split),
            weights=_digest(graph),
            data_digest=self.split.digest,
            accelsim=VERSION,
        )


def _check_peer(spec: ModelSpec, against: str | None) -> None:
    if against is None:
        return
    if against != "torch":
        raise InputError(f"accuracy is compared with torch, not with '{against}'")
    if spec.is_onnx:
        raise InputError(f"{spec.file}: torch does not run ONNX files; leave the comparison out")
    chosen_peers((against,))


def _runs(spec: ModelSpec, data: Data, task: str | None) -> list[tuple[str | None, str | None]]:
    """(the model's task to load, the task of the data that its one output is of), None where it is not chosen.

    Raises InputError for a task that either lacks.
    """
    if task is not None:
        spec.chosen_task(task)
        return [(task if spec.tasks else None, None if task == ALL else data.task(task).name)]
    if not spec.tasks or ALL in spec.tasks:
        return [(ALL if spec.tasks else None, None)]
    shared = [name for name in spec.tasks if name in data.tasks]
    if not shared:
        raise InputError(
            f"{spec.name} has the tasks {', '.join(spec.tasks)}, data '{data.name}' has {', '.join(data.tasks)}"
        )
    return [(name, name) for name in shared]


def _outputs(loaded: LoadedModel, data: Data, labelled: str | None) -> dict[str, str]:
    """For each output of the graph that has labels, its task."""
    outputs = loaded.graph.outputs
    if len(outputs) == 1:
        names = [labelled] if labelled else list(data.tasks)
        if len(names) > 1:
            raise InputError(f"{loaded.model} has one output, data '{data.name}' several tasks: {', '.join(names)}")
        return {outputs[0]: names[0]}
    own = [name for name in loaded.tasks if name != ALL]
    if len(own) != len(outputs):
        raise InputError(f"{loaded.model}: {len(outputs)} outputs, but {len(own)} tasks in the catalogue")
    return {output: name for output, name in zip(outputs, own, strict=True) if name in data.tasks}


def _scores(data: Data, counts: Mapping[str, Rows]) -> dict[str, float]:
    return {name: metric_of(data.task(name)).score(rows.sum(axis=0)) for name, rows in counts.items()}


def _digest(graph: Graph) -> str:
    return graph.weights_digest[:16]
