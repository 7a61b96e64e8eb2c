"""What lowering finds out of a graph and the structure of a hardware, kept for the next hardware of that structure.

Which unit runs a nest and which nodes disappear into another's stage follow from names: of ops, units, functions. Only
where a description names several units for a nest, or a policy arranges the nests, numbers have a say, and the node is
looked at anew for each hardware.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from accelsim.hw.schema import Hardware
from accelsim.ir import Node
from accelsim.mapping.arranged import Arranged
from accelsim.mapping.context import Context
from accelsim.mapping.placement import Placed, absorbed_nodes, place, units_for
from accelsim.mapping.policies import arranged, is_arranged
from accelsim.mapping.view import Workload, nest_key
from accelsim.ops.registry import op_spec


@dataclass(frozen=True)
class Group:
    """Nests that are laid out on a unit as one. Those of equal `kind` differ only in names, and in what a hardware
    says of single nodes and tensors; `tensors` are those of all operands in order."""

    placed: Placed
    kind: int
    tensors: tuple[str, ...]

    @cached_property
    def _parts(self) -> Mapping[str, str]:
        return {nest.name.split(".")[-1]: nest.name for nest in reversed(self.placed.nests)}

    def part(self, part: str) -> str:
        """A part of another group of this kind under the name it has here: only the number of an expert differs."""
        return self._parts.get(part.rsplit(".", maxsplit=1)[-1], part)


@dataclass(frozen=True)
class Step:
    """A node with its nests placed, and the later nodes `tail` that the unit of its last group computes with it."""

    node: Node
    work: Arranged
    groups: tuple[Group, ...]
    tail: tuple[Node, ...]

    @property
    def stored(self) -> tuple[str, ...]:
        """What it stores: the results of the last node of the tail."""
        return (self.tail[-1] if self.tail else self.node).outputs


@dataclass(frozen=True, eq=False)
class Outline:
    """Nodes in the graph's scope in order of execution, and those of them that only change addresses."""

    nodes: tuple[Node, ...]
    folded: Mapping[str, None]
    _steps: dict[str, Step] = field(default_factory=dict)

    def step(self, context: Context, node: Node) -> Step:
        """A node on the hardware of a context. Raises UnsupportedError for a nest that nothing runs, DoesNotFitError
        where units to choose from have no room, InputError where a routing is missing."""
        known = self._steps.get(node.name)
        if known is not None:
            return known
        step = _step(context, node)
        if not is_arranged(node) and _by_names(context.hardware, step):
            self._steps[node.name] = step
        return step


_MOST_OUTLINES = 32


def outline_of(workload: Workload, hardware: Hardware) -> Outline:
    """The outline of a workload on all hardware with the same names."""
    units = tuple((name, unit.kind, unit.absorbs, tuple(unit.epilogue)) for name, unit in hardware.units.items())
    folds = hardware.schedule.layout == "folded"
    key = (folds, hardware.placement, units)
    known: Outline | None = workload.outlines.get(key)
    if known is None:
        if len(workload.outlines) >= _MOST_OUTLINES:
            workload.outlines.clear()
        graph = workload.graph
        inside = tuple(node for node in graph.nodes if graph.in_scope(node))
        folded = dict.fromkeys(node.name for node in inside if folds and op_spec(node.op).layout)
        known = workload.outlines[key] = Outline(inside, folded)
    return known


def _step(context: Context, node: Node) -> Step:
    work = arranged(context, node)
    placed = place(context, node, work.nests, work.units)
    tail = absorbed_nodes(context, node, placed[-1].unit)
    if tail:
        extra = tuple(nest for member in tail for nest in context.workload.nests(member))
        placed = (*placed[:-1], replace(placed[-1], nests=(*placed[-1].nests, *extra)))
    classes = context.workload.classes(tail[-1].outputs[0]) if tail else None
    groups = []
    for one in placed:
        kind = (one.unit, node.op, tuple(map(context.workload.shape, one.nests)), classes)
        tensors = tuple(operand.tensor for nest in one.nests for operand in nest.operands)
        groups.append(Group(one, context.workload.number(kind), tensors))
    return Step(node, work, tuple(groups), tail)


def _by_names(hardware: Hardware, step: Step) -> bool:
    """Whether no nest had units to choose from."""
    return all(len(units_for(hardware, step.node, nest_key(step.node, nest))) < 2 for nest in step.work.nests)


class Reads:
    """Whose results nodes read, as execution goes on: layout ops, and nodes that take no time, are looked through."""

    def __init__(self) -> None:
        self._made_by: dict[str, tuple[str, ...]] = {}

    def of(self, node: Node) -> tuple[str, ...]:
        """Names of nodes that took time."""
        found = tuple(dict.fromkeys(name for tensor in node.inputs for name in self._made_by.get(tensor, ())))
        self._made_by.update(dict.fromkeys(node.outputs, found))
        return found

    def timed(self, node: Node, tail: Iterable[Node]) -> None:
        """From now on a node is what made its results, and those of the nodes that it computes with it."""
        for one in (node, *tail):
            self._made_by.update(dict.fromkeys(one.outputs, (node.name,)))
