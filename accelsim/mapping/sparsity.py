"""Sparse products: which format of a unit serves a weight best, and the product as that format leaves it.

A format that keeps all lanes equally busy (compacted, n-m, and blocks on an array in lockstep) makes a smaller dense
product, which any dataflow lays out: fewer inputs (or outputs), weights stored with their index, inputs that the
buffers still hold in full. Formats whose lanes skip each for itself are laid out in `sparsity_lanes`.
Of the formats that a weight fits and the dense product the one that is done first is taken: the longer of the unit's
cycles and the slowest link's transfers, then the fewer bytes, then the first of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from accelsim.errors import DoesNotFitError, UnsupportedError
from accelsim.hw.schema import DotUnit, SystolicUnit
from accelsim.hw.sparse import Blocks, NOfM, Unstructured
from accelsim.ir import Access, Axis, Dim, LoopNest, Node, Operand
from accelsim.mapping.context import Context
from accelsim.mapping.dataflows import DATAFLOWS
from accelsim.mapping.dataflows.folds import SIDES
from accelsim.mapping.rates import Rates, fastest
from accelsim.mapping.sparsity_lanes import DotPlace, lane_stages
from accelsim.mapping.sparsity_matrix import Matrix, kept_blocks, kept_sides, kept_weights, most_in_group
from accelsim.mapping.stage import Stage

ORDER_OF_WEIGHTS = {
    "adapted_linear.w": "linear",
    "conv2d.w": "convolution",
    "linear.w": "linear",
    "matmul.b": "transposed",
    "moe.w1": "linear",
    "moe.w2": "linear",
    "pixel_difference_conv2d.w": "convolution",
}
"""Weights whose zeros can be skipped, by op and role, and how their arrays become matrices."""


@dataclass(frozen=True)
class SparseProduct:
    """A mac nest whose `weights` are the constant `matrix`, with the nests computed along with it."""

    nest: LoopNest
    weights: Operand
    matrix: Matrix
    extras: tuple[LoopNest, ...]

    @property
    def kept(self) -> int:
        return kept_weights(self.matrix)

    @property
    def density(self) -> float:
        return self.kept / self.matrix.elements


class _Place(NamedTuple):
    """A node on a unit."""

    context: Context
    name: str
    unit: Any
    node: Node

    def bits(self, operand: Operand) -> int:
        return self.context.home(self.node.op, operand).bits

    def laid_out(self, nests: Sequence[LoopNest], note: str = "") -> tuple[Stage, ...]:
        """The stages of the unit's own dataflow, with a note."""
        stages = DATAFLOWS[self.unit.kind](*self, nests)
        return tuple(replace(stage, note=note) for stage in stages) if note else stages


def sparse_key(context: Context, unit: Any, node: Node, nests: Sequence[LoopNest]) -> tuple[object, ...]:
    """What a layout depends on beyond the shapes of its nests, on a unit that skips zeros."""
    if not unit.sparse:
        return ()
    product = _product_of(context, node, nests)
    return (product.matrix, _activation_density(context, node)) if product is not None else ()


def sparse_stages(context: Context, name: str, unit: Any, node: Node, nests: Sequence[LoopNest]) -> tuple[Stage, ...]:
    """Stages of nests on a unit that has sparse formats. Raises what the dataflow raises where no format helps."""
    place = _Place(context, name, unit, node)
    product = _product_of(context, node, nests)
    if product is None or (product.kept == product.matrix.elements and _activation_density(context, node) is None):
        return place.laid_out(nests)
    misfit: DoesNotFitError | None = None
    tried: list[tuple[Stage, ...]] = []
    refused: list[str] = []
    try:
        tried.append(place.laid_out(nests))
    except DoesNotFitError as error:
        misfit = error
    for key, form in unit.sparse.items():
        try:
            made = _FORMATS[form.kind](place, product, key, form)
        except DoesNotFitError as error:
            misfit = misfit or error
            continue
        if isinstance(made, str):
            refused.append(f"{key}: {made}")
        else:
            tried.append(made)
    if not tried:
        assert misfit is not None
        raise misfit
    tried.sort(key=_moved_bytes)  # of equals the one that moves least, then the first
    best = tried[context.decide(lambda rates: fastest(_estimate(place, stages, rates) for stages in tried))]
    if any(stage.note for stage in best):
        return best
    why = "; ".join(refused) if refused else "its sparse form takes no less time"
    note = f"{100 * product.density:.3g} % of the weights are not zero, computed dense ({why})"
    return tuple(replace(stage, note=note) for stage in best)


