"""More patterns of exporters, those of language models: RMS norm, rotary embedding, shared heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from accelsim.ir.graph import Graph, Node
from accelsim.passes.constants import Constants
from accelsim.passes.patterns import Match, View, is_power, one_op


def rms_norm(view: View, node: Node) -> Match | None:
    """x / sqrt(mean(x^2) + epsilon), with the weights that follow if nothing else reads it."""
    if node.op not in {"mul", "div"}:
        return None
    for weight, normed in (node.inputs, node.inputs[::-1]) if node.op == "mul" else ():
        inner = view.inner(normed, "mul", "div")
        found = _normed(view, inner) if inner and view.shape(weight) == view.shape(normed)[-1:] else None
        if inner is not None and found is not None:
            x, epsilon, nodes = found
            gone = (node, inner, *nodes)
            return Match(gone, (one_op(gone, "rms_norm", (x, weight), {"axes": 1, "epsilon": epsilon}, named=node),))
    found = _normed(view, node)
    if found is None or _is_weighed(view, node):
        return None
    x, epsilon, nodes = found
    gone = (node, *nodes)
    return Match(gone, (one_op(gone, "rms_norm", (x,), {"axes": 1, "epsilon": epsilon}, named=node),))


def _is_weighed(view: View, node: Node) -> bool:
    """Whether a product with weights follows, which takes this one along."""
    uses = view.graph.consumers.get(node.outputs[0], ())
    if len(uses) != 1 or uses[0][0].op != "mul" or node.outputs[0] in view.graph.outputs:
        return False
    other = uses[0][0].inputs[1 - uses[0][1]]
    return view.shape(other) == view.shape(node.outputs[0])[-1:]


def _normed(view: View, node: Node) -> tuple[str, float, tuple[Node, ...]] | None:
    """(x, epsilon, the nodes before `node`) of x times the reciprocal root, or over the root."""
    pairs = (node.inputs, node.inputs[::-1]) if node.op == "mul" else (node.inputs,)
    for x, factor in pairs:
        roots = _root(view, node, factor)
        shifted = view.inner(roots[-1].inputs[0], "add") if roots else None
        epsilon = _epsilon(view, shifted) if shifted else None
        mean = view.inner(epsilon[0], "reduce_mean") if epsilon else None
        square = view.inner(mean.inputs[0], "pow", "mul") if mean else None
        if shifted is None or epsilon is None or mean is None or square is None:
            continue
        rank = len(view.shape(x))
        along_last = mean.attrs["axes"] in ((-1,), (rank - 1,)) and mean.attrs["keepdims"]
        if along_last and is_power(view, square, x, 2.0) and view.shape(x) == view.shape(node.outputs[0]):
            return x, epsilon[1], (*roots, shifted, mean, square)
    return None


def _root(view: View, node: Node, factor: str) -> tuple[Node, ...]:
    """The nodes that make a factor the reciprocal of a root, or a divisor a root; none where it is neither."""
    if node.op == "div":
        root = view.inner(factor, "sqrt")
        return (root,) if root else ()
    turned = view.inner(factor, "reciprocal", "rsqrt")
    if turned is None or turned.op == "rsqrt":
        return (turned,) if turned else ()
    root = view.inner(turned.inputs[0], "sqrt")
    return (turned, root) if root else ()


def _epsilon(view: View, node: Node) -> tuple[str, float] | None:
    for mean, epsilon in (node.inputs, node.inputs[::-1]):
        number = view.number(epsilon)
        if number is not None:
            return mean, number
    return None


def shared_heads(view: View, node: Node) -> Match | None:
    """Keys and values that were copied for groups of query heads, taken as they were before."""
    if node.op != "attention":
        return None
    before = [_before_copies(view, name) for name in node.inputs[1:3]]
    if before[0] is None or before[1] is None or view.shape(before[0])[1] != view.shape(before[1])[1]:
        return None
    return Match((node,), (replace(node, inputs=(node.inputs[0], *map(str, before), *node.inputs[3:])),))


def _before_copies(view: View, tensor: str) -> str | None:
    """[B, H, L, C] of which [B, H G, L, C] is a copy, each head G times in a row."""
    joined = view.maker(tensor, "reshape")
    spread = view.maker(joined.inputs[0], "expand") if joined else None
    apart = view.maker(spread.inputs[0], "reshape") if spread else None
    if spread is None or apart is None:
        return None
    source, wide = view.shape(apart.inputs[0]), view.shape(spread.outputs[0])
    if len(source) != 4 or len(wide) != 5:
        return None
    batch, heads, length, width = source
    single = view.shape(spread.inputs[0]) == (batch, heads, 1, length, width)
    copied = wide == (batch, heads, wide[2], length, width)
    kept = view.shape(tensor) == (batch, heads * wide[2], length, width)
    return apart.inputs[0] if single and copied and kept else None


def fuse_rotary(graph: Graph) -> Graph:
    """x cos + [-second half, first half] sin, with constant angles that are the same in both halves, as one node."""
    constants, view = Constants(graph), View(graph)
    made: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        found = _rotary(view, node) if node.op == "add" else None
        if found is None:
            continue
        x, angles, inside = found
        halves = [_half(constants, name) for name in angles]
        if halves[0] is None or halves[1] is None:
            continue
        inputs = (x, *map(str, halves))
        nodes = (node, *inside)
        made[node.name] = one_op(nodes, "rotary_embedding", inputs, {"interleaved": False}, named=node)
        gone.update(part.name for part in inside)
    if not made:
        return graph
    kept = [made.get(node.name, node) for node in graph.nodes if node.name not in gone]
    return constants.graph_of(kept, after="fuse_patterns: rotary")


def _rotary(view: View, node: Node) -> tuple[str, tuple[str, str], tuple[Node, ...]] | None:
    for straight, crossed in (node.inputs, node.inputs[::-1]):
        first, second = view.inner(straight, "mul"), view.inner(crossed, "mul")
        if first is None or second is None:
            continue
        for turned, sin in (second.inputs, second.inputs[::-1]):
            joined = view.inner(turned, "concat")
            found = _turned(view, joined) if joined else None
            if joined is None or found is None or found[0] not in first.inputs:
                continue
            x, inside = found
            cos = first.inputs[1 - first.inputs.index(x)]
            if view.shape(x) == view.shape(node.outputs[0]):
                return x, (cos, sin), (first, second, joined, *inside)
    return None


def _turned(view: View, joined: Node) -> tuple[str, tuple[Node, ...]] | None:
    """x of [-second half of x, first half of x]."""
    if len(joined.inputs) != 2 or joined.attrs["axis"] not in (-1, len(view.shape(joined.outputs[0])) - 1):
        return None
    negative, low = view.inner(joined.inputs[0], "neg"), view.inner(joined.inputs[1], "slice")
    high = view.inner(negative.inputs[0], "slice") if negative else None
    if negative is None or low is None or high is None or low.inputs != high.inputs:
        return None
    x = low.inputs[0]
    size, last = view.shape(x)[-1], len(view.shape(x)) - 1
    for cut, first in ((low, 0), (high, size // 2)):
        along = cut.attrs["axes"] in ((-1,), (last,)) and cut.attrs["steps"] == (1,)
        if not along or cut.attrs["starts"] != (first,) or view.shape(cut.outputs[0])[-1] != size // 2:
            return None
    return x, (negative, low, high)


def _half(constants: Constants, name: str) -> str | None:
    """The first half of angles that both halves share, as a constant."""
    if not constants.known(name):
        return None
    values = constants.value(name)
    low, high = np.split(values, 2, axis=-1) if values.ndim and values.shape[-1] % 2 == 0 else (values, None)
    if high is None or not np.array_equal(low, high):
        return None
    half = f"{name}.half"
    if half in constants.tensors and constants.tensors[half].shape == low.shape:
        return half
    return constants.add(half, low, constants.kind(name))


PATTERNS: Mapping[str, Callable[[View, Node], Match | None]] = {
    "rms_norm": rms_norm,
    "shared_heads": shared_heads,
}
