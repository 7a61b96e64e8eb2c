"""ONNX operators that are products of matrices, attention among them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from string import ascii_letters

import numpy as np

from accelsim.frontends.onnx_call import Call, Translate, Value


def _matmul(call: Call) -> list[Value]:
    """With a constant matrix on the right it is a linear layer."""
    a, b = call.value(0), call.value(1)
    if (
        b.array is None
        or len(b.type.shape) != 2
        or a.array is not None
        or not a.type.shape
        or not a.type.dtype.is_float
    ):
        return [call.emit("matmul", [a, b])]
    return [call.emit("linear", [a, _turned(call, b, "w")])]


def _turned(call: Call, matrix: Value, part: str) -> Value:
    """The transpose of a matrix; that of a constant keeps the constant's name."""
    made = call.transposed(matrix, (1, 0), part)
    if made.array is None:
        return made
    return Value(made.type, array=np.ascontiguousarray(made.array), label=matrix.label)


def _gemm(call: Call) -> list[Value]:
    a, b, c = call.value(0), call.value(1), call.maybe(2)
    if len(a.type.shape) != 2 or len(b.type.shape) != 2:
        call.fail("both factors must be matrices")
    alpha, beta = call.real("alpha", 1.0), call.real("beta", 1.0)
    x = call.transposed(a, (1, 0), "a") if call.integer("transA", 0) else a
    outputs = b.type.shape[0 if call.integer("transB", 0) else 1]
    if not a.type.dtype.is_float:
        right = _turned(call, b, "b") if call.integer("transB", 0) else b
        product = call.emit("matmul", [x, right], part="" if c is None else "product")
        return [_scaled_sum(call, product, c, alpha, beta)]
    w = b if call.integer("transB", 0) else _turned(call, b, "w")
    if c is not None and alpha == beta == 1 and c.type.elements == outputs and c.type.shape[-1:] == (outputs,):
        return [call.emit("linear", [x, w, call.reshaped(c, (outputs,), "bias")])]
    product = call.emit("linear", [x, w], part="" if c is None and alpha == 1 else "product")
    return [_scaled_sum(call, product, c, alpha, beta)]


def _scaled_sum(call: Call, product: Value, c: Value | None, alpha: float, beta: float) -> Value:
    if alpha != 1:
        product = call.emit(
            "mul", [product, call.like(alpha, product, "alpha")], part="scaled" if c is not None else ""
        )
    if c is None:
        return product
    if beta != 1:
        c = call.emit("mul", [c, call.like(beta, c, "beta")], part="c")
    return call.emit("add", [product, c])


def _einsum(call: Call) -> list[Value]:
    values = [call.value(index) for index in range(len(call.inputs))]
    equation = _written_out(call, call.text("equation").replace(" ", ""), [len(v.type.shape) for v in values])
    return [call.emit("einsum", values, {"equation": equation})]


def _written_out(call: Call, equation: str, ranks: list[int]) -> str:
    """The equation with letters in place of '...'."""
    if "..." not in equation:
        return equation
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        call.fail(f"equation '{equation}' has {len(terms)} operands, the node {len(ranks)}")
    counts = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True) if "..." in term]
    free = [letter for letter in ascii_letters if letter not in equation]
    most = max(counts, default=0)
    if min(counts, default=0) < 0 or most > len(free):
        call.fail(f"equation '{equation}' does not fit operands of {ranks} dimensions")
    if len(set(counts)) > 1:
        call.refuse(f"'...' of equation '{equation}' stands for different numbers of dimensions")
    letters = "".join(free[:most])
    if not arrow:
        once = sorted(x for x in set(left) if x.isalpha() and left.count(x) == 1)
        right = "..." + "".join(once)
    return f"{left.replace('...', letters)}->{right.replace('...', letters)}"


def _attention(call: Call) -> list[Value] | None:
    """Without caches, extra outputs and a soft cap; ONNX's own definition covers those."""
    call.integer("qk_matmul_output_mode", 0)  # for the fourth output only
    extra = any(call.wants(index) for index in range(1, 4)) or any(call.maybe(i) is not None for i in (4, 5, 6))
    if extra or call.real("softcap", 0.0) or (call.has("softmax_precision") and not call.tensor(0).dtype.is_float):
        return None
    q, k, v = (call.value(index) for index in range(3))
    flat = len(q.type.shape) == 3
    if flat:
        heads, groups = call.integer("q_num_heads"), call.integer("kv_num_heads")
        q = _heads(call, q, heads, "q")
        k, v = _heads(call, k, groups, "k"), _heads(call, v, groups, "v")
    mask = call.maybe(3)
    queries, keys = q.type.shape[2], k.type.shape[2]
    causal = bool(call.integer("is_causal", 0))
    if mask is not None and (not mask.type.shape or mask.type.shape[-1] not in (1, keys)):
        return None
    scale = call.real("scale", 0.0) or 1 / math.sqrt(q.type.shape[3])
    if mask is not None and mask.type.dtype.kind != "bool":
        mask = call.cast(mask, q.type.dtype, "mask")
    made = call.emit("attention", [q, k, v, mask], {"scale": scale, "causal": causal}, part="heads" if flat else "")
    if not flat:
        return [made]
    turned = call.transposed(made, (0, 2, 1, 3), "turned")
    return [call.reshaped(turned, (q.type.shape[0], queries, turned.type.shape[2] * turned.type.shape[3]))]


def _heads(call: Call, value: Value, heads: int, part: str) -> Value:
    """[B, T, H * D] as [B, H, T, D]."""
    batch, length, width = value.type.shape
    if heads < 1 or width % heads:
        call.fail(f"{width} channels do not split into {heads} heads")
    split = call.reshaped(value, (batch, length, heads, width // heads), f"{part}_heads")
    return call.transposed(split, (0, 2, 1, 3), part)


def _rotary(call: Call) -> list[Value] | None:
    """Of [B, H, T, D]; the cosines of each position are picked first."""
    x = call.value(0)
    if len(x.type.shape) != 4:
        return None
    batch, _, length, size = x.type.shape
    width = call.integer("rotary_embedding_dim", 0) or size
    tables = []
    for index, part in ((1, "cos"), (2, "sin")):
        table = call.value(index)
        if call.maybe(3) is not None:
            table = call.emit("gather", [table, call.value(3)], {"axis": 0}, part=f"{part}_rows")
        tables.append(call.reshaped(table, (batch, 1, length, width // 2), part))
    attrs = {"interleaved": bool(call.integer("interleaved", 0))}
    if width == size:
        return [call.emit("rotary_embedding", [x, *tables], attrs)]
    turned = call.emit("rotary_embedding", [call.cut(x, 3, 0, width, "first"), *tables], attrs, part="turned")
    return [call.emit("concat", [turned, call.cut(x, 3, width, size, "rest")], {"axis": 3})]


PRODUCT: Mapping[str, Translate] = {
    "Attention": _attention,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "RotaryEmbedding": _rotary,
}
