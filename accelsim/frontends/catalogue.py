"""Loading a model: from the cache without torch, else built, traced and cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.frontends.cache import Entry, Inputs, entry_folder, read_entry, write_entry
from accelsim.frontends.inputs import InputOptions
from accelsim.frontends.modelspec import ModelSpec, catalogue, find_model
from accelsim.frontends.topology import SUFFIX, read_topology
from accelsim.ir.graph import Graph

__all__ = ["LoadedModel", "ModelSpec", "catalogue", "find_model", "load_model"]


@dataclass(frozen=True)
class LoadedModel:
    """A graph with two sets of seeded example inputs by input name, and what it was built from.

    `stored` is the folder of the cache that holds the graph (None: not cached). `fixed` are inputs of an ONNX
    file whose values became part of the graph. `is_part`: the graph is only a part of what `spec` builds. `note` says
    what a user should know about how it was loaded.
    """

    graph: Graph
    inputs: Inputs
    other_inputs: Inputs
    model: str
    task: str
    tasks: tuple[str, ...]
    spec: ModelSpec
    stored: Path | None = None
    fixed: Inputs = field(default_factory=dict)
    is_part: bool = False
    note: str = ""


def load_model(
    spec: str,
    *,
    task: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    cache: bool = True,
    options: InputOptions | None = None,
    weights: bool = True,
) -> LoadedModel:
    """The graph of a model for one task (None: its first): a name, file.py:builder, or the CSV file of a topology.

    `arguments` go to the builder over those of the catalogue; `options` bind inputs of ONNX files. Without `weights`
    a builder is called on torch's meta device: the graph is the same, its weights have sizes and no values, and there
    are no inputs; a builder that needs numbers is called again with them. Raises InputError for what is unknown,
    UnsupportedError for a model that cannot be traced, MissingExtraError where it must be traced without torch.
    """
    if spec.endswith(SUFFIX):
        if options is not None and options.binds:
            raise InputError(f"{spec}: a topology has no inputs to bind")
        return _topology(Path(spec), task, arguments)
    found = find_model(spec).with_arguments(arguments or {})
    if found.is_onnx:
        return _from_onnx(found, spec, task, options or InputOptions())
    if options is not None and options.binds:
        raise InputError(f"{spec}: shapes, a batch and inputs can be given for ONNX files only")
    chosen, note = found.chosen_task(task), ""
    if not weights:
        try:
            entry = _entry(found, chosen, _traced_sizes, cache=cache, weights=False)
            return LoadedModel(entry.graph, {}, {}, found.name, chosen, found.tasks, found)
        except NeedsNumbersError as error:
            note = str(error)
    entry = _entry(found, chosen, _traced, cache=cache, weights=True)
    stored = entry.folder if cache else None
    return LoadedModel(entry.graph, *entry.inputs, found.name, chosen, found.tasks, found, stored, note=note)


class NeedsNumbersError(InputError):
    """A builder cannot work on the meta device."""


def _entry(
    spec: ModelSpec, task: str, make: Callable[[ModelSpec, str, Path], Entry], *, cache: bool, weights: bool
) -> Entry:
    if not cache:
        with TemporaryDirectory(prefix="accelsim-") as folder:
            return make(spec, task, Path(folder) / "entry")
    stored = entry_folder(spec, task, weights=weights)
    return read_entry(stored) or make(spec, task, stored)


def _topology(path: Path, task: str | None, arguments: Mapping[str, Any] | None) -> LoadedModel:
    """The layers of a SCALE-Sim topology: sizes only, hence no inputs."""
    graph = read_topology(path)
    if task is not None or arguments:
        raise InputError(f"{path}: a topology has no tasks and takes no arguments")
    return LoadedModel(graph, {}, {}, path.stem, "", (), ModelSpec(name=path.stem, file=path.resolve(), builder=""))


def _from_onnx(found: ModelSpec, spec: str, task: str | None, options: InputOptions) -> LoadedModel:
    if task is not None or found.arguments:
        raise InputError(f"{spec}: an ONNX file has no tasks and takes no arguments")
    try:
        from accelsim.frontends.onnx_model import load_onnx
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise MissingExtraError("onnx", "onnx", f"reading {spec}") from None
    read = load_onnx(found.file, options)
    return LoadedModel(read.graph, read.inputs, read.other_inputs, found.name, "", (), found, fixed=read.fixed)


def _traced_sizes(spec: ModelSpec, task: str, folder: Path) -> Entry:
    with _torch_for(spec):
        from accelsim.frontends.torch_build import build_sizes, trace_built
    try:
        module, inputs, sources = build_sizes(spec, task)
    except InputError as error:
        raise NeedsNumbersError(f"built with its weights, because on the meta device {error}") from None
    graph = trace_built(spec, task, module, inputs).graph
    write_entry(folder, graph, ({}, {}), sources, save_more=lambda folder: None)
    return Entry(graph, ({}, {}), folder)


@contextmanager
def _torch_for(spec: ModelSpec) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("torch", "torch", f"tracing {spec.name}") from None


def _traced(spec: ModelSpec, task: str, folder: Path) -> Entry:
    with _torch_for(spec):
        from accelsim.frontends.torch_build import trace_model
        from accelsim.frontends.torch_program import save_program
    traced, inputs, sources = trace_model(spec, task)
    write_entry(folder, traced.graph, inputs, sources, save_more=partial(save_program, traced))
    return Entry(traced.graph, inputs, folder)
