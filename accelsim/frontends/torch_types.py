"""Number formats and types, between torch and the graph."""

from __future__ import annotations

import numpy as np
import torch

from accelsim.errors import UnsupportedError
from accelsim.ir import dtype as formats
from accelsim.ir.dtype import DType
from accelsim.ir.graph import Tensor
from accelsim.ir.weights import Array

_TORCH: dict[DType, torch.dtype] = {
    formats.FLOAT64: torch.float64,
    formats.FLOAT32: torch.float32,
    formats.FLOAT16: torch.float16,
    formats.BFLOAT16: torch.bfloat16,
    formats.INT64: torch.int64,
    formats.INT32: torch.int32,
    formats.INT16: torch.int16,
    formats.INT8: torch.int8,
    formats.UINT64: torch.uint64,
    formats.UINT32: torch.uint32,
    formats.UINT16: torch.uint16,
    formats.UINT8: torch.uint8,
    formats.BOOL: torch.bool,
}
_OURS = {theirs: ours for ours, theirs in _TORCH.items()}


def torch_dtype(dtype: DType) -> torch.dtype:
    """Raises UnsupportedError for a format that torch does not have."""
    try:
        return _TORCH[dtype]
    except KeyError:
        raise UnsupportedError(f"torch has no number format for {dtype}") from None


def our_dtype(dtype: torch.dtype) -> DType:
    """Raises UnsupportedError for a format that accelsim does not have."""
    if dtype not in _OURS:
        known = ", ".join(str(dtype) for dtype in _TORCH)
        raise UnsupportedError(f"number format {dtype} is not supported; supported: {known}")
    return _OURS[dtype]


def tensor_type(tensor: torch.Tensor) -> Tensor:
    """Shape and format of a real or fake tensor. Raises UnsupportedError for a format or an open size."""
    dtype = our_dtype(tensor.dtype)
    for axis, size in enumerate(tensor.shape):
        if not isinstance(size, int):
            shape = ", ".join(map(str, tensor.shape))
            raise UnsupportedError(f"dimension {axis} of shape ({shape}) is open; give example inputs of a fixed size")
    return Tensor(tuple(tensor.shape), dtype)


def to_array(tensor: torch.Tensor) -> Array:
    """A copy that later changes of the tensor do not reach. NumPy has no bfloat16; float32 holds its values."""
    held = tensor.detach().cpu()
    array: Array = np.array((held.float() if held.dtype == torch.bfloat16 else held).numpy(), order="C")
    return array
