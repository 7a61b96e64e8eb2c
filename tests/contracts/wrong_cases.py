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


def _b(*shape: int) -> Tensor:
    return Tensor(shape, DType("bool", 8))


def _u8(*shape: int) -> Tensor:
    return Tensor(shape, DType("uint", 8))


_OF_REALS = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "exp", "floor", "hard_swish"),
    *("log", "mish", "reciprocal", "round", "rsqrt", "sigmoid", "silu", "sin", "sinh", "softsign", "sqrt", "tan"),
    *("tanh", "leaky_relu", "elu", "celu", "selu", "hard_sigmoid", "softplus", "thresholded_relu", "softmax"),
    *("log_softmax",),
)
_OF_NUMBERS = ("pow", "mod", "maximum", "minimum", "less", "less_equal", "greater", "greater_equal")
_OF_BITS = ("bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right")
_REDUCTIONS = ("mean", "max", "min", "prod", "l1", "l2", "sum_square", "log_sum", "log_sum_exp")
_SQUARE: dict[str, AttrValue] = {"kernel": (3, 3)}
_Q = _f(1, 2, 4, 5)
_SCALE: dict[str, AttrValue] = {"scale": 1.0}

_DYNAMIC = (_f(2, 4, 5, 5), _f(3, 6, 4, 3, 3), _f(2, 4), _f(3, 2), _f(3))
_DEPLOYED = (_f(2, 4, 5, 5), _f(3, 7), *_DYNAMIC[2:], _f(6, 4, 3, 3), None, _i(7))
_EXCHANGE = (
    *(_f(1, 4, 6, 6), _f(1, 4, 6, 6), _f(4, 4, 3, 3), _f(4), _f(2, 4, 1, 1), _f(2), _f(2, 4, 1, 1), _f(2)),
    *(_f(3, 4, 1, 1), _f(3), _f(4, 5, 1, 1), _f(4), _f(2, 4, 3, 3), _f(2, 4, 3, 3), _f(3)),
)


def _other(types: tuple[Tensor | None, ...], index: int, tensor: Tensor | None) -> tuple[Tensor | None, ...]:
    return (*types[:index], tensor, *types[index + 1 :])


