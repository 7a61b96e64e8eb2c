"""Dot-product arrays: `inputs` x `outputs` x `rows` multipliers, one step every `ii` cycles.

Two ways to run a nest, told apart by whether the unit has a buffer for the operand that all rows share:

* held: that operand (weights) is loaded into the buffer, then rows (tokens, pixels) stream past it;
* streamed: a group of `rows` rows stays and the shared operand (keys, values) streams past, once a group.

Not modelled: convolution halos beyond a line buffer (each input element is read once a pass).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from accelsim.errors import UnsupportedError
from accelsim.hw.schema import DotUnit
from accelsim.ir import Access, Axis, Dim, LoopNest, Node, Operand
from accelsim.mapping.context import Context, does_not_fit
from accelsim.mapping.dataflows.epilogue import epilogue_cycles, function_counts
from accelsim.mapping.stage import Stage, Transfer
from accelsim.mapping.view import nest_key


class _Work(NamedTuple):
    """A product on a unit: the nest, the operand its rows share, and the nests computed along with it."""

    name: str
    unit: DotUnit
    node: Node
    nest: LoopNest
    shared: Operand
    extras: tuple[LoopNest, ...]


def dot_stages(context: Context, name: str, unit: DotUnit, node: Node, nests: Sequence[LoopNest]) -> tuple[Stage, ...]:
    """Lay out one mac nest, with the other nests computed in the unit's pipeline or epilogue."""
    main = next((nest for nest in nests if nest.function == "mac"), None)
    if main is None:
        raise UnsupportedError(
            f"{context.hardware.name}: unit '{name}' multiplies and adds, it cannot run "
            f"'{nest_key(node, nests[0])}' of node '{node.name}'; place it on a vector unit"
        )
    shared = _shared_operand(main, node)
    work = _Work(name, unit, node, main, shared, tuple(nest for nest in nests if nest is not main))
    if shared.role in unit.holds:
        return _held(context, work)
    if shared.constant:
        raise UnsupportedError(
            f"{context.hardware.name}: unit '{name}' has no buffer for operand '{shared.role}' of '{node.op}'; "
            f"add units.{name}.holds.{shared.role}: <memory>"
        )
    return _streamed(context, work)


def _axes(nest: LoopNest, operand: Operand) -> frozenset[Axis]:
    return frozenset(dim.axis for dim in nest.dims if dim.name in operand.dims)


def _shared_operand(nest: LoopNest, node: Node) -> Operand:
    """The factor that all rows share: read, indexed by a reduction but by no row."""
    for operand in nest.operands:
        axes = _axes(nest, operand)
        if operand.access is Access.READ and Axis.REDUCE in axes and Axis.ROW not in axes:
            return operand
    raise UnsupportedError(f"node '{node.name}': nest '{nest.name}' has no operand that its rows share")


