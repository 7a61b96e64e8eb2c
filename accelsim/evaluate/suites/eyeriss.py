"""Eyeriss: measured layers of AlexNet and VGG-16, each simulated alone with the images of its batch."""

from __future__ import annotations

import math
import re

from accelsim.evaluate.suites.golden import GoldenRow, GoldenSuite, Simulated
from accelsim.evaluate.suites.timed import Overrides, convolution, design, graph_on
from accelsim.ir import FrozenMap
from accelsim.ir.graph import Graph
from accelsim.mapping.dataflows.unrolling import best_factors
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import work_of
from accelsim.results import NodeResult

_LAYERS = {
    "AlexNet CONV1": (3, 227, 96, 11, 4, 0, 1),
    "AlexNet CONV2": (96, 27, 256, 5, 1, 2, 2),
    "AlexNet CONV3": (256, 13, 384, 3, 1, 1, 1),
    "AlexNet CONV4": (384, 13, 384, 3, 1, 1, 2),
    "AlexNet CONV5": (384, 13, 256, 3, 1, 1, 2),
    "VGG-16 CONV1-1": (3, 224, 64, 3, 1, 1, 1),
    "VGG-16 CONV2-1": (64, 112, 128, 3, 1, 1, 1),
    "VGG-16 CONV3-1": (128, 56, 256, 3, 1, 1, 1),
    "VGG-16 CONV3-3": (256, 56, 256, 3, 1, 1, 1),
    "VGG-16 CONV4-2": (512, 28, 512, 3, 1, 1, 1),
    "VGG-16 CONV5-1": (512, 14, 512, 3, 1, 1, 1),
    "VGG-16 CONV5-3": (512, 14, 512, 3, 1, 1, 1),
}
"""Channels, size, filters, kernel, stride, padding, groups."""

_MAPPING: dict[str, Overrides] = {
    "AlexNet CONV1": (("units.array.unroll.cols.oh", 7), ("units.array.unroll.cols.oc", 2)),
}
"""Where Table III of the paper lays a layer out otherwise than the search would: e = 7 rows and t = 2 filter sets."""

_NAME = re.compile(r"(AlexNet|VGG-16) (Total|CONV[\d-]+) \(batch (\d+)\)")


def _read(row: GoldenRow) -> Simulated | None:
    match = _NAME.fullmatch(row.model)
    if match is None or row.metric not in _METRICS:
        return None
    network, layer, batch = match[1], match[2], int(match[3])
    names = [name for name in _LAYERS if name.startswith(network)] if layer == "Total" else [f"{network} {layer}"]
    if any(name not in _LAYERS for name in names) or (layer == "Total" and network != "AlexNet"):
        return None
    note = _NOTES.get(row.metric, "")
    if network == "VGG-16" and "latency" in row.metric:
        note = (
            "how the chip cut this layer is not published, and its buffer's turns between sums and inputs not modelled"
        )
    return Simulated(_METRICS[row.metric](names, batch), note=note)


def _graph(name: str, batch: int) -> Graph:
    channels, size, filters, kernel, stride, pad, groups = _LAYERS[name]
    return convolution(channels, size, filters, kernel, stride, pad=pad, groups=groups, batch=batch)


def _node(name: str, batch: int) -> NodeResult:
    return graph_on(_graph(name, batch), design("eyeriss", _MAPPING.get(name, ()))).nodes[0]


def _total_ms(names: list[str], batch: int) -> float:
    return sum(_node(name, batch).cycles for name in names) / design("eyeriss").clock_hz * 1e3


def _processing_ms(names: list[str], batch: int) -> float:
    """Time in which the array works or takes filters, waits for the link left out."""
    cycles = sum(_node(name, batch).stalls["compute"] for name in names)
    return cycles / design("eyeriss").clock_hz * 1e3


def _gmac(names: list[str], batch: int) -> float:
    return sum(_node(name, batch).macs for name in names) / 1e9


def _dram_mb(names: list[str], batch: int) -> float:
    nodes = [_node(name, batch) for name in names]
    return sum(node.dram_read_bytes + node.dram_write_bytes for node in nodes) / 1e6


def _active(names: list[str], batch: int) -> float:
    """Processing elements in use: the factors of all loops; for several layers the mean over time."""
    shares = []
    for name in names:
        graph, unit = _graph(name, batch), design("eyeriss", _MAPPING.get(name, ())).units["array"]
        assert unit.kind == "spatial"
        nest = work_of(op_spec("conv2d"), graph, graph.nodes[0], None)[0]
        sides = tuple(
            (length.value, FrozenMap({loop: most.value for loop, most in unit.unroll.get(side, {}).items()}))
            for side, length in unit.sides.items()
        )
        ways = best_factors(FrozenMap({dim.name: dim.size for dim in nest.dims}), sides)
        shares.append((math.prod(ways[0].values()), _node(name, batch).stalls["compute"]))
    return sum(places * cycles for places, cycles in shares) / sum(cycles for _, cycles in shares)


_METRICS = {
    "layer_processing_latency": _processing_ms,
    "layer_total_latency": _total_ms,
    "layer_macs": _gmac,
    "dram_accesses": _dram_mb,
    "active_pes": _active,
}
_NOTES = {"dram_accesses": "the chip compresses activations, which is not modelled"}

EYERISS = GoldenSuite(
    "eyeriss",
    ("Eyeriss",),
    _read,
    {"layer_processing_latency": 15.0, "layer_total_latency": 30.0, "layer_macs": 3.0, "active_pes": 6.0},
)
