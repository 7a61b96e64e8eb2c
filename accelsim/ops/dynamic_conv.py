"""dynamic_conv2d: a convolution whose kernel is mixed anew for every sample, wholly or at some positions.

Attention of a sample: p = softmax((fc2_w relu(fc1_w mean(x)) + fc2_b) / temperature) over the K kernels, the mean over
height and width. Kernel of a sample: sum_k p_k kernels_k where its mode is dynamic, `static_w` where it is static.
After dynamic convolution (arXiv 1912.03458) and partially dynamic networks, PAD-Net (arXiv 2211.05528). PAD-Net's two
scales (lambda) are constants after training and belong into the kernels.

Three forms hold the kernel [O, I/groups, kh, kw]:
* dynamic throughout: `kernels` [K, O, I/groups, kh, kw] and no `static_w`;
* as trained: both, and `mask` (of the kernel's shape, true where dynamic), K + 1 whole kernels in store;
* deployed: `kernels` [K, P] holds only the values at the P `positions` of the flattened kernel, which are all
  different; `static_w` is stored once, and what stands in it at the positions is not used.
`b` is one bias [O], or K of them [K, O] mixed as the kernels are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ops.attributes import real
from accelsim.ops.conv import convolve
from accelsim.ops.conv_geometry import CONV_ATTRS, Geometry
from accelsim.ops.dynamic_conv_expansions import expand_merged, expand_mixed
from accelsim.ops.dynamic_conv_work import dynamic_conv_work
from accelsim.ops.operands import BOOL, INTEGER, Operands, optional, required
from accelsim.ops.softmax import softmax_along
from accelsim.ops.spec import Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, ShapeError
from accelsim.ops.values import check_indices

_OP = "dynamic_conv2d"
_INPUTS = ("x", "kernels", "fc1_w", "fc2_w", "fc2_b", "static_w?", "mask?", "positions?", "b?")
_STATIC, _MASK, _POSITIONS, _BIAS = range(5, 9)
_WHOLE_KERNELS = 5


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    geometry = Geometry.of(_OP, attrs)
    if real(_OP, attrs, "temperature") <= 0:
        raise ShapeError(f"{_OP}: attribute temperature is {attrs['temperature']}, needs a number above 0")
    operands = Operands(_OP, _INPUTS, types)
    x, kernels = operands.get(0, rank=4), operands.get(1, min_rank=2)
    operands.same_dtype(0, 1, 2, 3, 4, _STATIC, _BIAS)
    count = kernels.shape[0]
    hidden = operands.get(2, rank=2).shape[0]
    operands.get(3, rank=2)
    operands.get(4, rank=1)
    operands.fit(2, 1, x.shape[1], f"the channels of {operands.show(0)}")
    operands.fit(3, 1, hidden, f"the outputs of {operands.show(2)}")
    for index in (3, 4):
        operands.fit(index, 0, count, f"the kernels of {operands.show(1)}")
    source, shape = _kernel(operands, kernels)
    y = geometry.result(operands, source, shape)
    bias = operands.maybe(_BIAS)
    if bias is not None and bias.shape not in ((shape[0],), (count, shape[0])):
        operands.fail(f"{operands.show(_BIAS)} needs [{shape[0]}] or [{count}, {shape[0]}]")
    return y, Tensor((x.shape[0], count), x.dtype)


def _kernel(operands: Operands, kernels: Tensor) -> tuple[int, tuple[int, ...]]:
    """Which operand tells the shape of the kernel, and that shape. The three forms are checked here."""
    static = operands.maybe(_STATIC, rank=4)
    mask = operands.maybe(_MASK, rank=4, kinds=BOOL)
    positions = operands.maybe(_POSITIONS, rank=1, kinds=INTEGER)
    if static is None:
        if mask is not None or positions is not None:
            operands.fail("a mask or positions need static_w for what is not dynamic")
        return 1, operands.get(1, rank=_WHOLE_KERNELS).shape[1:]
    if (mask is None) == (positions is None):
        operands.fail("static_w needs either a mask or positions")
    if mask is not None:
        operands.get(1, rank=_WHOLE_KERNELS)
        for index, shape in ((1, kernels.shape[1:]), (_MASK, mask.shape)):
            if shape != static.shape:
                operands.fail(f"{operands.show(index)} and {operands.show(_STATIC)} differ")
    if positions is not None:
        operands.get(1, rank=2)
        operands.fit(1, 1, positions.shape[0], f"the positions of {operands.show(_POSITIONS)}")
        if not 1 <= positions.shape[0] <= static.elements:
            operands.fail(f"{operands.show(_POSITIONS)} needs 1 to {static.elements} of {operands.show(_STATIC)}")
    return _STATIC, static.shape


def kernel_attention(x: Array, weights: tuple[Array, Array, Array], temperature: float) -> Array:
    """Shares [N, K] of the kernels for the samples of x [N, C, H, W]; `weights` are fc1_w, fc2_w and fc2_b."""
    fc1, fc2, bias = weights
    pooled = x.mean(axis=(2, 3), dtype=x.dtype)
    logits = np.maximum(pooled @ fc1.T, 0) @ fc2.T + bias
    return softmax_along(logits / x.dtype.type(temperature), -1)


@dataclass(frozen=True)
class DynamicKernel:
    """What the kernels of the samples are mixed from. Raises InputError for positions that are not there."""

    kernels: Array
    static: Array | None
    mask: Array | None
    positions: Array | None

    @classmethod
    def of(cls, arrays: MaybeArrays) -> DynamicKernel:
        kernel = cls(required(arrays, 1), *(optional(arrays, index) for index in (_STATIC, _MASK, _POSITIONS)))
        if kernel.positions is not None and kernel.static is not None:
            check_indices(_OP, "positions", kernel.positions, kernel.static.size)
        return kernel

    @property
    def shape(self) -> tuple[int, ...]:
        """[O, I/groups, kh, kw]."""
        return self.kernels.shape[1:] if self.static is None else self.static.shape

    def mixed(self, shares: Array) -> Array:
        """The kernel of one sample from its shares [K]."""
        dynamic = np.tensordot(shares, self.kernels, axes=1)
        if self.static is None:
            return dynamic
        if self.mask is not None:
            return np.where(self.mask, dynamic, self.static)
        kernel = self.static.copy()
        kernel.reshape(-1)[self.positions] = dynamic
        return kernel


def _reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    """Sample by sample: its kernel, then the convolution."""
    x, fc1, fc2, fc2_bias = (required(arrays, index) for index in (0, 2, 3, 4))
    geometry, kernel, b = Geometry.of(_OP, attrs), DynamicKernel.of(arrays), optional(arrays, _BIAS)
    attention = kernel_attention(x, (fc1, fc2, fc2_bias), real(_OP, attrs, "temperature"))
    size = geometry.size(x.shape[2:], kernel.shape[2:])
    y = np.empty((x.shape[0], kernel.shape[0], *size), x.dtype)
    for sample, shares in enumerate(attention):
        y[sample] = convolve(x[sample : sample + 1], kernel.mixed(shares), geometry)[0]
        if b is not None:
            y[sample] += (b if b.ndim == 1 else shares @ b)[:, None, None]
    return y, attention


DYNAMIC_CONV2D = OpSpec(
    _OP,
    _INPUTS,
    ("y", "attention"),
    _infer,
    _reference,
    dynamic_conv_work,
    attrs={"temperature": 1.0, **CONV_ATTRS},
    expansions={"merged": expand_merged, "mixed": expand_mixed},
    shares="attention",
    parts=(
        *("pool", "fc1", "fc1_relu", "fc2", "attention", "attention_div"),
        *("aggregate", "aggregate_bias", "place", "main", "blend"),
    ),
)