def _held(context: Context, work: _Work) -> tuple[Stage, ...]:
    name, unit, node, nest, shared, extras = work
    rows, outputs, reduce = (nest.size(axis) for axis in (Axis.ROW, Axis.OUTPUT, Axis.REDUCE))
    batch = nest.size(Axis.BATCH)
    loads = batch if Axis.BATCH in _axes(nest, shared) else 1  # groups of a convolution have weights of their own
    memory = context.buffer(unit.holds[shared.role])
    capacity_bits = memory.copy_bytes * 8
    column_bits = reduce * context.home(node.op, shared).bits
    fitting = min(outputs, capacity_bits // column_bits)
    if fitting < outputs:
        fitting -= fitting % unit.outputs.value
    if fitting < 1:
        raise does_not_fit(
            f"node '{node.name}' ({node.op}.{nest.name}) on unit '{name}': {unit.outputs.value} columns of "
            f"{reduce} weights in buffer '{unit.holds[shared.role]}'",
            column_bits * min(unit.outputs.value, outputs) / 8,
            capacity_bits / 8,
            "bytes",
            f"raise memories.{unit.holds[shared.role]}.words or use fewer units.{name}.outputs",
        )
    tiles = batch * math.ceil(rows / unit.rows.value)
    _check_companions(context, work, fitting / outputs)
    constants = [o for o in nest.operands if o.constant and o.access is Access.READ]
    moving = [o for o in nest.operands if o not in constants and o is not shared]
    passes = [(outputs // fitting, fitting), (1 if outputs % fitting else 0, outputs % fitting)]
    stages = []
    for count, width in passes:
        if not count:
            continue
        share = width / outputs
        held: list[Transfer] = []
        for operand in constants if shared.constant else [shared, *constants]:
            held.extend(context.transfer(node.op, operand, operand.elements * share / loads, write=False))
        streams: list[Transfer] = []
        for operand in moving:
            part = share if Axis.OUTPUT in _axes(nest, operand) else 1.0
            streams.extend(context.both_ways(node.op, operand, operand.elements * part / tiles))
        for extra in extras:
            for operand in extra.operands:
                if operand.constant:
                    streams.extend(context.transfer(node.op, operand, operand.elements * share / tiles, write=False))
        steps = math.ceil(width / unit.outputs.value) * math.ceil(reduce / unit.inputs.value) * unit.ii.value
        steps = max(steps, epilogue_cycles(unit, extras, unit.rows.value * width))
        if unit.row_latency is not None:
            steps = max(steps, unit.row_latency.value * unit.rows.value)
        macs = nest.points * width // outputs
        stages.append(
            Stage(
                node=node.name,
                part=nest.name,
                unit=name,
                cause="compute",
                outer=count * loads,
                inner=tiles // loads,
                tile_cycles=steps,
                fill_cycles=unit.fill.value,
                depth=unit.stream_depth.value,
                streams=tuple(streams),
                held=() if memory.resident else tuple(held),
                resident=tuple(held) if memory.resident else (),
                constants=tuple(operand.tensor for operand in constants),
                early=shared.constant,
                memory=unit.holds[shared.role],
                memory_bytes=math.ceil(shared.elements * share / loads * context.home(node.op, shared).bits / 8),
                slots=memory.copies.value,
                macs=macs * count,
                ideal_cycles=math.ceil(macs * count / unit.macs_per_step),
                functions=(("mac", macs * count), *function_counts(extras)),
            )
        )
    return tuple(stages)


def _check_companions(context: Context, work: _Work, share: float) -> None:
    """Whether what is held beside the shared operand (biases) fits the buffer it has."""
    for operand in work.nest.operands:
        name = work.unit.holds.get(operand.role)
        if name is None or operand is work.shared:
            continue
        needed = operand.elements * share * context.home(work.node.op, operand).bits / 8
        buffer = context.buffer(name)
        if needed > buffer.copy_bytes:
            raise does_not_fit(
                f"node '{work.node.name}': operand '{operand.role}' in buffer '{name}' of unit '{work.name}'",
                needed,
                buffer.copy_bytes,
                "bytes",
                f"raise memories.{name}.words",
            )


def _streamed(context: Context, work: _Work) -> tuple[Stage, ...]:
    name, unit, node, nest, shared, extras = work
    rows, group = nest.size(Axis.ROW), unit.rows.value
    step = _step_dim(nest, shared)
    unroll = {Axis.REDUCE: unit.inputs.value, Axis.OUTPUT: unit.outputs.value}
    block = unroll[step.axis]
    steps = math.ceil(step.size / block)
    others = math.prod(
        math.ceil(dim.size / unroll.get(dim.axis, 1))
        for dim in nest.dims
        if dim is not step and dim.axis is not Axis.ROW
    )
    tile_cycles = others * unit.ii.value
    for extra in extras:
        stage = unit.stages.get(extra.function)
        if stage is not None and any(dim.name == step.name for dim in extra.dims):
            tile_cycles = max(tile_cycles, stage.ii.value * group * block)
    # With skew, row j of a group enters at step j and the steps it missed are done in the next group.
    if unit.skew:
        outer, tail = divmod(rows + group - 1, group)
    else:
        outer, tail = math.ceil(rows / group), 0
    rounds = outer + (1 if tail else 0)
    tiles = outer * steps + tail
    streams: list[Transfer] = []
    held: list[Transfer] = []
    stores: list[Transfer] = []
    for operand in (*nest.operands, *(o for extra in extras for o in extra.operands if not _inside(o, nest))):
        stretch = _padding(unit, nest, operand)
        if operand is shared:
            streams.extend(context.transfer(node.op, operand, operand.elements * block / step.size, write=False))
        elif step.name in operand.dims:
            streams.extend(
                context.both_ways(
                    node.op, operand, operand.elements * min(group, rows) * block / rows / step.size, stretch=stretch
                )
            )
        elif operand.access is Access.READ and unit.skew:
            streams.extend(context.transfer(node.op, operand, operand.elements / tiles, write=False, stretch=stretch))
        elif operand.access is Access.READ:
            held.extend(context.transfer(node.op, operand, operand.elements / rounds, write=False, stretch=stretch))
        else:
            stores.extend(context.transfer(node.op, operand, operand.elements / rounds, write=True, stretch=stretch))
    return (
        Stage(
            node=node.name,
            part=nest.name,
            unit=name,
            cause="compute",
            outer=outer,
            inner=steps,
            tail=tail,
            tile_cycles=tile_cycles,
            fill_cycles=unit.fill.value,
            depth=unit.stream_depth.value,
            streams=tuple(streams),
            held=tuple(held),
            stores=tuple(stores),
            macs=nest.macs,
            ideal_cycles=math.ceil(nest.macs / unit.macs_per_step),
            functions=(("mac", nest.macs), *function_counts(extras)),
        ),
    )


def _step_dim(nest: LoopNest, shared: Operand) -> Dim:
    """The loop along which the shared operand streams: its outermost one that is not a batch."""
    dims = {dim.name: dim for dim in nest.dims}
    return next(dims[name] for name in shared.dims if dims[name].axis is not Axis.BATCH)


def _inside(operand: Operand, nest: LoopNest) -> bool:
    """Whether an absorbed nest's operand is one that the main nest already moves."""
    return any(operand.role == own.role for own in nest.operands)


def _padding(unit: DotUnit, nest: LoopNest, operand: Operand) -> float:
    """Stored over real elements of an operand inside the op, where the unit pads a loop (3 heads stored as 4)."""
    if operand.tensor:
        return 1.0
    return math.prod(
        unit.pad[dim.name].value / dim.size
        for dim in nest.dims
        if dim.name in operand.dims and dim.name in unit.pad and unit.pad[dim.name].value > dim.size
    )
