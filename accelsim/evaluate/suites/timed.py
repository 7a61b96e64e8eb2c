"""Results that rows of several suites share: a model or a single layer on a design, timed once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from accelsim.evaluate.load import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir.graph import Graph, Tensor
from accelsim.ir.weights import SizesOnly
from accelsim.ops.build import GraphBuilder
from accelsim.ops.spec import Attrs
from accelsim.results import Result
from accelsim.sim.simulate import simulate_frames
from accelsim.sim.timing import Frame

Overrides = tuple[tuple[str, object], ...]


@cache
def design(name: str | Path, overrides: Overrides = ()) -> Hardware:
    """A description with values of a row in place of its own."""
    return load_hardware(name, dict(overrides))


@cache
def model_on(model: str, hardware: str | Path, overrides: Overrides = ()) -> Result:
    """One frame of a model, without the ranges of estimates: a suite has many rows."""
    return graph_on(load_model(model).graph, design(hardware, overrides))


def graph_on(graph: Graph, hardware: Hardware) -> Result:
    return simulate_frames([Frame("", graph, None)], hardware)


def seconds_without(result: Result, *ops: str) -> float:
    """Latency less that of nodes of some ops."""
    return sum(node.cycles for node in result.nodes if node.op not in ops) / result.clock_hz


@cache
def convolution(
    channels: int, size: int, filters: int, kernel: int, stride: int, *, pad: int, groups: int = 1, batch: int = 1
) -> Graph:
    """One square convolution."""
    return _layer(
        "conv2d",
        Tensor((batch, channels, size, size)),
        Tensor((filters, channels // groups, kernel, kernel)),
        {"stride": (stride, stride), "padding": (pad, pad, pad, pad), "groups": groups},
    )


@cache
def product(m: int, n: int, k: int) -> Graph:
    """One matrix product of M x K by K x N."""
    return _layer("linear", Tensor((m, k)), Tensor((n, k)), {})


def _layer(op: str, x: Tensor, w: Tensor, attrs: Attrs) -> Graph:
    weights = SizesOnly("layer")
    builder = GraphBuilder("layer", weights)
    given = builder.add_input("x", x)
    builder.tensors["w"], builder.parameters["w"] = w, weights.declare("w", w.shape)
    return builder.finish(builder.add(op, [given, "w"], attrs, name="layer"), meta={"source": "one layer"})
