"""gather_elements, gather_nd, scatter_elements, scatter_nd: single elements and slices by index.

Indices may be negative, counting from the end. Where several updates meet one place, `reduction` says how they
join; without one the last in row-major order of the indices stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest
from accelsim.ops.attributes import axis_in, choice, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, flat_dims, read, write
from accelsim.ops.operands import ANY, INTEGER, NUMBER, Operands, required, sizes
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput
from accelsim.ops.values import check_indices

_GATHER = ("x", "indices")
_SCATTER = ("x", "indices", "updates")

Place = tuple[Array, ...]


def _assign(y: Array, place: Place, updates: Array) -> None:
    y[place] = updates


_REDUCTIONS: Mapping[str, Callable[[Array, Place, Array], None]] = {
    "none": _assign,
    "add": np.add.at,
    "mul": np.multiply.at,
    "max": np.maximum.at,
    "min": np.minimum.at,
}
_FUNCTIONS = {"none": "scatter", "add": "add", "mul": "mul", "max": "compare", "min": "compare"}


def _infer_gather_elements(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("gather_elements", _GATHER, types)
    x, indices = operands.get(0, min_rank=1, kinds=ANY), operands.get(1, kinds=INTEGER)
    _check_elements("gather_elements", operands, x, indices, attrs)
    return (Tensor(indices.shape, x.dtype),)


def _check_elements(op: str, operands: Operands, x: Tensor, indices: Tensor, attrs: Attrs) -> None:
    axis = axis_in(op, integer(op, attrs, "axis"), len(x.shape))
    operands.get(1, rank=len(x.shape), kinds=INTEGER)
    for other, (asked, size) in enumerate(zip(indices.shape, x.shape, strict=True)):
        if other != axis and asked > size:
            operands.fail(f"{operands.show(1)} is larger than {operands.show(0)} along axis {other}")


def _place_of_elements(op: str, x: Array, indices: Array, attrs: Attrs) -> Place:
    axis = axis_in(op, integer(op, attrs, "axis"), x.ndim)
    check_indices(op, "indices", indices, x.shape[axis], least=-x.shape[axis])
    place: list[Array] = list(np.indices(indices.shape, sparse=True))
    place[axis] = indices
    return tuple(place)


def _gather_elements(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, indices = required(arrays, 0), required(arrays, 1)
    return (np.asarray(x[_place_of_elements("gather_elements", x, indices, attrs)]),)


def _infer_gather_nd(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    batch = integer("gather_nd", attrs, "batch_dims", least=0)
    operands = Operands("gather_nd", _GATHER, types)
    x, indices = operands.get(0, min_rank=1, kinds=ANY), operands.get(1, min_rank=1 + batch, kinds=INTEGER)
    depth = indices.shape[-1]
    if not 1 <= depth <= len(x.shape) - batch:
        operands.fail(f"{operands.show(1)} holds {depth} indices a place, but {operands.show(0)} has other dimensions")
    if x.shape[:batch] != indices.shape[:batch]:
        operands.fail(f"the first {batch} sizes of {operands.show(0)} and {operands.show(1)} differ")
    return (Tensor((*indices.shape[:-1], *x.shape[batch + depth :]), x.dtype),)


def _place_nd(op: str, x: Array, indices: Array, batch: int) -> Place:
    """Index arrays for the leading axes of x: the batch counted through, then the last axis of `indices`."""
    for axis in range(indices.shape[-1]):
        size = x.shape[batch + axis]
        check_indices(op, "indices", indices[..., axis], size, least=-size)
    counted = np.indices(indices.shape[:-1], sparse=True)[:batch]
    return (*counted, *(indices[..., axis] for axis in range(indices.shape[-1])))


def _gather_nd(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, indices = required(arrays, 0), required(arrays, 1)
    return (np.asarray(x[_place_nd("gather_nd", x, indices, integer("gather_nd", attrs, "batch_dims"))]),)


def _joined(op: str, attrs: Attrs) -> frozenset[str]:
    """What may be scattered: anything, or numbers where updates are joined."""
    return ANY if choice(op, attrs, "reduction", _REDUCTIONS) == "none" else NUMBER


def _infer_scatter_elements(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("scatter_elements", _SCATTER, types)
    x, indices = operands.get(0, min_rank=1, kinds=_joined("scatter_elements", attrs)), operands.get(1, kinds=INTEGER)
    updates = operands.get(2, kinds=ANY)
    operands.same_dtype(0, 2)
    _check_elements("scatter_elements", operands, x, indices, attrs)
    if updates.shape != indices.shape:
        operands.fail(f"{operands.show(2)} and {operands.show(1)} differ")
    return (Tensor(x.shape, x.dtype),)


def _scatter_elements(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, indices, updates = (required(arrays, i) for i in range(3))
    place = _place_of_elements("scatter_elements", x, indices, attrs)
    return (_scattered("scatter_elements", x, place, updates, attrs),)


def _infer_scatter_nd(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("scatter_nd", _SCATTER, types)
    x = operands.get(0, min_rank=1, kinds=_joined("scatter_nd", attrs))
    indices = operands.get(1, min_rank=1, kinds=INTEGER)
    updates = operands.get(2, kinds=ANY)
    operands.same_dtype(0, 2)
    depth = indices.shape[-1]
    if not 1 <= depth <= len(x.shape):
        operands.fail(f"{operands.show(1)} holds {depth} indices a place, but {operands.show(0)} has other dimensions")
    wanted = (*indices.shape[:-1], *x.shape[depth:])
    if updates.shape != wanted:
        operands.fail(f"{operands.show(2)} needs {sizes(wanted)}, by {operands.show(0)} and {operands.show(1)}")
    return (Tensor(x.shape, x.dtype),)


def _scatter_nd(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, indices, updates = (required(arrays, i) for i in range(3))
    return (_scattered("scatter_nd", x, _place_nd("scatter_nd", x, indices, 0), updates, attrs),)


def _scattered(op: str, x: Array, place: Place, updates: Array, attrs: Attrs) -> Array:
    y = x.copy()
    _REDUCTIONS[choice(op, attrs, "reduction", _REDUCTIONS)](y, place, updates)
    return y


def _gather_work(node: WorkInput) -> tuple[LoopNest, ...]:
    x, indices, y = node.tensor(0), node.tensor(1), node.outputs[0]
    whole = node.node.op == "gather_elements"
    operands = (
        read(node, 0, "x", FLAT, elements=min(x.elements, y.elements), indirect=True),
        read(node, 1, "indices", FLAT if whole else (ROWS,), elements=indices.elements),
        write(node, 0, "y", FLAT),
    )
    return (LoopNest("main", "gather", flat_dims(y), operands),)


def _scatter_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """x is carried over, then each update finds its place."""
    x, indices, updates = (node.tensor(i) for i in range(3))
    y = node.outputs[0]
    whole = node.node.op == "scatter_elements"
    places = indices.elements if whole else math.prod(indices.shape[:-1])
    dims = (Dim(ROWS, places, Axis.ROW), Dim(FEATURES, updates.elements // max(places, 1), Axis.OUTPUT))
    reduction = choice(node.node.op, node.node.attrs, "reduction", _REDUCTIONS)
    access = Access.WRITE if reduction == "none" else Access.ACCUMULATE
    touched = min(y.elements, updates.elements)
    return (
        LoopNest("carry", "copy", flat_dims(x), (read(node, 0, "x", FLAT), write(node, 0, "y", FLAT))),
        LoopNest(
            "main",
            _FUNCTIONS[reduction],
            dims,
            (
                read(node, 1, "indices", (ROWS,)),
                read(node, 2, "updates", FLAT),
                write(node, 0, "y", FLAT, access=access, elements=touched, indirect=True),
            ),
            after=("carry",),
        ),
    )


GATHER_ELEMENTS = OpSpec(
    "gather_elements", _GATHER, ("y",), _infer_gather_elements, _gather_elements, _gather_work, attrs={"axis": 0}
)
GATHER_ND = OpSpec("gather_nd", _GATHER, ("y",), _infer_gather_nd, _gather_nd, _gather_work, attrs={"batch_dims": 0})
_PARTS = ("carry", "main")
SCATTER_ELEMENTS = OpSpec(
    "scatter_elements",
    _SCATTER,
    ("y",),
    _infer_scatter_elements,
    _scatter_elements,
    _scatter_work,
    attrs={"axis": 0, "reduction": "none"},
    parts=_PARTS,
)
SCATTER_ND = OpSpec(
    "scatter_nd",
    _SCATTER,
    ("y",),
    _infer_scatter_nd,
    _scatter_nd,
    _scatter_work,
    attrs={"reduction": "none"},
    parts=_PARTS,
)
