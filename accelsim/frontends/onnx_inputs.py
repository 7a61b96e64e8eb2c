"""Types of the inputs of an ONNX model, with the dimensions that it leaves open bound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx

from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends.onnx_load import MAX_RANK, element_format
from accelsim.ir.graph import Tensor

Sizes = Mapping[str, tuple[int, ...]]
MAX_INPUT_BYTES = 2**30  # seeded values are made for two sets of inputs
_GROWING = (
    "; decoding with a key-value cache that grows from step to step is not supported: "
    "a bound length gives one step with a cache of that size"
)
_CACHE = "past_key_values", "past_sequence", "past_length"  # what exporters call a key-value cache and its length


def input_types(model: onnx.ModelProto, path: Path, sizes: Sizes, batch: int | None) -> dict[str, Tensor]:
    """Types of the inputs, open dimensions bound. Raises InputError that lists those that are not."""
    held = {proto.name for proto in model.graph.initializer}
    found: dict[str, Tensor] = {}
    opened: dict[str, str] = {}
    used: set[str] = set()
    known: set[str] = set()
    batches = False
    for info in model.graph.input:
        if info.name in held:
            continue
        known.add(info.name)
        where = f"{path}: input '{info.name}'"
        if info.type.WhichOneof("value") != "tensor_type":
            raise UnsupportedError(f"{where}: only tensors are supported")
        proto = info.type.tensor_type
        dtype = element_format(proto.elem_type, where)
        if not proto.HasField("shape") and info.name not in sizes:
            raise InputError(f"{where}: has no shape; give it: --shape {info.name}=1x3x224x224")
        shape: list[int] = []
        if info.name in sizes and (not proto.HasField("shape") or len(sizes[info.name]) == len(proto.shape.dim)):
            used.add(info.name)
            shape = list(sizes[info.name])
        else:
            for axis, dim in enumerate(proto.shape.dim):
                name = dim.dim_param or f"{info.name}.{axis}"
                if dim.WhichOneof("value") == "dim_value":
                    shape.append(dim.dim_value)
                    batches = batches or (axis == 0 and dim.dim_value == batch)
                    continue
                known.add(name)
                if name in sizes and len(sizes[name]) == 1:
                    used.add(name)
                    shape.append(sizes[name][0])
                elif axis == 0 and batch is not None:
                    batches = True
                    shape.append(batch)
                else:
                    opened.setdefault(name, f"'{name}' (input '{info.name}', axis {axis})")
        if len(shape) > MAX_RANK or any(size < 0 for size in shape):
            raise InputError(f"{where}: {shape[:MAX_RANK]} is not a shape")
        tensor = Tensor(tuple(shape), dtype)
        if tensor.size_bytes > MAX_INPUT_BYTES:
            taken = f"{tensor.size_bytes} bytes, more than {MAX_INPUT_BYTES}"
            raise InputError(f"{where}: shape {shape} takes {taken}; that is refused")
        found[info.name] = tensor
    if opened:
        cache = any(word in text for text in opened.values() for word in _CACHE)
        raise InputError(
            f"{path}: open dimensions: {', '.join(opened.values())}; bind each with --shape NAME=SIZE"
            f"{'' if batch is not None else ' (the first ones of all inputs with --batch N)'}"
            f"{_GROWING if cache else ''}"
        )
    for name in sizes:
        if name not in used:
            listed = ", ".join(sorted(known))
            raise InputError(f"{path}: no input and no open dimension of an input is '{name}'; there are: {listed}")
    if batch is not None and not batches:
        raise InputError(
            f"{path}: no input leaves its first dimension open, so that a batch of {batch} is not possible"
        )
    return found
