"""moe in terms of other ops, twice: every expert for every token, or rows sorted by expert.

The caller sets the builder's prefix and module; both forms return the names of y, ids and gates.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.graph import Tensor
from accelsim.ops.attributes import choice, flag, integer
from accelsim.ops.build import GraphBuilder
from accelsim.ops.spec import Attrs

_ACTIVATIONS = ("gelu", "relu")
_OPERANDS = 9


def expand_dense(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """All experts on all tokens as batched products, weighted by gates that are zero where not taken."""
    x, _, _, b1, w2, b2, *_ = _all(inputs)
    tokens, top_k, experts = _counts(builder, inputs, attrs)
    hidden = builder.tensors[b1].shape[1]
    rows, ids, gates = _route(builder, inputs, attrs)

    marks = builder.add1("one_hot", (ids,), {"depth": experts}, name="gates.marks")
    column = builder.add1("reshape", (gates,), {"shape": (tokens, top_k, 1)}, name="gates.column")
    placed = builder.add1("mul", (marks, column), name="gates.placed")
    spread = builder.add1("reduce_sum", (placed,), {"axes": (1,)}, name="gates.spread")
    by_expert = builder.add1("transpose", (spread,), {"perm": (1, 0)}, name="gates.by_expert")
    weights = builder.add1("reshape", (by_expert,), {"shape": (experts, tokens, 1)}, name="gates.weights")

    turned1 = builder.add1("transpose", (_matrices(builder, inputs),), {"perm": (0, 2, 1)}, name="w1.transposed")
    product1 = builder.add1("matmul", (rows, turned1), name="fc1.product")
    bias1 = builder.add1("reshape", (b1,), {"shape": (experts, 1, hidden)}, name="b1.rows")
    answers = builder.add1("add", (product1, bias1), name="fc1")
    if w2:
        width = builder.tensors[b2].shape[1]
        activated = builder.add1(choice("moe", attrs, "activation", _ACTIVATIONS), (answers,), name="activation")
        turned2 = builder.add1("transpose", (w2,), {"perm": (0, 2, 1)}, name="w2.transposed")
        product2 = builder.add1("matmul", (activated, turned2), name="fc2.product")
        bias2 = builder.add1("reshape", (b2,), {"shape": (experts, 1, width)}, name="b2.rows")
        answers = builder.add1("add", (product2, bias2), name="fc2")

    weighted = builder.add1("mul", (answers, weights), name="combine.weighted")
    summed = builder.add1("reduce_sum", (weighted,), {"axes": (0,)}, name="combine")
    return _shaped(builder, x, top_k, (summed, ids, gates))


def expand_sparse(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """Each token once for every expert it takes: sorted by expert, computed in groups, added back."""
    x, _, _, b1, w2, b2, *_ = _all(inputs)
    tokens, top_k, _ = _counts(builder, inputs, attrs)
    pairs = tokens * top_k
    rows, ids, gates = _route(builder, inputs, attrs)

    flat_ids = builder.add1("reshape", (ids,), {"shape": (pairs,)}, name="queue.ids")
    order = builder.add1("argsort", (flat_ids,), name="queue.order")
    groups = builder.add1("gather", (flat_ids, order), name="queue.experts")
    choices = builder.add_parameter(
        f"{builder.prefix}choices_per_token", np.asarray(top_k, np.int64), Tensor((), INT64)
    )
    owners = builder.add1("div", (order, choices), name="queue.tokens")
    queued = builder.add1("gather", (rows, owners), name="queue.rows")

    answers = builder.add1("grouped_linear", (queued, groups, _matrices(builder, inputs), b1), name="fc1")
    if w2:
        activated = builder.add1(choice("moe", attrs, "activation", _ACTIVATIONS), (answers,), name="activation")
        answers = builder.add1("grouped_linear", (activated, groups, w2, b2), name="fc2")

    flat_gates = builder.add1("reshape", (gates,), {"shape": (pairs,)}, name="gates.flat")
    queued_gates = builder.add1("gather", (flat_gates, order), name="gates.queued")
    column = builder.add1("reshape", (queued_gates,), {"shape": (pairs, 1)}, name="gates.column")
    weighted = builder.add1("mul", (answers, column), name="combine.weighted")
    summed = builder.add1("scatter_add", (owners, weighted), {"rows": tokens}, name="combine")
    return _shaped(builder, x, top_k, (summed, ids, gates))


def _all(inputs: tuple[str, ...]) -> tuple[str, ...]:
    return (*inputs, *("",) * (_OPERANDS - len(inputs)))


def _matrices(builder: GraphBuilder, inputs: tuple[str, ...]) -> str:
    """The first matrices of all experts, whole: [E, outputs, D]."""
    x, _, w1, b1, *_, positions, _ = _all(inputs)
    if not positions:
        return w1
    experts, values = builder.tensors[w1].shape
    rows, columns = builder.tensors[b1].shape[1], builder.tensors[x].shape[-1]
    kind = builder.tensors[w1].dtype
    zero = builder.add_parameter(f"{builder.prefix}zero", np.zeros((1, 1), str(kind)), Tensor((1, 1), kind))
    empty = builder.add1("expand", (zero,), {"shape": (experts, rows * columns)}, name="w1.empty")
    if builder.tensors[positions].dtype != INT64:
        positions = builder.add1("cast", (positions,), {"dtype": "int64"}, name="w1.int64")
    row = builder.add1("reshape", (positions,), {"shape": (1, values)}, name="w1.row")
    each = builder.add1("expand", (row,), {"shape": (experts, values)}, name="w1.positions")
    flat = builder.add1("scatter_elements", (empty, each, w1), {"axis": 1}, name="w1.flat")
    return builder.add1("reshape", (flat,), {"shape": (experts, rows, columns)}, name="w1.whole")


def _counts(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[int, int, int]:
    """Tokens, choices of each, experts."""
    tokens = math.prod(builder.tensors[inputs[0]].shape[:-1])
    return tokens, integer("moe", attrs, "top_k"), builder.tensors[inputs[1]].shape[0]


def _route(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, str, str]:
    """Tokens as rows [T, D], the experts of each [T, K] and their gates [T, K]."""
    x, gate_w, *_, forced, _, gate_b = _all(inputs)
    tokens, top_k, experts = _counts(builder, inputs, attrs)
    rows = builder.add1("reshape", (x,), {"shape": (tokens, builder.tensors[x].shape[-1])}, name="tokens")
    logits = builder.add1("linear", (rows, gate_w, *([gate_b] if gate_b else [])), name="router")
    probabilities = builder.add1("softmax", (logits,), {"axis": -1}, name="router.softmax")
    if forced:
        ids = builder.add1("reshape", (forced,), {"shape": (tokens, top_k)}, name="router.ids")
        gates = _gates_at(builder, probabilities, ids, (tokens, experts))
    else:
        gates, ids = builder.add("top_k", (probabilities,), {"k": top_k}, name="router.top_k")
    if flag("moe", attrs, "renormalise"):
        total = builder.add1("reduce_sum", (gates,), {"axes": (1,), "keepdims": True}, name="router.total")
        gates = builder.add1("div", (gates, total), name="router.gates")
    return rows, ids, gates


def _gates_at(builder: GraphBuilder, probabilities: str, ids: str, shape: tuple[int, int]) -> str:
    """Probabilities [T, E] at ids [T, K]: a sum in which all terms but one are zero, so it is exact."""
    tokens, experts = shape
    marks = builder.add1("one_hot", (ids,), {"depth": experts}, name="router.marks")
    spread = builder.add1("reshape", (probabilities,), {"shape": (tokens, 1, experts)}, name="router.spread")
    marked = builder.add1("mul", (marks, spread), name="router.marked")
    return builder.add1("reduce_sum", (marked,), {"axes": (2,)}, name="router.picked")


def _shaped(builder: GraphBuilder, x: str, top_k: int, results: tuple[str, str, str]) -> tuple[str, str, str]:
    """y, ids and gates with the leading sizes of x."""
    lead = builder.tensors[x].shape[:-1]
    summed, ids, gates = results
    choices = (*lead, top_k)
    return (
        builder.add1("reshape", (summed,), {"shape": (*lead, builder.tensors[summed].shape[1])}, name="y"),
        builder.add1("reshape", (ids,), {"shape": choices}, name="ids"),
        builder.add1("reshape", (gates,), {"shape": choices}, name="gates"),
    )
