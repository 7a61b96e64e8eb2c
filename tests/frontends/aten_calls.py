"""Sample calls of torch, of which a test checks that each keeps its meaning in the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

aten = torch.ops.aten

Calls = Mapping[str, Callable[[Tensor, Tensor], "Tensor | tuple[Tensor, ...]"]]

# x is IMAGE [2, 4, 6, 5], w is KERNEL [6, 2, 3, 2]; both are inputs of the model, so that nothing is folded.
_FIRST: Calls = {
    "view": lambda x, w: x.view(8, -1),
    "flatten": lambda x, w: x.flatten(1, 2),
    "unsqueeze and squeeze": lambda x, w: x.unsqueeze(1).transpose(0, 1).squeeze(0),
    "squeeze of all": lambda x, w: x[:1, :, :1].squeeze() + x[:1].squeeze(dim=(0, 1)).sum(),
    "transpose with negative axes": lambda x, w: x.transpose(-1, -3),
    "matrix transpose": lambda x, w: x[0, 0].t() @ x[0, 1].T.T,
    "permute": lambda x, w: x.permute(3, -4, 2, 1),
    "slice with a step and negative bounds": lambda x, w: x[:, 1:-1, ::2],
    "select of the last": lambda x, w: x[:, -1],
    "unbind": lambda x, w: x.unbind(2)[1] + x.unbind(2)[5],
    "split": lambda x, w: x.split(4, dim=2)[1] * x.split([2, 4], dim=2)[0],
    "chunk with a short end": lambda x, w: x.chunk(4, dim=3)[2],
    "stack on a negative axis": lambda x, w: torch.stack([x, x + 1], dim=-1),
    "cat": lambda x, w: torch.cat([x, x], dim=-2),
    "calls of other exporters": lambda x, w: aten._unsafe_view(
        aten.sub.Scalar(aten.div.Scalar(aten.mul.Scalar(aten.add.Scalar(x, 1), 2), 3), 4), [48, 5]
    ),
    "softmax of other exporters": lambda x, w: aten._softmax(x, 2, False),
    "convolution of other exporters": lambda x, w: aten.convolution(
        x, w, None, [1, 1], [1, 0], [1, 1], False, [0, 0], 2
    ),
    "expand": lambda x, w: x[:1, :, :1].expand(3, -1, 6, 5),
    "numbers on both sides": lambda x, w: (2.0 - x) * 3 - 1.5 / 2 + (-x) / 4.0,
    "constants in the model": lambda x, w: x + torch.arange(5).float() * torch.full((6, 1), 0.5),
    "matmul with broadcast": lambda x, w: x @ x[0, 0].transpose(0, 1),
    "average of a window larger than the image": lambda x, w: F.avg_pool2d(x, 9, ceil_mode=True),
    "outer": lambda x, w: torch.outer(x[0, 0, 0], w[:, 0, 0, 0]),
    "bmm": lambda x, w: torch.bmm(x[0], x[1].transpose(1, 2)),
    "mm": lambda x, w: torch.mm(x[0, 0], x[0, 1].T),
    "addmm": lambda x, w: torch.addmm(x[0, 0, :, 0], x[0, 0], x[0, 1].T),
    "linear without bias": lambda x, w: F.linear(x, x[0, 0]),
    "conv2d with groups, strides, dilation": lambda x, w: F.conv2d(
        x, w, None, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2
    ),
    "conv2d that keeps the size": lambda x, w: F.conv2d(x, w[..., :1], padding="same", groups=2),
    "layer_norm over two axes": lambda x, w: F.layer_norm(x, (6, 5), eps=1e-3),
    "layer_norm with a shift only": lambda x, w: F.layer_norm(x, (5,), None, x[0, 0, 0]),
    "softmax over channels": lambda x, w: torch.softmax(x, dim=1),
    "gelu by tanh": lambda x, w: F.gelu(x, approximate="tanh"),
    "relu in place of a slice": lambda x, w: F.relu(x[:, :2]),
    "attention with a scale": lambda x, w: F.scaled_dot_product_attention(x, x, x, scale=0.7),
    "sum of some axes": lambda x, w: x.sum(dim=(1, -1), keepdim=True),
    "mean": lambda x, w: x.mean(dim=2) + x.mean(),
    "bilinear to a size": lambda x, w: F.interpolate(x, size=(9, 4), mode="bilinear"),
    "bilinear with aligned corners": lambda x, w: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    "nearest": lambda x, w: F.interpolate(x, size=(11, 3), mode="nearest"),
    "topk": lambda x, w: tuple(torch.topk(x, 3, dim=2)) + tuple(torch.topk(x, 2, dim=1, largest=False)),
    "argsort": lambda x, w: torch.argsort(x, dim=-1, stable=True),
    "index_select": lambda x, w: torch.index_select(x, 2, torch.argsort(x[0, 0, :3, 0], stable=True)),
    "embedding": lambda x, w: F.embedding(torch.argsort(x[0, 0], dim=0, stable=True), x[0, 0]),
}

_NETWORK: Calls = {
    "conv1d": lambda x, w: F.conv1d(x[0, :, :4], w[:, :, :, 0], None, 2, 1, 1, groups=2),
    "conv1d that keeps the size": lambda x, w: F.conv1d(
        x[0], w[:, 0].mean(-1).reshape(6, 1, 3), padding="same", groups=6
    ),
    "conv_transpose1d": lambda x, w: F.conv_transpose1d(x[0], w[:, 0], stride=2, padding=1, output_padding=1),
    "conv_transpose2d": lambda x, w: F.conv_transpose2d(
        x, w[:4], stride=(2, 1), padding=(1, 0), output_padding=(1, 0), groups=2, dilation=(1, 2)
    ),
    "transposed convolution of other exporters": lambda x, w: aten.convolution(
        x, w[:4], None, [1, 1], [1, 0], [1, 1], True, [0, 0], 2
    ),
    "max_pool2d": lambda x, w: F.max_pool2d(x, (3, 2), stride=(2, 1), padding=1, dilation=(2, 1), ceil_mode=True),
    "max_pool2d with its own stride": lambda x, w: F.max_pool2d(x, 2),
    "max_pool2d of other exporters": lambda x, w: aten.max_pool2d_with_indices(x, [2, 2])[0],
    "max_pool1d": lambda x, w: F.max_pool1d(x[0], 3, stride=2, padding=1),
    "avg_pool1d": lambda x, w: F.avg_pool1d(x[0], 3, stride=2, padding=1),
    "avg_pool2d": lambda x, w: F.avg_pool2d(x, 3, stride=2, padding=1),
    "avg_pool2d without its padding": lambda x, w: F.avg_pool2d(
        x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False
    ),
    "global average": lambda x, w: F.adaptive_avg_pool2d(x, 1),
    "global average of rows": lambda x, w: F.adaptive_avg_pool1d(x[0], 1),
    "adaptive windows": lambda x, w: F.adaptive_avg_pool2d(x, (3, 5)) + F.adaptive_avg_pool2d(x, (6, 5))[:, :, :3],
    "group_norm": lambda x, w: F.group_norm(x, 2, x[0, :, 0, 0], x[0, :, 1, 1]),
    "instance_norm": lambda x, w: F.instance_norm(x, weight=x[0, :, 0, 0], bias=x[0, :, 1, 1]),
    "rms_norm": lambda x, w: F.rms_norm(x, (5,), x[0, 0, 0]) + F.rms_norm(x, (6, 5), eps=1e-3),
    "batch_norm without scales": lambda x, w: F.batch_norm(x, x[0, :, 0, 0], x[0, :, 1, 1] ** 2),
    "log_softmax": lambda x, w: F.log_softmax(x, dim=1) + aten._log_softmax(x, 2, False),
    "softmax in another format": lambda x, w: torch.softmax(x, dim=1, dtype=torch.float64),
    "attention with a mask": lambda x, w: F.scaled_dot_product_attention(x, x, x, attn_mask=x[0, :1, :, :1] - 1),
    "attention with a bool mask": lambda x, w: F.scaled_dot_product_attention(x, x, x, attn_mask=x[0, 0, :, :1] > 0),
    "causal attention": lambda x, w: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "attention with shared heads": lambda x, w: F.scaled_dot_product_attention(x, x[:, :2], x[:, 2:], enable_gqa=True),
    "einsum": lambda x, w: torch.einsum("bchw,bdhw->bcd", x, x),
    "bicubic": lambda x, w: F.interpolate(x, size=(9, 4), mode="bicubic"),
    "bicubic with aligned corners": lambda x, w: F.interpolate(x, size=(9, 4), mode="bicubic", align_corners=True),
    "exact nearest": lambda x, w: F.interpolate(x, size=(11, 3), mode="nearest-exact"),
    "dropout": lambda x, w: F.dropout(x, training=False) + 1,
}

_MATH: Calls = {
    "functions of one element": lambda x, w: tuple(
        f(x) for f in (torch.abs, torch.ceil, torch.cos, torch.erf, torch.exp, torch.floor, torch.neg, torch.round)
    ),
    "more functions of one element": lambda x, w: tuple(
        f(x) for f in (torch.reciprocal, torch.sigmoid, torch.sign, torch.sin, torch.tanh, torch.atan, torch.square)
    ),
    "hyperbolic functions": lambda x, w: tuple(f(x) for f in (torch.cosh, torch.sinh)),
    "functions of positive numbers": lambda x, w: tuple(f(x.abs() + 0.1) for f in (torch.log, torch.rsqrt, torch.sqrt)),
    "functions on an interval": lambda x, w: tuple(f(x.tanh() * 0.9) for f in (torch.acos, torch.asin, torch.tan)),
    "activations": lambda x, w: tuple(f(x) for f in (F.silu, F.mish, F.hardswish, F.hardsigmoid, F.relu6)),
    "activations with constants": lambda x, w: (
        F.leaky_relu(x, 0.2),
        F.elu(x, 0.5),
        F.selu(x),
        F.celu(x, 0.7),
        F.softplus(x, beta=2),
        F.prelu(x, x[0, :, 0, 0]),
        F.prelu(x, x[0, 0, 0, :1]),
        F.hardtanh(x, -0.3, 0.6),
    ),
    "glu": lambda x, w: F.glu(x, dim=1),
    "bounds": lambda x, w: (
        x.clamp(-0.5, 0.5),
        x.clamp(max=0.3),
        x.clamp_min(0.1),
        x.clamp_max(0.1),
        x.clamp(x[:1], x[1:]),
    ),
    "promotion": lambda x, w: (x > 0) * 0.5 + torch.argsort(x, stable=True) / 2 + x * (x > 1),
    "a weighted sum": lambda x, w: torch.add(x, x.abs(), alpha=2) - torch.sub(x, 1, alpha=3),
    "rounded quotients": lambda x, w: (
        torch.div(x, 0.3, rounding_mode="floor"),
        torch.div(x, x.abs() + 1, rounding_mode="trunc"),
        torch.argsort(x, stable=True) // 2,
    ),
    "remainders": lambda x, w: (x % 0.3, torch.remainder(x, x[:1]), torch.fmod(x, 0.3), torch.fmod(x, x[:1])),
    "comparisons": lambda x, w: (x > 0.1, x >= x[:1], x < 0.1, x <= x[:1], x == x[:1], x != x[:1]),
    "more comparisons": lambda x, w: (x > x[:1], x >= 0.1, x < x[:1], x <= 0.1, x == 0.1, x != 0.1),
    "logic": lambda x, w: (
        torch.logical_and(x > 0, x < 1),
        torch.logical_or(x, x < 1),
        torch.logical_not(x > 0),
        (x > 0) & (x < 1),
        (x > 0) | ~(x < 1),
        torch.bitwise_or(torch.bitwise_and(x > 0, x < 1), x < -1),
        torch.logical_xor(x > 0, x[:1] < 1) ^ (x > 1),
    ),
    "bits": lambda x, w: ~torch.argsort(x, stable=True) & torch.argsort(-x, stable=True),
    "where": lambda x, w: (
        torch.where(x > 0, x, 0.5) + torch.where(x > 0, x[:1], w.sum()),
        torch.where(x > 0, 0.5, x) + torch.where(x > 0, 0.5, -1.5),
    ),
    "masked_fill": lambda x, w: x.masked_fill(x > 0, -1.5),
    "powers": lambda x, w: (x**2, x.abs() ** 0.3, 2**x, x.abs() ** x, torch.argsort(x, stable=True) ** 2),
    "extremes of two": lambda x, w: torch.maximum(x, x[:1]) - torch.minimum(x, x[:, :1]),
    "extremes": lambda x, w: (x.amax(dim=(1, 2)), x.amin(dim=-1, keepdim=True), x.max(), x.min()),
    "extremes of an axis": lambda x, w: (*x.max(dim=2), *x.min(dim=-1, keepdim=True)),
    "index of an extreme": lambda x, w: (x.argmax(), x.argmax(dim=1), x.argmin(dim=-1, keepdim=True)),
    "any and all": lambda x, w: ((x > 2).any(), (x > 0).any(dim=1), (x > -9).all(), (x > 0).all(dim=2)),
    "products": lambda x, w: (x[0, 0].prod(), x.prod(dim=2)),
    "norms": lambda x, w: (F.normalize(x, dim=1), torch.linalg.vector_norm(x, 1, dim=2), x.norm()),
    "variance": lambda x, w: (
        *(x.var(dim=1), x.var(unbiased=False), x.std(dim=(2, 3), keepdim=True), x.std(unbiased=False)),
        *(x.var(dim=1, correction=0), x.std(dim=1, correction=2)),
    ),
    "variance and mean": lambda x, w: (*torch.var_mean(x, dim=1, keepdim=True), *torch.var_mean(x, correction=0)),
    "logsumexp": lambda x, w: torch.logsumexp(x, dim=(1, 2)),
    "cumsum": lambda x, w: (x.cumsum(dim=2), (x > 0).cumsum(dim=-1)),
}

_MOVING: Calls = {
    "calls that torch writes in terms of others": lambda x, w: (
        torch.outer(x[0, 0, 0], x[0, 0, 1]),
        torch.hstack([x, x]),
        x.tile(2),
        F.channel_shuffle(x, 2),
        F.cosine_similarity(x, x + 1),
        torch.baddbmm(x[0], x[0], x[0, :, :5]),
    ),
    "other formats": lambda x, w: (x.double() * 2, x.long(), (x > 0).float()),
    "flip and roll": lambda x, w: x.flip(1, 3) + x.roll((1, -2), (2, 3)),
    "repeat": lambda x, w: x[0, 0].repeat(2, 1, 3) + x[0, 0].repeat(1, 3),
    "repeat_interleave": lambda x, w: (x.repeat_interleave(2, dim=1), x[0, 0].repeat_interleave(3)),
    "paddings": lambda x, w: (
        F.pad(x, (1, 2)),
        F.pad(x, (1, -1, 0, 2), value=1.5),
        F.pad(x, (1, 2, 2, 1), mode="reflect"),
        F.pad(x, (1, 2, 2, 1), mode="replicate"),
        aten.constant_pad_nd(x, [1, 1], 2.0),
    ),
    "pixel_shuffle": lambda x, w: F.pixel_shuffle(x, 2) + F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).mean(),
    "triangles": lambda x, w: x.tril(1) + x.triu(-1),
    "constants like another": lambda x, w: (
        torch.zeros_like(x) + torch.ones_like(x) + torch.full_like(x, 0.5) + x.new_zeros(5) + x.new_ones(5) + x
    ),
    "sort": lambda x, w: (*x.sort(dim=1), *x.sort(dim=-1, descending=True, stable=True)),
    "gather": lambda x, w: x.gather(2, torch.argsort(x[:, :, :3], dim=2, stable=True)),
    "scatter": lambda x, w: (
        x.scatter(1, torch.argsort(x[:, :2], dim=1, stable=True), x),
        x.scatter(1, torch.argsort(x[:, :2], dim=1, stable=True), 1.5),
        x.scatter_add(1, torch.argsort(x[:, :2], dim=1, stable=True), x),
    ),
    "one_hot": lambda x, w: F.one_hot(torch.argsort(x, dim=2, stable=True), 7),
    "index by tensors": lambda x, w: (
        x[:, torch.argsort(x[0, :, 0, 0], stable=True)],
        w[torch.argsort(x[0, 0], dim=0, stable=True), torch.argsort(x[0, 0, 0, :2].repeat(3)[:5], stable=True) % 2],
    ),
}

CALLS: Calls = {**_FIRST, **_NETWORK, **_MATH, **_MOVING}