WRONG = (
    Wrong("dynamic_conv2d", _other(_DYNAMIC, 1, _f(3, 6, 5, 3, 3)), ("kernels [3, 6, 5, 3, 3]", "x [2, 4, 5, 5]")),
    Wrong("dynamic_conv2d", _other(_DYNAMIC, 2, _f(2, 5)), ("fc1_w [2, 5]", "x [2, 4, 5, 5]")),
    Wrong("dynamic_conv2d", _other(_DYNAMIC, 3, _f(4, 2)), ("fc2_w [4, 2]", "kernels [3, 6, 4, 3, 3]")),
    Wrong("dynamic_conv2d", (*_DYNAMIC, _f(6, 4, 3, 3)), ("either a mask or positions",)),
    Wrong("dynamic_conv2d", (*_DYNAMIC, None, _b(6, 4, 3, 3)), ("need static_w",)),
    Wrong(
        "dynamic_conv2d", (*_DYNAMIC, _f(6, 4, 3, 3), _b(6, 4, 3, 1)), ("mask [6, 4, 3, 1]", "static_w [6, 4, 3, 3]")
    ),
    Wrong("dynamic_conv2d", _other(_DEPLOYED, 7, _i(8)), ("kernels [3, 7]", "positions [8]")),
    Wrong("dynamic_conv2d", (*_DEPLOYED, _f(3, 5)), ("b [3, 5]", "[3, 6]")),
    Wrong("dynamic_conv2d", _DYNAMIC, ("temperature", "above 0"), {"temperature": 0.0}),
    Wrong("pixel_difference_conv2d", (_f(1, 3, 5, 5), _f(4, 3, 2, 3)), ("w [4, 3, 2, 3]", "odd"), {"theta": 0.7}),
    Wrong("pixel_difference_conv2d", (_f(1, 3, 5, 5), _f(4, 3, 3, 3)), ("theta", "0 to 1"), {"theta": 1.5}),
    Wrong("pixel_difference_conv2d", (_f(1, 3, 5, 5), _f(4, 2, 3, 3)), ("w [4, 2, 3, 3]", "x"), {"theta": 0.7}),
    Wrong("adapted_linear", (_f(2, 5), _f(4, 6)), ("w [4, 6]", "x [2, 5]")),
    Wrong("adapted_linear", (_f(2, 5), _f(4, 5), _f(2, 5)), ("both lora_a and lora_b",)),
    Wrong("adapted_linear", (_f(2, 5), _f(4, 5), _f(2, 5), _f(4, 3)), ("lora_b [4, 3]", "lora_a [2, 5]")),
    Wrong("adapted_linear", (_f(2, 5), _f(4, 5), _f(2, 5), _f(4, 2), None, _i(2)), ("lora_b [4, 2]", "rows kept")),
    Wrong("adapted_linear", (_f(2, 5), _f(4, 5), None, None, None, _i(5)), ("kept_rows [5]", "more than the 4")),
    Wrong("adapted_linear", (_f(2, 5), _f(4, 5), None, None, None, _i(1)), ("blocks of 3",), {"block": 3}),
    Wrong("cross_task_attention", _other(_EXCHANGE, 1, _f(1, 4, 6, 5)), ("source [1, 4, 6, 5]", "target [1, 4, 6, 6]")),
    Wrong("cross_task_attention", _EXCHANGE, ("target [1, 4, 6, 6]", "4 x 4"), {"downsample": 4}),
    Wrong("cross_task_attention", _other(_EXCHANGE, 6, _f(3, 4, 1, 1)), ("k_w [3, 4, 1, 1]", "q_w [2, 4, 1, 1]")),
    Wrong("cross_task_attention", _other(_EXCHANGE, 8, _f(3, 4, 3, 3)), ("v_w [3, 4, 3, 3]", "1x1")),
    Wrong("cross_task_attention", _other(_EXCHANGE, 10, _f(4, 3, 1, 1)), ("project_w [4, 3, 1, 1]", "needs 5")),
    Wrong("cross_task_attention", _other(_EXCHANGE, 13, None), ("self_w and self_gate_w",)),
    Wrong("cross_task_attention", _other(_EXCHANGE, 2, _f(4, 4, 2, 3)), ("extract_w [4, 4, 2, 3]", "odd")),
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
    *(Wrong(op, (_i(3),), ("x [3]", "int64")) for op in _OF_REALS),
    *(Wrong(op, (_b(3),), ("x [3]", "bool")) for op in ("abs", "neg", "sign", "clip")),
    Wrong("logical_not", (_f(3),), ("x [3]", "true or false")),
    Wrong("bitwise_not", (_f(3),), ("x [3]", "integers")),
    Wrong("elu", (_f(3),), ("alpha", "needs a number"), {"alpha": "big"}),
    *(Wrong(op, (_b(2), _b(2)), ("a [2]", "bool")) for op in _OF_NUMBERS),
    *(Wrong(op, (_f(2), _f(2)), ("a [2]", "integers")) for op in _OF_BITS),
    *(Wrong(op, (_f(2), _f(2)), ("a [2]", "float32")) for op in ("logical_and", "logical_or", "logical_xor")),
    *(Wrong(op, (_f(2, 3), _f(4)), ("a [2, 3]", "b [4]")) for op in ("equal", "not_equal", "maximum")),
    Wrong("div", (_f(2), _f(2)), ("rounding", "trunc"), {"rounding": "trnc"}),
    Wrong("where", (_f(2), _f(2), _f(2)), ("condition [2]", "true or false")),
    Wrong("where", (_b(2), _f(2), _i(2)), ("b is int64", "a is float32")),
    Wrong("where", (_b(2), _f(3), _f(3)), ("condition [2]", "a [3]")),
    Wrong("clip", (_f(2),), ("low", "needs a number"), {"low": "0"}),
    Wrong("prelu", (_f(3), _f(2, 3)), ("slope [2, 3]", "x [3]")),
    Wrong("cast", (_f(2),), ("dtype", "float32"), {"dtype": "flaot32"}),
    Wrong("trilu", (_f(2),), ("x [2]", "at least 2"), {"upper": True}),
    *(Wrong(f"reduce_{kind}", (_f(2, 3),), ("axis 2",), {"axes": (2,)}) for kind in _REDUCTIONS),
    Wrong("reduce_mean", (_i(2, 3),), ("x [2, 3]", "int64"), {"axes": (0,)}),
    *(Wrong(op, (_f(2, 0),), ("x [2, 0]", "axis 1"), {"axis": 1}) for op in ("arg_max", "arg_min")),
    Wrong("cum_sum", (_f(2),), ("axis 1",), {"axis": 1}),
    *(Wrong(op, (_f(1, 3, 2, 5),), ("x [1, 3, 2, 5]", "larger"), _SQUARE) for op in ("max_pool2d", "avg_pool2d")),
    *(
        Wrong(op, (_f(1, 1, 4, 4),), ("no pixel", "window of 3"), {**_SQUARE, "padding": (3, 0, 0, 0)})
        for op in ("max_pool2d", "avg_pool2d")
    ),
    Wrong("avg_pool2d", (_u8(1, 1, 4, 4),), ("uint8", "real numbers"), _SQUARE),
    Wrong("conv_transpose2d", (_f(1, 3, 5, 5), _f(4, 2, 3, 3)), ("w [4, 2, 3, 3]", "x [1, 3, 5, 5]")),
    Wrong("conv_transpose2d", (_f(1, 4, 1, 1), _f(4, 2, 1, 1)), ("leaves nothing",), {"padding": (1, 0, 0, 0)}),
    Wrong("conv_transpose2d", (_f(1, 3, 1, 1), _f(3, 2, 1, 1)), ("2 groups",), {"groups": 2}),
    Wrong("group_norm", (_f(2, 6, 3),), ("x [2, 6, 3]", "4 groups"), {"groups": 4}),
    Wrong("instance_norm", (_f(2, 6, 3), _f(5)), ("w [5]", "x [2, 6, 3]")),
    Wrong("rms_norm", (_f(2, 8), _f(7)), ("w [7]", "x [2, 8]", "[8]")),
    Wrong("local_response_norm", (_f(2, 8),), ("size", "at least 1"), {"size": 0}),
    Wrong("attention", (_Q, _Q, _Q, _f(3, 4)), ("mask [3, 4]", "[1, 2, 4, 4]"), _SCALE),
    Wrong("attention", (_Q, _Q, _Q, _i(4, 4)), ("mask is int64", "q is float32"), _SCALE),
    Wrong("rotary_embedding", (_f(4, 5), _f(4, 2), _f(4, 2)), ("x [4, 5]", "odd")),
    Wrong("rotary_embedding", (_f(4, 6), _f(3, 3), _f(4, 3)), ("cos [3, 3]", "[4, 3]")),
    Wrong("einsum", (_f(2, 3), _f(4, 5)), ("xs[1] [4, 5]", "'j'"), {"equation": "ij,jk->ik"}),
    Wrong("einsum", (_f(2, 3),), ("2 operands",), {"equation": "ij,jk->ik"}),
    Wrong("einsum", (_f(2, 2),), ("twice",), {"equation": "ii->i"}),
    Wrong("einsum", (_f(2, 2),), ("of nothing",), {"equation": "ij->k"}),
    Wrong("einsum", (_f(2, 2),), ("letters",), {"equation": "...j->j"}),
    Wrong("einsum", (_f(2, 2),), ("needs text",), {"equation": 1}),
    Wrong("fixed_point", (_i(2),), ("x [2]", "int64"), {"bits": 8, "integer_bits": 4}),
    Wrong("fixed_point", (_f(2),), ("bits", "0", "at least 1"), {"bits": 0, "integer_bits": 4}),
    Wrong("fixed_point", (_f(2),), ("rounding", "'up'"), {"bits": 8, "integer_bits": 4, "rounding": "up"}),
    Wrong("quantize_linear", (_f(2, 3), _f(2)), ("scale [2]", "x [2, 3]")),
    Wrong("quantize_linear", (_f(2, 3), _f(), _i()), ("zero_point", "int64", "uint8")),
    Wrong("quantize_linear", (_f(2, 3), _f(1, 1)), ("scale [1, 1]", "none or one")),
    Wrong("dequantize_linear", (_f(2, 3), _f()), ("x [2, 3]", "integers")),
    Wrong("dequantize_linear", (_u8(2, 3), _f(3), _u8()), ("zero_point []", "scale [3]")),
    Wrong("resize", (_f(1, 1, 2, 2),), ("nearest", "floor"), {"size": (6, 6), "nearest": "flor"}),
    Wrong("resize", (_f(1, 1, 2, 2),), ("scales", "two numbers"), {"size": (6, 6), "scales": (1.0,)}),
    Wrong("resize", (_f(1, 1, 2, 2),), ("scales", "above 0"), {"size": (6, 6), "scales": (1.0, 0.0)}),
    Wrong("resize", (_f(1, 1, 0, 2),), ("x [1, 1, 0, 2]", "without pixels"), {"size": (6, 6)}),
    Wrong("pad", (_f(2, 3),), ("pads", "needs 4"), {"pads": (1, 1)}),
    Wrong("pad", (_f(2),), ("x [2]", "cut more"), {"pads": (-2, -1)}),
    Wrong("pad", (_f(0),), ("x [0]", "nothing to repeat"), {"pads": (1, 0), "mode": "edge"}),
    Wrong("pad", (_f(2),), ("value", "needs a number"), {"pads": (1, 0), "value": "0"}),
    Wrong("tile", (_f(2, 3),), ("repeats", "needs 2"), {"repeats": (2,)}),
    Wrong("reverse", (_f(2, 3),), ("twice",), {"axes": (1, -1)}),
    Wrong("split", (_f(2, 3),), ("sizes (1, 1)", "x [2, 3]"), {"axis": 1, "sizes": (1, 1)}),
    Wrong("depth_to_space", (_f(1, 6, 2, 2),), ("x [1, 6, 2, 2]", "2 x 2"), {"block": 2}),
    Wrong("space_to_depth", (_f(1, 6, 3, 2),), ("x [1, 6, 3, 2]", "2 x 2"), {"block": 2}),
    Wrong("gather_elements", (_f(2, 3), _i(3, 1)), ("indices [3, 1]", "axis 0"), {"axis": 1}),
    Wrong("gather_nd", (_f(2, 3), _i(4, 3)), ("indices [4, 3]", "x [2, 3]")),
    Wrong("gather_nd", (_f(2, 3), _i(3, 1)), ("x [2, 3]", "differ"), {"batch_dims": 1}),
    Wrong("scatter_elements", (_f(2, 3), _i(2, 1), _f(1, 1)), ("updates [1, 1]", "indices [2, 1]")),
    Wrong("scatter_elements", (_f(3), _i(2), _f(2)), ("reduction", "add"), {"reduction": "ad"}),
    Wrong("scatter_nd", (_f(4, 3), _i(2, 1), _f(2, 2)), ("updates [2, 2]", "[2, 3]")),
    Wrong("scatter_nd", (_b(4), _i(2, 1), _b(2)), ("x [4]", "bool"), {"reduction": "min"}),
    Wrong("scatter_nd", (_f(4), _i(2, 2), _f(2)), ("indices [2, 2]", "x [4]")),
)
