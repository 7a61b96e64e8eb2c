"""Multiply-accumulates of a network, counted on the graph that everything else uses."""

from __future__ import annotations

from torch import Tensor, nn

from accelsim.evaluate.overview import overview
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.modelspec import ModelSpec
from accelsim.frontends.torch import trace
from models.train import MODELS


def count_gmac(module: nn.Module, example: tuple[Tensor, ...]) -> float:
    """Billions of multiply-accumulates for `example`; tokens are spread evenly over experts."""
    graph = trace(module.eval(), example, name=type(module).__name__)
    spec = ModelSpec(name=graph.name, file=MODELS, builder="")
    return overview(LoadedModel(graph, {}, {}, graph.name, "", (), spec)).total.macs / 1e9
