"""Dense products on BLAS: linear, matmul, attention."""

from __future__ import annotations

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Layout, Operands, leading, rows_of
from accelsim.engine.kernels.rows import seen_softmax_rows, softmax_rows
from accelsim.ir import Tensor
from accelsim.ir.dtype import FLOAT32
from accelsim.ops.attributes import flag, real

ROWS_APART = 64
"""Rows of a linear that are worth a piece of their own: each product packs the weights anew."""

MACS_APART = 4 << 20
"""Products smaller than this are not split: handing over a piece takes about as long as they do."""


SCORES_BYTES = 1 << 20
LEAST_QUERIES = 16
"""Scores of a block of queries, so that they stay in cache; products with fewer queries leave BLAS idle."""


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
    """Head by head, a block of queries at a time, each with the scores of one block as scratch."""
    q, k, v = operands.inputs[:3]
    if any(t is None or t.dtype != FLOAT32 for t in (q, k, v)):
        return None
    team = operands.team
    (batch, heads, queries, _), (_, shared, keys, _) = operands.shape(0), operands.shape(1)
    group = heads // shared
    scale = np.float32(real("attention", operands.node.attrs, "scale"))
    causal = flag("attention", operands.node.attrs, "causal")
    block = min(queries, max(LEAST_QUERIES, SCORES_BYTES // (4 * keys)))
    blocks = -(-queries // block)

    def run(call: Call) -> None:
        q, k, v, mask = call.input(0), call.input(1), call.input(2), call.optional(3)
        (y,) = call.outputs
        masks = None if mask is None else np.broadcast_to(mask, (batch, heads, queries, keys))

        def part(piece: int, worker: int) -> None:
            head, number = divmod(piece, blocks)
            rows = slice(number * block, min((number + 1) * block, queries))
            at = divmod(head, heads)
            keys_at = (at[0], at[1] // group)
            scores = call.scratch[worker][: rows.stop - rows.start]
            np.matmul(q[at][rows], k[keys_at].T, out=scores)
            if masks is None and not causal:
                softmax_rows(scores, scale, scores)
            else:
                seen = None if masks is None else masks[at][rows]
                _masked_softmax(scores, scale, seen, rows.start if causal else keys)
            np.matmul(scores, v[keys_at], out=y[at][rows])

        team.each(batch * heads * blocks, part)

    workers = min(team.threads, batch * heads * blocks)
    return Kernel(run, scratch=(Tensor((block, keys)),) * workers, layout=Layout.MATRIX)


def _masked_softmax(scores: Array, scale: np.float32, mask: Array | None, first: int) -> None:
    """In place. Query i sees keys up to `first` + i; one that sees nothing gives zeros."""
    if mask is not None:
        np.multiply(scores, scale, out=scores)
        if mask.dtype == np.bool_:
            np.copyto(scores, np.float32(-np.inf), where=~mask)
        else:
            np.add(scores, mask, out=scores)
    seen_softmax_rows(scores, scale if mask is None else np.float32(1), first, scores)
