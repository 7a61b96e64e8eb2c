"""Ops that exporters write out in many small nodes, put back together: attention, GELU, SiLU, norms, biases.

Only nodes that nothing else reads are taken. Results differ by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node
from accelsim.passes.fuse_gelu import gelu
from accelsim.passes.fuse_language import PATTERNS, fuse_rotary
from accelsim.passes.patterns import Match, View, one_op, rewritten, typed

_LAST_TWO: tuple[int, ...] = (0, 1, 3, 2)
_WINDOW = 4  # [batch, heads, queries or keys, channels]


def fuse_patterns(graph: Graph) -> Graph:
    """Attention, GELU, SiLU, RMS norms, rotary embeddings and linear layers with their biases as single nodes."""
    for name, match in {**_PATTERNS, **PATTERNS}.items():
        graph = rewritten(graph, match, after=f"fuse_patterns: {name}")
    return fuse_rotary(graph)


def _bias(view: View, node: Node) -> Match | None:
    """linear(x, w) + b with a constant b, one number an output."""
    if node.op != "add":
        return None
    for product, bias in (node.inputs, node.inputs[::-1]):
        linear = view.inner(product, "linear")
        if linear is None or len(linear.inputs) > 2 or bias not in view.graph.parameters:
            continue
        if view.shape(bias) == (view.shape(product)[-1],) and view.shape(product) == view.shape(node.outputs[0]):
            made = one_op((node, linear), "linear", (*linear.inputs, bias), dict(linear.attrs), named=linear)
            return Match((node, linear), (made,))
    return None


def _silu(view: View, node: Node) -> Match | None:
    """x * sigmoid(x)."""
    if node.op != "mul":
        return None
    for x, gate in (node.inputs, node.inputs[::-1]):
        sigmoid = view.inner(gate, "sigmoid")
        if sigmoid is not None and sigmoid.inputs == (x,):
            return Match((node, sigmoid), (one_op((node, sigmoid), "silu", (x,), {}, named=node),))
    return None


def _perm(node: Node) -> tuple[int, ...]:
    perm = node.attrs["perm"]
    assert isinstance(perm, tuple)
    return tuple(axis for axis in perm if isinstance(axis, int))


def _attention(view: View, node: Node) -> Match | None:
    """softmax(q k^T * scale + mask) v over [batch, heads, length, channels]."""
    if node.op != "matmul" or len(view.shape(node.outputs[0])) != _WINDOW:
        return None
    softmax, guard = _shares(view, node.inputs[0])
    if softmax is None or softmax.attrs["axis"] not in (-1, _WINDOW - 1):
        return None
    gone = [node, softmax, *guard]
    scores, mask, scale = softmax.inputs[0], "", 1.0
    added = view.inner(scores, "add")
    if added is not None:
        for one, other in (added.inputs, added.inputs[::-1]):
            if _is_scores(view, one) and len(view.shape(other)) <= _WINDOW:
                gone.append(added)
                scores, mask = one, other
                break
        else:
            return None
    step = view.inner(scores, "mul", "div")
    if step is not None:
        found = view.scaled(step)
        if found is None:
            return None
        gone.append(step)
        scores, scale = found
    product = view.inner(scores, "matmul")
    if product is None:
        return None
    gone.append(product)
    q, turned, v = product.inputs[0], product.inputs[1], node.inputs[1]
    for name in (q, turned):
        pre = view.inner(name, "mul", "div")
        found = None if pre is None else view.scaled(pre)
        if pre is not None and found is not None and view.shape(found[0]) == view.shape(name):
            gone.append(pre)
            scale *= found[1]
            q, turned = (found[0], turned) if name == q else (q, found[0])
    return _as_attention(view, tuple(gone), (q, turned, v, mask), scale)


def _shares(view: View, tensor: str) -> tuple[Node | None, tuple[Node, ...]]:
    """The softmax behind a tensor; and the nodes by which torch's exporter puts zeros where a row sees nothing."""
    chosen = view.inner(tensor, "where")
    unequal = None if chosen is None else view.inner(chosen.inputs[0], "not_equal")
    if chosen is None or unequal is None or view.number(chosen.inputs[1]) != 0:
        return view.inner(tensor, "softmax"), ()
    shares = chosen.inputs[2]
    readers = {reader.name for reader, _ in view.graph.consumers[shares]}
    if unequal.inputs != (shares, shares) or readers != {chosen.name, unequal.name} or shares in view.graph.outputs:
        return None, ()
    return view.maker(shares, "softmax"), (chosen, unequal)


def _is_scores(view: View, tensor: str) -> bool:
    step = view.inner(tensor, "matmul", "mul", "div")
    if step is None or step.op == "matmul":
        return step is not None
    found = view.scaled(step)
    return found is not None and view.inner(found[0], "matmul") is not None


def _as_attention(
    view: View, gone: tuple[Node, ...], operands: tuple[str, str, str, str], scale: float
) -> Match | None:
    q, turned, v, mask = operands
    shapes = [view.shape(name) for name in (q, turned, v)]
    if any(len(shape) != _WINDOW or shape[:2] != shapes[0][:2] for shape in shapes):
        return None
    if view.shape(gone[1].outputs[0]) != (*shapes[0][:3], shapes[1][3]):
        return None  # the mask made more of the scores than there were
    tensors = dict(view.graph.tensors)
    source, perm = _keys(view, turned)
    made: list[Node] = []
    k = source
    if perm != tuple(range(_WINDOW)):
        k = f"{gone[0].name}.k"
        if k in tensors:
            return None
        turn = Node(k, "transpose", (source,), (k,), FrozenMap({"perm": perm}), gone[0].module)
        made.append(typed(turn, tensors))
    none = not mask or (mask in view.graph.parameters and not view.graph.parameter(mask).any())  # zeros hide nothing
    inputs = (q, k, v) if none else (q, k, v, mask)
    made.append(one_op(gone, "attention", inputs, {"scale": scale, "causal": False}, named=gone[0]))
    return Match(gone, tuple(made), {name: tensors[name] for name in (k,)})


def _keys(view: View, turned: str) -> tuple[str, tuple[int, ...]]:
    """What the transposed keys were made from, and how that has to be transposed to be the keys."""
    before = view.maker(turned, "transpose")
    if before is not None:
        return before.inputs[0], tuple(_perm(before)[axis] for axis in _LAST_TWO)
    apart = view.maker(turned, "reshape")  # torch's exporter joins batch and heads first: [batch * heads, length, C]
    middle = None if apart is None else view.maker(apart.inputs[0], "transpose")
    joined = None if middle is None else view.maker(middle.inputs[0], "reshape")
    if middle is not None and joined is not None and _perm(middle) == (0, 2, 1):
        keys = view.shape(joined.inputs[0])
        if tuple(keys[axis] for axis in _LAST_TWO if len(keys) == _WINDOW) == view.shape(turned):
            return joined.inputs[0], tuple(range(_WINDOW))
    return turned, _LAST_TWO


_PATTERNS: dict[str, Callable[[View, Node], Match | None]] = {
    "bias": _bias,
    "gelu": gelu,
    "silu": _silu,
    "attention": _attention,
}