def _product_of(context: Context, node: Node, nests: Sequence[LoopNest]) -> SparseProduct | None:
    """The product with constant weights among the nests; None where there is none whose zeros could be skipped."""
    main = next((nest for nest in nests if nest.function == "mac"), None)
    if main is None:
        return None
    for operand in main.operands:
        order = ORDER_OF_WEIGHTS.get(f"{node.op}.{operand.role}")
        gathered = operand.indirect and main.expert is None  # rows picked for a task: no matrix of its own
        if order is None or gathered or not operand.constant or operand.access is not Access.READ:
            continue
        axes = {dim.axis for dim in main.dims if dim.name in operand.dims and dim.size > 1}
        matrix = None if Axis.BATCH in axes or Axis.ROW in axes else _matrix(context, main, operand, order)
        if matrix is None:
            return None
        return SparseProduct(main, operand, matrix, tuple(nest for nest in nests if nest is not main))
    return None


def _matrix(context: Context, nest: LoopNest, operand: Operand, order: str) -> Matrix | None:
    workload = context.workload
    graph = workload.graph
    outputs, inputs = nest.size(Axis.OUTPUT), nest.size(Axis.REDUCE)
    run = next(dim.size for dim in nest.dims if dim.axis is Axis.REDUCE)
    declared = workload.activity.sparsity if workload.activity is not None else None
    part = nest.expert
    pattern = declared.pattern(operand.tensor) if declared is not None else None
    if declared is not None and pattern is not None:
        seed = declared.seed_of(operand.tensor if part is None else f"{operand.tensor}[{part}]")
        return Matrix(outputs, inputs, run, pattern=pattern, seed=seed, part=part)
    numerics = graph.tensors[operand.tensor].numerics
    if numerics is not None and any(numerics.zero_point):
        return None  # a stored zero is not the number zero
    try:
        array = graph.parameter(operand.tensor)
    except UnsupportedError:
        return None  # sizes without values, as of a topology
    return Matrix(outputs, inputs, run, graph.parameters[operand.tensor], part, order, array=array)


def _activation_density(context: Context, node: Node) -> float | None:
    activity = context.workload.activity
    declared = activity.sparsity if activity is not None else None
    return declared.activation_density(node.name) if declared is not None else None


def _moved(stages: Sequence[Stage]) -> dict[tuple[str, bool], float]:
    """Bytes over each link, each way."""
    links: dict[tuple[str, bool], float] = {}
    for stage in stages:
        for transfers, times in ((stage.streams, stage.tiles), ((*stage.held, *stage.stores), stage.rounds)):
            for transfer in transfers:
                key = (transfer.link, transfer.write)
                links[key] = links.get(key, 0.0) + transfer.size_bytes * times
    return links


def _moved_bytes(stages: Sequence[Stage]) -> float:
    return sum(_moved(stages).values())


def _estimate(place: _Place, stages: Sequence[Stage], rates: Rates) -> Any:
    """Seconds of the slower of unit and links."""
    seconds = sum(stage.compute_cycles + stage.fill_cycles for stage in stages) / rates.unit_hz[place.name]
    for (link, _), size in _moved(stages).items():
        rate = place.context.hardware.links[link].beat_bytes / rates.beat_cycles[link] * rates.link_hz[link]
        seconds = np.maximum(seconds, size / rate)
    return seconds


