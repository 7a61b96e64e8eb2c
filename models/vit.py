"""Vision transformers ViT-Ti, ViT-S and ViT-B with patches of 16 pixels and a class token.

Dosovitskiy et al., ICLR 2021, arXiv 2010.11929; the tiny and small forms are those of DeiT, arXiv 2012.12877.
Parameters are named as in timm's `vision_transformer.py`, so that its checkpoints load.
"""

from __future__ import annotations

import torch
from example_inputs import images
from seeded_layers import fill_layers
from seeded_weights import normal, product
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 16
DEPTH = 12
EPSILON = 1e-6
# Width of a token and number of heads.
BACKBONES = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}
# A token looks at some tokens and not at the mean of all; what tokens differ in is not drowned by that mean.
_RULES = (
    ("*.attn.qkv.weight", product(1.5)),
    ("*.attn.proj.weight", product(0.5)),
    ("patch_embed.proj.weight", product(2.0)),
    ("cls_token", normal(std=0.5)),
    ("pos_embed", normal(std=1.0)),
)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*qkv.unbind(0))
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    """The feed-forward part, with the exact (erf) GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """Image [B, 3, Y, X] -> patches [B, N, D]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=PATCH, stride=PATCH)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """Image [B, 3, size, size] -> logits [B, classes], from the class token."""

    def __init__(self, width: int, heads: int, *, size: int, classes: int) -> None:
        super().__init__()
        patches = (size // PATCH) ** 2
        self.patch_embed = PatchEmbed(width)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + patches, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.head = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        patches = self.patch_embed(image)
        x = torch.cat([self.cls_token.expand(image.shape[0], -1, -1), patches], dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


def build(
    *, backbone: str = "small", classes: int = 1000, size: int = 224, batch: int = 1, seed: int = 0
) -> tuple[VisionTransformer, tuple[Tensor]]:
    """The network in eval mode with seeded weights, and seeded images. Raises ValueError for an unknown backbone."""
    if backbone not in BACKBONES:
        raise ValueError(f"{backbone!r} is not a backbone; there are {', '.join(BACKBONES)}")
    with torch.device("meta"):
        model = VisionTransformer(*BACKBONES[backbone], size=size, classes=classes)
    fill_layers(model, seed=seed, prefix="vit", rules=_RULES)
    return model.eval(), example(seed, size=size, batch=batch)


def example(seed: int, /, *, size: int = 224, batch: int = 1) -> tuple[Tensor]:
    """Seeded images [B, 3, size, size]."""
    return (images(seed, batch=batch, height=size, width=size),)
