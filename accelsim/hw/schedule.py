"""What may overlap with what, and in which order experts run."""

from __future__ import annotations

from typing import Literal

from accelsim.hw.mixing import Adapters, Kernels
from accelsim.hw.part import Part
from accelsim.hw.quantity import CountFromZero, default


class Cache(Part):
    """Experts kept on chip under a token-major order. `expected-hit` assumes hits with chance kept / all."""

    sourced: str | None = None
    policy: Literal["none", "lru", "expected-hit"]
    experts: CountFromZero = default(0, "count")


class Experts(Part):
    """In which order experts run: each with its whole queue, token after token, or all kept on chip."""

    order: Literal["expert-major", "token-major", "resident"]
    cache: Cache = Cache(policy="none")


class Schedule(Part):
    """What may overlap. `prefetch` says whose held loads run ahead: none, those of experts, or all.

    `layout` says whether ops that only rename or move elements are folded into addresses or cost a copy. `branches`
    says whether nodes that do not need each other's results and run on different units run one after the other or
    side by side (see `sim/branches.py`). `spread` says what several instances of the design are dealt: whole frames, or
    the layers of each frame. `differences` says whether a `pixel_difference_conv2d` has its difference folded into the
    weights, which is exact and costs nothing, or runs it as a product of its own. `objective` says what the tiles of
    systolic arrays are searched for: least latency, least energy of accelerator, DRAM and device, or the least product
    of both.
    """

    prefetch: Literal["none", "experts", "all"]
    experts: Experts
    softmax: Literal["single-pass", "multi-pass"]
    layout: Literal["folded", "copied"] = "folded"
    split_projections: bool = False
    branches: Literal["sequential", "concurrent"] = "sequential"
    spread: Literal["frames", "layers"] = "frames"
    objective: Literal["latency", "energy", "edp"] = "latency"
    kernels: Kernels = Kernels()
    adapters: Adapters = Adapters()
    differences: Literal["folded", "separate"] = "folded"
