"""cross_task_attention: what one task's features tell another's, for one ordered pair of tasks of an exchange block.

After DenseMTL (arXiv 2206.08927): the source's features pass an extractor; a branch of the target's own gating (`self`)
and one of correlation-guided attention meet in a 1x1 projection.

e    = relu(extract * source)
own  = (self_w * e) . sigmoid(self_gate_w * e)
q    = relu(q * every s-th pixel of target),  k, v = relu(k, v * max over s x s of e),  s = `downsample`
x    = alpha . nearest_upsample_s(softmax(q k^T / sqrt(width of q)) v)
y    = relu(project * [own, x])

`*` is a convolution that keeps height and width, batch norms folded into its weights and bias, `.` a product of
elements. Without `self_w` the projection sees x alone; without `alpha` x is not scaled. What the pairs of one target
give is joined outside: target + relu(fuse * [y of each source]). Sources in a fixed order: the published code's order
depends on the hash seed of Python.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ops.attributes import integer
from accelsim.ops.conv import convolve
from accelsim.ops.conv_geometry import Geometry
from accelsim.ops.cross_task_expansions import expand_cross_task, expand_rewritten
from accelsim.ops.cross_task_forms import INPUTS, cross_task_work, same_padding
from accelsim.ops.operands import Operands, optional, required
from accelsim.ops.softmax import softmax_along
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec
from accelsim.ops.unary import sigmoid

_OP = "cross_task_attention"
_AT = {name.rstrip("?"): index for index, name in enumerate(INPUTS)}


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    step = integer(_OP, attrs, "downsample", least=1)
    operands = Operands(_OP, INPUTS, types)
    target = operands.get(0, rank=4)
    operands.get(1, rank=4)
    operands.same_dtype(*range(len(INPUTS)))
    if operands.get(1).shape != target.shape:
        operands.fail(f"{operands.show(1)} and {operands.show(0)} differ")
    if target.shape[2] % step or target.shape[3] % step:
        operands.fail(f"{operands.show(0)} does not split into {step} x {step} pixels")
    channels = target.shape[1]
    made = _weight(operands, "extract_w", channels, sides=True)
    _bias(operands, "extract_b", made)
    own = _own(operands, made)
    query, key, value = (_weight(operands, f"{one}_w", channels if one == "q" else made) for one in "qkv")
    if key != query:
        operands.fail(f"{operands.show(_AT['k_w'])} and {operands.show(_AT['q_w'])} differ in their outputs")
    for one, width in (("q", query), ("k", key), ("v", value)):
        _bias(operands, f"{one}_b", width)
    if operands.maybe(_AT["alpha"]) is not None:
        _bias(operands, "alpha", value)
    outputs = _weight(operands, "project_w", own + value)
    _bias(operands, "project_b", outputs)
    return (Tensor((target.shape[0], outputs, *target.shape[2:]), target.dtype),)


def _weight(operands: Operands, name: str, channels: int, *, sides: bool = False) -> int:
    """Checks the weights [outputs, channels, side, side] of a convolution (1x1 unless `sides`); gives its outputs."""
    index = _AT[name]
    w = operands.get(index, rank=4)
    operands.fit(index, 1, channels, "the channels it is applied to")
    if sides and not (w.shape[2] % 2 and w.shape[3] % 2):
        operands.fail(f"{operands.show(index)} has no centre; its sides must be odd")
    if not sides and w.shape[2:] != (1, 1):
        operands.fail(f"{operands.show(index)} needs a 1x1 kernel")
    return w.shape[0]


def _bias(operands: Operands, name: str, width: int) -> None:
    operands.get(_AT[name], rank=1)
    operands.fit(_AT[name], 0, width, "one number for each channel")


def _own(operands: Operands, channels: int) -> int:
    """Channels of the branch of self-gating, 0 where it is absent."""
    first, second = (operands.maybe(_AT[name]) for name in ("self_w", "self_gate_w"))
    if first is None and second is None:
        return 0
    if first is None or second is None or first.shape != second.shape:
        operands.fail("self_w and self_gate_w must be of one shape, or both be absent")
    _weight(operands, "self_gate_w", channels, sides=True)
    return _weight(operands, "self_w", channels, sides=True)


def _same(x: Array, w: Array, b: Array | None = None) -> Array:
    """A convolution that keeps height and width."""
    y = convolve(x, w, Geometry((1, 1), same_padding(w.shape), (1, 1), 1))
    return y if b is None else y + b[:, None, None]


def _relu(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0))


def _reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    def given(name: str) -> Array:
        return required(arrays, _AT[name])

    target, source, step = given("target"), given("source"), integer(_OP, attrs, "downsample")
    batch, _, height, width = target.shape
    features = _relu(_same(source, given("extract_w"), given("extract_b")))
    tiles = features.reshape(batch, -1, height // step, step, width // step, step).max(axis=(3, 5))
    q = _relu(_same(target[:, :, ::step, ::step], given("q_w"), given("q_b")))
    k, v = (_relu(_same(tiles, given(f"{one}_w"), given(f"{one}_b"))) for one in "kv")
    queries, keys, values = (array.reshape(batch, array.shape[1], -1) for array in (q, k, v))
    scale = q.dtype.type(1 / math.sqrt(q.shape[1]))
    shares = softmax_along(queries.swapaxes(1, 2) @ keys * scale, -1)
    context = (values @ shares.swapaxes(1, 2)).reshape(v.shape)
    x = context.repeat(step, axis=2).repeat(step, axis=3)
    alpha, own = optional(arrays, _AT["alpha"]), optional(arrays, _AT["self_w"])
    if alpha is not None:
        x = x * alpha[:, None, None]
    if own is not None:
        gate = sigmoid(_same(features, given("self_gate_w")))
        x = np.concatenate([_same(features, own) * gate, x], axis=1)
    return (_relu(_same(x, given("project_w"), given("project_b"))),)


CROSS_TASK_ATTENTION = OpSpec(
    _OP,
    INPUTS,
    ("y",),
    _infer,
    _reference,
    cross_task_work,
    attrs={"downsample": 1},
    expansions={"primitives": expand_cross_task, "rewritten": expand_rewritten},
    parts=(
        *("extract", "extract_relu", "pool", "q", "q_relu", "k", "k_relu", "v", "v_relu"),
        *("scores", "softmax", "softmax_div", "context", "alpha"),
        *("self", "self_gate", "self_sigmoid", "self_mul", "project", "project_relu"),
    ),
)
