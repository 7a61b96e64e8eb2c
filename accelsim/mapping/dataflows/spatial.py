"""Spatial arrays: loops of a nest laid along the sides of an array, row-stationary designs among them.

A nest is cut into blocks of rows (images, output rows, tokens), tiles of outputs and tiles of what is summed over:

    for a block of rows:  for a tile of outputs:  for a tile of the reduction:  the rows of the block stream past

The weights of the two inner tiles stay in the array meanwhile; the sums of a block and tile of outputs stay in the
buffer of outputs until they are complete, so none is spilled. Weights cross their link once a block. Inputs cross it
once a tile of outputs, or once in all where a whole block of them, all channels, fits its buffer; results once.

Along outputs and reduction the outermost loop is cut (channels of a convolution), in whole multiples of its factor.
The cut is the one of least estimated time among those into 1, 2, 4, ... pieces. Transfers of a tile are the average
over all tiles.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from accelsim.errors import DoesNotFitError, InputError
from accelsim.hw.schema import SpatialUnit
from accelsim.ir import Access, Axis, FrozenMap, LoopNest, Node, Operand
from accelsim.mapping.context import Context, cannot_run, does_not_fit
from accelsim.mapping.dataflows.epilogue import epilogue_cycles, function_counts
from accelsim.mapping.dataflows.spatial_work import Box, StepCut, Work
from accelsim.mapping.dataflows.unrolling import best_factors
from accelsim.mapping.plan import Cut, fixed_tiles
from accelsim.mapping.rates import Rates, longest
from accelsim.mapping.stage import Stage, Transfer

_AXES = (Axis.ROW, Axis.OUTPUT, Axis.REDUCE)
_WAYS = 16  # ways to lay out the loops, of those with the fewest steps, that are tried
_HALVINGS = 6
_MOVING = 0.1  # weight of all transfers in an estimate, as for systolic arrays


def spatial_stages(
    context: Context, name: str, unit: SpatialUnit, node: Node, nests: Sequence[LoopNest]
) -> tuple[Stage, ...]:
    """Lay out one mac nest, with the other nests computed on its results' way out."""
    main = next((nest for nest in nests if nest.function == "mac"), None)
    if main is None:
        raise cannot_run(context, name, node, nests[0], "multiplies and adds")
    operands = _operands(context, name, node, main)
    extras = tuple(nest for nest in nests if nest is not main)
    bare = Work(context, name, unit, node, main, operands, extras, {})
    if fixed_tiles(context.hardware, node.name, main.name) is not None:
        raise InputError(f"{bare.where}: mapping: tiles of a spatial array cannot be fixed; fix its 'unroll' instead")
    # Of equals the one with the least steps of rows, then of outputs, then of what is summed over.
    candidates = sorted(_candidates(bare), key=lambda candidate: candidate[1])
    chosen = context.decide(_chooser(bare, [_terms(*candidate) for candidate in candidates]))
    return tuple(_stages(*candidates[chosen]))


def _candidates(bare: Work) -> list[tuple[Work, StepCut]]:
    """Ways to lay the loops along the sides and cut them that fit: those with the fewest steps, or where none of these
    does, with the largest factors of rows, outputs or what is summed over halved, as often as it takes.

    `bare` is the work with nothing laid along a side. Raises DoesNotFitError.
    """
    first = _laid(bare, {})
    for often in sorted(itertools.product(range(_HALVINGS), repeat=len(_AXES)), key=sum):
        works = _laid(bare, dict(zip(_AXES, often, strict=True))) if any(often) else first
        found = [(work, cut) for work in works for cut in _cuts(work) if _fits(work, cut)]
        if found:
            return found
        lacking = _private_lack(first[0]) or _buffer_lack(bare)  # what halving does not help
        if lacking is not None:
            raise lacking
    raise _misfit(first[0])


def _laid(bare: Work, halved: Mapping[Axis, int]) -> list[Work]:
    return [replace(bare, factors=found) for found in _factors(bare, halved)[:_WAYS]]


