"""Pixel differences, folded into the weights or beside them, and what an exchange between tasks tells of itself."""

from __future__ import annotations

from accelsim.ir import LoopNest, Node
from accelsim.mapping.arranged import Arranged
from accelsim.mapping.context import Context


def difference_nests(context: Context, node: Node, nests: tuple[LoopNest, ...]) -> Arranged:
    """The nests of a `pixel_difference_conv2d` under `schedule.differences`.

    Folded, the centre of each kernel holds what the difference subtracts: a plain convolution of the same sizes.
    """
    if context.hardware.schedule.differences == "folded":
        return Arranged(nests[:1], "pixel difference folded into the weights: a plain convolution")
    return Arranged(nests, "pixel difference beside the convolution: a second product for the centre")


def exchange_nests(context: Context, node: Node, nests: tuple[LoopNest, ...]) -> Arranged:
    """The nests of a `cross_task_attention` as they are, told as the pair that they serve."""
    *_, height, width = context.workload.graph.tensors[node.inputs[0]].shape
    step = node.attrs["downsample"]
    assert isinstance(step, int)
    positions = (height // step) * (width // step)
    return Arranged(nests, f"pair of tasks exchanged, {positions} x {positions} positions at 1/{step} of the map")
