"""Biases, activations and residuals tied to the product before them, whose results they change as these leave.

A bias becomes the product's own operand. What follows stays a node of its own, so that its numbers, its work and its
name stay visible, and says by `Node.fused` whose epilogue it is; an engine or a mapping that can apply it on the way
out does.
"""

from __future__ import annotations

from dataclasses import replace

from accelsim.ir.graph import Graph, Node
from accelsim.ops.verified import verified
from accelsim.passes.constants import Constants, operand, trimmed
from accelsim.passes.patterns import View

HOSTS = frozenset(
    (
        *("conv2d", "conv_transpose2d", "linear", "matmul", "grouped_linear", "attention"),
        *("dynamic_conv2d", "pixel_difference_conv2d", "adapted_linear", "cross_task_attention"),
    )
)
"""Ops that end in a sum of products."""

ACTIVATIONS = frozenset(
    (
        *("relu", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "prelu"),
        *("sigmoid", "tanh", "erf", "exp", "hard_sigmoid", "hard_swish", "clip", "abs", "neg", "thresholded_relu"),
    )
)
RESIDUALS = frozenset(("add", "sub", "mul", "maximum", "minimum"))

_BIASED = {"conv2d": 2, "conv_transpose2d": 2, "linear": 2, "adapted_linear": 4, "pixel_difference_conv2d": 2}
"""Where an op takes its bias."""


def fuse_epilogues(graph: Graph) -> Graph:
    """Biases taken up by their products; activations and residuals marked as the epilogues of theirs.

    An epilogue works element by element on a result that nobody else reads; another operand of it has to be there
    before the product starts. It follows its host directly, so nodes may change places. Results are the same but for
    the order in which a bias is added.
    """
    return _marked(_with_biases(graph))


def _with_biases(graph: Graph) -> Graph:
    """Products without a bias that are followed by the addition of one."""
    constants, view = Constants(graph), View(graph)
    changed: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        if node.op != "add":
            continue
        for product, bias in (node.inputs, node.inputs[::-1]):
            host = view.inner(product, *_BIASED)
            if host is None or host.name in changed or operand(host, _BIASED[host.op]) or not constants.known(bias):
                continue
            if host.outputs[0] != product or not _is_bias(graph, host, product, bias, node.outputs[0]):
                continue
            value = constants.value(bias).reshape(-1)
            stored = (
                bias
                if graph.tensors[bias].shape == value.shape
                else constants.add(f"{bias}.row", value, constants.kind(bias))
            )
            at = _BIASED[host.op]
            inputs = [*host.inputs, *("",) * (at + 1 - len(host.inputs))]
            inputs[at] = stored
            origins = tuple(dict.fromkeys((*host.origins, host.name, *node.origins, node.name)))
            outputs = (*node.outputs, *host.outputs[1:])
            changed[host.name] = replace(host, inputs=trimmed(*inputs), outputs=outputs, origins=origins)
            gone.add(node.name)
            break
    if not changed:
        return graph
    nodes = tuple(changed.get(node.name, node) for node in graph.nodes if node.name not in gone)
    return constants.graph_of(nodes, after="fuse_epilogues: biases")


def _is_bias(graph: Graph, host: Node, product: str, bias: str, result: str) -> bool:
    """Whether `bias` is one number a channel (second axis of an image, last axis of rows), so that nothing grows."""
    shape, given = graph.tensors[product].shape, graph.tensors[bias].shape
    channel = 1 if host.op.endswith("2d") else len(shape) - 1
    wanted = (shape[channel], *(1,) * (len(shape) - 1 - channel))
    padded = (1,) * (len(shape) - len(given)) + given
    kind = graph.tensors[product].dtype == graph.tensors[bias].dtype
    if host.op == "adapted_linear" and operand(host, 5):
        return False  # its bias is stored for all rows, this one is for those that are kept
    return kind and graph.tensors[result].shape == shape and padded == (1,) * channel + wanted


def _marked(graph: Graph) -> Graph:
    """Epilogues marked and moved behind their hosts."""
    view = View(graph)
    place = {node.name: number for number, node in enumerate(graph.nodes)}
    made_at = {name: place[node.name] for node in graph.nodes for name in node.outputs}
    members: dict[str, list[Node]] = {}
    taken: set[str] = set()
    for host in graph.nodes:
        if host.op not in HOSTS or host.fused:
            continue
        tensor = host.outputs[0]
        while True:
            node = _epilogue(view, tensor)
            others = [] if node is None else [name for name in node.inputs if name and name != tensor]
            if node is None or node.name in taken or any(made_at.get(o, -1) >= place[host.name] for o in others):
                break
            members.setdefault(host.name, []).append(replace(node, fused=host.name))
            taken.add(node.name)
            tensor = node.outputs[0]
    if not members:
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name not in taken:
            nodes += (node, *members.get(node.name, ()))
    return verified(graph.with_nodes(tuple(nodes)), after="fuse_epilogues")


def _epilogue(view: View, tensor: str) -> Node | None:
    """The only reader of a tensor, if it changes each element of it and nothing else."""
    uses = view.graph.consumers.get(tensor, ())
    if len(uses) != 1 or tensor in view.graph.outputs:
        return None
    node = uses[0][0]
    same = view.graph.tensors[node.outputs[0]] == view.graph.tensors[tensor]
    if not same or node.fused or node.op not in ACTIVATIONS | RESIDUALS:
        return None
    return node
