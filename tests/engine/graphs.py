"""Graphs for the engine's tests: single nodes, and random chains whose tensors live for different times."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.ir import DType, Graph, Tensor
from accelsim.ir.graph import AttrValue
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import op_spec

Array = NDArray[Any]


def floats(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def type_of(array: Array) -> Tensor:
    return Tensor(array.shape, DType.parse(str(array.dtype)))


def one_node(
    op: str,
    arrays: Sequence[Array | None],
    attrs: Mapping[str, AttrValue] | None = None,
    constants: Collection[int] = (),
) -> tuple[Graph, dict[str, Array]]:
    """A graph of one node and its inputs; the operands at `constants` become parameters."""
    builder = GraphBuilder("one")
    names: list[str] = []
    inputs: dict[str, Array] = {}
    for index, array in enumerate(arrays):
        name = "" if array is None else f"in{index}"
        names.append(name)
        if array is None:
            continue
        if index in constants:
            builder.add_parameter(name, array, type_of(array))
        else:
            builder.add_input(name, type_of(array))
            inputs[name] = array
    return builder.finish(builder.add(op, names, attrs, name="node")), inputs


def interpret(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of the graph by the references of its ops, nothing shared and nothing reused."""
    values: dict[str, Array] = {**inputs, **{name: graph.parameter(name) for name in graph.parameters}}
    for node in graph.nodes:
        results = op_spec(node.op).reference([values[name] if name else None for name in node.inputs], node.attrs)
        values.update(zip(node.outputs, (np.array(result) for result in results), strict=True))
    return values


def moe_weights(width: int, experts: int, hidden: int, seed: int = 3) -> tuple[Array, ...]:
    return (
        floats(experts, width, seed=seed),
        floats(experts, hidden, width, seed=seed + 1),
        floats(experts, hidden, seed=seed + 2),
        floats(experts, width, hidden, seed=seed + 3),
        floats(experts, width, seed=seed + 4),
    )


def moe_graph(tokens: int, *, width: int, experts: int, hidden: int, top_k: int, layers: int = 1) -> Graph:
    """Mixtures of experts one after the other, each added to its input: nodes `layer0`, `layer1`, ..."""
    builder = GraphBuilder("moe")
    x = builder.add_input("x", Tensor((tokens, width)))
    outputs = []
    for layer in range(layers):
        weights = [
            builder.add_parameter(f"layer{layer}.{part}", array, type_of(array))
            for part, array in zip(
                ("gate_w", "w1", "b1", "w2", "b2"),
                moe_weights(width, experts, hidden, 10 * layer),
                strict=True,
            )
        ]
        y, _, _ = builder.add("moe", (x, *weights), {"top_k": top_k}, name=f"layer{layer}")
        x = builder.add1("add", (x, y), name=f"sum{layer}")
        outputs = [x]
    return builder.finish(outputs)


def random_graph(seed: int, nodes: int = 25) -> tuple[Graph, dict[str, Array]]:
    """Mostly elementwise nodes, norms, products, views and joins over matrices of different sizes."""
    rng = np.random.default_rng(seed)
    builder = GraphBuilder(f"random{seed}")
    inputs = {name: floats(*rng.integers(1, 9, 2), seed=seed + 1) for name in ("x", "y")}
    live = [builder.add_input(name, type_of(array)) for name, array in inputs.items()]
    for number in range(nodes):
        x = live[int(rng.integers(len(live)))]
        rows, columns = builder.tensors[x].shape
        kind = int(rng.integers(9))
        if kind == 0:
            made = builder.add1("gelu", (x,))
        elif kind == 1:
            made = builder.add1("softmax", (x,))
        elif kind == 2:
            made = builder.add1("layer_norm", (x,))
        elif kind == 3:
            made = builder.add1("transpose", (x,), {"perm": (1, 0)})
        elif kind == 4:
            made = builder.add1("reshape", (x,), {"shape": (columns, rows)})
        elif kind == 5:
            cut: dict[str, AttrValue] = {
                "starts": (0,),
                "ends": (max(1, rows - 1),),
                "axes": (0,),
                "steps": (1,),
            }
            made = builder.add1("slice", (x,), cut)
        elif kind == 6:
            weight = floats(int(rng.integers(1, 9)), columns, seed=number)
            name = builder.add_parameter(f"w{number}", weight, type_of(weight))
            made = builder.add1("linear", (x, name))
        elif kind == 7:
            made = builder.add1("concat", (x, x), {"axis": 1 if columns < 9 else 0})
        else:
            partners = [name for name in live if builder.tensors[name].shape == (rows, columns)]
            made = builder.add1("sub", (x, partners[int(rng.integers(len(partners)))]))
        live.append(made)
    outputs = [live[-1], live[int(rng.integers(2, len(live)))]]
    return builder.finish(list(dict.fromkeys(outputs))), inputs
