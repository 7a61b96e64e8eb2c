"""Which policy of the hardware arranges the nests of which op."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from accelsim.ir import LoopNest, Node
from accelsim.mapping.adapters import adapter_nests
from accelsim.mapping.arranged import Arranged
from accelsim.mapping.context import Context
from accelsim.mapping.differences import difference_nests, exchange_nests
from accelsim.mapping.mixed_kernels import kernel_nests
from accelsim.mapping.packed_experts import packed_nests

_ARRANGES: Mapping[str, Callable[[Context, Node, tuple[LoopNest, ...]], Arranged]] = {
    "adapted_linear": adapter_nests,
    "cross_task_attention": exchange_nests,
    "dynamic_conv2d": kernel_nests,
    "moe": packed_nests,
    "pixel_difference_conv2d": difference_nests,
}


def is_arranged(node: Node) -> bool:
    """Whether a policy, which may look at the numbers of the hardware, arranges the nests of a node."""
    return node.op in _ARRANGES


def arranged(context: Context, node: Node) -> Arranged:
    """The nests of a node as the hardware's policies arrange them. Raises what `Workload.nests` raises."""
    nests = context.workload.nests(node)
    arrange = _ARRANGES.get(node.op)
    if arrange is None:
        return Arranged(nests)
    found = arrange(context, node, nests)
    context.workload.keep(found.nests)
    return found
