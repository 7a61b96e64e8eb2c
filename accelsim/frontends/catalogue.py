"""Loading a model: from the cache without torch, else built, traced and cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.frontends.cache import Entry, Inputs, entry_folder, read_entry, write_entry
from accelsim.frontends.modelspec import ModelSpec, catalogue, find_model
from accelsim.frontends.topology import SUFFIX, read_topology
from accelsim.ir.graph import Graph

__all__ = ["LoadedModel", "ModelSpec", "catalogue", "find_model", "load_model"]


@dataclass(frozen=True)
class LoadedModel:
    """A graph with two sets of seeded example inputs by input name, and what it was built from.

    `stored` is the folder of the cache that holds the graph (None: not cached).
    """

    graph: Graph
    inputs: Inputs
    other_inputs: Inputs
    model: str
    task: str
    tasks: tuple[str, ...]
    spec: ModelSpec
    stored: Path | None = None


def load_model(
    spec: str, *, task: str | None = None, arguments: Mapping[str, Any] | None = None, cache: bool = True
) -> LoadedModel:
    """The graph of a model for one task (None: its first): a name, file.py:builder, or the CSV file of a topology.

    `arguments` go to the builder over those of the catalogue. Raises InputError for what is unknown,
    UnsupportedError for a model that cannot be traced, MissingExtraError where it must be traced without
    torch.
    """
    if spec.endswith(SUFFIX):
        return _topology(Path(spec), task, arguments)
    found = find_model(spec).with_arguments(arguments or {})
    chosen = found.chosen_task(task)
    if not cache:
        with TemporaryDirectory(prefix="accelsim-") as folder:
            entry, stored = _traced(found, chosen, Path(folder) / "entry"), None
    else:
        stored = entry_folder(found, chosen)
        entry = read_entry(stored) or _traced(found, chosen, stored)
    return LoadedModel(entry.graph, *entry.inputs, found.name, chosen, found.tasks, found, stored)


def _topology(path: Path, task: str | None, arguments: Mapping[str, Any] | None) -> LoadedModel:
    """The layers of a SCALE-Sim topology: sizes only, hence no inputs."""
    graph = read_topology(path)
    if task is not None or arguments:
        raise InputError(f"{path}: a topology has no tasks and takes no arguments")
    return LoadedModel(graph, {}, {}, path.stem, "", (), ModelSpec(name=path.stem, file=path.resolve(), builder=""))


def _traced(spec: ModelSpec, task: str, folder: Path) -> Entry:
    try:
        from accelsim.frontends.torch_build import trace_model
        from accelsim.frontends.torch_program import save_program
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch", "torch", f"tracing {spec.name}") from None
    traced, inputs, sources = trace_model(spec, task)
    write_entry(folder, traced.graph, inputs, sources, save_more=partial(save_program, traced))
    return Entry(traced.graph, inputs, folder)
