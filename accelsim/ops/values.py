"""Checks of values that shapes cannot tell: indices that point outside."""

from __future__ import annotations

from accelsim.errors import InputError
from accelsim.ops.spec import Array


def check_indices(op: str, operand: str, indices: Array, size: int, *, least: int = 0) -> None:
    """Raises InputError unless every index lies in [least, size)."""
    if indices.size == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < least or high >= size:
        outside = low if low < least else high
        raise InputError(f"{op}: {operand} holds {outside}, outside of {least} to {size - 1}")
