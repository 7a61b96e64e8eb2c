"""cross_task_attention in terms of other ops, twice: as it is defined, and rewritten for inference.

The caller sets the builder's prefix and module; both forms return the name of y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accelsim.ir.graph import AttrValue, Tensor
from accelsim.ops.attributes import integer
from accelsim.ops.build import GraphBuilder
from accelsim.ops.cross_task_forms import INPUTS, same_padding
from accelsim.ops.spec import Attrs

_NAMES = tuple(name.rstrip("?") for name in INPUTS)


def expand_cross_task(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """Convolutions, one attention of one head, a nearest resize and a concatenation."""
    form = _Form.of(builder, inputs, attrs)
    features = form.conv("extract", form.given["source"])
    x = form.context(features, form.conv("q", form.sampled()), scale=1 / math.sqrt(form.width("q_w")))
    if form.given["alpha"]:
        shape: dict[str, AttrValue] = {"shape": (form.width("v_w"), 1, 1)}
        column = builder.add1("reshape", (form.given["alpha"],), shape, name="alpha.column")
        x = builder.add1("mul", (x, column), name="context.scaled")
    x = form.resized(x, "context.resized")
    if form.given["self_w"]:
        x = builder.add1("concat", (form.own(features), x), {"axis": 1}, name="joined")
    return (form.conv("project", x),)


def expand_rewritten(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """The same values by fewer operations, exact but for rounding; what is done to weights is left to constant folding.

    * 1 / sqrt(width) goes into the weights of q: a rectifier lets a positive factor pass;
    * `alpha` goes into the columns of the projection that see x;
    * that part of the projection runs before the nearest resize, at 1 / s^2 of the positions: a 1x1 convolution does
      not mind which pixels are copies.
    """
    form = _Form.of(builder, inputs, attrs)
    own_width = form.width("self_w") if form.given["self_w"] else 0
    features = form.conv("extract", form.given["source"])
    factor = form.scalar("q.scale", 1 / math.sqrt(form.width("q_w")))
    q_w, q_b = (builder.add1("mul", (form.given[name], factor), name=f"{name}.scaled") for name in ("q_w", "q_b"))
    context = form.context(features, form.conv("q", form.sampled(), weights=(q_w, q_b)), scale=1.0)

    columns = form.columns("project_w", own_width, own_width + form.width("v_w"), "project.context_w")
    if form.given["alpha"]:
        shape: dict[str, AttrValue] = {"shape": (1, form.width("v_w"), 1, 1)}
        row = builder.add1("reshape", (form.given["alpha"],), shape, name="alpha.row")
        columns = builder.add1("mul", (columns, row), name="project.context_w.scaled")
    if not own_width:
        bias = (columns, form.given["project_b"])
        small = form.conv("project", context, weights=bias, relu=False)
        return (builder.add1("relu", (form.resized(small, "resized"),), name="project.relu"),)
    small = form.conv("project.context", context, weights=(columns, ""), relu=False)
    kept = (form.columns("project_w", 0, own_width, "project.own_w"), form.given["project_b"])
    own = form.conv("project.own", form.own(features), weights=kept, relu=False)
    y = builder.add1("add", (own, form.resized(small, "project.context.resized")), name="project")
    return (builder.add1("relu", (y,), name="project.relu"),)


@dataclass(frozen=True)
class _Form:
    """What both forms are made of; `given` are the names of the operands, empty where one is absent."""

    builder: GraphBuilder
    given: dict[str, str]
    step: int

    @classmethod
    def of(cls, builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> _Form:
        names = (*inputs, *("",) * (len(_NAMES) - len(inputs)))
        step = integer("cross_task_attention", attrs, "downsample")
        return cls(builder, dict(zip(_NAMES, names, strict=True)), step)

    def width(self, weight: str) -> int:
        """Outputs of a convolution."""
        return self.builder.tensors[self.given[weight]].shape[0]

    def scalar(self, name: str, value: float) -> str:
        kind = self.builder.tensors[self.given["target"]].dtype
        return self.builder.add_parameter(
            f"{self.builder.prefix}{name}", np.asarray(value, str(kind)), Tensor((), kind)
        )

    def columns(self, weight: str, first: int, last: int, name: str) -> str:
        """The part of a convolution's weights that sees some of its input channels."""
        where: dict[str, AttrValue] = {"starts": (first,), "ends": (last,), "axes": (1,), "steps": (1,)}
        return self.builder.add1("slice", (self.given[weight],), where, name=name)

    def conv(self, name: str, x: str, *, weights: tuple[str, str] | None = None, relu: bool = True) -> str:
        """A convolution that keeps height and width, with the operands of that name unless others are given."""
        w, b = weights or (self.given[f"{name}_w"], self.given.get(f"{name}_b", ""))
        padding = same_padding(self.builder.tensors[w].shape)
        y = self.builder.add1("conv2d", (x, w, b) if b else (x, w), {"padding": padding}, name=name)
        return self.builder.add1("relu", (y,), name=f"{name}.relu") if relu else y

    def sampled(self) -> str:
        """Every s-th pixel of the target."""
        if self.step == 1:
            return self.given["target"]
        *_, height, width = self.builder.tensors[self.given["target"]].shape
        every: dict[str, AttrValue] = {"starts": (0, 0), "ends": (height, width), "axes": (2, 3)}
        every["steps"] = (self.step, self.step)
        return self.builder.add1("slice", (self.given["target"],), every, name="target.sampled")

    def context(self, features: str, q: str, *, scale: float) -> str:
        """What the attention gives, at its own resolution."""
        tiles = features
        if self.step > 1:
            sides: dict[str, AttrValue] = {"kernel": (self.step, self.step), "stride": (self.step, self.step)}
            tiles = self.builder.add1("max_pool2d", (features,), sides, name="pool")
        k, v = self.conv("k", tiles), self.conv("v", tiles)
        tokens = tuple(self.tokens(x, name) for x, name in ((q, "q"), (k, "k"), (v, "v")))
        mixed = self.builder.add1("attention", tokens, {"scale": scale}, name="attention")
        turned = self.builder.add1("transpose", (mixed,), {"perm": (0, 1, 3, 2)}, name="context.turned")
        return self.builder.add1("reshape", (turned,), {"shape": self.builder.tensors[v].shape}, name="context")

    def tokens(self, x: str, name: str) -> str:
        """[B, C, h, w] -> [B, 1, h w, C]."""
        batch, channels, *small = self.builder.tensors[x].shape
        shape: dict[str, AttrValue] = {"shape": (batch, 1, channels, math.prod(small))}
        flat = self.builder.add1("reshape", (x,), shape, name=f"{name}.flat")
        return self.builder.add1("transpose", (flat,), {"perm": (0, 1, 3, 2)}, name=f"{name}.tokens")

    def own(self, features: str) -> str:
        """The branch of self-gating."""
        gate = self.builder.add1("sigmoid", (self.conv("self_gate", features, relu=False),), name="self.share")
        return self.builder.add1("mul", (self.conv("self", features, relu=False), gate), name="self.gated")

    def resized(self, x: str, name: str) -> str:
        """Each position s x s times."""
        if self.step == 1:
            return x
        size = self.builder.tensors[self.given["target"]].shape[2:]
        nearest: dict[str, AttrValue] = {"size": size, "mode": "nearest", "coordinates": "asymmetric"}
        return self.builder.add1("resize", (x,), nearest, name=name)
