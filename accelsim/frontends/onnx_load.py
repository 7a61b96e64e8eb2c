"""Reading ONNX files as data that may be damaged or hostile: checked, located, within bounds."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, checker, helper, numpy_helper

from accelsim.errors import InputError, UnsupportedError
from accelsim.ir import dtype as formats
from accelsim.ir.dtype import DType
from accelsim.ops.spec import Array

OLDEST_OPSET = 13
MAX_FILE_BYTES = 2**31  # a protobuf message ends there
MAX_NODES = 200_000
MAX_TENSOR_BYTES = 2**34
MAX_RANK = 16

FORMATS: Mapping[int, DType] = {
    TensorProto.FLOAT: formats.FLOAT32,
    TensorProto.DOUBLE: formats.FLOAT64,
    TensorProto.FLOAT16: formats.FLOAT16,
    TensorProto.BFLOAT16: formats.BFLOAT16,
    TensorProto.INT64: formats.INT64,
    TensorProto.INT32: formats.INT32,
    TensorProto.INT16: DType("int", 16),
    TensorProto.INT8: formats.INT8,
    TensorProto.UINT64: DType("uint", 64),
    TensorProto.UINT32: DType("uint", 32),
    TensorProto.UINT16: DType("uint", 16),
    TensorProto.UINT8: formats.UINT8,
    TensorProto.BOOL: formats.BOOL,
}
_OURS = {np.dtype(helper.tensor_dtype_to_np_dtype(kind)): ours for kind, ours in FORMATS.items()}
_TYPED_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def read_model(path: Path) -> onnx.ModelProto:
    """The model in a file, valid by ONNX's own checker, in opsets that accelsim reads.

    Raises InputError for what is damaged or not ONNX, UnsupportedError for an opset that is too old or new.
    """
    try:
        size = path.stat().st_size
        if not path.is_file() or size > MAX_FILE_BYTES:
            raise InputError(f"{path}: not a file of at most 2 GiB; larger models keep their weights beside the file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not an ONNX model, or damaged: {error}") from None
    if not model.graph.node and not model.graph.output:
        raise InputError(f"{path}: not an ONNX model: it holds no graph")
    check_model(model, path, content)
    return model


def check_model(model: onnx.ModelProto, path: Path, content: bytes | None = None) -> None:
    """Raises InputError where a model breaks ONNX's rules or leaves its folder, UnsupportedError for its opset.

    `content` is the model as bytes, which saves making them again.
    """
    if len(model.graph.node) > MAX_NODES:
        raise InputError(f"{path}: {len(model.graph.node)} nodes are more than {MAX_NODES}")
    _check_texts(model, str(path))
    for tensor in model.graph.initializer:
        check_tensor(tensor, path)
    _check_opsets(model.opset_import, str(path))
    external = any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer)
    try:
        checker.check_model(str(path) if external else content or model)
    except (checker.ValidationError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid ONNX: {_first_lines(error)}") from None


def _check_texts(model: onnx.ModelProto, where: str) -> None:
    """Names must be text: protobuf hands out damaged ones as bytes."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    names: list[object] = [entry.domain for entry in model.opset_import]
    for function in model.functions:
        names += [function.name, function.domain, function.overload, *function.input, *function.output]
    while graphs or nodes:
        if nodes:
            node = nodes.pop()
            names += [node.name, node.op_type, node.domain, node.overload, *node.input, *node.output]
            for attribute in node.attribute:
                names += [attribute.name, attribute.ref_attr_name]
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
        else:
            graph = graphs.pop()
            nodes += graph.node
            values = (*graph.input, *graph.output, *graph.initializer)
            names += [graph.name, *(value.name for value in values)]
            names += [dim.dim_param for info in graph.input for dim in info.type.tensor_type.shape.dim]
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"{where}: damaged: a name is {name!r}, which is not UTF-8 text")


