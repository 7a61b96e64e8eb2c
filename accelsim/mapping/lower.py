"""Lowering: a graph on a hardware becomes stages in order of execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from accelsim.hw.schema import Hardware
from accelsim.ir import Axis, FrozenMap, LoopNest
from accelsim.mapping.context import Context, Laid
from accelsim.mapping.dataflows.host import host_overhead
from accelsim.mapping.experts import POLICIES, ExpertWork, kept_bytes
from accelsim.mapping.layout import estimated_seconds, lay_out
from accelsim.mapping.outline import Group, Reads, Step, outline_of
from accelsim.mapping.placement import Placed
from accelsim.mapping.plan import fixed_tiles
from accelsim.mapping.residency import Occupancy, Residency
from accelsim.mapping.room import buffers_with_room, room_needed
from accelsim.mapping.sparsity import sparse_key
from accelsim.mapping.stage import Stage
from accelsim.mapping.view import Workload
from accelsim.results import Failure


@dataclass(frozen=True)
class Lowered:
    """Stages in order of execution.

    `folded` are layout nodes that only change addresses; `fused` tells for each host node the later nodes it
    computes on its way out; `included` are nodes whose time a unit's rate contains. `kept_bytes` says how much of
    each buffer the expert policy keeps filled. `needs` tells for each node with stages whose results it reads, where
    branches run side by side, `occupancy` what each memory that keeps tensors held, `filled_bytes` what queues and
    rows take of the buffers that have room for them, and `misfits` where that is too little. `context` tells what was
    laid out in which order, `experts` the stages of each expert of a routed node, whose policy made the last of the
    node's stages of them.
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
    outline = outline_of(workload, hardware)
    stages: list[Stage] = []
    included: list[str] = []
    fused: dict[str, tuple[str, ...]] = {}
    swallowed: set[str] = set()
    kept: dict[str, int] = {}
    experts: dict[str, ExpertWork] = {}
    needs: dict[str, tuple[str, ...]] = {}
    residency = Residency(context)
    hosted = any(unit.kind == "host" for unit in hardware.units.values())
    roomy = tuple(buffers_with_room(hardware))
    filled: dict[str, int] = {}
    misfits: dict[str, Failure] = {}
    reads = Reads() if hardware.schedule.branches == "concurrent" else None
    done: dict[str, float] = {}  # estimated seconds, for the choice between units
    for node in outline.nodes:
        if node.name in swallowed:
            continue
        read = reads.of(node) if reads is not None else ()
        if node.name in outline.folded:
            continue
        context.ready = max((done[name] for name in read), default=0.0)
        step = outline.step(context, node)
        if step.tail:
            fused[node.name] = tuple(member.name for member in step.tail)
            swallowed.update(fused[node.name])
            context.renamed[node.outputs[0]] = step.stored[0]
        for need in room_needed(context, node, step.groups, roomy) if roomy else ():
            filled[need.memory] = max(filled.get(need.memory, 0), need.size_bytes)
            if need.failure is not None:
                misfits[need.failure.what] = need.failure
        if residency:
            residency.make(node, step.stored)
        made = step.work.marked(_node_stages(context, step, kept, experts))
        for memory, size in step.work.kept_bytes.items():
            kept[memory] = max(kept.get(memory, 0), size)
        if not made:
            included.append(node.name)
            continue
        if hosted:
            stages.extend(host_overhead(hardware, node, [stage.unit for stage in made], first=not stages))
        stages.extend(made)
        if reads is not None:
            needs[node.name] = read
            units = dict.fromkeys(stage.unit for stage in made)
            done[node.name] = max(map(context.start, units)) + estimated_seconds(hardware, made)
            context.free.update(dict.fromkeys(units, done[node.name]))
            reads.timed(node, step.tail)
    return Lowered(
        tuple(stages),
        tuple(outline.folded),
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
    context: Context, step: Step, kept: dict[str, int], experts: dict[str, ExpertWork]
) -> tuple[Stage, ...]:
    common = [stage for g in step.groups if g.placed.expert is None for stage in _layout(context, step, g, scope="all")]
    node = step.node
    routing = context.workload.routing(node)
    if routing is None:
        return tuple(common)

    whole: dict[int, list[Stage]] = {}
    for group in step.groups:
        if group.placed.expert is not None:
            whole.setdefault(group.placed.expert, []).extend(_layout(context, step, group, scope="experts"))

    def visit() -> dict[int, list[Stage]]:
        single: dict[int, list[Stage]] = {}
        for group in _single_visits(step.groups):
            for stage in lay_out(context, group.unit, node, group.nests):
                scoped = replace(stage, group=_group(context, stage, node.name, "experts"))
                single.setdefault(group.expert or 0, []).append(scoped)
        return single

    schedule = context.hardware.schedule
    work = experts[node.name] = ExpertWork(node.name, routing, whole, visit)
    for memory, size in kept_bytes(work, schedule).items():
        kept[memory] = max(kept.get(memory, 0), size)
    return (*common, *POLICIES[schedule.experts.order](work, schedule))


def _single_visits(groups: Iterable[Group]) -> tuple[Placed, ...]:
    """The experts' nests with a queue of one token."""
    return tuple(
        replace(group.placed, nests=tuple(_one_row(nest) for nest in group.placed.nests))
        for group in groups
        if group.placed.expert is not None
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


def _layout(context: Context, step: Step, group: Group, *, scope: str) -> tuple[Stage, ...]:
    """Stages of one group of nests. Equal groups of other nodes (the same layer of another block) are laid out once."""
    node, placed, hardware = step.node, group.placed, context.hardware
    key = (
        group.kind,
        tuple(fixed_tiles(hardware, node.name, nest.name) for nest in placed.nests) if hardware.mapping else (),
        sparse_key(context, hardware.units[placed.unit], node, placed.nests),
        tuple(map(context.is_kept, group.tensors)) if context.kept else (),
    )
    known = context.layouts.get(key)
    if known is None:
        known = context.layouts[key] = (group.tensors, lay_out(context, placed.unit, node, placed.nests))
    context.laid.append(Laid(key, node, placed.unit, placed.nests, scope))
    found = []
    for stage in known[1]:
        part = group.part(stage.part)
        constants = stage.constants
        if constants:
            rename = dict(zip(known[0], group.tensors, strict=True))
            constants = tuple(rename[name] for name in constants)
        place = node.name if stage.early else f"{node.name}:{part}"
        found.append(
            stage.named(node=node.name, part=part, constants=constants, group=_group(context, stage, place, scope))
        )
    return tuple(found)


def _group(context: Context, stage: Stage, place: str, scope: str) -> str:
    """The prefetch group: loads overlap earlier work only in the hardware's prefetch scope, and those of operands that
    earlier nodes make (stages that are not `early`) only the work of their own `place`."""
    prefetch = context.hardware.schedule.prefetch
    if not stage.memory or stage.slots < 2 or prefetch == "none" or (prefetch == "experts" and scope != "experts"):
        return ""
    return stage.memory if prefetch == "all" and stage.early else f"{stage.memory}:{place}"
