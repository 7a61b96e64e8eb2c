"""Models as every command takes them: loaded, cut to a part, those of ONNX files with their patterns fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from accelsim.frontends import catalogue
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.inputs import InputOptions, checked_inputs, read_inputs, seeded_inputs
from accelsim.passes.cut import cut
from accelsim.passes.fuse_patterns import fuse_patterns


def load_model(
    spec: str,
    *,
    task: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    options: InputOptions | None = None,
    weights: bool = True,
) -> LoadedModel:
    """The model of `frontends.catalogue.load_model`, or the part of it that `options` name.

    The graph of an ONNX file has its patterns fused. Raises what `load_model` and `passes.cut` raise.
    """
    loaded = catalogue.load_model(spec, task=task, arguments=arguments, options=options, weights=weights)
    if options is not None and options.cuts:
        loaded = part_of(loaded, options)
    return replace(loaded, graph=fuse_patterns(loaded.graph)) if loaded.spec.is_onnx else loaded


def part_of(loaded: LoadedModel, options: InputOptions) -> LoadedModel:
    """The part of a model between two cuts; tensors that cross the first are inputs, given or seeded."""
    graph = cut(loaded.graph, options.start, options.stop)
    given = read_inputs(options.file) if options.file is not None else {}
    known = [*graph.inputs, *loaded.graph.inputs, *loaded.fixed]
    inputs = dict(loaded.inputs) | checked_inputs(given, graph, known, str(options.file))
    first, second = (
        {name: array for name, array in (seeded_inputs(graph, seed) | dict(kept)).items() if name in graph.inputs}
        for seed, kept in enumerate((inputs, loaded.other_inputs))
    )
    return replace(loaded, graph=graph, inputs=first, other_inputs=second, model=graph.name, stored=None, is_part=True)
