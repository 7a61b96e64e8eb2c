"""Random small graphs and random hardware of every kind of array, for properties that hold for all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder
from tests.mapping.conftest import parameter

KINDS = ("dot", "systolic", "spatial", "rate", "host")

_FRAME = """
name: random
title: a random accelerator
sources: [test]
board: zcu102
clocks:
  pl: {{frequency: {{value: 100 MHz, sourced: test}}}}
  ddr: {{frequency: {{value: {clock} MHz, sourced: test}}}}
precision: {{activation: {activation}, weight: {weight}}}
memories:
  dram: {{kind: dram, sourced: test, bandwidth: {bandwidth} MB/s, efficiency: 0.8}}
  a: {{kind: buffer, sourced: test, words: {words}, width: 64 bit, copies: {copies}, technology: bram}}
  b: {{kind: buffer, sourced: test, words: {words}, width: 64 bit, copies: {copies}, technology: bram}}
  c: {{kind: buffer, sourced: test, words: {words}, width: 128 bit, copies: 2, technology: bram}}
{keeper}
links:
  weights: {{sourced: test, memory: dram, width: 64 bit, port_width: {port} bit, latency: {latency} cycles, clock: ddr,
            carries: [parameter]}}
  data: {{sourced: test, memory: dram, width: 128 bit, port_width: 64 bit, latency: {latency} cycles, carries: ["*"]}}
units:
  array: {array}
  vector: {{kind: vector, sourced: test, lanes: {lanes}, fill: 3 cycles, ii: {ii} cycles}}
placement: {{linear: array, conv2d: array, matmul: array, attention.scores: array, attention.context: array,
            "*": vector}}
