"""Mixture of experts: gate every token, sort tokens by expert, then run each expert once over its queue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accelsim.engine.kernel import Array, Call, Kernel, Operands, rows_of
from accelsim.engine.kernels.experts import combine_tokens, gather_tokens, route, sort_by_expert
from accelsim.engine.kernels.pointwise import add_bias_gelu
from accelsim.ir import Tensor
from accelsim.ir.dtype import FLOAT32, INT64
from accelsim.ops.attributes import choice, flag
from accelsim.ops.values import check_indices


def _add_bias_relu(x: Array, bias: Array) -> None:
    np.add(x, bias, out=x)
    np.maximum(x, np.float32(0), out=x)


_ACTIVATIONS: dict[str, Callable[[Array, Array], None]] = {"gelu": add_bias_gelu, "relu": _add_bias_relu}


_W2, _B2, _FORCED, _POSITIONS, _GATE_B = range(4, 9)


def prepare_moe(operands: Operands) -> Kernel | None:
    """Experts of two layers or of one, whose packed matrices are laid out anew for each expert."""
    if any(t is not None and t.dtype != FLOAT32 for t in (*operands.inputs[:6], *operands.inputs[_GATE_B:])):
        return None
    attrs, team = operands.node.attrs, operands.team
    activate = _ACTIVATIONS[choice("moe", attrs, "activation", _ACTIVATIONS)]
    renormalise = flag("moe", attrs, "renormalise")
    assert operands.spec.routing_shape is not None
    tokens, top_k, experts = operands.spec.routing_shape(operands.inputs, attrs)
    width, hidden, outputs = operands.shape(0)[-1], operands.shape(3)[1], operands.outputs[0].shape[-1]
    given = {index for index, tensor in enumerate(operands.inputs) if tensor is not None}
    two_layers, packed = _W2 in given, _POSITIONS in given

    def run(call: Call) -> None:
        x = rows_of(call.input(0))
        y, ids, gates = (rows_of(output) for output in call.outputs)
        logits, starts, order, results, *own = call.scratch
        gate_w, w1, b1 = (call.input(i) for i in range(1, 4))
        w2, b2, positions, gate_b = (call.optional(i) for i in (_W2, _B2, _POSITIONS, _GATE_B))
        forced = call.optional(_FORCED) if call.forced is None else call.forced
        if positions is not None:
            check_indices("moe", "positions", positions, hidden * width)
        if forced is not None:
            check_indices("moe", "forced_ids", forced, experts)
            ids[:] = rows_of(forced)
        np.matmul(x, gate_w.T, out=logits)
        if gate_b is not None:
            np.add(logits, gate_b, out=logits)
        route(logits, forced is not None, ids, gates)
        if renormalise:
            np.divide(gates, gates.sum(axis=-1, keepdims=True), out=gates)
        sort_by_expert(ids, starts, order)

        def serve(expert: int, worker: int) -> None:
            gathered, spare = own[2 * worker : 2 * worker + 2]
            matrix = w1[expert]
            if positions is not None:
                spare[:] = 0
                spare.reshape(-1)[positions] = matrix
                matrix = spare
            # A queue is longer than the tokens only where forced ids name an expert twice for one token.
            for first in range(starts[expert], starts[expert + 1], tokens):
                part = slice(first, min(first + tokens, starts[expert + 1]))
                rows = part.stop - first
                gather_tokens(x, order[part], top_k, gathered[:rows])
                if w2 is None:
                    np.matmul(gathered[:rows], matrix.T, out=results[part])
                    continue
                np.matmul(gathered[:rows], matrix.T, out=spare[:rows])
                activate(spare[:rows], b1[expert])
                np.matmul(spare[:rows], w2[expert].T, out=results[part])

        team.each(experts, serve)
        bias = b1 if b2 is None else b2
        y[:] = 0
        for expert in range(experts):  # in order, so that sums do not depend on which expert was done first
            part = slice(starts[expert], starts[expert + 1])
            combine_tokens(results[part], bias[expert], order[part], gates, y)

    # A worker has room for the hidden values of its queue, or for the matrix of an expert that is packed.
    room = (tokens, hidden) if two_layers else (hidden, width) if packed else (0, 0)
    scratch = (
        Tensor((tokens, experts)),
        Tensor((experts + 1,), INT64),
        Tensor((tokens * top_k,), INT64),
        Tensor((tokens * top_k, outputs)),
        *(Tensor((tokens, width)), Tensor(room)) * min(team.threads, experts),
    )
    return Kernel(run, scratch=scratch, forcible=True)
