"""ONNX operators that pick, place and order elements by index."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.frontends.onnx_call import LARGEST, Call, Translate, Value
from accelsim.frontends.onnx_load import numpy_dtype


def _gather(op: str) -> Translate:
    def translate(call: Call) -> list[Value]:
        attrs = {"axis": call.axis("axis", 0, call.rank())}
        return [call.emit(op, [call.value(0), call.value(1)], attrs)]

    return translate


def _gather_nd(call: Call) -> list[Value]:
    attrs = {"batch_dims": call.integer("batch_dims", 0)}
    return [call.emit("gather_nd", [call.value(0), call.value(1)], attrs)]


def _scatter_elements(call: Call) -> list[Value]:
    attrs = {"axis": call.axis("axis", 0, call.rank()), "reduction": call.text("reduction", "none")}
    return [call.emit("scatter_elements", [call.value(index) for index in range(3)], attrs)]


def _scatter_nd(call: Call) -> list[Value]:
    attrs = {"reduction": call.text("reduction", "none")}
    return [call.emit("scatter_nd", [call.value(index) for index in range(3)], attrs)]


def _top_k(call: Call) -> list[Value]:
    k = call.whole_numbers(1, "k")
    if len(k) != 1:
        call.fail(f"k is {k}, needs one number")
    attrs = {
        "k": k[0],
        "axis": call.axis("axis", -1, call.rank()),
        "largest": bool(call.integer("largest", 1)),
    }
    return list(call.emit_all("top_k", [call.value(0)], attrs))


def _one_hot(call: Call) -> list[Value]:
    """Indices below zero count from the end; those outside mark nothing."""
    indices, values = call.value(0), call.value(2)
    depth = int(call.known(1, "the depth").reshape(-1)[0])
    if not 0 <= depth <= LARGEST:
        call.fail(f"the depth is {depth}")
    rank = len(indices.type.shape)
    axis = call.axis("axis", -1, rank + 1)
    dtype = numpy_dtype(indices.type.dtype)
    negative = call.emit("less", [indices, call.like(0, indices, "zero")], part="negative")
    turned = call.emit("add", [indices, call.like(depth, indices, "depth")], part="turned")
    wrapped = call.emit("where", [negative, turned, indices], part="wrapped")
    shape = indices.type.shape
    spread = call.reshaped(wrapped, (*shape[:axis], 1, *shape[axis:]), "spread")
    places = np.arange(depth, dtype=dtype).reshape(depth, *(1,) * (rank - axis))
    marked = call.emit("equal", [spread, call.constant(places, "places")], part="marked")
    off, on = (call.reshaped(call.cut(values, 0, i, i + 1, name), (), name) for i, name in enumerate(("off", "on")))
    return [call.emit("where", [marked, on, off])]


def _non_zero(call: Call) -> list[Value]:
    return [call.constant(np.stack(np.nonzero(call.known(0, "what is counted"))).astype(np.int64), "places")]


def _compress(call: Call) -> list[Value]:
    x, chosen = call.value(0), call.known(1, "the condition").reshape(-1)
    axis = 0
    if call.has("axis"):
        axis = call.axis("axis", 0, len(x.type.shape))
    else:
        x = call.reshaped(x, (x.type.elements,), "flat")
    places = call.constant(np.flatnonzero(chosen).astype(np.int64), "places")
    return [call.emit("gather", [x, places], {"axis": axis})]


INDEX: Mapping[str, Translate] = {
    "Compress": _compress,
    "Gather": _gather("gather"),
    "GatherElements": _gather("gather_elements"),
    "GatherND": _gather_nd,
    "NonZero": _non_zero,
    "OneHot": _one_hot,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TopK": _top_k,
}
