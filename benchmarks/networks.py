"""Three published networks as graphs, shapes only: all weights are zero, which no timing looks at.

ResNet-50 (He et al. 2016, batch norms folded into the convolutions), the ViT-S encoder with 197 tokens (Touvron et al.
2021: width 384, 12 blocks, 6 heads) and the BERT-base encoder with 128 tokens (Devlin et al. 2019: width 768, 12
blocks, 12 heads). Here so that a benchmark needs neither torch nor a download.
"""

from __future__ import annotations

import numpy as np

from accelsim.ir import Graph, Tensor
from accelsim.ops.build import GraphBuilder


class _Net:
    def __init__(self, name: str) -> None:
        self.builder = GraphBuilder(name)

    def zeros(self, name: str, *shape: int) -> str:
        return self.builder.add_parameter(name, np.zeros(shape, np.float32), Tensor(shape))

    def shape(self, x: str) -> tuple[int, ...]:
        return self.builder.tensors[x].shape

    def conv(self, x: str, channels: int, kernel: int, stride: int, name: str) -> str:
        weight = self.zeros(f"{name}.weight", channels, self.shape(x)[1], kernel, kernel)
        bias = self.zeros(f"{name}.bias", channels)
        pad = (kernel - 1) // 2 if kernel != 16 else 0
        attrs = {"stride": (stride, stride), "padding": (pad,) * 4}
        return self.builder.add1("conv2d", [x, weight, bias], attrs, name=name)

    def linear(self, x: str, outputs: int, name: str) -> str:
        weight = self.zeros(f"{name}.weight", outputs, self.shape(x)[-1])
        return self.builder.add1("linear", [x, weight, self.zeros(f"{name}.bias", outputs)], name=name)

    def norm(self, x: str, name: str) -> str:
        width = self.shape(x)[-1]
        parameters = [self.zeros(f"{name}.weight", width), self.zeros(f"{name}.bias", width)]
        return self.builder.add1("layer_norm", [x, *parameters], name=name)

    def heads(self, x: str, heads: int, name: str) -> str:
        batch, tokens, width = self.shape(x)
        shape = (batch, tokens, heads, width // heads)
        split = self.builder.add1("reshape", [x], {"shape": shape}, name=f"{name}.split")
        return self.builder.add1("transpose", [split], {"perm": (0, 2, 1, 3)}, name=f"{name}.heads")

    def attention(self, x: str, heads: int, name: str) -> str:
        batch, tokens, width = self.shape(x)
        q, k, v = (self.heads(self.linear(x, width, f"{name}.{one}"), heads, f"{name}.{one}") for one in "qkv")
        y = self.builder.add1("attention", [q, k, v], {"scale": (width // heads) ** -0.5}, name=f"{name}.attention")
        y = self.builder.add1("transpose", [y], {"perm": (0, 2, 1, 3)}, name=f"{name}.merge")
        y = self.builder.add1("reshape", [y], {"shape": (batch, tokens, width)}, name=f"{name}.join")
        return self.linear(y, width, f"{name}.proj")


def resnet50() -> Graph:
    net = _Net("resnet50")
    b = net.builder
    x = b.add_input("x", Tensor((1, 3, 224, 224)))
    x = b.add1("relu", [net.conv(x, 64, 7, 2, "stem")], name="stem.relu")
    x = b.add1("max_pool2d", [x], {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1, 1, 1)}, name="pool")
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            y = b.add1("relu", [net.conv(x, width, 1, 1, f"{name}.conv1")], name=f"{name}.relu1")
            y = b.add1("relu", [net.conv(y, width, 3, stride, f"{name}.conv2")], name=f"{name}.relu2")
            y = net.conv(y, 4 * width, 1, 1, f"{name}.conv3")
            if not block:
                x = net.conv(x, 4 * width, 1, stride, f"{name}.downsample")
            x = b.add1("relu", [b.add1("add", [y, x], name=f"{name}.add")], name=f"{name}.relu3")
    x = b.add1("avg_pool2d", [x], {"kernel": (7, 7), "stride": (7, 7)}, name="avgpool")
    x = b.add1("reshape", [x], {"shape": (1, 2048)}, name="flat")
    return b.finish([net.linear(x, 1000, "fc")])


def vit_s() -> Graph:
    net = _Net("vit-s")
    b = net.builder
    x = net.conv(b.add_input("x", Tensor((1, 3, 224, 224))), 384, 16, 16, "patch")
    x = b.add1("reshape", [x], {"shape": (1, 384, 196)}, name="tokens")
    x = b.add1("transpose", [x], {"perm": (0, 2, 1)}, name="rows")
    x = b.add1("concat", [net.zeros("cls", 1, 1, 384), x], {"axis": 1}, name="cat")
    x = b.add1("add", [x, net.zeros("position", 1, 197, 384)], name="embed")
    for index in range(12):
        name = f"blocks.{index}"
        y = net.attention(net.norm(x, f"{name}.norm1"), 6, f"{name}.attn")
        x = b.add1("add", [x, y], name=f"{name}.add1")
        y = net.linear(net.norm(x, f"{name}.norm2"), 4 * 384, f"{name}.fc1")
        y = net.linear(b.add1("gelu", [y], name=f"{name}.gelu"), 384, f"{name}.fc2")
        x = b.add1("add", [x, y], name=f"{name}.add2")
    return b.finish([net.linear(net.norm(x, "norm"), 1000, "head")])


def bert_base() -> Graph:
    net = _Net("bert-base")
    b = net.builder
    x = net.norm(b.add_input("x", Tensor((1, 128, 768))), "embeddings.norm")
    for index in range(12):
        name = f"layer.{index}"
        y = net.attention(x, 12, f"{name}.attention")
        x = net.norm(b.add1("add", [x, y], name=f"{name}.add1"), f"{name}.norm1")
        y = net.linear(x, 4 * 768, f"{name}.fc1")
        y = net.linear(b.add1("gelu", [y], name=f"{name}.gelu"), 768, f"{name}.fc2")
        x = net.norm(b.add1("add", [x, y], name=f"{name}.add2"), f"{name}.norm2")
    return b.finish([x])


NETWORKS = {"resnet50": resnet50, "vit_s": vit_s, "bert_base": bert_base}