schedule: {{prefetch: {prefetch}, experts: {{order: expert-major}}, softmax: single-pass, branches: {branches}}}
energy: fpga-16nm
"""

_KEEPER = "  kept: {{kind: buffer, sourced: test, words: {size}, width: 32 bit, technology: bram, keeps: ['*']}}"
_ARRAYS = {
    "dot": "{{kind: dot, sourced: t, inputs: {n}, outputs: {m}, rows: {r}, ii: {ii} cycles, fill: {f} cycles, "
    "multiplier: [8 bit, 8 bit], accumulator: 32 bit, stream_depth: {d}, "
    "holds: {{w: a, b: b, gate_w: a, w1: a, w2: a}}{depthwise}}}",
    "systolic": "{{kind: systolic, sourced: t, rows: {n}, cols: {m}, dataflow: {dataflow}, fold_overlap: {overlap}, "
    "holds: {{inputs: a, weights: b, outputs: c}}, accumulator: 32 bit, fill: {f} cycles, "
    "multiplier: [8 bit, 8 bit]{depthwise}}}",
    "spatial": "{{kind: spatial, sourced: t, sides: {{rows: {n}, cols: {m}}}, "
    "unroll: {{rows: {{kh: 4, ic: 8, reduce: 8, keys: 4}}, cols: {{oh: 8, oc: 8, outputs: 8, channels: 4}}}}, "
    "holds: {{inputs: a, weights: b, outputs: c}}, "
    "accumulator: 32 bit, load_words: {r}, ii: {ii} cycles, fill: {f} cycles, multiplier: [8 bit, 8 bit]}}",
    "rate": "{{kind: rate, sourced: t, macs_per_cycle: {n}.5, holds: {{w: a}}}}",
    "host": "{{kind: host, sourced: t, launch: 2 us, dispatch: 100 ns, handover: 300 ns, macs: {n} M/s, "
    "others: 9 M/s}}",
}


def random_hardware(rng: np.random.Generator, kind: str, folder: Path) -> Hardware:
    """A complete description whose array is of `kind`."""

    def one(*choices: object) -> object:
        return choices[int(rng.integers(len(choices)))]

    concurrent = rng.random() < 0.3
    keeps = not concurrent and rng.random() < 0.4
    values = {
        "n": int(rng.integers(1, 17)),
        "m": int(rng.integers(1, 17)),
        "r": int(rng.integers(1, 5)),
        "f": int(rng.integers(0, 60)),
        "d": int(rng.integers(1, 5)),
        "ii": int(rng.integers(1, 4)),
        "dataflow": one("output-stationary", "weight-stationary", "input-stationary"),
        "overlap": one("none", "preload", "full"),
        "depthwise": one("", ", depthwise: {lanes: 4, rows: 2}"),
    }
    size = int(rng.integers(2, 2_000))
    text = _FRAME.format(
        array=_ARRAYS[kind].format(**values),
        clock=one(100, 200, 50),
        activation=one("int8", "int16"),
        weight=one("int8", "int4", "int16"),
        bandwidth=one(100, 800, 12_000),
        words=one(64, 512, 4096),
        copies=one(1, 2),
        port=one(32, 64),
        latency=one(0, 30),
        lanes=one(1, 4, 16),
        ii=one(1, 2),
        prefetch=one("none", "all"),
        branches="concurrent" if concurrent else "sequential",
        keeper=_KEEPER.format(size=size) if keeps else "",
    )
    path = folder / f"{kind}.yaml"
    path.write_text(text, encoding="utf-8")
    return load_hardware(path)


def peak_products(hardware: Hardware, unit: str) -> float:
    """Products that a unit can complete in a second, however they are laid out."""
    described = hardware.units[unit]
    if described.kind == "host":
        return described.macs.value
    native = getattr(described, "depthwise", None)
    lanes = native.lanes.value * native.rows.value if native is not None else 0
    steps = getattr(described, "macs_per_step", 0)
    rate = getattr(described, "macs_per_cycle", None)
    return max(steps, lanes, rate.value if rate is not None else 0) * hardware.unit_clock_hz(unit)


def random_graph(rng: np.random.Generator) -> Graph:
    """Up to six nodes: a convolution or a product first, then products, functions, branches and sums."""
    builder = GraphBuilder("random")
    if rng.random() < 0.4:
        return _convolutions(builder, rng)
    batch, rows, width = int(rng.integers(1, 3)), int(rng.integers(1, 24)), 4 * int(rng.integers(1, 12))
    builder.add_input("x", Tensor((batch, rows, width)))
    live = ["x"]
    for index in range(int(rng.integers(1, 6))):
        tensor = live[int(rng.integers(len(live)))]
        live.append(_ADDERS[int(rng.integers(len(_ADDERS)))](builder, rng, tensor, f"n{index}", width, live))
    unread = [name for name in live[1:] if name not in builder_reads(builder)]
    return builder.finish(unread or live[-1:])


def builder_reads(builder: GraphBuilder) -> set[str]:
    return {name for node in builder.nodes for name in node.inputs}


def _linear(builder, rng, tensor, name, width, live):  # noqa: PLR0917
    inputs = [tensor, parameter(builder, f"{name}.w", width, width)]
    if rng.random() < 0.5:
        inputs.append(parameter(builder, f"{name}.b", width))
    return builder.add("linear", inputs, name=name)[0]


def _function(builder, rng, tensor, name, width, live):  # noqa: PLR0917
    return builder.add(("gelu", "relu", "softmax")[int(rng.integers(3))], [tensor], name=name)[0]


def _sum(builder, rng, tensor, name, width, live):  # noqa: PLR0917
    return builder.add("add", [tensor, live[int(rng.integers(len(live)))]], name=name)[0]


def _norm(builder, rng, tensor, name, width, live):  # noqa: PLR0917
    weights = [parameter(builder, f"{name}.w", width), parameter(builder, f"{name}.b", width)]
    return builder.add("layer_norm", [tensor, *weights], name=name)[0]


_ADDERS = (_linear, _linear, _linear, _function, _sum, _norm)


def _convolutions(builder: GraphBuilder, rng: np.random.Generator) -> Graph:
    channels, size = 2 * int(rng.integers(1, 6)), int(rng.integers(4, 12))
    builder.add_input("x", Tensor((int(rng.integers(1, 3)), channels, size, size)))
    tensor = "x"
    for index in range(int(rng.integers(1, 4))):
        groups = (1, 1, 2, channels)[int(rng.integers(4))]
        kernel = (1, 3)[int(rng.integers(2))]
        filters = channels if groups == channels else 2 * int(rng.integers(1, 8))
        weight = parameter(builder, f"w{index}", filters, channels // groups, kernel, kernel)
        pad = (kernel // 2,) * 4
        attrs = {"stride": (1, 1), "padding": pad, "dilation": (1, 1), "groups": groups}
        tensor = builder.add("conv2d", [tensor, weight], attrs, name=f"conv{index}")[0]
        if rng.random() < 0.5:
            tensor = builder.add("relu", [tensor], name=f"relu{index}")[0]
        channels = filters
    return builder.finish([tensor])
