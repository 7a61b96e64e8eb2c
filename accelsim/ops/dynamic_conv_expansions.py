"""dynamic_conv2d in terms of other ops, twice: one kernel a sample, or K convolutions whose results are mixed.

The caller sets the builder's prefix and module; both forms return the names of y and attention.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.dtype import INT64
from accelsim.ir.graph import Tensor
from accelsim.ops.attributes import real
from accelsim.ops.build import GraphBuilder
from accelsim.ops.conv_geometry import Geometry
from accelsim.ops.spec import Attrs

_OP = "dynamic_conv2d"
_OPERANDS = 9


def expand_merged(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """Merge, then convolve: the samples' kernels as the groups of one convolution over all samples."""
    x, kernels, *_, static, mask, positions, b = _all(inputs)
    geometry = Geometry.of(_OP, attrs)
    attention = _attention(builder, inputs, attrs)
    shape, whole = _kernel(builder, kernels, static)
    samples, channels, *size = builder.tensors[x].shape
    count = builder.tensors[kernels].shape[0]
    dynamic = builder.tensors[kernels].elements // count
    flat = builder.add1("reshape", (kernels,), {"shape": (count, dynamic)}, name="kernels.flat")
    merged = builder.add1("matmul", (attention, flat), name="aggregate")
    if static:
        merged = _placed(builder, merged, (static, mask, positions), (samples, whole))
    stacked = builder.add1("reshape", (merged,), {"shape": (samples * shape[0], *shape[1:])}, name="kernel")
    side_by_side = builder.add1("reshape", (x,), {"shape": (1, samples * channels, *size)}, name="x.groups")
    grouped = {**geometry.attrs, "groups": samples * geometry.groups}
    product = builder.add1("conv2d", (side_by_side, stacked), grouped, name="main")
    made = builder.tensors[product].shape[2:]
    result = builder.add1("reshape", (product,), {"shape": (samples, shape[0], *made)}, name="y")
    return _with_bias(builder, result, attention, b), attention


def expand_mixed(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """Convolve, then mix: one convolution for the static share and K for the dynamic ones, all weighted and added."""
    x, kernels, *_, static, mask, positions, b = _all(inputs)
    geometry = Geometry.of(_OP, attrs)
    attention = _attention(builder, inputs, attrs)
    shape, whole = _kernel(builder, kernels, static)
    samples, count = builder.tensors[attention].shape
    rows = builder.tensors[kernels].elements // count
    flat = builder.add1("reshape", (kernels,), {"shape": (count, rows)}, name="kernels.flat")
    total = ""
    if static:
        kind = builder.tensors[static].dtype
        zero = builder.add_parameter(f"{builder.prefix}zeros", np.zeros(whole, str(kind)), Tensor((whole,), kind))
        flat = _placed(builder, flat, (zero, mask, positions), (count, whole), name="kernels.placed")
        none = builder.add_parameter(
            f"{builder.prefix}nothing", np.zeros((1, rows), str(kind)), Tensor((1, rows), kind)
        )
        rest = _placed(builder, none, (static, mask, positions), (1, whole), name="static")
        fixed = builder.add1("reshape", (rest,), {"shape": shape}, name="static.kernel")
        total = builder.add1("conv2d", (x, fixed), geometry.attrs, name="static.main")
    for number in range(count):
        where = {"starts": (number,), "ends": (number + 1,), "axes": (0,), "steps": (1,)}
        one = builder.add1("slice", (flat,), where, name=f"kernel{number}.flat")
        kernel = builder.add1("reshape", (one,), {"shape": shape}, name=f"kernel{number}")
        product = builder.add1("conv2d", (x, kernel), geometry.attrs, name=f"kernel{number}.main")
        share = builder.add1("slice", (attention,), {**where, "axes": (1,)}, name=f"kernel{number}.share")
        column = builder.add1("reshape", (share,), {"shape": (samples, 1, 1, 1)}, name=f"kernel{number}.column")
        weighted = builder.add1("mul", (product, column), name=f"kernel{number}.weighted")
        total = builder.add1("add", (total, weighted), name=f"kernel{number}.sum") if total else weighted
    return _with_bias(builder, total, attention, b), attention


def _all(inputs: tuple[str, ...]) -> tuple[str, ...]:
    return (*inputs, *("",) * (_OPERANDS - len(inputs)))


def _kernel(builder: GraphBuilder, kernels: str, static: str) -> tuple[tuple[int, ...], int]:
    """Shape [O, I/groups, kh, kw] and elements of one kernel."""
    shape = builder.tensors[static].shape if static else builder.tensors[kernels].shape[1:]
    return shape, math.prod(shape)


def _attention(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> str:
    x, _, fc1, fc2, bias = inputs[:5]
    kind = builder.tensors[x].dtype
    pooled = builder.add1("reduce_mean", (x,), {"axes": (2, 3)}, name="pool")
    hidden = builder.add1("relu", (builder.add1("linear", (pooled, fc1), name="fc1"),), name="fc1.relu")
    logits = builder.add1("linear", (hidden, fc2, bias), name="fc2")
    temperature = np.asarray(real(_OP, attrs, "temperature"), str(kind))
    divisor = builder.add_parameter(f"{builder.prefix}temperature", temperature, Tensor((), kind))
    return builder.add1("softmax", (builder.add1("div", (logits, divisor), name="fc2.cooled"),), name="attention")


def _placed(
    builder: GraphBuilder,
    values: str,
    among: tuple[str, str, str],
    size: tuple[int, int],
    *,
    name: str = "kernel.placed",
) -> str:
    """Rows of `values` [rows, dynamic] at the dynamic positions of as many copies of a kernel: [rows, whole].

    `among` are the kernel that gives the other positions, and the mask or the positions.
    """
    static, mask, positions = among
    flat = builder.add1("reshape", (static,), {"shape": (1, size[1])}, name=f"{name}.rest")
    if mask:
        chosen = builder.add1("reshape", (mask,), {"shape": (1, size[1])}, name=f"{name}.mask")
        return builder.add1("where", (chosen, values, flat), name=name)
    dynamic = builder.tensors[positions].shape[0]
    rows = builder.add1("expand", (flat,), {"shape": size}, name=f"{name}.rows")
    if builder.tensors[positions].dtype != INT64:
        positions = builder.add1("cast", (positions,), {"dtype": "int64"}, name=f"{name}.int64")
    where = builder.add1("reshape", (positions,), {"shape": (1, dynamic)}, name=f"{name}.row")
    each = builder.add1("expand", (where,), {"shape": (size[0], dynamic)}, name=f"{name}.positions")
    return builder.add1("scatter_elements", (rows, each, values), {"axis": 1}, name=name)


def _with_bias(builder: GraphBuilder, result: str, attention: str, b: str) -> str:
    if not b:
        return result
    mixed = builder.add1("matmul", (attention, b), name="bias.mixed") if len(builder.tensors[b].shape) > 1 else b
    samples, outputs = builder.tensors[result].shape[:2]
    lead = samples if mixed != b else 1
    column = builder.add1("reshape", (mixed,), {"shape": (lead, outputs, 1, 1)}, name="bias.column")
    return builder.add1("add", (result, column), name="biased")
