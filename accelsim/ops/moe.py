"""moe: a mixture of experts, kept whole because which experts a token takes is what hardware exploits.

p = softmax(x gate_w^T) over all experts. The top_k largest are kept (lower index first among equals) and are
the gates as they are, unless `renormalise`. y = sum over the kept of p_e (w2_e act(w1_e x + b1_e) + b2_e).
No token is dropped. After M3ViT (arXiv 2210.14793, eq. 3-4).
`forced_ids` replaces the choice; the gates are then p at those ids.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.graph import Tensor
from accelsim.ops.activation import gelu_exact, relu_exact
from accelsim.ops.attributes import choice, flag, integer
from accelsim.ops.moe_expansions import expand_dense, expand_sparse
from accelsim.ops.moe_work import moe_work
from accelsim.ops.operands import INTEGER, Operands, optional, required
from accelsim.ops.order import largest
from accelsim.ops.softmax import softmax_along
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec
from accelsim.ops.values import check_indices

_INPUTS = ("x", "gate_w", "w1", "b1", "w2", "b2", "forced_ids?")
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"gelu": gelu_exact, "relu": relu_exact}


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    top_k = integer("moe", attrs, "top_k", least=1)
    choice("moe", attrs, "activation", _ACTIVATIONS)
    flag("moe", attrs, "renormalise")
    operands = Operands("moe", _INPUTS, types)
    x, gate_w, w1 = operands.get(0, min_rank=1), operands.get(1, rank=2), operands.get(2, rank=3)
    for index, rank in ((3, 2), (4, 3), (5, 2)):
        operands.get(index, rank=rank)
    operands.same_dtype(*range(6))
    width, experts, hidden = x.shape[-1], gate_w.shape[0], w1.shape[1]
    for index in range(2, 6):
        operands.fit(index, 0, experts, f"the experts of {operands.show(1)}")
    for index, axis in ((1, 1), (2, 2), (4, 1), (5, 1)):
        operands.fit(index, axis, width, f"the last size of {operands.show(0)}")
    for index, axis in ((3, 1), (4, 2)):
        operands.fit(index, axis, hidden, f"the hidden size of {operands.show(2)}")
    if top_k > experts:
        operands.fail(f"top_k is {top_k}, but {operands.show(1)} has {experts} experts")
    choices = (*x.shape[:-1], top_k)
    forced = operands.maybe(6, kinds=INTEGER)
    if forced is not None and forced.shape != choices:
        operands.fail(f"{operands.show(6)} needs the leading sizes of {operands.show(0)} and top_k {top_k}")
    return Tensor(x.shape, x.dtype), Tensor(choices, INT64), Tensor(choices, x.dtype)


def _moe(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, gate_w, w1, b1, w2, b2 = (required(arrays, i) for i in range(6))
    forced, top_k = optional(arrays, 6), integer("moe", attrs, "top_k")
    activate = _ACTIVATIONS[choice("moe", attrs, "activation", _ACTIVATIONS)]

    tokens = x.reshape(-1, x.shape[-1])
    probabilities = softmax_along(tokens @ gate_w.T, -1)
    if forced is None:
        gates, ids = largest(probabilities, top_k, -1)
    else:
        check_indices("moe", "forced_ids", forced, gate_w.shape[0])
        ids = forced.reshape(-1, top_k).astype(np.int64)
        gates = np.take_along_axis(probabilities, ids, axis=-1)
    if flag("moe", attrs, "renormalise"):
        gates = gates / gates.sum(axis=-1, keepdims=True)

    y = np.zeros_like(tokens)
    for expert in range(gate_w.shape[0]):
        queue, slot = np.nonzero(ids == expert)
        hidden = activate(tokens[queue] @ w1[expert].T + b1[expert])
        np.add.at(y, queue, gates[queue, slot, None] * (hidden @ w2[expert].T + b2[expert]))
    choices = (*x.shape[:-1], top_k)
    return y.reshape(x.shape), ids.reshape(choices), gates.reshape(choices)


def _routing_shape(types: MaybeTensors, attrs: Attrs) -> tuple[int, int, int]:
    operands = Operands("moe", _INPUTS, types)
    x, gate_w = operands.get(0, min_rank=1), operands.get(1, rank=2)
    return math.prod(x.shape[:-1]), integer("moe", attrs, "top_k"), gate_w.shape[0]


MOE = OpSpec(
    "moe",
    _INPUTS,
    ("y", "ids", "gates"),
    _infer,
    _moe,
    moe_work,
    attrs={"top_k": REQUIRED, "activation": "gelu", "renormalise": False},
    expansions={"dense": expand_dense, "sparse": expand_sparse},
    routing_shape=_routing_shape,
)
