"""A user's model in small: a vision transformer with a dense block, an expert block and a decoder. Plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, HEADS, GRID, EXPERTS, TOP_K = 16, 2, 4, 4, 2


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        parts = self.qkv(x).reshape(batch, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*parts.unbind(0))
        return self.drop(self.proj(y.transpose(1, 2).reshape(batch, tokens, WIDTH)))


class Experts(nn.Module):
    """Data-dependent: each expert computes the tokens that take it."""

    semantic_op = "moe"

    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.gate = nn.Linear(WIDTH, EXPERTS, bias=False)
        self.w1 = nn.Parameter(torch.randn(EXPERTS, hidden, WIDTH) / WIDTH**0.5)
        self.b1 = nn.Parameter(torch.randn(EXPERTS, hidden))
        self.w2 = nn.Parameter(torch.randn(EXPERTS, WIDTH, hidden) / hidden**0.5)
        self.b2 = nn.Parameter(torch.randn(EXPERTS, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.reshape(-1, WIDTH)
        gates, ids = torch.softmax(self.gate(tokens), -1).sort(descending=True, stable=True)
        gates, ids = gates[:, :TOP_K], ids[:, :TOP_K]
        y = torch.zeros_like(tokens)
        for expert in range(EXPERTS):
            rows, place = torch.where(ids == expert)
            if rows.numel():
                hidden = F.gelu(F.linear(tokens[rows], self.w1[expert], self.b1[expert]))
                answer = F.linear(hidden, self.w2[expert], self.b2[expert])
                y = y.index_add(0, rows, answer * gates[rows, place].unsqueeze(-1))
        return y.reshape(x.shape)

    def semantic_parameters(self) -> tuple[dict[str, int], dict[str, Tensor]]:
        named = {"gate_w": self.gate.weight, "w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}
        return {"top_k": TOP_K}, named


class Block(nn.Module):
    def __init__(self, ffn: nn.Module) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.ffn = ffn

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 4, stride=4)
        dense = nn.Sequential(nn.Linear(WIDTH, 32), nn.GELU(), nn.Linear(32, WIDTH))
        self.blocks = nn.ModuleList([Block(dense), Block(Experts())])

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch(image).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)

    def forward(self, tokens: Tensor) -> Tensor:
        x = tokens.transpose(1, 2).reshape(tokens.shape[0], WIDTH, GRID, GRID)
        x = self.act(self.norm(self.conv(x)))
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image))


class Blind(Net):
    """Looks the same, but its output does not depend on its input."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image * 0.0)


def build(gate: str = "random", *, blind: bool = False) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """`gate`: 'random'; 'tied', where all experts are equally likely; 'near', where 0 and 1 almost are."""
    torch.manual_seed(0)
    net = (Blind() if blind else Net()).eval()
    weight = net.encoder.blocks[1].ffn.gate.weight
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2.0)
        if gate == "tied":
            weight.zero_()
        if gate == "near":
            weight[1] = weight[0] * (1 + 1e-5)
    return net, (torch.randn(1, 3, 4 * GRID, 4 * GRID),)
