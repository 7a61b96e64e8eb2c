"""Bilinear resizing of planes, one axis after the other, from tables of source positions."""

from __future__ import annotations

import numpy as np
from numba import njit, types

_INPUT_1D = types.Array(types.float32, 1, "C", readonly=True)
_INPUT_3D = types.Array(types.float32, 3, "C", readonly=True)
_OUTPUT_1D = types.float32[::1]
_OUTPUT_3D = types.float32[:, :, ::1]
_INDEX_1D = types.Array(types.int64, 1, "C", readonly=True)


@njit(
    types.void(_INPUT_3D, _INDEX_1D, _INDEX_1D, _INPUT_1D, _INDEX_1D, _INDEX_1D, _INPUT_1D, _OUTPUT_1D, _OUTPUT_3D),
    cache=True,
    nogil=True,
    fastmath={"contract", "nsz"},
)
def bilinear(x, top, bottom, down, left, right, across, row, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """out[p, i, j] from x[p, {top,bottom}[i], {left,right}[j]].

    `down` and `across` weigh the second of each pair; `row` is scratch for one row between two of the source.
    """
    planes, height, width = out.shape
    for p in range(planes):
        for i in range(height):
            second = down[i]
            first = np.float32(1.0) - second
            for j in range(x.shape[2]):
                row[j] = first * x[p, top[i], j] + second * x[p, bottom[i], j]
            for j in range(width):
                weight = across[j]
                out[p, i, j] = (np.float32(1.0) - weight) * row[left[j]] + weight * row[right[j]]
