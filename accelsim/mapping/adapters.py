"""Layers with adapters: the adapter beside its base, or both merged into one matrix for each task.

Beside, the base is what it is for every task, so a task switch brings only adapters and what was pruned. Merged, the
task has one dense matrix of its own, without gathers and without the thin products; a switch brings all of it.
"""

from __future__ import annotations

from dataclasses import replace

from accelsim.ir import LoopNest, Node
from accelsim.mapping.arranged import Arranged
from accelsim.mapping.context import Context

_GATHERED = ("w", "b")
_INDEX = ("kept_rows", "kept_columns")


def adapter_nests(context: Context, node: Node, nests: tuple[LoopNest, ...]) -> Arranged:
    """The nests of an `adapted_linear` under `schedule.adapters`."""
    rank = next((nest.dims[1].size for nest in nests if nest.name == "down"), 0)
    outputs, inputs = (next(d.size for d in nests[0].dims if d.name == name) for name in ("outputs", "reduce"))
    pruned = _pruned(context, node, outputs, inputs)
    if context.hardware.schedule.adapters.form == "beside":
        return Arranged(nests, _told(f"adapter of rank {rank} beside the base" if rank else "", pruned))
    content = tuple(o.tensor for nest in nests for o in nest.operands if o.constant and o.role not in _GATHERED)
    return Arranged(
        (_merged(nests[0]),), _told("adapter merged into the base" if rank else "", pruned), content=content
    )


def _told(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _merged(main: LoopNest) -> LoopNest:
    """The base's product with a matrix that needs no gathering."""
    stored = (operand for operand in main.operands if operand.role not in _INDEX)
    return replace(main, operands=tuple(replace(o, indirect=False) if o.role in _GATHERED else o for o in stored))


def _pruned(context: Context, node: Node, outputs: int, inputs: int) -> str:
    """`heads removed 3 of 12` for blocks of rows or columns that the task drops."""
    graph = context.workload.graph
    whole = graph.tensors[node.inputs[1]].shape
    block = node.attrs["block"]
    assert isinstance(block, int)
    found = []
    for side, left, size in (("outputs", outputs, whole[0]), ("inputs", inputs, whole[1])):
        if left < size:
            found.append(f"blocks of {block} {side} removed {(size - left) // block} of {size // block}")
    return ", ".join(found)