def _factors(bare: Work, halved: Mapping[Axis, int]) -> tuple[Mapping[str, int], ...]:
    """`halved` tells how often the largest factors of the loops of an axis are halved."""
    axis = {dim.name: dim.axis for dim in bare.nest.dims}

    def most(loop: str, factor: int) -> int:
        return max(1, factor >> halved.get(axis.get(loop, Axis.BATCH), 0))

    sides = tuple(
        (length.value, FrozenMap({loop: most(loop, f.value) for loop, f in bare.unit.unroll.get(side, {}).items()}))
        for side, length in bare.unit.sides.items()
    )
    return best_factors(FrozenMap({dim.name: dim.size for dim in bare.nest.dims}), sides)


def _operands(context: Context, name: str, node: Node, nest: LoopNest) -> dict[str, Operand]:
    axis = {dim.name: dim.axis for dim in nest.dims}
    factors = [o for o in nest.operands if o.access is Access.READ and Axis.REDUCE in {axis[d] for d in o.dims}]
    weights = next((o for o in factors if Axis.ROW not in {axis[d] for d in o.dims}), None)
    inputs = next((o for o in factors if o is not weights), None)
    if weights is None or inputs is None:
        raise cannot_run(context, name, node, nest, "computes products of two operands")
    outputs = next(operand for operand in nest.operands if operand.access is not Access.READ)
    return {"inputs": inputs, "weights": weights, "outputs": outputs}


