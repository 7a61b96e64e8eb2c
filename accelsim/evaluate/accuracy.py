"""How right a model is: our engine over a held-out split, at any precision, and PyTorch beside it."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accelsim.engine import compile
from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.data import Data, Split, load_data
from accelsim.evaluate.load import load_model
from accelsim.evaluate.metrics import Array, Rows, Task, metric_of
from accelsim.evaluate.peers import Peer, chosen_peers, peer_outputs
from accelsim.evaluate.simulate import Progress, silent
from accelsim.frontends.catalogue import LoadedModel, ModelSpec, catalogue, find_model
from accelsim.frontends.inputs import input_options
from accelsim.ir import Graph
from accelsim.passes.precision import FULL, Ranges, deployed, parse_precision, precision_name
from accelsim.results.accuracy import AccuracyRow
from accelsim.version import VERSION

__all__ = ["accuracy", "named_models"]

ALL = "all"
"""The task of a model that gives the outputs of all its tasks, in order."""

BATCH = 32
"""Samples at a time of models whose catalogue entry names their data; others run as they are built."""

CALIBRATION = 128
"""Training samples whose largest magnitudes set the scales of whole numbers."""

Counting = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Called with the number of samples to come; hands out the function that counts those that are done."""


def uncounted(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Samples that nobody counts."""
    return nullcontext(lambda samples: None)


@dataclass(frozen=True)
class _Asked:
    """What is evaluated: a model and its data, of which split and how many samples, with which builder arguments."""

    spec: ModelSpec
    data: Data
    split: Split
    arguments: Mapping[str, object]
    batch: int | None

    @property
    def variant(self) -> str:
        return ";".join(f"{name}={value}" for name, value in sorted(self.arguments.items()))

    def key(self, task: str, graph: Graph, precision: str) -> tuple[str | int, ...]:
        """The `AccuracyRow.key` of the row that answers for a task."""
        split = self.split
        settings = (self.spec.name, self.variant, task, precision, self.data.name, split.name, len(split))
        return (*settings, _digest(graph), split.digest)

    def row(self, task: Task, graph: Graph, precision: str, counts: Rows) -> AccuracyRow:
        """The row of a task from the counts of all samples."""
        metric = metric_of(task)
        return AccuracyRow(
            model=self.spec.name,
            variant=self.variant,
            task=task.name,
            precision=precision,
            metric=metric.name,
            value=_score(task, counts),
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

    def load(self, task: str | None) -> LoadedModel:
        """The model for one of its own tasks, in batches."""
        if self.spec.is_onnx:
            return load_model(str(self.spec.file), options=input_options(None, self.batch))
        batch = self.batch or (BATCH if self.spec.data else None)
        given = {**self.arguments, **({"batch": min(batch, len(self.split))} if batch else {})}
        name = f"{self.spec.file}:{self.spec.builder}" if ":" in self.spec.name else self.spec.name
        return load_model(name, task=task, arguments=given)


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
    samples = found.split(split)
    named = tuple(dict.fromkeys(precision_name(text) for text in precisions))
    for name in named:
        if name != FULL:
            parse_precision(name)
    peer = _peer(spec, against)
    asked = _Asked(spec, found, samples.head(limit) if limit else samples, arguments or {}, batch)
    answered = {row.key: row for row in known}
    rows: list[AccuracyRow] = []
    for own, labelled in _runs(spec, found, task):
        progress(f"loading {spec.name}{f' ({own})' if own else ''}")
        loaded = asked.load(own)
        tasks = _outputs(loaded, found, labelled)
        theirs: dict[str, float] | None = None
        for precision in named:
            done = [answered.get(asked.key(name, loaded.graph, precision)) for name in tasks.values()]
            if all(row is not None and (peer is None or row.torch is not None) for row in done):
                rows += (row for row in done if row is not None)
                continue
            graph = _at_precision(asked, loaded.graph, precision, threads, progress)
            progress(f"running {len(asked.split):,} samples in {precision}")
            ours = _measured(asked, tasks, _engine_outputs(graph, asked.split, threads, counting))
            if peer is not None and theirs is None:
                progress(f"running {len(asked.split):,} samples in {peer.name}")
                made = _peer_scores(asked, loaded, peer, tasks)
                theirs = {name: _score(found.task(name), counts) for name, counts in made.items()}
            for name, counts in ours.items():
                one = asked.row(found.task(name), loaded.graph, precision, counts)
                rows.append(one if theirs is None else replace(one, torch=theirs[name]))
    return tuple(rows)


def named_models(words: Sequence[str]) -> tuple[str, ...]:
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


def _at_precision(asked: _Asked, graph: Graph, precision: str, threads: int, progress: Progress) -> Graph:
    """The graph with the rounding of a precision in it; ranges come from training samples."""
    if precision == FULL:
        return graph
    chosen, bare = parse_precision(precision), deployed(graph)
    watched = chosen.observed(bare)
    if not watched:
        return chosen.rounded(bare, {})
    seen = asked.data.split("train").head(CALIBRATION)
    progress(f"calibrating {len(watched)} tensors on {len(seen)} training samples")
    return chosen.rounded(bare, _ranges(bare, seen, watched, threads))


def _ranges(graph: Graph, split: Split, watched: Sequence[str], threads: int) -> Ranges:
    executable = compile(graph, threads=threads)
    largest = dict.fromkeys(watched, 0.0)
    for inputs, count in batches(graph, split):
        for name, array in executable(inputs, keep=watched).kept.items():
            kept = array[:count] if len(array) == batch_of(graph) else array
            largest[name] = max(largest[name], float(np.abs(kept).max(initial=0.0)))
    return largest


def batch_of(graph: Graph) -> int:
    """How many samples a run of the graph takes."""
    return graph.tensors[graph.inputs[0]].shape[0]


def batches(graph: Graph, split: Split) -> Iterator[tuple[dict[str, Array], int]]:
    """The split as inputs of the graph, and how many samples are new; the last batch repeats its last sample.

    Raises InputError for inputs that the split lacks or has in other shapes.
    """
    size = batch_of(graph)
    for name in graph.inputs:
        if name not in split.inputs:
            raise InputError(f"input '{name}' is not in split '{split.name}'{did_you_mean(name, split.inputs)}")
        given, wanted = split.inputs[name].shape[1:], graph.tensors[name].shape
        if (size, *given) != wanted:
            raise InputError(f"input '{name}' is {list(wanted)}, a sample of split '{split.name}' {list(given)}")
    for first in range(0, len(split), size):
        rows = np.minimum(np.arange(first, first + size), len(split) - 1)
        kinds = {name: str(graph.tensors[name].dtype) for name in graph.inputs}
        yield (
            {name: split.inputs[name][rows].astype(kind) for name, kind in kinds.items()},
            min(size, len(split) - first),
        )


def _engine_outputs(graph: Graph, split: Split, threads: int, counting: Counting) -> Iterator[dict[str, Array]]:
    executable = compile(graph, threads=threads)
    with counting(len(split)) as done:
        for inputs, count in batches(graph, split):
            yield {name: array[:count] for name, array in executable(inputs).outputs.items()}
            done(count)


def _measured(asked: _Asked, tasks: Mapping[str, str], outputs: Iterator[dict[str, Array]]) -> dict[str, Rows]:
    """Counts of each sample by task."""
    found: dict[str, list[Rows]] = {name: [] for name in tasks.values()}
    first = 0
    for made in outputs:
        last = first + len(next(iter(made.values())))
        for output, name in tasks.items():
            task, label = asked.data.task(name), asked.split.labels[name][first:last]
            found[name].append(metric_of(task).rows(made[output], label, task))
        first = last
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _peer(spec: ModelSpec, against: str | None) -> Peer | None:
    if against is None:
        return None
    if against != "torch" or spec.is_onnx:
        raise InputError(f"{spec.name}: accuracy is compared with torch, for models that it can build, not {against}")
    chosen_peers((against,))
    return OUTPUTS_IN_TORCH


OUTPUTS_IN_TORCH = Peer("torch", "accelsim.frontends.torch_outputs", ("torch",), "torch")


def _peer_scores(asked: _Asked, loaded: LoadedModel, peer: Peer, tasks: Mapping[str, str]) -> dict[str, Rows]:
    given = list(batches(loaded.graph, asked.split))
    with TemporaryDirectory(prefix="accelsim-accuracy-") as folder:
        made = peer_outputs(loaded, peer, [inputs for inputs, _ in given], Path(folder))
        cut = ({n: array[:count] for n, array in out.items()} for out, (_, count) in zip(made, given, strict=True))
        return _measured(asked, tasks, cut)


def _digest(graph: Graph) -> str:
    return graph.weights_digest[:16]


def _score(task: Task, counts: Rows) -> float:
    return metric_of(task).score(counts.sum(axis=0))
