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


def expand_dense(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """All experts on all tokens as batched products, weighted by gates that are zero where not taken."""
    x, _, w1, b1, w2, b2 = inputs[:6]
    tokens, top_k, experts = _counts(builder, inputs, attrs)
    hidden, width = builder.tensors[w1].shape[1:]
    rows, ids, gates = _route(builder, inputs, attrs)

    marks = builder.add1("one_hot", (ids,), {"depth": experts}, name="gates.marks")
    column = builder.add1("reshape", (gates,), {"shape": (tokens, top_k, 1)}, name="gates.column")
    placed = builder.add1("mul", (marks, column), name="gates.placed")
    spread = builder.add1("reduce_sum", (placed,), {"axes": (1,)}, name="gates.spread")
    by_expert = builder.add1("transpose", (spread,), {"perm": (1, 0)}, name="gates.by_expert")
    weights = builder.add1("reshape", (by_expert,), {"shape": (experts, tokens, 1)}, name="gates.weights")

    turned1 = builder.add1("transpose", (w1,), {"perm": (0, 2, 1)}, name="w1.transposed")
    product1 = builder.add1("matmul", (rows, turned1), name="fc1.product")
    bias1 = builder.add1("reshape", (b1,), {"shape": (experts, 1, hidden)}, name="b1.rows")
    sum1 = builder.add1("add", (product1, bias1), name="fc1")
    activated = builder.add1(choice("moe", attrs, "activation", _ACTIVATIONS), (sum1,), name="activation")
    turned2 = builder.add1("transpose", (w2,), {"perm": (0, 2, 1)}, name="w2.transposed")
    product2 = builder.add1("matmul", (activated, turned2), name="fc2.product")
    bias2 = builder.add1("reshape", (b2,), {"shape": (experts, 1, width)}, name="b2.rows")
    sum2 = builder.add1("add", (product2, bias2), name="fc2")

    weighted = builder.add1("mul", (sum2, weights), name="combine.weighted")
    summed = builder.add1("reduce_sum", (weighted,), {"axes": (0,)}, name="combine")
    return _shaped(builder, x, top_k, (summed, ids, gates))


def expand_sparse(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """Each token once for every expert it takes: sorted by expert, computed in groups, added back."""
    x, _, w1, b1, w2, b2 = inputs[:6]
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

    sum1 = builder.add1("grouped_linear", (queued, groups, w1, b1), name="fc1")
    activated = builder.add1(choice("moe", attrs, "activation", _ACTIVATIONS), (sum1,), name="activation")
    sum2 = builder.add1("grouped_linear", (activated, groups, w2, b2), name="fc2")

    flat_gates = builder.add1("reshape", (gates,), {"shape": (pairs,)}, name="gates.flat")
    queued_gates = builder.add1("gather", (flat_gates, order), name="gates.queued")
    column = builder.add1("reshape", (queued_gates,), {"shape": (pairs, 1)}, name="gates.column")
    weighted = builder.add1("mul", (sum2, column), name="combine.weighted")
    summed = builder.add1("scatter_add", (owners, weighted), {"rows": tokens}, name="combine")
    return _shaped(builder, x, top_k, (summed, ids, gates))


def _counts(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[int, int, int]:
    """Tokens, choices of each, experts."""
    tokens = math.prod(builder.tensors[inputs[0]].shape[:-1])
    return tokens, integer("moe", attrs, "top_k"), builder.tensors[inputs[1]].shape[0]


def _route(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, str, str]:
    """Tokens as rows [T, D], the experts of each [T, K] and their gates [T, K]."""
    x, gate_w = inputs[:2]
    forced = inputs[6] if len(inputs) > 6 else ""
    tokens, top_k, experts = _counts(builder, inputs, attrs)
    rows = builder.add1("reshape", (x,), {"shape": (tokens, builder.tensors[x].shape[-1])}, name="tokens")
    logits = builder.add1("linear", (rows, gate_w), name="router")
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
    shape = builder.tensors[x].shape
    summed, ids, gates = results
    choices = (*shape[:-1], top_k)
    return (
        builder.add1("reshape", (summed,), {"shape": shape}, name="y"),
        builder.add1("reshape", (ids,), {"shape": choices}, name="ids"),
        builder.add1("reshape", (gates,), {"shape": choices}, name="gates"),
    )
