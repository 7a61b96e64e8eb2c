"""moe: a mixture of experts, kept whole because which experts a token takes is what hardware exploits.

p = softmax(x gate_w^T + gate_b) over all experts. The top_k largest are kept (lower index first among equals) and are
the gates as they are, unless `renormalise`. y = sum over the kept of p_e (w2_e act(w1_e x + b1_e) + b2_e).
No token is dropped. After M3ViT (arXiv 2210.14793, eq. 3-4).
`forced_ids` replaces the choice; the gates are then p at those ids.

Without w2 and b2 an expert is one linear layer, w1_e x + b1_e, and `activation` is not used. Such experts may be
packed: w1 [E, P] holds only the values at the P `positions` of the flattened matrix [outputs, D], all different and the
same in every expert; elsewhere the matrix is zero. That is the dynamic part of a partially dynamic mixture, PAD-Net
(arXiv 2211.05528), whose static part is one plain layer beside it.
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

_INPUTS = ("x", "gate_w", "w1", "b1", "w2?", "b2?", "forced_ids?", "positions?", "gate_b?")
_W2, _B2, _FORCED, _POSITIONS, _GATE_B = range(4, 9)
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"gelu": gelu_exact, "relu": relu_exact}


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    top_k = integer("moe", attrs, "top_k", least=1)
    choice("moe", attrs, "activation", _ACTIVATIONS)
    flag("moe", attrs, "renormalise")
    operands = Operands("moe", _INPUTS, types)
    x, gate_w, b1 = operands.get(0, min_rank=1), operands.get(1, rank=2), operands.get(3, rank=2)
    operands.get(2, rank=3 if operands.maybe(_POSITIONS, rank=1, kinds=INTEGER) is None else 2)
    two_layers = operands.maybe(_W2, rank=3) is not None
    if two_layers != (operands.maybe(_B2, rank=2) is not None):
        operands.fail("w2 and b2 are given both or neither")
    layers = (2, 3, _W2, _B2) if two_layers else (2, 3)
    operands.same_dtype(0, 1, *layers)
    width, experts, hidden = x.shape[-1], gate_w.shape[0], b1.shape[1]
    for index in layers:
        operands.fit(index, 0, experts, f"the experts of {operands.show(1)}")
    operands.fit(1, 1, width, f"the last size of {operands.show(0)}")
    if operands.maybe(_GATE_B, rank=1) is not None:
        operands.same_dtype(0, _GATE_B)
        operands.fit(_GATE_B, 0, experts, f"the experts of {operands.show(1)}")
    _check_first(operands, width, hidden, two_layers)
    for index, axis, size, what in ((_W2, 1, width, 0), (_B2, 1, width, 0), (_W2, 2, hidden, 3)) if two_layers else ():
        operands.fit(index, axis, size, f"the last size of {operands.show(what)}")
    if top_k > experts:
        operands.fail(f"top_k is {top_k}, but {operands.show(1)} has {experts} experts")
    choices = (*x.shape[:-1], top_k)
    forced = operands.maybe(_FORCED, kinds=INTEGER)
    if forced is not None and forced.shape != choices:
        operands.fail(f"{operands.show(_FORCED)} needs the leading sizes of {operands.show(0)} and top_k {top_k}")
    outputs = width if two_layers else hidden
    return Tensor((*x.shape[:-1], outputs), x.dtype), Tensor(choices, INT64), Tensor(choices, x.dtype)


def _check_first(operands: Operands, width: int, hidden: int, two_layers: bool) -> None:
    """w1, whole or packed."""
    positions = operands.maybe(_POSITIONS, kinds=INTEGER)
    if positions is None:
        operands.fit(2, 1, hidden, f"the last size of {operands.show(3)}")
        operands.fit(2, 2, width, f"the last size of {operands.show(0)}")
        return
    if two_layers:
        operands.fail("positions need experts of one layer, without w2 and b2")
    operands.fit(2, 1, positions.shape[0], f"the positions of {operands.show(_POSITIONS)}")
    if not 1 <= positions.shape[0] <= hidden * width:
        operands.fail(f"{operands.show(_POSITIONS)} needs 1 to {hidden * width} of [{hidden}, {width}]")


def unpacked(values: Array, positions: Array | None, shape: tuple[int, int]) -> Array:
    """The matrix `shape` of an expert from what w1 holds of it. Raises InputError for positions that are not there."""
    if positions is None:
        return values
    check_indices("moe", "positions", positions, math.prod(shape))
    matrix = np.zeros(shape, values.dtype)
    matrix.reshape(-1)[positions] = values
    return matrix


def _moe(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, gate_w, w1, b1 = (required(arrays, i) for i in range(4))
    w2, b2, forced, positions, gate_b = (optional(arrays, i) for i in range(_W2, _GATE_B + 1))
    top_k, shape = integer("moe", attrs, "top_k"), (b1.shape[1], x.shape[-1])
    activate = _ACTIVATIONS[choice("moe", attrs, "activation", _ACTIVATIONS)]

    tokens = x.reshape(-1, x.shape[-1])
    logits = tokens @ gate_w.T
    probabilities = softmax_along(logits if gate_b is None else logits + gate_b, -1)
    if forced is None:
        gates, ids = largest(probabilities, top_k, -1)
    else:
        check_indices("moe", "forced_ids", forced, gate_w.shape[0])
        ids = forced.reshape(-1, top_k).astype(np.int64)
        gates = np.take_along_axis(probabilities, ids, axis=-1)
    if flag("moe", attrs, "renormalise"):
        gates = gates / gates.sum(axis=-1, keepdims=True)

    y = np.zeros((len(tokens), b1.shape[1] if w2 is None else w2.shape[1]), x.dtype)
    for expert in range(gate_w.shape[0]):
        queue, slot = np.nonzero(ids == expert)
        answer = tokens[queue] @ unpacked(w1[expert], positions, shape).T + b1[expert]
        if w2 is not None and b2 is not None:
            answer = activate(answer) @ w2[expert].T + b2[expert]
        np.add.at(y, queue, gates[queue, slot, None] * answer)
    lead, choices = x.shape[:-1], (*x.shape[:-1], top_k)
    return y.reshape(*lead, y.shape[1]), ids.reshape(choices), gates.reshape(choices)


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
    parts=(
        *("gate", "gate_softmax", "top_k", "gate_div", "zero"),
        *("fc1", "gelu", "relu", "fc2", "combine"),
    ),
)
