"""Routing of tokens to experts: top-k of a softmax, queues by counting sort, gathering and combining rows."""

from __future__ import annotations

import numpy as np
from numba import njit, types

_INPUT_1D = types.Array(types.float32, 1, "C", readonly=True)
_INPUT_2D = types.Array(types.float32, 2, "C", readonly=True)
_OUTPUT_2D = types.float32[:, ::1]
_INDEX_1D = types.int64[::1]
_INDEX_2D = types.int64[:, ::1]


@njit(types.void(_INPUT_2D, types.boolean, _INDEX_2D, _OUTPUT_2D), cache=True, nogil=True, error_model="numpy")
def route(logits, forced, ids, gates):  # type: ignore[no-untyped-def]
    """ids[t], gates[t] = the K most probable experts of token t, best first; on ties the lower index wins.

    The softmax runs over all experts in float64 and is rounded to float32 before it is compared, so that ties
    are those of the stored probabilities. With `forced`, `ids` is only read.
    """
    tokens, experts = logits.shape
    top_k = ids.shape[1]
    for t in range(tokens):
        highest = logits[t, 0]
        for e in range(1, experts):
            highest = max(highest, logits[t, e])
        total = 0.0
        for e in range(experts):
            total += np.exp(np.float64(logits[t, e]) - highest)
        for k in range(top_k):
            if forced:
                gates[t, k] = np.exp(np.float64(logits[t, ids[t, k]]) - highest) / total
                continue
            best = -1
            best_gate = np.float32(0.0)
            for e in range(experts):
                taken = False
                for earlier in range(k):
                    taken = taken or ids[t, earlier] == e
                if taken:
                    continue
                gate = np.float32(np.exp(np.float64(logits[t, e]) - highest) / total)
                if best < 0 or gate > best_gate:
                    best = e
                    best_gate = gate
            ids[t, k] = best
            gates[t, k] = best_gate


@njit(types.void(_INDEX_2D, _INDEX_1D, _INDEX_1D), cache=True, nogil=True)
def sort_by_expert(ids, starts, order):  # type: ignore[no-untyped-def]
    """Counting sort: order[starts[e] : starts[e + 1]] are the positions t * K + k of expert e, ascending."""
    tokens, top_k = ids.shape
    starts[:] = 0
    for t in range(tokens):
        for k in range(top_k):
            starts[ids[t, k] + 1] += 1
    for e in range(1, starts.size):
        starts[e] += starts[e - 1]
    # Filling moves each start to the end of its queue, the next one's start; all are shifted back after.
    for t in range(tokens):
        for k in range(top_k):
            e = ids[t, k]
            order[starts[e]] = t * top_k + k
            starts[e] += 1
    for e in range(starts.size - 1, 0, -1):
        starts[e] = starts[e - 1]
    starts[0] = 0


@njit(types.void(_INPUT_2D, _INDEX_1D, types.int64, _OUTPUT_2D), cache=True, nogil=True)
def gather_tokens(x, queue, top_k, out):  # type: ignore[no-untyped-def]
    """out[i] = x[token of queue[i]]."""
    for i in range(queue.size):
        token = queue[i] // top_k
        for c in range(x.shape[1]):
            out[i, c] = x[token, c]


@njit(
    types.void(_INPUT_2D, _INPUT_1D, _INDEX_1D, _INPUT_2D, _OUTPUT_2D),
    cache=True,
    nogil=True,
    fastmath={"contract", "nsz"},
)
def combine_tokens(results, bias, queue, gates, y):  # type: ignore[no-untyped-def]
    """y[token] += gate * (results[i] + bias) for each position queue[i]."""
    top_k = gates.shape[1]
    for i in range(queue.size):
        token = queue[i] // top_k
        gate = gates[token, queue[i] % top_k]
        for c in range(y.shape[1]):
            y[token, c] += gate * (results[i, c] + bias[c])
