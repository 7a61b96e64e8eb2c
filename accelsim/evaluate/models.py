"""Models as Python users ask for them: a name or their own module in, a graph out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from accelsim.errors import InputError
from accelsim.evaluate.simulate import activity_of
from accelsim.evaluate.verify import verify_model
from accelsim.frontends import catalogue
from accelsim.ir import Activity, Graph
from accelsim.ir.weights import Array
from accelsim.results import Equivalence


def load_model(
    model: Any,
    example_inputs: Sequence[Any] = (),
    *,
    task: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    scope: str = "",
) -> Graph:
    """The graph of a model.

    `model` is a name, `file.py:builder` (then `task` and `arguments` go to the builder), the CSV file of a SCALE-Sim
    topology, or a torch module in eval mode with `example_inputs`, of which `scope` names the part that an
    accelerator runs.
    Raises InputError for what is unknown, UnsupportedError for what cannot be traced.
    """
    if isinstance(model, str):
        return catalogue.load_model(model, task=task, arguments=arguments).graph
    if not example_inputs:
        raise InputError("a torch module needs example inputs: load_model(module, (tensor, ...))")
    from accelsim.frontends.torch import trace

    return trace(model, tuple(example_inputs), name=type(model).__name__, scope=scope)


def example_inputs(model: str, *, task: str | None = None, other: bool = False) -> dict[str, Array]:
    """Seeded inputs of a named model by input name; `other` gives a second, different set."""
    loaded = catalogue.load_model(model, task=task)
    return dict(loaded.other_inputs if other else loaded.inputs)


def load_activity(activity: str, graph: Graph) -> Activity | None:
    """An assumption (uniform, skewed, worst-case), a file, or a shipped activity, for the routed nodes of `graph`."""
    return activity_of(graph, activity)


def verify(model: str, *, task: str | None = None, against: Collection[str] = ("torch", "onnxruntime")) -> Equivalence:
    """Our engine beside others on the example inputs of a named model; see `verify_model`."""
    return verify_model(catalogue.load_model(model, task=task), against=against)
