"""Dense products on BLAS: linear, matmul, attention."""

from __future__ import annotations

import numpy as np

from accelsim.engine.kernel import Call, Kernel, Layout, Operands, leading, rows_of
from accelsim.engine.kernels.rows import softmax_rows
from accelsim.ir import Tensor
from accelsim.ops.attributes import real

ROWS_APART = 64
"""Rows of a linear that are worth a piece of their own: each product packs the weights anew."""

MACS_APART = 4 << 20
"""Products smaller than this are not split: handing over a piece takes about as long as they do."""


def prepare_linear(operands: Operands) -> Kernel | None:
    if not operands.all_float32:
        return None
    rows, (outputs, reduce) = leading(operands.shape(0)), operands.shape(1)
    pieces = max(1, rows // ROWS_APART) if rows * outputs * reduce >= MACS_APART else 1
    step = -(-rows // pieces)

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
    if not operands.all_float32:
        return None
    team = operands.team
    (batch, heads, queries, _), keys = operands.shape(0), operands.shape(1)[2]
    scale = np.float32(real("attention", operands.node.attrs, "scale"))

    def run(call: Call) -> None:
        q, k, v = call.input(0), call.input(1), call.input(2)
        (y,) = call.outputs

        def head(piece: int, worker: int) -> None:
            at, scores = divmod(piece, heads), call.scratch[worker]
            np.matmul(q[at], k[at].T, out=scores)
            softmax_rows(scores, scale, scores)
            np.matmul(scores, v[at], out=y[at])

        team.each(batch * heads, head)

    workers = min(team.threads, batch * heads)
    return Kernel(run, scratch=(Tensor((queries, keys)),) * workers, layout=Layout.MATRIX)
