"""Dense products on BLAS: linear, matmul, attention."""

from __future__ import annotations

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Layout, Operands, leading, rows_of
from accelsim.engine.kernels.rows import softmax_rows
from accelsim.ir import Tensor
from accelsim.ir.dtype import FLOAT32
from accelsim.ops.attributes import flag, real

ROWS_APART = 64
"""Rows of a linear that are worth a piece of their own: each product packs the weights anew."""

MACS_APART = 4 << 20
"""Products smaller than this are not split: handing over a piece takes about as long as they do."""


def row_pieces(rows: int, macs_each: int) -> tuple[int, int]:
    """Into how many pieces the rows of a product fall, and the rows of each (the last one may have fewer)."""
    pieces = max(1, rows // ROWS_APART) if rows * macs_each >= MACS_APART else 1
    step = -(-rows // pieces)
    return -(-rows // step), step


def prepare_linear(operands: Operands) -> Kernel | None:
    if not operands.all_float32:
        return None
    rows, (outputs, reduce) = leading(operands.shape(0)), operands.shape(1)
    pieces, step = row_pieces(rows, outputs * reduce)

    def run(call: Call) -> None:
        x, weight, bias = rows_of(call.input(0)), call.input(1).T, call.optional(2)
        y = rows_of(call.outputs[0])

        def product(piece: int, worker: int) -> None:
            part = slice(piece * step, (piece + 1) * step)
            np.matmul(x[part], weight, out=y[part])
            if bias is not None:
                np.add(y[part], bias, out=y[part])

        operands.team.each(pieces, product)

    return Kernel(run)


def prepare_matmul(operands: Operands) -> Kernel | None:
    return Kernel(_run_matmul, layout=Layout.MATRIX) if operands.all_float32 else None


def _run_matmul(call: Call) -> None:
    np.matmul(call.input(0), call.input(1), out=call.outputs[0])


def prepare_attention(operands: Operands) -> Kernel | None:
    """Head by head, each with the scores of one head as scratch."""
    q, k, v = operands.inputs[:3]
    if any(t is None or t.dtype != FLOAT32 for t in (q, k, v)):
        return None
    team = operands.team
    (batch, heads, queries, _), (_, shared, keys, _) = operands.shape(0), operands.shape(1)
    group = heads // shared
    scale = np.float32(real("attention", operands.node.attrs, "scale"))
    causal = flag("attention", operands.node.attrs, "causal")
    later = np.triu_indices(queries, 1, keys) if causal else None

    def run(call: Call) -> None:
        q, k, v, mask = call.input(0), call.input(1), call.input(2), call.optional(3)
        (y,) = call.outputs
        masks = None if mask is None else np.broadcast_to(mask, (batch, heads, queries, keys))

        def head(piece: int, worker: int) -> None:
            at, scores = divmod(piece, heads), call.scratch[worker]
            keys_at = (at[0], at[1] // group)
            np.matmul(q[at], k[keys_at].T, out=scores)
            if masks is None and later is None:
                softmax_rows(scores, scale, scores)
            else:
                _masked_softmax(scores, scale, None if masks is None else masks[at], later)
            np.matmul(scores, v[keys_at], out=y[at])

        team.each(batch * heads, head)

    workers = min(team.threads, batch * heads)
    return Kernel(run, scratch=(Tensor((queries, keys)),) * workers, layout=Layout.MATRIX)


def _masked_softmax(scores: Array, scale: np.float32, mask: Array | None, later: tuple[Array, ...] | None) -> None:
    """In place; `later` are the places of keys behind their query. Rows that see nothing become zeros."""
    np.multiply(scores, scale, out=scores)
    if mask is not None and mask.dtype == np.bool_:
        np.copyto(scores, np.float32(-np.inf), where=~mask)
    elif mask is not None:
        np.add(scores, mask, out=scores)
    if later is not None:
        scores[later] = -np.inf
    blind = np.isneginf(scores.max(axis=1))
    softmax_rows(scores, np.float32(1), scores)
    scores[blind] = 0
