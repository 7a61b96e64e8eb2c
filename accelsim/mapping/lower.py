"""Lowering: a graph on a hardware becomes stages in order of execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from accelsim.hw.schema import Hardware
from accelsim.ir import Axis, FrozenMap, LoopNest, Node
from accelsim.mapping.context import Context, Laid
from accelsim.mapping.dataflows.host import host_overhead
from accelsim.mapping.experts import POLICIES, ExpertWork, kept_bytes
from accelsim.mapping.layout import estimated_seconds, lay_out
from accelsim.mapping.placement import Placed, absorbed_nodes, place
from accelsim.mapping.plan import fixed_tiles
from accelsim.mapping.policies import arranged
from accelsim.mapping.residency import Occupancy, Residency
from accelsim.mapping.room import room_needed
from accelsim.mapping.sparsity import sparse_key
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.ops.registry import op_spec
from accelsim.results import Failure


@dataclass(frozen=True)
class Lowered:
    """Stages in order of execution.

    `folded` are layout nodes that only change addresses; `fused` tells for each host node the later nodes it
    computes on its way out; `included` are nodes whose time a unit's rate contains. `kept_bytes` says how much of
    each buffer the expert policy keeps filled. `needs` tells for each node with stages whose results it reads,
    `occupancy` what each memory that keeps tensors held, `filled_bytes` what queues and rows take of the buffers that
    have room for them, and `misfits` where that is too little. `context` tells what was laid out in which order,
    `experts` the stages of each expert of a routed node, whose policy made the last of the node's stages of them.
    """

    stages: tuple[Stage, ...]
    folded: tuple[str, ...]
    fused: dict[str, tuple[str, ...]]
    included: tuple[str, ...]
    kept_bytes: dict[str, int]
    needs: dict[str, tuple[str, ...]]
    occupancy: dict[str, Occupancy]
    filled_bytes: dict[str, int]
    misfits: tuple[Failure, ...]
    experts: dict[str, ExpertWork]
    context: Context


def lower(
    workload: Workload, hardware: Hardware, prices: Mapping[str, tuple[float, float, float]] | None = None
) -> Lowered:
    """Stages of the nodes in the graph's scope. Raises UnsupportedError for a node that no unit runs,
    InputError where a routed node has no routing, DoesNotFitError where a buffer is too small at any tile size.

    `prices` are joules of a second, a byte and a busy cycle of each unit; where the schedule's objective is energy or
    its product with latency, tiles are searched by them.
    """
    context = Context(workload, hardware, prices=FrozenMap(prices or {}))
    graph = workload.graph
    stages: list[Stage] = []
    folded: list[str] = []
    included: list[str] = []
    fused: dict[str, tuple[str, ...]] = {}
    swallowed: set[str] = set()
    kept: dict[str, int] = {}
    experts: dict[str, ExpertWork] = {}
    needs: dict[str, tuple[str, ...]] = {}
    residency = Residency(context)
    filled: dict[str, int] = {}
    misfits: dict[str, Failure] = {}
    made_by: dict[str, tuple[str, ...]] = {}
    concurrent = hardware.schedule.branches == "concurrent"
    done: dict[str, float] = {}  # estimated seconds, for the choice between units
    for node in graph.nodes:
        if not graph.in_scope(node) or node.name in swallowed:
            continue
        read = tuple(dict.fromkeys(name for tensor in node.inputs for name in made_by.get(tensor, ())))
        made_by.update(dict.fromkeys(node.outputs, read))
        if op_spec(node.op).layout and hardware.schedule.layout == "folded":
            folded.append(node.name)
            continue
        if concurrent:
            context.ready = max((done[name] for name in read), default=0.0)
        work = arranged(context, node)
        placed = place(context, node, work.nests, work.units)
        tail = absorbed_nodes(context, node, placed[-1].unit)
        if tail:
            fused[node.name] = tuple(member.name for member in tail)
            swallowed.update(fused[node.name])
            context.renamed[node.outputs[0]] = tail[-1].outputs[0]
            extra = tuple(nest for member in tail for nest in workload.nests(member))
            placed = (*placed[:-1], replace(placed[-1], nests=(*placed[-1].nests, *extra)))
        for need in room_needed(context, node, placed):
            filled[need.memory] = max(filled.get(need.memory, 0), need.size_bytes)
            if need.failure is not None:
                misfits[need.failure.what] = need.failure
        if residency:
            residency.make(node, (tail[-1] if tail else node).outputs)
        made = work.marked(_node_stages(context, node, placed, kept, experts))
        for memory, size in work.kept_bytes.items():
            kept[memory] = max(kept.get(memory, 0), size)
        if made:
            stages.extend(host_overhead(hardware, node, [stage.unit for stage in made], first=not stages))
            stages.extend(made)
            needs[node.name] = read
            if concurrent:
                units = dict.fromkeys(stage.unit for stage in made)
                done[node.name] = max(map(context.start, units)) + estimated_seconds(hardware, made)
                context.free.update(dict.fromkeys(units, done[node.name]))
            made_by.update(dict.fromkeys((out for one in (node, *tail) for out in one.outputs), (node.name,)))
        else:
            included.append(node.name)
    return Lowered(
        tuple(stages),
        tuple(folded),
        fused,
        tuple(included),
        kept,
        needs,
        residency.occupancy,
        filled,
        tuple(misfits.values()),
        experts,
        context,
    )


def _node_stages(
    context: Context,
    node: Node,
    placed: tuple[Placed, ...],
    kept: dict[str, int],
    experts: dict[str, ExpertWork],
) -> tuple[Stage, ...]:
    common = [stage for p in placed if p.expert is None for stage in _layout(context, node, p, scope="all")]
    routing = context.workload.routing(node)
    if routing is None:
        return tuple(common)

    whole: dict[int, list[Stage]] = {}
    for group in placed:
        if group.expert is not None:
            whole.setdefault(group.expert, []).extend(_layout(context, node, group, scope="experts"))

    def visit() -> dict[int, list[Stage]]:
        single: dict[int, list[Stage]] = {}
        for group in _single_visits(placed):
            for stage in lay_out(context, group.unit, node, group.nests):
                scoped = replace(stage, group=_group(context, stage, node.name, "experts"))
                single.setdefault(group.expert or 0, []).append(scoped)
        return single

    schedule = context.hardware.schedule
    work = experts[node.name] = ExpertWork(node.name, routing, whole, visit)
    for memory, size in kept_bytes(work, schedule).items():
        kept[memory] = max(kept.get(memory, 0), size)
    return (*common, *POLICIES[schedule.experts.order](work, schedule))


def _single_visits(placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """The experts' nests with a queue of one token."""
    return tuple(
        replace(group, nests=tuple(_one_row(nest) for nest in group.nests))
        for group in placed
        if group.expert is not None
    )


