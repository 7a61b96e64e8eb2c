"""What engines make of a split, batch by batch, and how large its values become on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accelsim.engine import compile
from accelsim.errors import InputError, did_you_mean
from accelsim.evaluate.data import Split
from accelsim.evaluate.metrics import Array
from accelsim.evaluate.peers import Peer, peer_outputs
from accelsim.frontends.catalogue import LoadedModel
from accelsim.ir import Graph
from accelsim.passes.precision import Ranges

Outputs = dict[str, Array]
"""Outputs of a graph by name, samples on the first axis."""

Counting = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Called with the number of samples to come; hands out the function that counts those that are done."""

IN_TORCH = Peer("torch", "accelsim.frontends.torch_outputs", ("torch",), "torch")


def uncounted(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Samples that nobody counts."""
    return nullcontext(lambda samples: None)


def batches(graph: Graph, split: Split) -> Iterator[tuple[dict[str, Array], int]]:
    """The split as inputs of the graph, and how many samples are new; the last batch repeats its last sample.

    Raises InputError for inputs that the split lacks or has in other shapes.
    """
    size = graph.tensors[graph.inputs[0]].shape[0]
    for name in graph.inputs:
        if name not in split.inputs:
            raise InputError(f"input '{name}' is not in split '{split.name}'{did_you_mean(name, split.inputs)}")
        given, wanted = split.inputs[name].shape[1:], graph.tensors[name].shape
        if (size, *given) != wanted:
            raise InputError(f"input '{name}' is {list(wanted)}, a sample of split '{split.name}' {list(given)}")
    kinds = {name: str(graph.tensors[name].dtype) for name in graph.inputs}
    for first in range(0, len(split), size):
        rows = np.minimum(np.arange(first, first + size), len(split) - 1)
        inputs = {name: split.inputs[name][rows].astype(kind) for name, kind in kinds.items()}
        yield inputs, min(size, len(split) - first)


def in_engine(graph: Graph, split: Split, *, threads: int, counting: Counting) -> Iterator[Outputs]:
    """The outputs of our engine."""
    executable = compile(graph, threads=threads)
    with counting(len(split)) as done:
        for inputs, count in batches(graph, split):
            yield {name: array[:count] for name, array in executable(inputs).outputs.items()}
            done(count)


def in_torch(loaded: LoadedModel, split: Split) -> Iterator[Outputs]:
    """The outputs of the plain module, from a process of its own. Raises the error that this ends with."""
    given = list(batches(loaded.graph, split))
    with TemporaryDirectory(prefix="accelsim-accuracy-") as folder:
        made = peer_outputs(loaded, IN_TORCH, [inputs for inputs, _ in given], Path(folder))
        for outputs, (_, count) in zip(made, given, strict=True):
            yield {name: array[:count] for name, array in outputs.items()}


def largest_magnitudes(graph: Graph, split: Split, watched: Sequence[str], *, threads: int) -> Ranges:
    """The largest magnitude of each of these tensors over a split."""
    executable = compile(graph, threads=threads)
    largest = dict.fromkeys(watched, 0.0)
    for inputs, _ in batches(graph, split):
        for name, array in executable(inputs, keep=watched).kept.items():
            largest[name] = max(largest[name], float(np.abs(array).max(initial=0.0)))
    return largest