def _check_opsets(imports: Any, where: str) -> None:
    newest = onnx.defs.onnx_opset_version()
    for entry in imports:
        if entry.domain in ("", "ai.onnx") and not OLDEST_OPSET <= entry.version <= newest:
            raise UnsupportedError(
                f"{where}: opset {entry.version}; accelsim reads {OLDEST_OPSET} to {newest}; "
                "onnx.version_converter.convert_version changes it"
            )


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:4])[:500]


def check_tensor(tensor: TensorProto, path: Path) -> int:
    """Bytes that a stored tensor holds by its shape; they must be what is stored."""
    where = f"{path}: tensor '{tensor.name}'"
    if tensor.data_type not in FORMATS:
        known = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in _type_numbers() else "unknown"
        raise UnsupportedError(f"{where}: number format {known} ({tensor.data_type}) is not supported")
    if len(tensor.dims) > MAX_RANK or any(size < 0 for size in tensor.dims):
        raise InputError(f"{where}: {list(tensor.dims)[:MAX_RANK]} is not a shape")
    count = math.prod(tensor.dims)
    size: int = count * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    if size > MAX_TENSOR_BYTES:
        raise InputError(f"{where}: shape {list(tensor.dims)} takes {size} bytes, more than {MAX_TENSOR_BYTES}")
    if tensor.data_location != TensorProto.EXTERNAL:
        if tensor.HasField("raw_data"):
            held, wanted, unit = len(tensor.raw_data), size, "bytes"
        else:
            held, wanted, unit = sum(len(getattr(tensor, field)) for field in _TYPED_FIELDS), count, "values"
        if held != wanted:
            raise InputError(f"{where}: shape {list(tensor.dims)} needs {wanted} {unit}, the file holds {held}")
    return size


def _type_numbers() -> set[int]:
    return set(TensorProto.DataType.values())


def array_of(tensor: TensorProto, path: Path) -> Array:
    """The values of a stored tensor, read-only; those of an external file are mapped, not read."""
    size = check_tensor(tensor, path)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    if tensor.data_location == TensorProto.EXTERNAL:
        return _external(tensor, path, dtype, size)
    if tensor.HasField("raw_data"):
        return np.frombuffer(tensor.raw_data, dtype).reshape(tuple(tensor.dims))
    array = np.asarray(numpy_helper.to_array(tensor))
    array.setflags(write=False)
    return array


def _external(tensor: TensorProto, path: Path, dtype: np.dtype[Any], size: int) -> Array:
    where = f"{path}: tensor '{tensor.name}'"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    folder = path.resolve().parent
    location = entries.get("location", "")
    file = Path(os.path.realpath(folder / location))
    if not location or Path(location).is_absolute() or not file.is_relative_to(folder):
        raise InputError(f"{where}: its data is in '{location}', outside of the model's folder; that is refused")
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(size)))
        held = file.stat().st_size
        if offset < 0 or length != size or offset + length > held:
            raise InputError(
                f"{where}: needs {size} bytes; '{location}' gives {length} at offset {offset} of its {held} bytes"
            )
        if not size:
            return np.zeros(tuple(tensor.dims), dtype)
        return np.asarray(np.memmap(file, dtype, "r", offset, tuple(tensor.dims)))
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: its data in '{location}' cannot be read: {error}") from None


def format_of(array: Array, where: str) -> DType:
    """Our name for an array's format. Raises UnsupportedError."""
    return numpy_format(array.dtype, where)


def numpy_format(dtype: np.dtype[Any], where: str) -> DType:
    """Our name for a format of NumPy. Raises UnsupportedError."""
    if dtype not in _OURS:
        raise UnsupportedError(f"{where}: number format {dtype} is not supported")
    return _OURS[dtype]


def element_format(kind: int, where: str) -> DType:
    """Our name for a format of ONNX. Raises UnsupportedError."""
    if kind not in FORMATS:
        known = TensorProto.DataType.Name(kind) if kind in _type_numbers() else str(kind)
        raise UnsupportedError(f"{where}: number format {known} is not supported")
    return FORMATS[kind]


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """NumPy's format for ours."""
    return next(theirs for theirs, ours in _OURS.items() if ours == dtype)