def _one_row(nest: LoopNest) -> LoopNest:
    rows = nest.size(Axis.ROW)
    by_row = {dim.name for dim in nest.dims if dim.axis is Axis.ROW}
    return replace(
        nest,
        dims=tuple(replace(dim, size=1) if dim.axis is Axis.ROW else dim for dim in nest.dims),
        operands=tuple(
            replace(o, elements=max(1, o.elements // rows)) if by_row & set(o.dims) else o for o in nest.operands
        ),
    )


def _layout(context: Context, node: Node, placed: Placed, *, scope: str) -> tuple[Stage, ...]:
    """Stages of one group of nests. Equal groups of other nodes (the same layer of another block) are laid out once."""
    tensors = tuple(operand.tensor for nest in placed.nests for operand in nest.operands)
    stored = context.renamed.get(node.outputs[0])
    hardware = context.hardware
    key = (
        placed.unit,
        node.op,
        tuple(context.workload.shape(nest) for nest in placed.nests),
        context.workload.classes(stored) if stored else None,
        tuple(fixed_tiles(hardware, node.name, nest.name) for nest in placed.nests) if hardware.mapping else (),
        sparse_key(context, hardware.units[placed.unit], node, placed.nests),
        tuple(map(context.is_kept, tensors)) if context.kept else (),
    )
    if key not in context.layouts:
        context.layouts[key] = (tensors, lay_out(context, placed.unit, node, placed.nests))
    known, stages = context.layouts[key]
    context.laid.append(Laid(key, node, placed.unit, placed.nests, scope))
    rename = dict(zip(known, tensors, strict=True))
    parts = [_part(stage.part, placed) for stage in stages]
    return tuple(
        stage.named(
            node=node.name,
            part=part,
            constants=tuple(rename[name] for name in stage.constants),
            group=_group(context, stage, f"{node.name}:{part}" if not stage.early else node.name, scope),
        )
        for stage, part in zip(stages, parts, strict=True)
    )


def _part(part: str, placed: Placed) -> str:
    """The part under the name it has in this group: only the number of an expert differs."""
    return next(
        (nest.name for nest in placed.nests if nest.name.split(".")[-1] == part.rsplit(".", maxsplit=1)[-1]), part
    )


def _group(context: Context, stage: Stage, place: str, scope: str) -> str:
    """The prefetch group: loads overlap earlier work only in the hardware's prefetch scope, and those of operands that
    earlier nodes make (stages that are not `early`) only the work of their own `place`."""
    prefetch = context.hardware.schedule.prefetch
    if not stage.memory or stage.slots < 2 or prefetch == "none" or (prefetch == "experts" and scope != "experts"):
        return ""
    return stage.memory if prefetch == "all" and stage.early else f"{stage.memory}:{place}"
