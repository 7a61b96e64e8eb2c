"""adapted_linear: a frozen linear layer fitted to a task by a low-rank adapter, by dropping rows or columns, or both.

y = x W_kept^T + b_kept + scale (x A^T) B^T, with A [r, in] and B [out, r] of low rank r (LoRA, arXiv 2106.09685;
scale 1/r in the Pruning-Adapter of arXiv 2303.14704). `kept_rows` and `kept_columns` name the blocks of `block`
rows or columns of W that the task keeps (a head of an attention layer is such a block); x, A and B have the sizes
that are left, W and b are stored whole. The scale is a constant of the weights and costs nothing.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest
from accelsim.ops.attributes import integer, real
from accelsim.ops.build import GraphBuilder
from accelsim.ops.nests import inner, present, read, write
from accelsim.ops.operands import INTEGER, Operands, optional, required
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput
from accelsim.ops.values import check_indices

_OP = "adapted_linear"
_INPUTS = ("x", "w", "lora_a?", "lora_b?", "b?", "kept_rows?", "kept_columns?")
_LORA_A, _LORA_B, _BIAS, _ROWS, _COLUMNS = range(2, 7)


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    block = integer(_OP, attrs, "block", least=1)
    real(_OP, attrs, "scale")
    operands = Operands(_OP, _INPUTS, types)
    x, w = operands.get(0, min_rank=1), operands.get(1, rank=2)
    for index, rank in ((_LORA_A, 2), (_LORA_B, 2), (_BIAS, 1)):
        operands.maybe(index, rank=rank)
    operands.same_dtype(0, 1, _LORA_A, _LORA_B, _BIAS)
    outputs, reduce = (_left(operands, index, w.shape[axis], block) for axis, index in enumerate((_ROWS, _COLUMNS)))
    if reduce != x.shape[-1]:
        operands.fail(f"{operands.show(1)} keeps {reduce} columns, but {operands.show(0)} has {x.shape[-1]} features")
    a, b = operands.maybe(_LORA_A, rank=2), operands.maybe(_LORA_B, rank=2)
    if (a is None) != (b is None):
        operands.fail("an adapter needs both lora_a and lora_b")
    operands.fit(_LORA_A, 1, reduce, f"the last size of {operands.show(0)}")
    operands.fit(_LORA_B, 0, outputs, f"the rows kept of {operands.show(1)}")
    if a is not None:
        operands.fit(_LORA_B, 1, a.shape[0], f"the rank of {operands.show(_LORA_A)}")
    operands.fit(_BIAS, 0, w.shape[0], f"the outputs of {operands.show(1)}")
    return (Tensor((*x.shape[:-1], outputs), x.dtype),)


def _left(operands: Operands, index: int, whole: int, block: int) -> int:
    """How many rows or columns are left of `whole`."""
    kept = operands.maybe(index, rank=1, kinds=INTEGER)
    if kept is None:
        return whole
    if whole % block:
        operands.fail(f"{operands.show(1)} does not split into blocks of {block} for {operands.show(index)}")
    if kept.shape[0] > whole // block:
        operands.fail(f"{operands.show(index)} keeps more than the {whole // block} blocks of {operands.show(1)}")
    return kept.shape[0] * block


def kept_elements(kept: Array, block: int, whole: int, operand: str) -> Array:
    """Rows or columns, one by one, of the blocks that are kept. Raises InputError for a block that is not there."""
    check_indices(_OP, operand, kept, whole // block)
    return np.asarray((kept.astype(np.int64)[:, None] * block + np.arange(block)).reshape(-1))


def compacted(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, Array | None]:
    """The weight and the bias without what the task dropped."""
    w, b, block = required(arrays, 1), optional(arrays, _BIAS), integer(_OP, attrs, "block")
    rows, columns = optional(arrays, _ROWS), optional(arrays, _COLUMNS)
    whole = w.shape
    if rows is not None:
        taken = kept_elements(rows, block, whole[0], "kept_rows")
        w, b = w[taken], None if b is None else b[taken]
    if columns is not None:
        w = w[:, kept_elements(columns, block, whole[1], "kept_columns")]
    return w, b


def _reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, a, up = required(arrays, 0), optional(arrays, _LORA_A), optional(arrays, _LORA_B)
    w, b = compacted(arrays, attrs)
    y = x @ w.T
    if a is not None and up is not None:
        y = y + x.dtype.type(real(_OP, attrs, "scale")) * ((x @ a.T) @ up.T)
    return (y if b is None else y + b,)


def _expand(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """Gathered weights, the layer, and the adapter as two thin layers beside it."""
    x, w, a, up, b, rows, columns = (*inputs, *("",) * (len(_INPUTS) - len(inputs)))
    block = integer(_OP, attrs, "block")
    if rows:
        taken = _elements(builder, rows, block, "kept_rows")
        w = builder.add1("gather", (w, taken), name="w.rows")
        b = b and builder.add1("gather", (b, taken), name="b.rows")
    if columns:
        taken = _elements(builder, columns, block, "kept_columns")
        w = builder.add1("gather", (w, taken), {"axis": 1}, name="w.columns")
    base = builder.add1("linear", (x, w, b) if b else (x, w), name="base")
    if not a:
        return (base,)
    kind = builder.tensors[x].dtype
    scale = np.asarray(real(_OP, attrs, "scale"), str(kind))
    factor = builder.add_parameter(f"{builder.prefix}scale", scale, Tensor((), kind))
    scaled = builder.add1("mul", (up, factor), name="lora_b.scaled")
    down = builder.add1("linear", (x, a), name="down")
    return (builder.add1("add", (base, builder.add1("linear", (down, scaled), name="up")), name="y"),)


def _elements(builder: GraphBuilder, kept: str, block: int, name: str) -> str:
    """`kept_elements` as nodes."""
    kind, count = builder.tensors[kept].dtype, builder.tensors[kept].shape[0]
    size = np.asarray(block, str(kind))
    inside = np.arange(block, dtype=str(kind))
    width = builder.add_parameter(f"{builder.prefix}{name}.block", size, Tensor((), kind))
    offsets = builder.add_parameter(f"{builder.prefix}{name}.offsets", inside, Tensor((block,), kind))
    first = builder.add1("mul", (kept, width), name=f"{name}.first")
    column = builder.add1("reshape", (first,), {"shape": (count, 1)}, name=f"{name}.column")
    each = builder.add1("add", (column, offsets), name=f"{name}.each")
    flat = builder.add1("reshape", (each,), {"shape": (count * block,)}, name=f"{name}.flat")
    return flat if kind == INT64 else builder.add1("cast", (flat,), {"dtype": "int64"}, name=f"{name}.int64")


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """The layer's product over what is kept, then the adapter's two thin ones, added to the same result."""
    x, y = node.tensor(0), node.outputs[0]
    outputs, reduce = y.shape[-1], x.shape[-1]
    rows = Dim("rows", math.prod(x.shape[:-1]), Axis.ROW)
    pruned = [index for index in (_ROWS, _COLUMNS) if present(node, index)]
    kept = {_ROWS: "outputs", _COLUMNS: "reduce"}
    main = [
        read(node, 0, "x", ("rows", "reduce")),
        read(node, 1, "w", ("outputs", "reduce"), elements=outputs * reduce, indirect=bool(pruned)),
        *(read(node, index, _INPUTS[index].rstrip("?"), (kept[index],)) for index in pruned),
    ]
    if present(node, _BIAS):
        main.append(read(node, _BIAS, "b", ("outputs",), elements=outputs, indirect=_ROWS in pruned))
    main.append(write(node, 0, "y", ("rows", "outputs")))
    dims = (rows, Dim("outputs", outputs, Axis.OUTPUT), Dim("reduce", reduce, Axis.REDUCE))
    base = LoopNest("main", "mac", dims, tuple(main))
    if not present(node, _LORA_A):
        return (base,)
    rank = node.tensor(_LORA_A).shape[0]
    return (
        base,
        LoopNest(
            "down",
            "mac",
            (rows, Dim("outputs", rank, Axis.OUTPUT), Dim("reduce", reduce, Axis.REDUCE)),
            (
                read(node, 0, "x", ("rows", "reduce")),
                read(node, _LORA_A, "lora_a", ("outputs", "reduce")),
                inner("low_rank", ("rows", "outputs"), rows.size * rank, Access.WRITE),
            ),
        ),
        LoopNest(
            "up",
            "mac",
            (rows, Dim("outputs", outputs, Axis.OUTPUT), Dim("reduce", rank, Axis.REDUCE)),
            (
                inner("low_rank", ("rows", "reduce"), rows.size * rank),
                read(node, _LORA_B, "lora_b", ("outputs", "reduce")),
                write(node, 0, "y", ("rows", "outputs"), access=Access.ACCUMULATE),
            ),
            after=("main", "down"),
        ),
    )


ADAPTED_LINEAR = OpSpec(
    _OP,
    _INPUTS,
    ("y",),
    _infer,
    _reference,
    _work,
    attrs={"scale": 1.0, "block": 1},
    expansions={"products": _expand},
    parts=("main", "down", "up"),
)