def _pieces(steps: int, most: int) -> Iterator[int]:
    """Sizes of the fewest pieces of at most `most` steps, and of twice, four times, ... as many."""
    if most < 1:
        return
    count, last = -(-steps // most), 0
    while last != 1:
        size = -(-steps // count)
        if size != last:
            yield size
        last, count = size, 2 * count


def _cuts(work: Work) -> Iterator[StepCut]:
    sums, window = work.limits()
    rows = _pieces(work.loop(Axis.ROW).steps, work.loop(Axis.ROW).steps)
    outputs = _pieces(work.loop(Axis.OUTPUT).steps, sums)
    reduce = _pieces(work.loop(Axis.REDUCE).steps, window)
    return (StepCut(*sizes) for sizes in itertools.product(rows, outputs, reduce))


def _fits(work: Work, cut: StepCut) -> bool:
    return work.weights_fit(cut) and all(work.needed(role, cut) <= work.room(role) for role in work.operands)


_SMALLEST = StepCut(1, 1, 1)


def _private_lack(work: Work) -> DoesNotFitError | None:
    """What a place lacks room for however small the tile is."""
    inside = {
        "outputs": work.inside(Axis.OUTPUT),
        "inputs": work.inside(Axis.REDUCE),
        "weights": work.inside(Axis.OUTPUT) * work.inside(Axis.REDUCE),
    }
    for role, words in inside.items():
        limit = getattr(work.unit.private, role)
        if limit is not None and words > limit.value:
            return does_not_fit(
                f"{work.where}: what one place keeps of the {role} of the smallest tile",
                words,
                limit.value,
                "words",
                f"raise units.{work.name}.private.{role}, or lay more of the inner loops along its sides with 'unroll'",
            )
    return None


def _buffer_lack(work: Work) -> DoesNotFitError | None:
    """What a buffer lacks room for."""
    return None if all(work.needed(role, _SMALLEST) <= work.room(role) for role in work.operands) else _misfit(work)


def _misfit(work: Work) -> DoesNotFitError:
    role = max(work.operands, key=lambda role: work.needed(role, _SMALLEST) / work.room(role))
    buffer = work.unit.held[role]
    return does_not_fit(
        f"{work.where}: the smallest tile of its {role} in buffer '{buffer}'",
        work.needed(role, _SMALLEST) / 8,
        work.room(role) / 8,
        "bytes",
        f"raise memories.{buffer}.words",
    )


def _counts(work: Work, cut: StepCut) -> tuple[int, int, int]:
    """Blocks of rows, tiles of outputs, tiles of the reduction."""
    rows, outputs, reduce = (-(-work.loop(axis).steps // steps) for axis, steps in zip(_AXES, cut, strict=True))
    return rows, outputs, reduce


def _input_passes(work: Work, cut: StepCut) -> int:
    """How often the inputs cross their link: once if those of a whole block fit, else for each tile of outputs."""
    block = work.part(work.operands["inputs"], min(1.0, cut.rows / work.loop(Axis.ROW).steps), 1.0, 1.0)
    return 1 if block * work.bits("inputs") <= work.room("inputs") else _counts(work, cut)[1]


def _load_cycles(work: Work, outputs: float, reduce: float) -> int:
    """Cycles in which the places take the weights of a tile."""
    if work.unit.load_words is None:
        return 0
    return math.ceil(work.part(work.operands["weights"], 1.0, outputs, reduce) / work.unit.load_words.value)


def _row_cycles(work: Work, outputs: int, reduce: int) -> int:
    """Cycles of one step of rows against a tile of so many steps."""
    steps = math.prod(work.inside(axis) for axis in (Axis.ROW, Axis.OUTPUT, Axis.REDUCE))
    return steps * outputs * reduce * work.unit.ii.value


class _Terms(NamedTuple):
    """What an estimate is made of, whatever the rates: cycles of the array, and by operand the bytes that cross a link,
    a beat a transfer at least, and the transfers that wait for the start-up of a link."""

    cycles: float
    size: Mapping[str, float]
    starts: Mapping[str, float]


def _terms(work: Work, cut: StepCut) -> _Terms:
    blocks, output_tiles, reduce_tiles = _counts(work, cut)
    tiles = blocks * output_tiles * reduce_tiles * work.group_steps
    # A transfer of a step of rows takes a beat at least, a load of weights its start-up besides.
    transfers = {"weights": tiles, "inputs": tiles * cut.rows, "outputs": tiles * cut.rows}
    compute = sum(
        box_o.pieces * box_k.pieces * (work.loop(Axis.ROW).steps * _row_cycles(work, box_o.steps, box_k.steps))
        + blocks
        * box_o.pieces
        * box_k.pieces
        * _load_cycles(work, float(box_o.part / box_o.pieces), float(box_k.part / box_k.pieces))
        for box_o in work.loop(Axis.OUTPUT).boxes(cut.outputs)
        for box_k in work.loop(Axis.REDUCE).boxes(cut.reduce)
    )
    often = {"weights": blocks, "inputs": _input_passes(work, cut), "outputs": 1}
    size = {}
    for role, times in often.items():
        home = work.context.home(work.node.op, work.operands[role])
        if home.link is not None:
            beat = work.context.hardware.links[home.link].beat_bytes
            size[role] = max(times * work.operands[role].elements * home.bits / 8, transfers[role] * beat)
    return _Terms(work.group_steps * compute, size, {"weights": tiles})


def _chooser(work: Work, terms: Sequence[_Terms]) -> Callable[[Rates], Any]:
    """Gives the candidate of least estimated seconds, as in `tiling.estimate`: the slowest of array and links, and a
    tenth of all transfers. `work` is that of any candidate."""
    hardware = work.context.hardware
    cycles = np.array([one.cycles for one in terms], np.float64)
    names = {role: str(work.context.home(work.node.op, work.operands[role]).link) for role in terms[0].size}
    columns = {
        role: (
            hardware.links[name],
            np.array([one.size[role] for one in terms]),
            np.array([one.starts.get(role, 0.0) for one in terms]),
        )
        for role, name in names.items()
    }

    def choose(rates: Rates) -> Any:
        slowest = cycles / rates.unit_hz[work.name]
        moved: dict[tuple[str, bool], Any] = {}
        shared: dict[str, Any] = {}
        for role, (link, size, starts) in columns.items():
            name = names[role]
            clock = rates.link_hz[name]
            seconds = size * rates.beat_cycles[name] / link.beat_bytes / clock + starts * rates.latency[name] / clock
            key = (name, role == "outputs")
            moved[key] = moved.get(key, 0.0) + seconds
            if link.memory in rates.bytes_per_s:
                shared[link.memory] = shared.get(link.memory, 0.0) + size / rates.bytes_per_s[link.memory]
        bound = longest((slowest, *moved.values(), *shared.values()))
        return np.argmin(bound + _MOVING * sum(moved.values()), axis=-1)

    return choose


def _stages(work: Work, cut: StepCut) -> Iterator[Stage]:
    loops = [work.loop(axis).boxes(steps) for axis, steps in zip(_AXES, cut, strict=True)]
    done = Fraction(0)
    for rows, outputs, reduce in itertools.product(*loops):
        before, done = done, done + rows.part * outputs.part * reduce.part
        macs = round(work.nest.macs * done) - round(work.nest.macs * before)
        yield _stage(work, cut, (rows, outputs, reduce), macs)


def _stage(work: Work, cut: StepCut, boxes: tuple[Box, Box, Box], macs: int) -> Stage:
    rows, outputs, reduce = boxes
    context, unit, node, operands = work.context, work.unit, work.node, work.operands
    _, output_tiles, reduce_tiles = _counts(work, cut)
    rounds = rows.pieces * outputs.pieces * reduce.pieces * work.group_steps
    step = 1.0 / work.loop(Axis.ROW).steps
    one = (step, float(outputs.part / outputs.pieces), float(reduce.part / reduce.pieces))
    others = [o for o in work.nest.operands if o not in operands.values()]
    again = _input_passes(work, cut) / output_tiles

    held: list[Transfer] = list(
        context.transfer(node.op, operands["weights"], work.part(operands["weights"], *one), write=False)
    )
    streams = list(
        context.transfer(node.op, operands["inputs"], again * work.part(operands["inputs"], *one), write=False)
    )
    streams += context.both_ways(node.op, operands["outputs"], work.part(operands["outputs"], *one) / reduce_tiles)
    for operand in others:
        size = work.part(operand, *one) / reduce_tiles
        if operand.constant:
            held += context.transfer(node.op, operand, size, write=False)
        else:
            streams += context.both_ways(node.op, operand, size)
    for operand in (o for extra in work.extras for o in extra.operands if o.tensor and o.access is Access.READ):
        if operand.tensor not in {o.tensor for o in work.nest.operands}:
            portion = one[1] / reduce_tiles * step / work.group_steps
            streams += context.transfer(node.op, operand, operand.elements * portion, write=False)

    results = work.part(operands["outputs"], *one)
    cycles = max(
        _row_cycles(work, outputs.steps, reduce.steps),
        math.ceil(epilogue_cycles(unit, work.extras, math.ceil(results)) / reduce_tiles),
    )
    part = float(rows.part * outputs.part * reduce.part)
    constants = [o for o in (operands["weights"], *others) if o.constant]
    copies = {role: context.buffer(memory).copies.value for role, memory in unit.held.items()}
    return Stage(
        node=node.name,
        part=work.nest.name,
        unit=work.name,
        cause="compute",
        outer=rounds,
        inner=rows.steps,
        tile_cycles=cycles,
        flush_cycles=_load_cycles(work, one[1], one[2]),
        fill_cycles=unit.fill.value,
        depth=min(4, copies["inputs"], copies["outputs"]),
        streams=tuple(streams),
        held=tuple(held),
        constants=tuple(o.tensor for o in constants),
        early=operands["weights"].constant,
        memory=unit.held["weights"],
        memory_bytes=math.ceil(work.needed("weights", cut) / 8),
        slots=min(2, copies["weights"]),
        macs=macs,
        ideal_cycles=math.ceil(macs / unit.macs_per_step),
        functions=(("mac", macs), *((f, round(n * part)) for f, n in function_counts(work.extras))),
        cut=_told(work, cut),
    )


def _told(work: Work, cut: StepCut) -> Cut:
    """The cut in elements, for readers."""
    size = {axis: work.nest.size(axis) for axis in _AXES}
    size[Axis.ROW] *= math.prod(dim.size for dim in work.images)
    often = {"weights": _counts(work, cut)[0], "inputs": _input_passes(work, cut), "outputs": 1}
    return Cut(
        dataflow="spatial, " + ", ".join(f"{loop} x{factor}" for loop, factor in work.factors.items() if factor > 1),
        batch=math.prod(dim.size for dim in work.groups),
        size=size,
        tile={
            axis: min(size[axis], math.ceil(size[axis] * steps / work.loop(axis).steps))
            for axis, steps in zip(_AXES, cut, strict=True)
        },
        held="weights",
        loops=(Axis.ROW, Axis.OUTPUT, Axis.REDUCE, Axis.ROW),
        buffers={
            role: (work.unit.held[role], math.ceil(work.needed(role, cut) / 8), work.room(role) // 8)
            for role in work.operands
        },
        passes=often,
        choices=(),
    )
