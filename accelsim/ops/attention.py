"""attention: softmax(q k^T * scale) v, per head. Not modelled: masks."""

from __future__ import annotations

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ops.attributes import real
from accelsim.ops.nests import read, write
from accelsim.ops.operands import Operands, required
from accelsim.ops.softmax import softmax_along
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_INPUTS = ("q", "k", "v")


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    real("attention", attrs, "scale")
    operands = Operands("attention", _INPUTS, types)
    q, k, v = (operands.get(i, rank=4) for i in range(3))
    operands.same_dtype(0, 1, 2)
    for index in (1, 2):
        operands.fit(index, 0, q.shape[0], f"the batch of {operands.show(0)}")
        operands.fit(index, 1, q.shape[1], f"the heads of {operands.show(0)}")
    operands.fit(1, 3, q.shape[3], f"the last size of {operands.show(0)}")
    operands.fit(2, 2, k.shape[2], f"the keys of {operands.show(1)}")
    return (Tensor((*q.shape[:3], v.shape[3]), q.dtype),)


def _attention(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    q, k, v = (required(arrays, i) for i in range(3))
    scores = q @ k.swapaxes(-1, -2) * q.dtype.type(real("attention", attrs, "scale"))
    return (softmax_along(scores, -1) @ v,)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Two products with a softmax between them.

    The softmax leaves two numbers a row, the largest score and the sum of the powers (`statistics`); whoever
    reads `scores` afterwards forms a probability as exp(score - largest) times one over the sum.
    """
    q, k, v = (node.tensor(i) for i in range(3))
    heads = Dim("heads", q.shape[0] * q.shape[1], Axis.BATCH)
    queries = Dim("queries", q.shape[2], Axis.ROW)
    keys = k.shape[2]
    pairs = heads.size * queries.size

    def scores(access: Access) -> Operand:
        return Operand("scores", "", ("heads", "queries", "keys"), pairs * keys, access)

    def statistics(access: Access) -> Operand:
        return Operand("statistics", "", ("heads", "queries"), 2 * pairs, access)

    return (
        LoopNest(
            "scores",
            "mac",
            (heads, queries, Dim("keys", keys, Axis.OUTPUT), Dim("reduce", q.shape[3], Axis.REDUCE)),
            (
                read(node, 0, "q", ("heads", "queries", "reduce")),
                read(node, 1, "k", ("heads", "keys", "reduce")),
                scores(Access.WRITE),
            ),
        ),
        LoopNest(
            "softmax",
            "exp",
            (heads, queries, Dim("keys", keys, Axis.REDUCE)),
            (scores(Access.READ), statistics(Access.WRITE)),
            after=("scores",),
        ),
        LoopNest("softmax_div", "div", (heads, queries), (statistics(Access.READ),), after=("softmax",)),
        LoopNest(
            "context",
            "mac",
            (heads, queries, Dim("channels", v.shape[3], Axis.OUTPUT), Dim("keys", keys, Axis.REDUCE)),
            (
                scores(Access.READ),
                read(node, 2, "v", ("heads", "keys", "channels")),
                write(node, 0, "y", ("heads", "queries", "channels")),
            ),
            after=("softmax_div",),
        ),
    )


ATTENTION = OpSpec("attention", _INPUTS, ("y",), _infer, _attention, _work, attrs={"scale": REQUIRED})
