"""The parts of M3ViT: attention, the mixture-of-experts layer, the encoder, the decoder of a task.

Written after M3ViT (NeurIPS 2022, arXiv 2210.14793, code VITA-Group/M3ViT) in its multi-gate form, with the
inference rules of its class NoisyGate_VMoE. All dropout is zero and absent; so are the router noise and the
balancing loss of the training recipe. Shapes: B images, N tokens (class token first), T = B x N, D width,
E experts, K experts per token, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-6
DECODER_WIDTH = 256


class Attention(nn.Module):
    """Multi-head self-attention, scale (head width)^-0.5."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value, scale=self.scale)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    """The dense feed-forward part, with the exact (erf) GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class MoE(nn.Module):
    """E experts shared by all tasks and one gate per task; a token takes the K experts its gate likes best.

    The gate weights are a softmax over all E experts and the K kept ones are not renormalised. Where two
    experts are equally likely the lower one wins: `torch.topk` promises no order, so a stable sort decides.
    There is no capacity limit. `task` says which gate `forward` uses; the other gates are idle parameters.
    """

    semantic_op = "moe"

    def __init__(self, width: int, hidden: int, *, experts: int, top_k: int, tasks: Sequence[str], task: str) -> None:
        super().__init__()
        self.top_k = top_k
        self.task = task
        self.gates = nn.ModuleDict({name: nn.Linear(width, experts, bias=False) for name in tasks})
        self.w1 = nn.Parameter(torch.empty(experts, hidden, width))
        self.b1 = nn.Parameter(torch.empty(experts, hidden))
        self.w2 = nn.Parameter(torch.empty(experts, width, hidden))
        self.b2 = nn.Parameter(torch.empty(experts, width))

    def route(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens [T, D] -> their experts, likeliest first (int64 [T, K]), and the weights of these [T, K]."""
        likely = F.softmax(self.gates[self.task](tokens), dim=-1)
        weights, ids = torch.sort(likely, dim=-1, descending=True, stable=True)
        return ids[:, : self.top_k], weights[:, : self.top_k]

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.reshape(-1, x.shape[-1])
        ids, weights = self.route(tokens)
        total = torch.zeros_like(tokens)
        experts = zip(self.w1.unbind(), self.b1.unbind(), self.w2.unbind(), self.b2.unbind(), strict=True)
        for expert, (w1, b1, w2, b2) in enumerate(experts):
            rows, place = torch.where(ids == expert)
            answer = F.linear(F.gelu(F.linear(tokens[rows], w1, b1)), w2, b2)
            total = total.index_add(0, rows, answer * weights[rows, place].unsqueeze(-1))
        return total.reshape(x.shape)

    def semantic_parameters(self) -> tuple[dict[str, int], dict[str, Tensor]]:
        """The layer as one `moe` operation: its attributes, and its parameters by operand name."""
        gate = self.gates[self.task]
        parameters = {"gate_w": gate.weight, "w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}
        if gate.bias is not None:
            parameters["gate_b"] = gate.bias
        return {"top_k": self.top_k}, parameters


class Block(nn.Module):
    """A pre-norm transformer block; its feed-forward part is the `moe` given, else a dense `mlp`."""

    def __init__(self, width: int, heads: int, *, moe: MoE | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.sparse = moe is not None
        if moe is None:
            self.mlp = Mlp(width, 4 * width)
        else:
            self.moe = moe

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        feed_forward = self.moe if self.sparse else self.mlp
        return x + feed_forward(self.norm2(x))


class Encoder(nn.Module):
    """The vision transformer: image [B, 3, Y, X] -> tokens [B, N, D], with no norm at its end.

    `embed` makes one vector of width D of every patch: image -> [B, D, rows, columns].
    """

    def __init__(self, width: int, blocks: Sequence[Block], *, embed: nn.Module, patches: int) -> None:
        super().__init__()
        self.patch_embed = embed
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.position = nn.Parameter(torch.empty(1, 1 + patches, width))
        self.blocks = nn.ModuleList(blocks)

    def embed(self, image: Tensor) -> Tensor:
        """The tokens [B, N, D] before the first block."""
        patches = self.patch_embed(image).flatten(2).transpose(1, 2)
        class_token = self.class_token.expand(image.shape[0], -1, -1)
        return torch.cat([class_token, patches], dim=1) + self.position

    def forward(self, image: Tensor) -> Tensor:
        x = self.embed(image)
        for block in self.blocks:
            x = block(x)
        return x


class Stage(nn.Module):
    """3x3 convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class Decoder(nn.Module):
    """The head of one task: tokens [B, N, D] -> [B, channels, 16 rows, 16 columns], rows x columns patches.

    Five convolutions and four bilinear doublings, or another number of `stages` with as many doublings. The published
    code then resizes to the size of the image, which the map already has. The cross-task distillation of the training
    recipe is absent.
    """

    def __init__(
        self, width: int, channels: int, *, grid: tuple[int, int], hidden: int = DECODER_WIDTH, stages: int = 4
    ) -> None:
        super().__init__()
        self.grid = grid
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.stages = nn.ModuleList(Stage(inputs, hidden) for inputs in (width, *[hidden] * (stages - 1)))
        self.head = nn.Conv2d(hidden, channels, kernel_size=1)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, _, width = tokens.shape
        x = self.norm(tokens)[:, 1:].transpose(1, 2).reshape(batch, width, *self.grid)
        *doubled, last = self.stages
        for stage in doubled:
            x = _double(stage(x))
        return _double(self.head(last(x)))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
