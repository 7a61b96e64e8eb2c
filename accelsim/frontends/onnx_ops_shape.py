"""ONNX operators that rename, move or make elements without computing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from accelsim.frontends.onnx_call import LARGEST, Call, Translate, Value
from accelsim.frontends.onnx_load import array_of, element_format, numpy_dtype
from accelsim.ops.spec import Array

_ATTRIBUTE = Path("attribute")


def _identity(call: Call) -> list[Value]:
    return [call.value(0)]


def _dropout(call: Call) -> list[Value | None]:
    """Nothing, as inference has it."""
    x = call.value(0)
    given = call.maybe(1)
    if call.maybe(2) is not None and bool(call.known(2, "training_mode").reshape(-1)[0]):
        ratio = 0.5 if given is None else float(call.known(1, "ratio").reshape(-1)[0])
        if ratio:
            call.refuse("training_mode is on; a model for inference has it off")
    if not call.wants(1):
        return [x]
    return [x, call.emit("expand", [call.constant(np.asarray(True))], {"shape": x.type.shape}, part="mask")]


def _constant(call: Call) -> list[Value]:
    for key, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        if call.has(key):
            return [_labelled(call, np.asarray(call.real(key) if dtype is np.float32 else call.integer(key), dtype))]
    if call.has("value_floats"):
        return [_labelled(call, np.asarray(call.attributes["value_floats"], np.float32))]
    if call.has("value_ints"):
        return [_labelled(call, np.asarray(call.integers("value_ints"), np.int64))]
    value = call.attributes["value"] if call.has("value") else None
    if not isinstance(value, onnx.TensorProto):
        call.refuse("only constants of numbers are supported")
    if value.data_location == onnx.TensorProto.EXTERNAL:
        call.refuse("only initialisers may lie in a file of their own")
    return [_labelled(call, array_of(value, _ATTRIBUTE))]


def _labelled(call: Call, array: Array) -> Value:
    """The constant under the name of the output that it is."""
    made = call.constant(array)
    return Value(made.type, array=made.array, label=call.node.output[0] if not call.module else call.name)


def _constant_of_shape(call: Call) -> list[Value]:
    shape = call.whole_numbers(0, "the shape")
    value = call.attributes["value"] if call.has("value") else None
    filled = array_of(value, _ATTRIBUTE).reshape(()) if value is not None else np.zeros((), np.float32)
    return [call.emit("expand", [call.constant(filled)], {"shape": shape})]


def _shape(call: Call) -> list[Value]:
    shape = call.shape()
    cut = slice(call.integer("start", 0), call.integer("end", None) if call.has("end") else None)
    return [call.constant(np.asarray(shape[cut], np.int64), "shape")]


def _size(call: Call) -> list[Value]:
    return [call.constant(np.asarray(math.prod(call.shape()), np.int64), "size")]


def _reshape(call: Call) -> list[Value]:
    x, wanted = call.value(0), list(call.whole_numbers(1, "the shape"))
    old = x.type.shape
    if not call.integer("allowzero", 0):
        for axis, size in enumerate(wanted):
            if size == 0:
                if axis >= len(old):
                    call.fail(f"shape {wanted} keeps dimension {axis} of {list(old)}, which has none")
                wanted[axis] = old[axis]
    if wanted.count(-1) > 1:
        call.fail(f"shape {wanted} leaves more than one size open")
    if -1 in wanted:
        known = math.prod(size for size in wanted if size != -1)
        if not known or x.type.elements % known:
            call.fail(f"{list(old)} cannot take shape {wanted}")
        wanted[wanted.index(-1)] = x.type.elements // known
    return [call.reshaped(x, wanted)]


def _flatten(call: Call) -> list[Value]:
    x = call.value(0)
    rank = len(x.type.shape)
    axis = call.integer("axis", 1)
    if not -rank <= axis <= rank:
        call.fail(f"axis {axis} is outside of {rank} dimensions")
    axis = axis if axis >= 0 else axis + rank
    return [call.reshaped(x, (math.prod(x.type.shape[:axis]), math.prod(x.type.shape[axis:])))]


def _squeeze(call: Call) -> list[Value]:
    x = call.value(0)
    shape = x.type.shape
    if call.maybe(1) is None:
        axes = {axis for axis, size in enumerate(shape) if size == 1}
    else:
        axes = {call.checked_axis(axis, len(shape)) for axis in call.whole_numbers(1, "axes")}
    for axis in axes:
        if shape[axis] != 1:
            call.fail(f"axis {axis} of {list(shape)} has size {shape[axis]}, only one of size 1 can go")
    return [call.reshaped(x, [size for axis, size in enumerate(shape) if axis not in axes])]


def _unsqueeze(call: Call) -> list[Value]:
    x, axes = call.value(0), call.whole_numbers(1, "axes")
    rank = len(x.type.shape) + len(axes)
    new = {call.checked_axis(axis, rank) for axis in axes}
    if len(new) != len(axes):
        call.fail(f"axes {axes} name a dimension twice")
    old = iter(x.type.shape)
    return [call.reshaped(x, [1 if axis in new else next(old) for axis in range(rank)])]


def _transpose(call: Call) -> list[Value]:
    x = call.value(0)
    return [call.transposed(x, call.integers("perm", tuple(reversed(range(len(x.type.shape))))))]


def _concat(call: Call) -> list[Value]:
    values = [call.value(index) for index in range(len(call.inputs))]
    axis = call.axis("axis", 0, len(values[0].type.shape))
    return [values[0] if len(values) == 1 else call.emit("concat", values, {"axis": axis})]


def _split(call: Call) -> list[Value]:
    x = call.value(0)
    axis = call.axis("axis", 0, len(x.type.shape))
    size, count = x.type.shape[axis], call.output_count
    if call.integer("num_outputs", count) != count:
        call.fail(f"num_outputs is {call.integer('num_outputs')}, the node has {count} outputs")
    if call.maybe(1) is not None:
        sizes = call.whole_numbers(1, "sizes")
    else:
        part = -(-size // count)
        sizes = tuple(max(min(part, size - index * part), 0) for index in range(count))
    if len(sizes) != call.output_count or sum(sizes) != size or min(sizes, default=0) < 0:
        call.fail(f"sizes {sizes} of {call.output_count} outputs do not make up the {size} of axis {axis}")
    if len(sizes) == 1:
        return [x]
    return list(call.emit_all("split", [x], {"axis": axis, "sizes": sizes}))


def _slice(call: Call) -> list[Value]:
    """Steps backwards are a slice that is reversed after."""
    x = call.value(0)
    shape = x.type.shape
    starts, ends = call.whole_numbers(1, "starts"), call.whole_numbers(2, "ends")
    axes = call.whole_numbers(3, "axes") if call.maybe(3) is not None else tuple(range(len(starts)))
    steps = call.whole_numbers(4, "steps") if call.maybe(4) is not None else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        call.fail(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit")
    cuts: list[tuple[int, int, int, int]] = []
    turned = []
    for start, end, named, step in zip(starts, ends, axes, steps, strict=True):
        axis = call.checked_axis(named, len(shape))
        places = range(*slice(start, end, step).indices(shape[axis]))
        if step < 0:
            places = places[::-1]
            turned.append(axis)
        cuts.append((axis, places.start, places.stop if len(places) else places.start, abs(step)))
    named_axes, first, last, by = (tuple(cut[key] for cut in cuts) for key in range(4))
    attrs = {"starts": first, "ends": last, "axes": named_axes, "steps": by}
    cut = call.emit("slice", [x], attrs, part="slice" if turned else "")
    return [call.emit("reverse", [cut], {"axes": tuple(turned)}) if turned else cut]


def _expand(call: Call) -> list[Value]:
    x = call.value(0)
    shape = np.broadcast_shapes(x.type.shape, call.whole_numbers(1, "the shape"))
    return [x if shape == x.type.shape else call.emit("expand", [x], {"shape": shape})]


def _tile(call: Call) -> list[Value]:
    repeats = call.whole_numbers(1, "repeats")
    return [call.emit("tile", [call.value(0)], {"repeats": repeats})]


def _pad(call: Call) -> list[Value]:
    x, given = call.value(0), call.whole_numbers(1, "pads")
    rank = len(x.type.shape)
    axes = tuple(range(rank))
    if call.maybe(3) is not None:
        axes = tuple(call.checked_axis(axis, rank) for axis in call.whole_numbers(3, "axes"))
    if len(given) != 2 * len(axes):
        call.fail(f"pads {given} are not two for each of {len(axes)} axes")
    pads = [0] * (2 * rank)
    for index, axis in enumerate(axes):
        pads[axis], pads[rank + axis] = given[index], given[len(axes) + index]
    value = 0.0 if call.maybe(2) is None else call.known(2, "the value").reshape(-1)[0].item()
    attrs = {"pads": tuple(pads), "mode": call.text("mode", "constant"), "value": value}
    return [call.emit("pad", [x], attrs) if any(pads) else x]


def _eye_like(call: Call) -> list[Value]:
    shape = call.shape()
    if len(shape) != 2:
        call.fail(f"{list(shape)} is not a matrix")
    if math.prod(shape) > LARGEST:
        call.refuse(f"a matrix of {list(shape)}")
    dtype = element_format(call.integer("dtype"), "the result") if call.has("dtype") else call.tensor(0).dtype
    return [call.constant(np.eye(*shape, k=call.integer("k", 0), dtype=numpy_dtype(dtype)), "eye")]


def _trilu(call: Call) -> list[Value]:
    diagonal = 0 if call.maybe(1) is None else int(call.known(1, "k").reshape(-1)[0])
    attrs = {"upper": bool(call.integer("upper", 1)), "diagonal": diagonal}
    return [call.emit("trilu", [call.value(0)], attrs)]


def _depth_to_space(call: Call) -> list[Value]:
    attrs = {"block": call.integer("blocksize"), "mode": call.text("mode", "DCR")}
    return [call.emit("depth_to_space", [call.value(0)], attrs)]


def _space_to_depth(call: Call) -> list[Value]:
    x, block, mode = call.value(0), call.integer("blocksize"), call.text("mode", "DCR")
    if mode == "DCR":
        return [call.emit("space_to_depth", [x], {"block": block})]
    if mode != "CRD" or len(x.type.shape) != 4 or block < 1:
        call.fail(f"mode '{mode}' with blocks of {block} on {list(x.type.shape)}")
    batch, channels, height, width = x.type.shape
    cells = call.reshaped(x, (batch, channels, height // block, block, width // block, block), "cells")
    turned = call.transposed(cells, (0, 1, 3, 5, 2, 4), "turned")
    return [call.reshaped(turned, (batch, channels * block * block, height // block, width // block))]


SHAPE: Mapping[str, Translate] = {
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "DepthToSpace": _depth_to_space,
    "Dropout": _dropout,
    "Expand": _expand,
    "EyeLike": _eye_like,
    "Flatten": _flatten,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
}
