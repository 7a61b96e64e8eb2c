"""aten calls that move, pick and place elements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from accelsim.errors import UnsupportedError
from accelsim.frontends.torch_call import Call, Lowering
from accelsim.ir.dtype import BOOL


def _reshape(call: Call) -> str:
    """Calls whose result is the same elements in the same order."""
    first = next(iter(call.args.values()))
    return call.emit("reshape", [call.value(first)], {"shape": call.result.shape})


def _permute(call: Call) -> str:
    a = call.args
    rank = len(call.type(a["self"]).shape)
    return call.emit("transpose", [call.value(a["self"])], {"perm": tuple(d % rank for d in a["dims"])})


def _transpose(call: Call) -> str:
    a = call.args
    rank = len(call.type(a["self"]).shape)
    perm = list(range(rank))
    first, second = a["dim0"] % rank, a["dim1"] % rank
    perm[first], perm[second] = perm[second], perm[first]
    return call.emit("transpose", [call.value(a["self"])], {"perm": tuple(perm)})


def _reverse(call: Call) -> str:
    source = call.args["self"]
    rank = len(call.type(source).shape)
    return call.emit("transpose", [call.value(source)], {"perm": tuple(reversed(range(rank)))})


def _concat(call: Call) -> str:
    a = call.args
    rank = len(call.result.shape)
    return call.emit("concat", [call.value(t) for t in a["tensors"]], {"axis": a["dim"] % rank})


def _stack(call: Call) -> str:
    a = call.args
    shape = list(call.result.shape)
    axis = a["dim"] % len(shape)
    shape[axis] = 1
    parts = [call.emit("reshape", [call.value(t)], {"shape": tuple(shape)}) for t in a["tensors"]]
    return call.emit("concat", parts, {"axis": axis})


def _expand(call: Call) -> str:
    return call.emit("expand", [call.value(call.args["self"])], {"shape": call.result.shape})


def _slice_at(call: Call, source: str, axis: int, start: int, stop: int, *, step: int = 1) -> str:
    attrs = {"starts": (start,), "ends": (stop,), "axes": (axis,), "steps": (step,)}
    return call.emit("slice", [source], attrs)


def _slice(call: Call) -> str:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    start, stop, _ = slice(a["start"], a["end"], a["step"]).indices(shape[axis])
    return _slice_at(call, call.value(a["self"]), axis, start, max(start, stop), step=a["step"])


def _diff(call: Call) -> str:
    """Each element along an axis less the one before it; `prepend` and `append` lengthen the axis first."""
    a = call.args
    if a["n"] != 1 or call.result.dtype == BOOL:
        raise UnsupportedError("diff other than of neighbouring numbers: n=1")
    joined = [part for part in (a["prepend"], a["self"], a["append"]) if part is not None]
    axis = a["dim"] % len(call.type(a["self"]).shape)
    length = sum(call.type(part).shape[axis] for part in joined)
    parts = [call.value(part) for part in joined]
    source = call.emit("concat", parts, {"axis": axis}) if len(parts) > 1 else parts[0]
    later, earlier = (_slice_at(call, source, axis, start, length - 1 + start) for start in (1, 0))
    return call.emit("sub", [later, earlier])


def _select(call: Call) -> str:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    index = a["index"] % shape[axis]
    part = _slice_at(call, call.value(a["self"]), axis, index, index + 1)
    return call.emit("reshape", [part], {"shape": call.result.shape})


def _unbind(call: Call) -> tuple[str, ...]:
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    rest = shape[:axis] + shape[axis + 1 :]
    source, used = call.value(a["self"]), call.used_parts
    parts = []
    for index in range(shape[axis]):
        if index in used:
            part = _slice_at(call, source, axis, index, index + 1)
            parts.append(call.emit("reshape", [part], {"shape": rest}))
        else:
            parts.append("")
    return tuple(parts)


def _split(call: Call) -> tuple[str, ...]:
    """Slices of the parts that are read."""
    a = call.args
    shape = call.type(a["self"]).shape
    axis = a["dim"] % len(shape)
    if "chunks" in a:
        sizes: Any = max(1, -(-shape[axis] // a["chunks"]))
    else:
        sizes = a["split_sizes"] if "split_sizes" in a else a["split_size"]
    if isinstance(sizes, int):
        whole, rest = divmod(shape[axis], sizes)
        sizes = [sizes] * whole + ([rest] if rest else [])
    source, used, start, parts = call.value(a["self"]), call.used_parts, 0, []
    for index, size in enumerate(sizes):
        parts.append(_slice_at(call, source, axis, start, start + size) if index in used else "")
        start += size
    return tuple(parts)


def _flip(call: Call) -> str:
    return call.emit("reverse", [call.value(call.args["self"])], {"axes": tuple(call.args["dims"])})


def _roll(call: Call) -> str:
    """The end of each axis before its start."""
    a = call.args
    source = call.type(a["self"])
    if not a["dims"]:
        raise UnsupportedError("roll of all elements in a row; give dims=")
    made = call.value(a["self"])
    for shift, dim in zip(a["shifts"], a["dims"], strict=True):
        axis = dim % len(source.shape)
        size = source.shape[axis]
        cut = -shift % size if size else 0
        if cut:
            halves = [_slice_at(call, made, axis, cut, size), _slice_at(call, made, axis, 0, cut)]
            made = call.emit("concat", halves, {"axis": axis})
    return made


def _repeat(call: Call) -> str:
    a = call.args
    shape, repeats = call.type(a["self"]).shape, tuple(a["repeats"])
    made = call.value(a["self"])
    if len(repeats) > len(shape):
        made = call.emit("reshape", [made], {"shape": (*(1,) * (len(repeats) - len(shape)), *shape)})
    return call.emit("tile", [made], {"repeats": repeats})


def _repeat_interleave(call: Call) -> str:
    """Each element several times in a row: an axis of its own that is expanded and merged."""
    a = call.args
    shape, count = call.type(a["self"]).shape, a["repeats"]
    flat = a["dim"] is None
    axis = 0 if flat else a["dim"] % len(shape)
    sizes = (math.prod(shape),) if flat else shape
    apart = (*sizes[: axis + 1], 1, *sizes[axis + 1 :])
    made = call.emit("reshape", [call.value(a["self"])], {"shape": apart})
    many = call.emit("expand", [made], {"shape": (*apart[: axis + 1], count, *apart[axis + 2 :])})
    return call.emit("reshape", [many], {"shape": call.result.shape})


def _pad(call: Call) -> str:
    """torch lists the pads from the last axis to the first."""
    a = call.args
    given, rank = list(a["pad"]), len(call.type(a["self"]).shape)
    befores, afters = [0] * rank, [0] * rank
    for place in range(len(given) // 2):
        befores[rank - 1 - place], afters[rank - 1 - place] = given[2 * place : 2 * place + 2]
    mode = a.get("mode", "constant")
    if mode not in _PAD_MODES:
        raise UnsupportedError(f"padding mode '{mode}'")
    attrs = {"pads": (*befores, *afters), "mode": _PAD_MODES[mode], "value": a["value"] or 0}
    return call.emit("pad", [call.value(a["self"])], attrs)


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pixel_shuffle(call: Call) -> str:
    a = call.args
    return call.emit("depth_to_space", [call.value(a["self"])], {"block": a["upscale_factor"], "mode": "CRD"})


def _pixel_unshuffle(call: Call) -> str:
    """The inverse of pixel_shuffle: the channel becomes (depth, row in block, column in block)."""
    a = call.args
    shape, block = call.type(a["self"]).shape, a["downscale_factor"]
    if len(shape) != 4:
        raise UnsupportedError("pixel_unshuffle of other than [N, C, H, W]")
    n, c, h, w = shape
    split = call.emit("reshape", [call.value(a["self"])], {"shape": (n, c, h // block, block, w // block, block)})
    turned = call.emit("transpose", [split], {"perm": (0, 1, 3, 5, 2, 4)})
    return call.emit("reshape", [turned], {"shape": call.result.shape})


def _trilu(upper: bool) -> Lowering:
    def lowering(call: Call) -> str:
        a = call.args
        return call.emit("trilu", [call.value(a["self"])], {"upper": upper, "diagonal": a["diagonal"]})

    return lowering


def _filled(value: float | None) -> Lowering:
    """A tensor of one value everywhere; what it is like does not matter. None: the call tells the value."""

    def lowering(call: Call) -> str:
        number = call.args["fill_value"] if value is None else value
        return call.emit("expand", [call.scalar(number, call.result)], {"shape": call.result.shape})

    return lowering


def _top_k(call: Call) -> tuple[str, ...]:
    a = call.args
    return call.emit_all("top_k", [call.value(a["self"])], {"k": a["k"], "axis": a["dim"], "largest": a["largest"]})


def _sort(call: Call) -> tuple[str, ...]:
    """All of an axis is its top k; equal values keep their order."""
    a = call.args
    shape = call.type(a["self"]).shape
    attrs = {"k": shape[a["dim"]], "axis": a["dim"], "largest": a["descending"]}
    return call.emit_all("top_k", [call.value(a["self"])], attrs)


def _argsort(call: Call) -> str:
    a = call.args
    if a["descending"] or not a.get("stable"):
        raise UnsupportedError("only a stable ascending argsort has a defined order: argsort(x, stable=True)")
    return call.emit("argsort", [call.value(a["self"])], {"axis": a["dim"]})


def _gather_rows(call: Call) -> str:
    a = call.args
    source = a["weight"] if "weight" in a else a["self"]
    indices = a["indices"] if "indices" in a else a["index"]
    rank = len(call.type(source).shape)
    axis = a["dim"] % rank if "dim" in a else 0
    return call.emit("gather", [call.value(source), call.value(indices)], {"axis": axis})


def _one_hot(call: Call) -> str:
    indices, depth = call.value(call.args["self"]), call.result.shape[-1]
    return call.emit("one_hot", [indices], {"depth": depth, "dtype": str(call.result.dtype)})


def _gather_elements(call: Call) -> str:
    a = call.args
    return call.emit("gather_elements", [call.value(a["self"]), call.value(a["index"])], {"axis": a["dim"]})


def _scatter(reduction: str) -> Lowering:
    def lowering(call: Call) -> str:
        """torch lets the updates be larger than the indices; the rest of them is not read."""
        a = call.args
        shape = call.type(a["index"]).shape
        if "src" not in a:
            updates = call.emit("expand", [call.scalar(a["value"], call.result)], {"shape": shape})
        else:
            updates = call.value(a["src"])
            if call.shape_of(updates) != shape:
                axes = tuple(range(len(shape)))
                cuts = {"starts": (0,) * len(shape), "ends": shape, "axes": axes, "steps": (1,) * len(shape)}
                updates = call.emit("slice", [updates], cuts)
        operands = [call.value(a["self"]), call.value(a["index"]), updates]
        return call.emit("scatter_elements", operands, {"axis": a["dim"], "reduction": reduction})

    return lowering


def _index(call: Call) -> str:
    """x[:, i] gathers along one axis; x[i, j, ...] of the leading axes picks places."""
    a = call.args
    given = [(axis, index) for axis, index in enumerate(a["indices"]) if index is not None]
    if any(call.type(index).dtype == BOOL for _, index in given):
        raise UnsupportedError("the number of elements that a bool index picks depends on the data")
    if len(given) == 1:
        ((axis, index),) = given
        return call.emit("gather", [call.value(a["self"]), call.value(index)], {"axis": axis})
    if [axis for axis, _ in given] != list(range(len(given))):
        raise UnsupportedError("several index tensors that do not start at the first axis")
    shape = torch.broadcast_shapes(*(call.type(index).shape for _, index in given))
    columns = []
    for _, index in given:
        whole = call.emit("expand", [call.value(index)], {"shape": tuple(shape)})
        columns.append(call.emit("reshape", [whole], {"shape": (*shape, 1)}))
    places = call.emit("concat", columns, {"axis": len(shape)})
    return call.emit("gather_nd", [call.value(a["self"]), places])


MOVING_CALLS: Mapping[str, Lowering] = {
    "aten._unsafe_view.default": _reshape,
    "aten.argsort.default": _argsort,
    "aten.argsort.stable": _argsort,
    "aten.cat.default": _concat,
    "aten.chunk.default": _split,
    "aten.constant_pad_nd.default": _pad,
    "aten.diff.default": _diff,
    "aten.embedding.default": _gather_rows,
    "aten.expand.default": _expand,
    "aten.flatten.using_ints": _reshape,
    "aten.flip.default": _flip,
    "aten.full_like.default": _filled(None),
    "aten.gather.default": _gather_elements,
    "aten.index.Tensor": _index,
    "aten.index_select.default": _gather_rows,
    "aten.new_ones.default": _filled(1),
    "aten.new_zeros.default": _filled(0),
    "aten.ones_like.default": _filled(1),
    "aten.one_hot.default": _one_hot,
    "aten.pad.default": _pad,
    "aten.permute.default": _permute,
    "aten.pixel_shuffle.default": _pixel_shuffle,
    "aten.pixel_unshuffle.default": _pixel_unshuffle,
    "aten.repeat.default": _repeat,
    "aten.repeat_interleave.self_int": _repeat_interleave,
    "aten.reshape.default": _reshape,
    "aten.roll.default": _roll,
    "aten.scatter.src": _scatter("none"),
    "aten.scatter.value": _scatter("none"),
    "aten.scatter_add.default": _scatter("add"),
    "aten.select.int": _select,
    "aten.slice.Tensor": _slice,
    "aten.sort.default": _sort,
    "aten.sort.stable": _sort,
    "aten.split.Tensor": _split,
    "aten.split_with_sizes.default": _split,
    "aten.squeeze.default": _reshape,
    "aten.squeeze.dim": _reshape,
    "aten.squeeze.dims": _reshape,
    "aten.stack.default": _stack,
    "aten.t.default": _reverse,
    "aten.topk.default": _top_k,
    "aten.transpose.int": _transpose,
    "aten.tril.default": _trilu(False),
    "aten.triu.default": _trilu(True),
    "aten.unbind.int": _unbind,
    "aten.unsqueeze.default": _reshape,
    "aten.view.default": _reshape,
    "aten.zeros_like.default": _filled(0),
}
