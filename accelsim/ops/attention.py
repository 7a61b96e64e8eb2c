"""attention: softmax(q k^T * scale + mask) v, per head.

k and v may have fewer heads than q, which then share them in groups (query head h of H reads head h G // H of G).
A bool mask says which keys a query may look at, a real one is added to the scaled scores; `causal` lets query i
look at keys 0 to i. A query that may look at nothing gives zeros. Not modelled: work that a mask could spare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.ir.dtype import BOOL
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ops.attributes import flag, real
from accelsim.ops.nests import inner, present, read, write
from accelsim.ops.operands import ANY, Operands, optional, required, sizes
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("q", "k", "v", "mask?")


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    real("attention", attrs, "scale")
    flag("attention", attrs, "causal")
    operands = Operands("attention", _INPUTS, types)
    q, k, v = (operands.get(i, rank=4) for i in range(3))
    operands.same_dtype(0, 1, 2)
    for index in (1, 2):
        operands.fit(index, 0, q.shape[0], f"the batch of {operands.show(0)}")
    if k.shape[1] < 1 or q.shape[1] % k.shape[1]:
        operands.fail(f"the heads of {operands.show(0)} do not share those of {operands.show(1)} evenly")
    operands.fit(2, 1, k.shape[1], f"the heads of {operands.show(1)}")
    operands.fit(1, 3, q.shape[3], f"the last size of {operands.show(0)}")
    operands.fit(2, 2, k.shape[2], f"the keys of {operands.show(1)}")
    _check_mask(operands, (*q.shape[:3], k.shape[2]))
    return (Tensor((*q.shape[:3], v.shape[3]), q.dtype),)


def _check_mask(operands: Operands, scores: tuple[int, ...]) -> None:
    mask = operands.maybe(3, kinds=ANY)
    if mask is None:
        return
    if mask.dtype != BOOL:
        operands.same_dtype(0, 3)
    padded = (1,) * (len(scores) - len(mask.shape)) + mask.shape
    if len(padded) != len(scores) or any(m not in (1, n) for m, n in zip(padded, scores, strict=True)):
        operands.fail(f"{operands.show(3)} does not broadcast to the scores {sizes(scores)}")


def _attention(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    q, k, v = (required(arrays, i) for i in range(3))
    mask = optional(arrays, 3)
    group = q.shape[1] // k.shape[1]
    k, v = (np.repeat(x, group, axis=1) if group > 1 else x for x in (k, v))
    scores = q @ k.swapaxes(-1, -2) * q.dtype.type(real("attention", attrs, "scale"))
    lowest = q.dtype.type(-np.inf)
    if mask is not None:
        scores = np.where(mask, scores, lowest) if mask.dtype == np.bool_ else scores + mask
    if flag("attention", attrs, "causal"):
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, lowest)
    return (_shares(scores) @ v,)


def _shares(scores: Array) -> Array:
    """Softmax along the last axis; zeros in a row of nothing but -inf."""
    highest = scores.max(axis=-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isneginf(highest), np.zeros((), scores.dtype), highest))
    total = powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers / np.where(total == 0, np.ones((), scores.dtype), total))


QUERY_DIMS, KEY_DIMS = ("heads", "queries", "reduce"), ("heads", "keys", "reduce")
VALUE_DIMS, MIXED_DIMS = ("heads", "keys", "channels"), ("heads", "queries", "channels")


@dataclass(frozen=True)
class AttentionSizes:
    """`heads` are those of the whole batch."""

    heads: int
    queries: int
    keys: int
    width: int
    channels: int


def attention_nests(
    sizes: AttentionSizes,
    operands: tuple[Operand, Operand, Operand, Operand],
    *,
    masks: tuple[Operand, ...] = (),
    after: tuple[str, ...] = (),
) -> tuple[LoopNest, ...]:
    """Two products with a softmax between them, from operands q, k, v and y.

    The softmax leaves two numbers a row, the largest score and the sum of the powers (`statistics`); whoever
    reads `scores` afterwards forms a probability as exp(score - largest) times one over the sum.
    """
    q, k, v, y = operands
    heads = Dim("heads", sizes.heads, Axis.BATCH)
    queries = Dim("queries", sizes.queries, Axis.ROW)
    pairs = heads.size * queries.size

    def scores(access: Access) -> Operand:
        return inner("scores", ("heads", "queries", "keys"), pairs * sizes.keys, access)

    def statistics(access: Access) -> Operand:
        return inner("statistics", ("heads", "queries"), 2 * pairs, access)

    return (
        LoopNest(
            "scores",
            "mac",
            (heads, queries, Dim("keys", sizes.keys, Axis.OUTPUT), Dim("reduce", sizes.width, Axis.REDUCE)),
            (q, k, scores(Access.WRITE)),
            after=after,
        ),
        LoopNest(
            "softmax",
            "exp",
            (heads, queries, Dim("keys", sizes.keys, Axis.REDUCE)),
            (scores(Access.READ), *masks, statistics(Access.WRITE)),
            after=("scores",),
        ),
        LoopNest("softmax_div", "div", (heads, queries), (statistics(Access.READ),), after=("softmax",)),
        LoopNest(
            "context",
            "mac",
            (heads, queries, Dim("channels", sizes.channels, Axis.OUTPUT), Dim("keys", sizes.keys, Axis.REDUCE)),
            (scores(Access.READ), v, y),
            after=("softmax_div",),
        ),
    )


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    q, k, v = (node.tensor(i) for i in range(3))
    operands = (
        read(node, 0, "q", QUERY_DIMS),
        read(node, 1, "k", KEY_DIMS),
        read(node, 2, "v", VALUE_DIMS),
        write(node, 0, "y", MIXED_DIMS),
    )
    masks = (read(node, 3, "mask", ("heads", "queries", "keys")),) if present(node, 3) else ()
    sizes = AttentionSizes(q.shape[0] * q.shape[1], q.shape[2], k.shape[2], q.shape[3], v.shape[3])
    return attention_nests(sizes, operands, masks=masks)


ATTENTION = OpSpec(
    "attention",
    _INPUTS,
    ("y",),
    _infer,
    _attention,
    _work,
    attrs={"scale": REQUIRED, "causal": False},
    parts=("scores", "softmax", "softmax_div", "context"),
)
