"""The parts of Pruning-Adapter: adapted and pruned linear layers, attention made of them, merging, sparse weights.

After CaffreyR/TMP (arXiv 2303.14704) and low-rank adapters (LoRA, arXiv 2106.09685).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AdaptedLinear(nn.Module):
    """A frozen linear layer of which a task keeps blocks of rows or columns, with a low-rank adapter.

    x [..., inputs kept] -> [..., outputs kept]. `kept` are the blocks of `block` rows (or `columns`) in use; the base
    is stored whole, so that many tasks share it. Rank 0 is no adapter; its scale is `alpha`/rank, in the paper 1/rank.
    """

    semantic_op = "adapted_linear"

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        block: int,
        kept: int | None = None,
        columns: bool = False,
        rank: int = 0,
        alpha: float = 1.0,
    ) -> None:
        super().__init__()
        self.base = nn.Linear(inputs, outputs)
        self.block = block
        self.columns = columns
        self.rank = rank
        self.scale = alpha / rank if rank else 1.0
        self.register_buffer("kept", None if kept is None else torch.empty(kept, dtype=torch.int64))
        left = block * kept if kept is not None else (inputs if columns else outputs)
        if rank:
            self.lora_a = nn.Parameter(torch.empty(rank, left if columns else inputs))
            self.lora_b = nn.Parameter(torch.empty(outputs if columns else left, rank))

    def dense(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the plain layer that computes the same."""
        weight, bias = self.base.weight, self.base.bias
        if self.kept is not None:
            rows = (self.kept[:, None] * self.block + torch.arange(self.block)).flatten()
            weight, bias = (weight[:, rows], bias) if self.columns else (weight[rows], bias[rows])
        return (weight + self.scale * (self.lora_b @ self.lora_a) if self.rank else weight), bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, *self.dense())

    def semantic_parameters(self) -> tuple[dict[str, object], dict[str, Tensor]]:
        """The layer as one operation: its attributes, and its parameters by operand name."""
        tensors = {"w": self.base.weight, "b": self.base.bias}
        if self.rank:
            tensors |= {"lora_a": self.lora_a, "lora_b": self.lora_b}
        if self.kept is not None:
            tensors["kept_columns" if self.columns else "kept_rows"] = self.kept
        return {"scale": self.scale, "block": self.block}, tensors

    def merged(self) -> nn.Linear:
        """The plain layer that computes the same."""
        weight, bias = self.dense()
        plain = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        plain.weight, plain.bias = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
        return plain


class AdaptedSelfAttention(nn.Module):
    """Multi-head attention over the heads that are left; tokens whose mask is false are not looked at."""

    def __init__(self, width: int, *, block: int, kept: int | None, rank: int, alpha: float = 1.0) -> None:
        super().__init__()
        self.block = block
        self.query, self.key, self.value = (
            AdaptedLinear(width, width, block=block, kept=kept, rank=rank, alpha=alpha) for _ in range(3)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (self._heads(part(x)) for part in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return mixed.transpose(1, 2).flatten(2)

    def _heads(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        return x.reshape(batch, tokens, width // self.block, self.block).transpose(1, 2)


def head_importance(attentions: Sequence[nn.Module], heads: int, loss: Callable[[], Tensor], samples: int) -> Tensor:
    """How much each head matters to a task, [layers, heads], each layer's of length 1.

    |d loss / d scale| of a head, where the scale multiplies what the head gives, summed over the samples one by one.
    `loss` is the sum over `samples` samples; `attentions` give [samples, tokens, heads x width of one].
    """
    scales = [torch.ones(samples, heads, requires_grad=True) for _ in attentions]

    def scaled(scale: Tensor) -> Callable[[nn.Module, object, Tensor], Tensor]:
        def hook(_module: nn.Module, _inputs: object, y: Tensor) -> Tensor:
            return (y.unflatten(2, (heads, -1)) * scale[:, None, :, None]).flatten(2)

        return hook

    hooks = [part.register_forward_hook(scaled(scale)) for part, scale in zip(attentions, scales, strict=True)]
    try:
        loss().backward(inputs=scales)
    finally:
        for hook in hooks:
            hook.remove()
    return F.normalize(torch.stack([scale.grad.abs().sum(0) for scale in scales]), dim=1)


def merge(model: nn.Module) -> None:
    """Put the plain layer in the place of each adapted one."""
    for path, part in list(model.named_modules()):
        if isinstance(part, AdaptedLinear):
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, part.merged())


def sparsify(model: nn.Module, pattern: str) -> None:
    """Zero the smallest weights of every linear layer: 'unstructured:S', 'N:M' or 'blockRxC:S', S the share of zeros.

    Raises ValueError for another pattern.
    """
    for part in model.modules():
        if isinstance(part, nn.Linear):
            with torch.no_grad():
                part.weight *= sparse_mask(part.weight, pattern)


def sparse_mask(weight: Tensor, pattern: str) -> Tensor:
    """1 where a weight [outputs, inputs] is kept, 0 where the pattern drops it."""
    kind, _, rest = pattern.partition(":")
    try:
        if kind == "unstructured":
            return _largest(weight.abs().flatten(), float(rest)).reshape(weight.shape)
        if kind.startswith("block"):
            rows, columns = (int(side) for side in kind[5:].split("x"))
            return _blocks(weight, rows, columns, float(rest))
        return _n_of_m(weight, int(kind), int(rest))
    except (ValueError, RuntimeError):
        raise ValueError(f"{pattern!r} is not a sparse pattern; write unstructured:0.9, 2:4 or block4x4:0.5") from None


def _largest(scores: Tensor, zeros: float) -> Tensor:
    if not 0 <= zeros < 1:
        raise ValueError(zeros)
    order = torch.argsort(scores, stable=True)
    mask = torch.ones_like(scores)
    mask[order[: round(len(scores) * zeros)]] = 0
    return mask


def _n_of_m(weight: Tensor, keep: int, of: int) -> Tensor:
    groups = weight.abs().reshape(-1, of)
    if not 0 < keep <= of:
        raise ValueError(keep)
    order = torch.argsort(groups, dim=1, descending=True, stable=True)
    return torch.zeros_like(groups).scatter(1, order[:, :keep], 1.0).reshape(weight.shape)


def _blocks(weight: Tensor, rows: int, columns: int, zeros: float) -> Tensor:
    outputs, inputs = weight.shape
    tiles = weight.abs().reshape(outputs // rows, rows, inputs // columns, columns).sum(dim=(1, 3))
    mask = _largest(tiles.flatten(), zeros).reshape(tiles.shape)
    return mask.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