def _compacted(place: _Place, product: SparseProduct, key: str, form: Any) -> tuple[Stage, ...] | str:
    matrix = product.matrix
    outputs, inputs = kept_sides(matrix)
    if (outputs, inputs) == (matrix.outputs, matrix.inputs):
        return "every output and every input has a weight"
    # One is kept of a matrix that is all zero, so that results are written.
    outputs, inputs = max(1, outputs), max(matrix.inputs // matrix.run, inputs)
    nests = _shrunk(place, product, inputs=inputs, outputs=outputs, weight_bits=None, all_inputs=False)
    note = f"{key}: {outputs} of {matrix.outputs} outputs and {inputs} of {matrix.inputs} inputs kept"
    return place.laid_out(nests, note)


def _n_of_m(place: _Place, product: SparseProduct, key: str, form: NOfM) -> tuple[Stage, ...] | str:
    keep, of = form.keep.value, form.of.value
    matrix = product.matrix
    most = most_in_group(matrix, of)
    if most > keep:
        return f"up to {most} of {of} neighbours are not zero, it skips {keep} of {of}"
    kept = matrix.run // of * keep + min(matrix.run % of, keep)
    inputs = matrix.inputs // matrix.run * kept
    bits = place.bits(product.weights) + form.index_bits
    nests = _shrunk(
        place,
        product,
        inputs=inputs,
        outputs=matrix.outputs,
        weight_bits=bits * matrix.outputs * inputs,
        all_inputs=True,
    )
    note = f"{key}: {inputs} of {matrix.inputs} inputs multiplied, {form.index_bits} bit of index a kept weight"
    return place.laid_out(nests, note)


def _blocks(place: _Place, product: SparseProduct, key: str, form: Blocks) -> tuple[Stage, ...] | str:
    unit = place.unit
    if not isinstance(unit, SystolicUnit):
        return _by_lanes(place, product, key, form)
    matrix = product.matrix
    outputs, inputs = form.block
    sides = SIDES[unit.dataflow]
    grain = {sides.rows: unit.rows.value, sides.columns: unit.cols.value, sides.stream: 1}
    # What the array can leave out at a time: a fold, along the side that streams as little as a block.
    skipped = {
        axis: size if sides.stream is axis else math.lcm(size, min(grain[axis], whole))
        for axis, size, whole in ((Axis.OUTPUT, outputs, matrix.outputs), (Axis.REDUCE, inputs, matrix.inputs))
    }
    folds = kept_blocks(matrix, skipped[Axis.OUTPUT], skipped[Axis.REDUCE])
    columns = -(-matrix.outputs // skipped[Axis.OUTPUT])
    width = min(matrix.inputs, max(1, math.ceil(folds / columns)) * skipped[Axis.REDUCE])
    stored = kept_blocks(matrix, outputs, inputs)
    index = form.entry_bits(1, -(-matrix.inputs // inputs))
    bits = stored * (min(outputs * inputs, matrix.elements) * place.bits(product.weights) + index)
    nests = _shrunk(place, product, inputs=width, outputs=matrix.outputs, weight_bits=bits, all_inputs=True)
    total = columns * -(-matrix.inputs // skipped[Axis.REDUCE])
    note = (
        f"{key}: {stored} of {_blocks_in(matrix, outputs, inputs)} blocks of {outputs} x {inputs} kept, "
        f"{folds} of {total} folds computed"
    )
    return place.laid_out(nests, note)


def _blocks_in(matrix: Matrix, outputs: int, inputs: int) -> int:
    return -(-matrix.outputs // outputs) * -(-matrix.inputs // inputs)


def _by_lanes(place: _Place, product: SparseProduct, key: str, form: Unstructured | Blocks) -> tuple[Stage, ...] | str:
    context, name, unit, node = place
    if not isinstance(unit, DotUnit):
        return "its lanes cannot skip each for itself"
    density = _activation_density(context, node) if form.activations else None
    return lane_stages(DotPlace(context, name, unit, node), product, key, form, density)


_FORMATS: Mapping[str, Callable[..., tuple[Stage, ...] | str]] = {
    "compacted": _compacted,
    "n-m": _n_of_m,
    "block": _blocks,
    "unstructured": _by_lanes,
}


def _shrunk(
    place: _Place,
    product: SparseProduct,
    *,
    inputs: int,
    outputs: int,
    weight_bits: int | None,
    all_inputs: bool,
) -> tuple[LoopNest, ...]:
    """The nests of a product of `outputs` x `inputs`. Weights take `weight_bits` in all (None: those of their format);
    with `all_inputs` the array reads every input and uses some, else those left out are not there."""
    matrix = product.matrix
    resized = {Axis.REDUCE: (matrix.inputs, inputs), Axis.OUTPUT: (matrix.outputs, outputs)}

    def of_nest(nest: LoopNest) -> LoopNest:
        axis_of = {dim.name: dim.axis for dim in nest.dims}
        return replace(
            nest,
            dims=_resized(nest.dims, resized if nest is product.nest else {Axis.OUTPUT: resized[Axis.OUTPUT]}),
            operands=tuple(of_operand(operand, axis_of) for operand in nest.operands),
        )

    def of_operand(operand: Operand, axis_of: Mapping[str, Axis]) -> Operand:
        along = {axis_of[dim] for dim in operand.dims if dim in axis_of}
        if operand is product.weights and weight_bits is not None:
            bits = max(1, math.ceil(weight_bits / (inputs * outputs)))
            return replace(operand, elements=max(1, round(weight_bits / bits)), stored_bits=bits)
        elements = operand.elements
        for axis, (before, after) in resized.items():
            if axis in along and not (axis is Axis.REDUCE and all_inputs):
                elements = max(1, elements * after // before)
        if Axis.REDUCE in along and all_inputs and inputs < matrix.inputs:
            format_bits = place.bits(operand)
            bits = math.ceil(format_bits * matrix.inputs / inputs)
            return replace(operand, elements=max(1, round(elements * format_bits / bits)), stored_bits=bits)
        return replace(operand, elements=elements)

    return (of_nest(product.nest), *(of_nest(extra) for extra in product.extras))


def _resized(dims: Sequence[Dim], resized: Mapping[Axis, tuple[int, int]]) -> tuple[Dim, ...]:
    """The loops, of each axis the first one shortened so that the axis has its new size."""
    found = []
    done: set[Axis] = set()
    for dim in dims:
        if dim.axis in resized and dim.axis not in done:
            done.add(dim.axis)
            before, after = resized[dim.axis]
            rest = before // dim.size
            found.append(replace(dim, size=max(1, -(-after // rest))))
        else:
            found.append(dim)
    return tuple(found)
