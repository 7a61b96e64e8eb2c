"""Models as Python users ask for them: a name or their own module in, a graph out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.evaluate import load
from accelsim.evaluate.simulate import activity_of
from accelsim.evaluate.verify import verify_model
from accelsim.frontends.inputs import input_options
from accelsim.ir import Activity, Graph
from accelsim.ir.weights import Array
from accelsim.passes.cut import cut
from accelsim.results import Equivalence


def load_model(
    model: Any,
    example_inputs: Sequence[Any] = (),
    *,
    task: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    scope: str = "",
    shapes: Mapping[str, int | Sequence[int]] | None = None,
    batch: int | None = None,
    inputs: Path | str | None = None,
    start: str | Sequence[str] = (),
    stop: str | Sequence[str] = (),
) -> Graph:
    """The graph of a model.

    `model` is a name, `file.py:builder` (then `task` and `arguments` go to the builder), the CSV file of a SCALE-Sim
    topology, a torch module in eval mode with `example_inputs`, of which `scope` names the part that an accelerator
    runs, or `file.onnx`: then `shapes` and `batch` bind its open dimensions and `inputs` is an .npz with values of its
    inputs. `start` and `stop` name nodes: the graph is then the part between them (see `passes.cut`).
    Raises InputError for what is unknown, UnsupportedError for what cannot be traced.
    """
    options = input_options(shapes, batch, inputs, start=start, stop=stop)
    if isinstance(model, str):
        return load.load_model(model, task=task, arguments=arguments, options=options).graph
    if not example_inputs:
        raise InputError("a torch module needs example inputs: load_model(module, (tensor, ...))")
    from accelsim.frontends.torch import trace

    graph = trace(model, tuple(example_inputs), name=type(model).__name__, scope=scope)
    return cut(graph, options.start, options.stop) if options.cuts else graph


def example_inputs(
    model: str,
    *,
    task: str | None = None,
    other: bool = False,
    shapes: Mapping[str, int | Sequence[int]] | None = None,
    batch: int | None = None,
    inputs: Path | str | None = None,
    start: str | Sequence[str] = (),
    stop: str | Sequence[str] = (),
) -> dict[str, Array]:
    """Seeded inputs of a model by input name; `other` gives a second, different set. The rest as for `load_model`."""
    options = input_options(shapes, batch, inputs, start=start, stop=stop)
    loaded = load.load_model(model, task=task, options=options)
    return dict(loaded.other_inputs if other else loaded.inputs)


def load_activity(activity: str, graph: Graph, *, sparsity: str | None = None) -> Activity | None:
    """An assumption (uniform, skewed, concentrated), a file, or a shipped activity, for the routed nodes of `graph`.

    `sparsity` declares zeros: `n:m=2:4`, `unstructured=0.1,activations=0.4`, `block=4x4:0.5`, `structured=0.7`, or a
    YAML file with patterns by parameter.
    """
    return activity_of(graph, activity, sparsity)


def verify(
    model: str,
    *,
    task: str | None = None,
    against: Collection[str] | None = None,
    shapes: Mapping[str, int | Sequence[int]] | None = None,
    batch: int | None = None,
    inputs: Path | str | None = None,
    start: str | Sequence[str] = (),
    stop: str | Sequence[str] = (),
) -> Equivalence:
    """Our engine beside others on the example inputs of a model; see `verify_model` and `load_model`."""
    options = input_options(shapes, batch, inputs, start=start, stop=stop)
    return verify_model(load.load_model(model, task=task, options=options), against=against)
