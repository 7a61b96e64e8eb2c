"""Named arrays in a safetensors file: written under a temporary name, read memory-mapped and distrusted."""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from accelsim.errors import InputError
from accelsim.ir.weights import Array

_MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format itself
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


def write_tensors(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write `arrays`; equal content gives equal bytes. The file appears only when it is complete."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, partial)
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, Array]:
    """Read-only views into the mapped file. Raises InputError naming the file and what is wrong with it.

    Parsed here and not by the safetensors package, whose NumPy reader copies each array into memory.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 8:
                raise InputError(f"{path}: {size} bytes are too few for a safetensors file")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: not readable: {error}") from None
    header_bytes = int.from_bytes(mapped[:8], "little")
    if header_bytes > min(size - 8, _MAX_HEADER_BYTES):
        raise InputError(f"{path}: the header claims {header_bytes} bytes, the file has {size - 8}; it is cut off")
    try:
        header = json.loads(mapped[8 : 8 + header_bytes].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise InputError(f"{path}: the header is not a JSON object")
    header.pop("__metadata__", None)
    start = 8 + header_bytes
    return {name: _view(path, mapped, name, entry, start) for name, entry in header.items()}


def _view(path: Path, mapped: mmap.mmap, name: str, entry: Any, start: int) -> Array:
    available = len(mapped) - start
    try:
        dtype = _DTYPES[entry["dtype"]]
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: tensor '{name}': not a tensor record: {type(error).__name__}: {error}") from None
    if not all(type(value) is int and value >= 0 for value in (*shape, begin, end)):
        raise InputError(f"{path}: tensor '{name}': shape and offsets must be whole numbers >= 0")
    count = math.prod(shape)
    if not (begin <= end <= available and end - begin == count * dtype.itemsize):
        raise InputError(
            f"{path}: tensor '{name}': {dtype}{list(shape)} does not lie at bytes {begin}-{end} of {available}"
        )
    return np.frombuffer(mapped, dtype, count, start + begin).reshape(shape)
