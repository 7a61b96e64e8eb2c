"""The tiny M3ViT on Edge-MoE, and a small network and accelerator whose numbers can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.frontends.catalogue import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder

SMALL = """
name: small
title: a small accelerator for tests
sources: [tests]
board: zcu102
clocks: {pl: {frequency: {value: 100 MHz, sourced: test}}}
precision: {activation: int8, weight: int8}
memories:
  ddr: {kind: dram, sourced: test, bandwidth: 100 GB/s, efficiency: 1.0}
  wbuf: {kind: buffer, sourced: test, words: 64, width: 64 bit, copies: 2, technology: bram}
links:
  weights: {sourced: test, memory: ddr, width: 64 bit, port_width: 64 bit, latency: 10 cycles, carries: [parameter]}
  data: {sourced: test, memory: ddr, width: 64 bit, port_width: 64 bit, latency: 0 cycles, carries: ["*"]}
units:
  array: {kind: dot, sourced: test, inputs: 4, outputs: 4, ii: 1 cycle, fill: 7 cycles, multiplier: [8 bit, 8 bit],
          holds: {w: wbuf, w1: wbuf, w2: wbuf, gate_w: wbuf}, epilogue: {gelu: {lanes: 4}, mul: {lanes: 4}},
          absorbs: [moe.gate_softmax, moe.gate_div, moe.top_k]}
  scores: {kind: dot, sourced: test, inputs: 4, outputs: 1, rows: 2, skew: true, fill: 3 cycles,
           multiplier: [8 bit, 8 bit], absorbs: [attention.softmax]}
  context: {kind: dot, sourced: test, inputs: 1, outputs: 4, rows: 2, skew: true, fill: 3 cycles,
            multiplier: [8 bit, 8 bit], absorbs: [attention.softmax_div]}
  vector: {kind: vector, sourced: test, lanes: 4, fill: 2 cycles}
placement: {linear: array, add: vector, layer_norm: vector, attention.scores: scores, attention.context: context,
            moe: array, moe.zero: vector}
schedule: {prefetch: experts, experts: {order: expert-major}, softmax: single-pass}
energy: fpga-16nm
"""


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hw") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small(small_file: Path) -> Hardware:
    return load_hardware(small_file)


@pytest.fixture(scope="session")
def edge_moe() -> Hardware:
    return load_hardware("edge-moe-zcu102")


@pytest.fixture(scope="session")
def m3vit() -> Graph:
    return load_model("m3vit-tiny", task="semseg").graph


def parameter(builder: GraphBuilder, name: str, *shape: int) -> str:
    values = np.linspace(-1.0, 1.0, num=int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return builder.add_parameter(name, values, Tensor(shape))


def linear_graph(rows: int, reduce: int, outputs: int, *, gelu: bool = False, bias: bool = False) -> Graph:
    builder = GraphBuilder("linear")
    builder.add_input("x", Tensor((1, rows, reduce)))
    inputs = ["x", parameter(builder, "fc.weight", outputs, reduce)]
    if bias:
        inputs.append(parameter(builder, "fc.bias", outputs))
    out = builder.add("linear", inputs, name="fc")[0]
    if gelu:
        out = builder.add("gelu", [out], name="act")[0]
    return builder.finish([out])


def attention_graph(heads: int, queries: int, channels: int) -> Graph:
    builder = GraphBuilder("attention")
    for name in "qkv":
        builder.add_input(name, Tensor((1, heads, queries, channels)))
    out = builder.add("attention", ["q", "k", "v"], {"scale": 1.0}, name="attn")[0]
    return builder.finish([out])


def moe_graph(tokens: int = 6, width: int = 8, hidden: int = 8, experts: int = 4, top_k: int = 2) -> Graph:
    builder = GraphBuilder("moe")
    builder.add_input("x", Tensor((1, tokens, width)))
    operands = [
        "x",
        parameter(builder, "gate", experts, width),
        parameter(builder, "w1", experts, hidden, width),
        parameter(builder, "b1", experts, hidden),
        parameter(builder, "w2", experts, width, hidden),
        parameter(builder, "b2", experts, width),
    ]
    out = builder.add("moe", operands, {"top_k": top_k}, name="moe")[0]
    return builder.finish([out])
