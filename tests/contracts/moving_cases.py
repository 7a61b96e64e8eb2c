"""Ops that move, pick and place elements."""

from __future__ import annotations

import numpy as np

from tests.contracts.case import Case, floats, whole

_ROWS = np.array([[0, 2], [2, -1]], np.int64)
_UPDATES = floats(2, 2, seed=2)

MOVING_CASES = (
    Case("tile", (floats(2, 3),), {"copy": 36}, {"repeats": (3, 2)}),
    Case("reverse", (floats(2, 3),), {"copy": 6}, {"axes": (-1,)}),
    Case("split", (floats(2, 6),), {"copy": 12}, {"axis": 1, "sizes": (1, 3, 2)}),
    Case("split", (whole(1, 2, 3),), {"copy": 3}, {"axis": 0, "sizes": (3,)}, "single"),
    Case("depth_to_space", (floats(1, 8, 2, 3),), {"copy": 48}, {"block": 2}),
    Case("depth_to_space", (floats(1, 8, 2, 3),), {"copy": 48}, {"block": 2, "mode": "CRD"}, "crd"),
    Case("space_to_depth", (floats(2, 3, 4, 6),), {"copy": 144}, {"block": 2}),
    Case("pad", (floats(2, 3),), {"fill": 30}, {"pads": (1, 0, 2, 3), "value": 1.5}),
    Case("pad", (floats(4, 5),), {"fill": 56}, {"pads": (2, 1, 1, 2), "mode": "reflect"}, "reflect"),
    Case("pad", (floats(4, 5),), {"fill": 56}, {"pads": (2, 1, 1, 2), "mode": "edge"}, "edge"),
    Case("pad", (whole(1, 2, 3, 4),), {"fill": 3}, {"pads": (-2, 1)}, "cropping"),
    Case("gather_elements", (floats(3, 4), _ROWS), {"gather": 4}, {"axis": 1}),
    Case("gather_elements", (floats(3, 2), np.array([[2, -3]])), {"gather": 2}, label="columns"),
    Case("gather_nd", (floats(3, 4, 2), np.array([[0, 1], [2, -1], [0, 1]])), {"gather": 6}),
    Case("gather_nd", (floats(2, 3, 4), np.array([[1], [-1]])), {"gather": 8}, {"batch_dims": 1}, "batch"),
    Case("scatter_elements", (floats(3, 4), _ROWS, _UPDATES), {"copy": 12, "scatter": 4}, {"axis": 1}),
    Case(
        "scatter_elements",
        (floats(3, 4), np.array([[0, 1], [0, 1]]), _UPDATES),
        {"copy": 12, "add": 4},
        {"reduction": "add"},
        "add",
    ),
    Case(
        "scatter_elements",
        (floats(3, 4), np.array([[0, 1], [0, 1]]), _UPDATES),
        {"copy": 12, "compare": 4},
        {"reduction": "max"},
        "max",
    ),
    Case("scatter_nd", (floats(4, 3), np.array([[2], [-4]]), floats(2, 3)), {"copy": 12, "scatter": 6}),
    Case(
        "scatter_nd",
        (floats(4, 3), np.array([[2, 1], [2, 1]]), floats(2)),
        {"copy": 12, "mul": 2},
        {"reduction": "mul"},
        "mul",
    ),
    Case("top_k", (floats(3, 6),), {"compare": 18}, {"k": 2, "largest": False}, "smallest"),
)
