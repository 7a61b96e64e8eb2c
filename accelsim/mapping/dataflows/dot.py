"""Dot-product arrays: `inputs` x `outputs` x `rows` multipliers, one step every `ii` cycles.

Two ways to run a nest, told apart by whether the unit has a buffer for the operand that all rows share:

* held: that operand (weights) is loaded into the buffer, then rows (tokens, pixels) stream past it. Outputs are cut
  into blocks that fit; where not even the weights of one step's outputs fit, the reduction is cut too, and its partial
  sums, accumulator wide, are kept in the buffer of results or written and read back;
* streamed: a group of `rows` rows stays and the shared operand (keys, values) streams past, once a group.

Not modelled: convolution halos beyond a line buffer (each input element is read once a pass).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from accelsim.errors import InputError
from accelsim.hw.schema import DotUnit
from accelsim.ir import Access, Axis, Dim, LoopNest, Node, Operand
from accelsim.mapping.context import Context, cannot_run, does_not_fit
from accelsim.mapping.dataflows.depthwise import depthwise_stages, is_depthwise
from accelsim.mapping.dataflows.epilogue import epilogue_cycles, function_counts
from accelsim.mapping.plan import Cut, fixed_tiles
from accelsim.mapping.stage import Stage, Transfer


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
        raise cannot_run(context, name, node, nests[0], "multiplies and adds")
    shared = _shared_operand(context, name, node, main)
    if unit.depthwise is not None and "w" in unit.holds and is_depthwise(main):
        return depthwise_stages(context, name, unit, node, nests)
    work = _Work(name, unit, node, main, shared, tuple(nest for nest in nests if nest is not main))
    if shared.role in unit.holds:
        return _held(context, work)
    if shared.constant:
        lever = f"add units.{name}.holds.{shared.role}: <memory>"
        raise cannot_run(context, name, node, main, f"has no buffer for operand '{shared.role}'", lever=lever)
    return _streamed(context, work)


def _axes(nest: LoopNest, operand: Operand) -> frozenset[Axis]:
    return frozenset(dim.axis for dim in nest.dims if dim.name in operand.dims)


def _shared_operand(context: Context, name: str, node: Node, nest: LoopNest) -> Operand:
    """The factor that all rows share: read, indexed by a reduction but by no row."""
    for operand in nest.operands:
        axes = _axes(nest, operand)
        if operand.access is Access.READ and Axis.REDUCE in axes and Axis.ROW not in axes:
            return operand
    raise cannot_run(context, name, node, nest, "takes an operand that all rows share")


class _Reduce(NamedTuple):
    """Equal parts of the reduction: how many, elements of each, whether sums of earlier parts come back, and whether
    the sums are results."""

    pieces: int
    size: int
    reads: bool = False
    final: bool = True


def _held(context: Context, work: _Work) -> tuple[Stage, ...]:
    _, unit, node, nest, shared, _ = work
    rows, outputs, reduce = (nest.size(axis) for axis in (Axis.ROW, Axis.OUTPUT, Axis.REDUCE))
    memory = context.buffer(unit.holds[shared.role])
    room = memory.copy_bytes * 8 // context.home(node.op, shared).bits
    fitting = min(outputs, room // reduce)
    if fitting < outputs:
        fitting -= fitting % unit.outputs.value
    parts = [_Reduce(1, reduce)]
    if fitting < 1:
        fitting = min(outputs, unit.outputs.value)
        parts = _reduce_parts(context, work, fitting, room)
    else:
        fitting = _fixed_width(context, work, fitting)
    loads = _loads(work)
    _check_companions(context, work, fitting / outputs)
    spilled = len(parts) > 1 and not _sums_stay(context, work, fitting)
    cut = Cut(
        dataflow="held",
        batch=nest.size(Axis.BATCH),
        size={Axis.ROW: rows, Axis.OUTPUT: outputs, Axis.REDUCE: reduce},
        tile={Axis.ROW: min(rows, unit.rows.value), Axis.OUTPUT: fitting, Axis.REDUCE: parts[0].size},
        held=shared.role,
        loops=(Axis.REDUCE, Axis.OUTPUT, Axis.ROW),
        buffers=_buffers(context, work, fitting, parts),
        passes={
            shared.role: 1,
            "inputs": math.ceil(outputs / fitting),
            "outputs": sum(part.pieces for part in parts) if spilled else 1,
        },
        choices=("outputs",) if len(parts) == 1 else (),
    )
    widths = [(outputs // fitting, fitting), (1, outputs % fitting)]
    return tuple(
        _held_stage(context, work, (count * loads * part.pieces, width, part), spilled, cut)
        for part in parts
        for count, width in widths
        if count and width
    )


def _loads(work: _Work) -> int:
    """How often the held operand changes beside blocks of outputs: groups of a convolution, heads."""
    return math.prod(dim.size for dim in work.nest.dims if dim.axis is Axis.BATCH and dim.name in work.shared.dims)


def _reduce_parts(context: Context, work: _Work, width: int, room: int) -> list[_Reduce]:
    """Parts of the reduction whose weights for `width` outputs fit. Raises DoesNotFitError where none does, or where
    the unit has no accumulators to add them in."""
    unit, reduce = work.unit, work.nest.size(Axis.REDUCE)
    most = room // width
    most -= most % unit.inputs.value
    bits = context.home(work.node.op, work.shared).bits
    least = reduce if unit.accumulator is None else min(reduce, unit.inputs.value)
    if most < least:
        buffer = unit.holds[work.shared.role]
        raise does_not_fit(
            f"node '{work.node.name}' ({work.node.op}.{work.nest.name}) on unit '{work.name}': {width} columns of "
            f"{least} weights in buffer '{buffer}'",
            least * width * bits / 8,
            room * bits / 8,
            "bytes",
            f"raise memories.{buffer}.words, use fewer units.{work.name}.outputs"
            + ("" if unit.accumulator else f", or give units.{work.name}.accumulator to spill partial sums"),
        )
    count = math.ceil(reduce / most)
    parts = [_Reduce(1, most, reads=False, final=False)]
    if count > 2:
        parts.append(_Reduce(count - 2, most, reads=True, final=False))
    return [*parts, _Reduce(1, reduce - (count - 1) * most, reads=True, final=True)]


def _sums_stay(context: Context, work: _Work, width: int) -> bool:
    """Whether the unit has a buffer for results with room for the sums of all rows of a block of outputs."""
    outputs = _outputs(work.nest)
    memory = work.unit.holds.get(outputs.role)
    if memory is None or work.unit.accumulator is None:
        return False
    rows = outputs.elements * width / work.nest.size(Axis.OUTPUT) / _loads(work)
    return rows * work.unit.accumulator.value <= context.buffer(memory).copy_bytes * 8


def _outputs(nest: LoopNest) -> Operand:
    return next(operand for operand in nest.operands if operand.access is not Access.READ)


def _buffers(context: Context, work: _Work, width: int, parts: Sequence[_Reduce]) -> dict[str, tuple[str, int, int]]:
    """Name, bytes taken and bytes of a copy of each buffer, by the operand it holds."""
    share = width / work.nest.size(Axis.OUTPUT)
    found = {}
    for operand in work.nest.operands:
        name = work.unit.holds.get(operand.role)
        if name is None:
            continue
        elements = operand.elements * share / _loads(work)
        bits = context.stored_bits(work.node.op, operand)
        if operand is work.shared:
            elements = width * parts[0].size
        elif operand.access is not Access.READ:
            if len(parts) == 1 or not _sums_stay(context, work, width):
                continue
            bits = work.unit.accumulator.value if work.unit.accumulator is not None else bits
        found[operand.role] = (name, math.ceil(elements * bits / 8), context.buffer(name).copy_bytes)
    return found


def _held_stage(context: Context, work: _Work, block: tuple[int, int, _Reduce], spilled: bool, cut: Cut) -> Stage:
    """One stage of `rounds` blocks of `width` outputs and a part of the reduction."""
    name, unit, node, nest, shared, extras = work
    rounds, width, part = block
    rows, outputs, reduce = (nest.size(axis) for axis in (Axis.ROW, Axis.OUTPUT, Axis.REDUCE))
    loads, memory = _loads(work), context.buffer(unit.holds[shared.role])
    tiles = nest.size(Axis.BATCH) * math.ceil(rows / unit.rows.value)
    share, depth = width / outputs, part.size / reduce
    held: list[Transfer] = []
    constants = [o for o in nest.operands if o.constant and o.access is Access.READ]
    for operand in constants if shared.constant else [shared, *constants]:
        if operand is shared or part.final:
            size = operand.elements * share / loads * (depth if operand is shared else 1.0)
            held.extend(context.transfer(node.op, operand, size, write=False))
    streams: list[Transfer] = []
    result = _outputs(nest)
    for operand in nest.operands:
        if operand in constants or operand is shared:
            continue
        axes = _axes(nest, operand)
        size = operand.elements * (share if Axis.OUTPUT in axes else 1.0) / tiles
        size *= depth if Axis.REDUCE in axes else 1.0
        runs = min(unit.rows.value, rows) if operand.indirect else 0  # an index list picks each row
        if part.final or Axis.REDUCE in axes:
            streams.extend(context.both_ways(node.op, operand, size, runs=runs))
        if operand is result and spilled and unit.accumulator is not None:
            wide = unit.accumulator.value / context.home(node.op, operand).bits
            if part.reads:
                streams.extend(context.transfer(node.op, operand, size, write=False, stretch=wide, runs=runs))
            if not part.final:
                streams.extend(context.transfer(node.op, operand, size, write=True, stretch=wide, runs=runs))
    for operand in (o for extra in extras for o in extra.operands if o.constant and part.final):
        streams.extend(context.transfer(node.op, operand, operand.elements * share / tiles, write=False))
    steps = math.ceil(width / unit.outputs.value) * math.ceil(part.size / unit.inputs.value) * unit.ii.value
    if part.final:
        steps = max(steps, epilogue_cycles(unit, extras, unit.rows.value * width))
    if unit.row_latency is not None:
        steps = max(steps, unit.row_latency.value * unit.rows.value)
    macs = nest.points // reduce * part.size * width // outputs * (rounds // loads)
    return Stage(
        node=node.name,
        part=nest.name,
        unit=name,
        cause="compute",
        outer=rounds,
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
        memory_bytes=math.ceil(width * part.size * context.home(node.op, shared).bits / 8),
        slots=min(2, memory.copies.value),
        macs=macs,
        ideal_cycles=math.ceil(macs / unit.macs_per_step),
        functions=(("mac", macs), *_functions(work, rounds // loads * width if part.final else 0)),
        cut=cut,
    )


def _functions(work: _Work, outputs: int) -> tuple[tuple[str, int], ...]:
    """Functions of results on their way out, in proportion to the outputs that are final."""
    whole = work.nest.size(Axis.OUTPUT)
    return tuple((name, points * outputs // whole) for name, points in function_counts(work.extras) if outputs)


def _fixed_width(context: Context, work: _Work, most: int) -> int:
    """Outputs of a block: as many as fit, or what the description fixes. Raises DoesNotFitError, InputError."""
    tiles = fixed_tiles(context.hardware, work.node.name, work.nest.name)
    if tiles is None:
        return most
    where = f"node '{work.node.name}' ({work.nest.name}) on unit '{work.name}': mapping"
    for field in ("rows", "reduce", "held"):
        if getattr(tiles, field) is not None:
            raise InputError(f"{where}: '{field}' is given by the unit, which cuts along outputs only")
    width = min(work.nest.size(Axis.OUTPUT), tiles.outputs or most)
    if width > most:
        raise does_not_fit(
            f"{where}: {width} columns of weights in buffer '{work.unit.holds[work.shared.role]}'",
            width,
            most,
            "columns",
            f"fewer outputs in the mapping, or raise memories.{work.unit.holds[work.shared.role]}.words",
        )
    return width


def _check_companions(context: Context, work: _Work, share: float) -> None:
    """Whether what is held beside the shared operand (biases) fits the buffer it has."""
    for operand in work.nest.operands:
        name = work.unit.holds.get(operand.role)
        if name is None or operand is work.shared or operand.access is not Access.READ:
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
            cut=Cut(
                dataflow="streamed",
                batch=nest.size(Axis.BATCH),
                size={axis: nest.size(axis) for axis in (Axis.ROW, Axis.OUTPUT, Axis.REDUCE)},
                tile={axis: nest.size(axis) for axis in (Axis.OUTPUT, Axis.REDUCE)}
                | {Axis.ROW: min(group, rows), step.axis: min(block, step.size)},
                held="rows",
                loops=(*(axis for axis in (Axis.REDUCE, Axis.OUTPUT) if axis is not step.axis), Axis.ROW, step.axis),
                buffers={},
                passes={shared.role: math.ceil(rows / group)},
                choices=(),
            ),
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
