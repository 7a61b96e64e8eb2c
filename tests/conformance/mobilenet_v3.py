"""MobileNet-v3 (large) in plain torch, after table 1 of Howard et al., ICCV 2019, arXiv 1905.02244."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# kernel, expanded, out, squeeze-and-excitation, hard swish, stride
_BLOCKS = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)


def _conv(cin: int, cout: int, kernel: int, *act: nn.Module, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), *act)


class _Squeeze(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = (channels // 4 + 7) // 8 * 8
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down, self.up = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = nn.functional.hardsigmoid(self.up(torch.relu(self.down(self.pool(x)))))
        return gate * x


class _Block(nn.Module):
    def __init__(self, cin: int, row: tuple[int, int, int, bool, bool, int]) -> None:
        super().__init__()
        kernel, wide, out, squeeze, swish, stride = row
        act = nn.Hardswish if swish else nn.ReLU
        self.parts = nn.Sequential(
            *([_conv(cin, wide, 1, act())] if wide != cin else []),
            _conv(wide, wide, kernel, act(), stride=stride, groups=wide),
            *([_Squeeze(wide)] if squeeze else []),
            _conv(wide, out, 1),
        )
        self.skips = stride == 1 and cin == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.parts(x)
        return x + y if self.skips else y


class MobileNetV3(nn.Module):
    """Images [B, 3, H, W] float32 -> logits [B, 1000]."""

    def __init__(self) -> None:
        super().__init__()
        width = 16
        blocks = []
        for row in _BLOCKS:
            blocks.append(_Block(width, row))
            width = row[2]
        self.stem = _conv(3, 16, 3, nn.Hardswish(), stride=2)
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Sequential(_conv(width, 960, 1, nn.Hardswish()), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Sequential(nn.Linear(960, 1280), nn.Hardswish(), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.top(self.blocks(self.stem(x))).flatten(1))
        return logits
