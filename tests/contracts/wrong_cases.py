"""Applications of every built-in op to operands or attributes that do not fit it.

A new op needs entries here; the contract tests fail for an op without any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accelsim.ir import DType, Tensor
from accelsim.ir.graph import AttrValue


@dataclass(frozen=True)
class Wrong:
    """Operand types that do not fit, and words that the error must hold."""

    op: str
    types: tuple[Tensor | None, ...]
    words: tuple[str, ...]
    attrs: Mapping[str, AttrValue] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op}-{'-'.join(self.words)}"


def _f(*shape: int) -> Tensor:
    return Tensor(shape)


def _i(*shape: int) -> Tensor:
    return Tensor(shape, DType("int", 64))


_MOE_TYPES = (_f(2, 6), _f(4, 6), _f(4, 3, 6), _f(4, 3), _f(4, 6, 3), _f(4, 6))


def _moe_with(index: int, tensor: Tensor) -> tuple[Tensor, ...]:
    return (*_MOE_TYPES[:index], tensor, *_MOE_TYPES[index + 1 :])


def _cut(**changed: tuple[int, ...]) -> dict[str, AttrValue]:
    return {"starts": (0,), "ends": (2,), "axes": (0,), "steps": (1,), **changed}


_Q = _f(1, 2, 4, 5)
_SCALE: dict[str, AttrValue] = {"scale": 1.0}

WRONG = (
    Wrong("conv2d", (_f(3, 5, 5), _f(4, 3, 3, 3)), ("x [3, 5, 5]", "needs 4")),
    Wrong("conv2d", (_f(1, 3, 5, 5), _f(4, 2, 3, 3)), ("w [4, 2, 3, 3]", "x [1, 3, 5, 5]")),
    Wrong("conv2d", (_f(1, 3, 5, 5), _f(4, 3, 3, 3), _f(5)), ("b [5]", "w [4, 3, 3, 3]")),
    Wrong("conv2d", (_f(1, 3, 2, 5), _f(4, 3, 3, 3)), ("w [4, 3, 3, 3]", "larger")),
    Wrong("conv2d", (_f(1, 3, 5, 5), _f(4, 1, 3, 3)), ("2 groups",), {"groups": 2}),
    Wrong("conv2d", (_f(1, 3, 5, 5), _f(4, 3, 3, 3)), ("stride", "at least 1"), {"stride": (0, 1)}),
    Wrong("conv2d", (_f(1, 3, 5, 5), _f(4, 3, 3, 3)), ("padding", "needs 4"), {"padding": (1, 1)}),
    Wrong("linear", (_f(2, 5), _f(4, 6)), ("w [4, 6]", "x [2, 5]", "needs 5")),
    Wrong("linear", (_f(2, 5), _f(4, 5, 1)), ("w [4, 5, 1]", "needs 2")),
    Wrong("linear", (_f(2, 5), _f(4, 5), _f(1, 4)), ("b [1, 4]", "needs 1")),
    Wrong("linear", (_f(2, 5), Tensor((4, 5), DType("float", 16))), ("w is float16", "x is float32")),
    Wrong("matmul", (_f(2, 3), _f(4, 5)), ("b [4, 5]", "a [2, 3]")),
    Wrong("matmul", (_f(2, 3, 4), _f(3, 4, 5)), ("a [2, 3, 4]", "b [3, 4, 5]")),
    Wrong("matmul", (_f(), _f(4, 5)), ("a []", "at least 1")),
    Wrong("grouped_linear", (_f(4, 3), _i(5), _f(2, 5, 3), _f(2, 5)), ("groups [5]", "x [4, 3]")),
    Wrong("grouped_linear", (_f(4, 3), _f(4), _f(2, 5, 3), _f(2, 5)), ("groups [4]", "integers")),
    Wrong("grouped_linear", (_f(4, 3), _i(4), _f(5, 3), _f(2, 5)), ("w [5, 3]", "needs 3")),
    Wrong("attention", (_Q, _f(1, 2, 6, 4), _f(1, 2, 6, 5)), ("k [1, 2, 6, 4]", "q"), _SCALE),
    Wrong("attention", (_Q, _f(1, 2, 6, 5), _f(1, 2, 7, 5)), ("v [1, 2, 7, 5]", "k"), _SCALE),
    Wrong("attention", (_Q, _f(1, 3, 6, 5), _f(1, 3, 6, 5)), ("k [1, 3, 6, 5]", "heads"), _SCALE),
    Wrong("attention", (_f(2, 4, 5), _Q, _Q), ("q [2, 4, 5]", "needs 4"), _SCALE),
    Wrong("softmax", (_f(2, 3),), ("axis 2",), {"axis": 2}),
    Wrong("softmax", (_i(2, 3),), ("x [2, 3]", "int64")),
    Wrong("layer_norm", (_f(2, 8), _f(7)), ("w [7]", "x [2, 8]", "[8]")),
    Wrong("layer_norm", (_f(8),), ("x [8]", "at least 2"), {"axes": 2}),
    Wrong("batch_norm", (_f(2, 3, 4, 4), *(_f(3),) * 3, _f(4)), ("var [4]", "x [2, 3, 4, 4]")),
    Wrong("batch_norm", (_f(3), *(_f(3),) * 4), ("x [3]", "at least 2")),
    Wrong("gelu", (_i(3),), ("x [3]", "int64")),
    Wrong("gelu", (_f(3),), ("approximate", "tanh"), {"approximate": "tan"}),
    Wrong("relu", (Tensor((3,), DType("bool", 8)),), ("x [3]", "bool")),
    *(Wrong(op, (_f(2, 3), _f(4)), ("a [2, 3]", "b [4]")) for op in ("add", "sub", "mul", "div")),
    *(Wrong(op, (_f(2), _i(2)), ("b is int64", "a is float32")) for op in ("add", "sub", "mul", "div")),
    Wrong("reshape", (_f(2, 6),), ("x [2, 6]", "[5, 3]"), {"shape": (5, 3)}),
    Wrong("reshape", (_f(2, 6),), ("x [2, 6]", "[-1, 5]"), {"shape": (-1, 5)}),
    Wrong("reshape", (_f(2, 6),), ("x [2, 6]", "[-1, -1]"), {"shape": (-1, -1)}),
    Wrong("reshape", (_f(1),), ("x [1]", "[-1, -1]"), {"shape": (-1, -1)}),
    Wrong("reshape", (_f(2, 6),), ("shape", "whole numbers"), {"shape": 12}),
    Wrong("transpose", (_f(2, 3),), ("perm (0, 0)", "x [2, 3]"), {"perm": (0, 0)}),
    Wrong("concat", (_f(2, 3), _f(3, 3)), ("xs[1] [3, 3]", "xs[0] [2, 3]"), {"axis": 1}),
    Wrong("concat", (_f(2, 3), _f(2)), ("xs[1] [2]", "needs 2"), {"axis": 1}),
    Wrong("expand", (_f(2, 3),), ("x [2, 3]", "[2, 4]"), {"shape": (2, 4)}),
    Wrong("expand", (_f(2, 3),), ("x [2, 3]", "[3]"), {"shape": (3,)}),
    Wrong("slice", (_f(4),), ("axis 1",), _cut(axes=(1,))),
    Wrong("slice", (_f(4),), ("steps",), _cut(steps=(-1,))),
    Wrong("slice", (_f(4),), ("starts", "needs 1"), _cut(starts=(0, 1))),
    Wrong("slice", (_f(4),), ("twice",), _cut(starts=(0, 0), ends=(2, 2), axes=(0, -1), steps=(1, 1))),
    Wrong("resize", (_f(3, 4, 5),), ("x [3, 4, 5]", "needs 4"), {"size": (6, 6)}),
    Wrong("resize", (_f(1, 1, 2, 2),), ("mode", "bilinear"), {"size": (6, 6), "mode": "bilinaer"}),
    Wrong("top_k", (_f(2, 3),), ("k is 4", "x [2, 3]"), {"k": 4}),
    Wrong("top_k", (_f(),), ("x []", "at least 1"), {"k": 1}),
    Wrong("argsort", (_f(2, 3),), ("axis -3",), {"axis": -3}),
    Wrong("gather", (_f(4, 3), _f(2)), ("indices [2]", "integers")),
    Wrong("gather", (_f(), _i(2)), ("x []", "at least 1")),
    Wrong("scatter_add", (_i(2), _f(3, 4)), ("updates [3, 4]", "indices [2]"), {"rows": 5}),
    Wrong("scatter_add", (_i(2, 1), _f(2, 4)), ("indices [2, 1]", "needs 1"), {"rows": 5}),
    Wrong("one_hot", (_f(3),), ("indices [3]", "float32"), {"depth": 4}),
    Wrong("reduce_sum", (_f(2, 3),), ("axis 2",), {"axes": (2,)}),
    Wrong("moe", _moe_with(0, _f()), ("x []", "at least 1"), {"top_k": 2}),
    Wrong("moe", _moe_with(1, _f(4, 5)), ("gate_w [4, 5]", "x [2, 6]"), {"top_k": 2}),
    Wrong("moe", _moe_with(2, _f(3, 6)), ("w1 [3, 6]", "needs 3"), {"top_k": 2}),
    Wrong("moe", _moe_with(3, _f(4, 2)), ("b1 [4, 2]", "w1 [4, 3, 6]"), {"top_k": 2}),
    Wrong("moe", _moe_with(4, _f(5, 6, 3)), ("w2 [5, 6, 3]", "gate_w [4, 6]"), {"top_k": 2}),
    Wrong("moe", _moe_with(5, _f(4, 7)), ("b2 [4, 7]", "x [2, 6]"), {"top_k": 2}),
    Wrong("moe", (*_MOE_TYPES, _i(2, 3)), ("forced_ids [2, 3]", "top_k 2"), {"top_k": 2}),
    Wrong("moe", _MOE_TYPES, ("top_k is 5", "gate_w [4, 6]"), {"top_k": 5}),
)
