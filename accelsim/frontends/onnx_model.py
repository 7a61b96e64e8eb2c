"""An ONNX file as a model: its graph and example inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import InputError
from accelsim.frontends.inputs import InputOptions, checked_inputs, read_inputs, seeded_inputs
from accelsim.frontends.onnx_import import import_model
from accelsim.frontends.onnx_load import read_model
from accelsim.ir.graph import Graph
from accelsim.ir.weights import Array


@dataclass(frozen=True)
class OnnxModel:
    """A graph with two sets of inputs. `fixed` are inputs of the file whose values are part of the graph."""

    graph: Graph
    inputs: dict[str, Array]
    other_inputs: dict[str, Array]
    fixed: dict[str, Array]


def load_onnx(path: Path, options: InputOptions) -> OnnxModel:
    """Raises InputError for what is damaged or not bound, UnsupportedError with all operators that are missing."""
    model = read_model(path)
    known = [info.name for info in model.graph.input]
    given = read_inputs(options.file) if options.file is not None else {}
    if options.cuts:  # the others may be inputs of the part
        given = {name: array for name, array in given.items() if name in known}
    for name in given:
        if name not in known:
            raise InputError(f"{options.file}: the model has no input '{name}'; it has: {', '.join(known)}")
    sizes = {**{name: array.shape for name, array in given.items()}, **options.sizes}
    meta = {"model": path.stem, "task": "", "source": path.name}
    graph = import_model(model, path, sizes=sizes, batch=options.batch, given=given, meta=meta)
    first = seeded_inputs(graph, 0) | checked_inputs(given, graph, known, str(options.file))
    fixed = {name: array for name, array in given.items() if name not in graph.inputs}
    return OnnxModel(graph, first, seeded_inputs(graph, 1), fixed)
