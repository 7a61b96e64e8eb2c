"""Kernels mixed for each sample: mixed on the accelerator, by the host, or never (their outputs are mixed instead).

Of a kernel of N values, of which K versions of P are dynamic, a sample needs the K * P dynamic values and the static
part. Mixed by the accelerator, each sample of a batch reads the dynamic values again, because its kernel replaces the
one before; a static part that is resident is read once and for all. Where outputs are mixed, the K kernels and the
static part convolve the whole batch one after the other, each adding to the same results.

Places of dynamic values are stored as indices or as a bit for each value of the kernel, whichever is smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from accelsim.errors import UnsupportedError
from accelsim.hw.schema import VectorUnit
from accelsim.ir import Access, Axis, Dim, FrozenMap, LoopNest, Node, Operand
from accelsim.mapping.arranged import Arranged, Resident
from accelsim.mapping.context import Context
from accelsim.mapping.placement import units_for
from accelsim.mapping.view import nest_key
from accelsim.units import format_bytes

_INSIDE = ("kernel", "dynamic_w", "bias")
_MIXING = ("aggregate", "aggregate_bias", "place")
_MIX = "scale_add"


@dataclass(frozen=True)
class _Mixed:
    """A `dynamic_conv2d` on a hardware."""

    context: Context
    node: Node
    nests: tuple[LoopNest, ...]

    def nest(self, name: str) -> LoopNest | None:
        return next((nest for nest in self.nests if nest.name == name), None)

    @property
    def aggregate(self) -> LoopNest:
        return next(nest for nest in self.nests if nest.name == "aggregate")

    @property
    def main(self) -> LoopNest:
        return self.nests[-1]

    @property
    def kernels(self) -> Operand:
        return next(operand for operand in self.aggregate.operands if operand.role == "kernels")

    @property
    def count(self) -> int:
        return self.aggregate.size(Axis.REDUCE)

    @property
    def samples(self) -> int:
        return self.aggregate.size(Axis.ROW)

    @property
    def stored(self) -> int:
        """Values that each of the K kernels has in store."""
        return self.aggregate.size(Axis.OUTPUT)

    @property
    def whole(self) -> int:
        """Values of the kernel that convolves."""
        return next(o.elements for o in self.main.operands if o.role == "kernel") // self.samples

    @property
    def static(self) -> Operand | None:
        return self._of_place("static_w")

    @property
    def places(self) -> Operand | None:
        return self._of_place("positions") or self._of_place("mask")

    def _of_place(self, role: str) -> Operand | None:
        nest = self.nest("place")
        return None if nest is None else next((o for o in nest.operands if o.role == role), None)

    @property
    def weight_bits(self) -> int:
        return self.context.home(self.node.op, self.kernels).bits

    @property
    def kernel_bytes(self) -> int:
        """The mixed kernel of a sample; it has the kernels' format."""
        return math.ceil(self.whole * self.weight_bits / 8)

    @property
    def dynamic_share(self) -> float | None:
        """Share of the kernel's values that are mixed; None where a mask tells them whose values are not known."""
        places = self.places
        if places is None or places.role == "positions":
            return self.stored / self.whole
        try:
            return float(self.context.workload.graph.parameter(places.tensor).astype(bool).mean())
        except (KeyError, UnsupportedError):
            return None

    @property
    def told(self) -> str:
        share = self.dynamic_share
        return f"{self.count} kernels, {'mask unknown' if share is None else f'dynamic {100 * share:.3g} %'}"


def kernel_nests(context: Context, node: Node, nests: tuple[LoopNest, ...]) -> Arranged:
    """The nests of a `dynamic_conv2d` under `schedule.kernels`."""
    mixed = _Mixed(context, node, nests)
    return _POLICIES[context.hardware.schedule.kernels.mixed](mixed)


def _by_accelerator(mixed: _Mixed) -> Arranged:
    """Shares, then for each sample the mixing and the convolution, the kernel through memory or on chip."""
    kernels = mixed.context.hardware.schedule.kernels
    mixed.context.sized = True
    kept: dict[str, int] = {}
    told = f"{mixed.told}, mixed by the accelerator"
    on_chip = False
    if kernels.mixed == "on-chip" and kernels.memory is not None:
        room = mixed.context.buffer(kernels.memory).total_bytes
        on_chip = mixed.kernel_bytes <= room
        if on_chip:
            kept[kernels.memory] = mixed.kernel_bytes
            told += " on chip"
        else:
            told += (
                f"; the mixed kernel of {format_bytes(mixed.kernel_bytes)} does not fit '{kernels.memory}' "
                f"({format_bytes(room)}) and passes through memory"
            )
    resident = _resident(mixed)
    if mixed.static is not None:
        told += ", static part resident" if resident else ", static part read for each sample"
    units = {nest.name: unit for nest in mixed.nests if (unit := _vector_unit(mixed, nest))}
    return Arranged(
        tuple(_for_each_sample(mixed, nest, units.get(nest.name), on_chip, bool(resident)) for nest in mixed.nests),
        told,
        FrozenMap(units),
        kept_bytes=FrozenMap(kept),
        resident=resident,
    )


def _resident(mixed: _Mixed) -> tuple[Resident, ...]:
    """The static part, if a buffer is to keep it and has room beside those of earlier layers."""
    memory, static = mixed.context.hardware.schedule.kernels.static, mixed.static
    if memory is None or static is None or not static.constant:
        return ()
    context = mixed.context
    size = math.ceil(static.elements * context.home(mixed.node.op, static).bits / 8)
    used = context.reserved.get(memory, 0)
    if used + size > context.buffer(memory).total_bytes:
        return ()
    context.reserved[memory] = used + size
    transfers = context.transfer(mixed.node.op, static, static.elements, write=False)
    return (Resident("place", static.tensor, memory, transfers, size),)


def _vector_unit(mixed: _Mixed, nest: LoopNest) -> str | None:
    """The vector unit that may run a nest of the mixing, if there is one."""
    if nest.name not in _MIXING:
        return None
    hardware = mixed.context.hardware
    allowed = units_for(hardware, mixed.node, nest_key(mixed.node, nest))
    return next((name for name in allowed if isinstance(hardware.units[name], VectorUnit)), None)


def _for_each_sample(mixed: _Mixed, nest: LoopNest, unit: str | None, on_chip: bool, resident: bool) -> LoopNest:
    """A nest with the kernel's home and format; one that mixes reads what it mixes again for every sample."""
    operands = tuple(_stored(mixed, operand, on_chip, resident) for operand in nest.operands)
    if nest.name not in _MIXING:
        return replace(nest, operands=operands)
    again = tuple(
        replace(o, dims=("samples", *o.dims), elements=o.elements * mixed.samples)
        if o.constant and mixed.samples > 1
        else o
        for o in operands
    )
    made = replace(nest, operands=again)
    described = mixed.context.hardware.units[unit] if unit is not None else None
    if isinstance(described, VectorUnit):
        return _in_groups(made, described.lanes.value)
    dims = tuple(replace(dim, axis=Axis.BATCH) if dim.name == "samples" else dim for dim in made.dims)
    return replace(made, dims=dims) if mixed.samples > 1 else made


def _stored(mixed: _Mixed, operand: Operand, on_chip: bool, resident: bool) -> Operand:
    if operand.role in _INSIDE and not operand.tensor:
        return replace(operand, stored_bits=mixed.weight_bits, on_chip=on_chip or operand.role != "kernel")
    if operand.role == "static_w" and resident:
        return replace(operand, on_chip=True)
    if operand.role in ("positions", "mask"):
        index = mixed.stored * max(1, math.ceil(math.log2(mixed.whole)))
        if operand.role == "positions" and index < mixed.whole:
            return replace(operand, stored_bits=index // mixed.stored)
        return replace(operand, elements=mixed.whole, stored_bits=1)
    return operand


def _in_groups(nest: LoopNest, lanes: int) -> LoopNest:
    """A mixing nest as a vector unit runs it: values in groups of its lanes, one group after the other, so that a
    group is loaded while the one before is mixed."""
    samples, outputs = nest.dims[0], nest.dims[1]
    groups = -(-outputs.size // lanes)
    dims = (
        replace(samples, axis=Axis.BATCH),
        Dim("groups", groups, Axis.ROW),
        Dim("outputs", min(lanes, outputs.size), Axis.OUTPUT),
        *nest.dims[2:],
    )

    def along(operand: Operand) -> Operand:
        # Shares stay in the unit; all else comes and goes with its group.
        return replace(operand, dims=("groups", *operand.dims)) if "outputs" in operand.dims else operand

    function = _MIX if nest.function == "mac" else nest.function
    return replace(nest, function=function, dims=dims, operands=tuple(along(o) for o in nest.operands))


def _by_host(mixed: _Mixed) -> Arranged:
    """The host finds the shares and mixes; the accelerator reads the kernel of each sample from memory."""
    hardware = mixed.context.hardware
    host = next(name for name, unit in hardware.units.items() if unit.kind == "host")  # `hw.check` saw one
    nests = tuple(
        replace(nest, operands=tuple(_stored_by_host(mixed, operand) for operand in nest.operands))
        for nest in mixed.nests
    )
    units = {nest.name: host for nest in nests[:-1]}
    return Arranged(
        nests, f"{mixed.told}, mixed by the host (whose own memory traffic is not counted)", units=FrozenMap(units)
    )


def _stored_by_host(mixed: _Mixed, operand: Operand) -> Operand:
    """What the host reads and makes on the way lies in its own memory and caches; the mixed kernel is handed over."""
    if operand.role == "kernel":
        return replace(operand, stored_bits=mixed.weight_bits)
    return operand


def _by_outputs(mixed: _Mixed) -> Arranged:
    """The static part's convolution, then one for each kernel, its results scaled by the share and added."""
    before = [nest for nest in mixed.nests[:-1] if nest.name not in _MIXING]
    main = mixed.main
    nests: list[LoopNest] = []
    if mixed.static is not None:
        nests.append(_convolution(mixed, "static", mixed.static, main, first=True))
    places = mixed.places
    for index in range(mixed.count):
        elements = mixed.stored
        if places is not None:  # the loader puts each value to its place
            stored = _stored(mixed, places, on_chip=False, resident=False)
            elements += math.ceil(stored.elements * stored.stored_bits / mixed.weight_bits)
        kernel = replace(mixed.kernels, elements=elements)
        nests.append(_convolution(mixed, f"kernel{index}", kernel, main, first=not nests))
        nests.append(_blend(mixed, f"kernel{index}", main))
    return Arranged((*before, *nests), f"{mixed.told}, their {mixed.count} outputs mixed")


def _convolution(mixed: _Mixed, name: str, weights: Operand, main: LoopNest, *, first: bool) -> LoopNest:
    kernel = next(o for o in main.operands if o.role == "kernel")
    dims = tuple(dim for dim in kernel.dims if dim != "batch")
    operands = []
    for operand in main.operands:
        if operand is kernel:
            operands.append(replace(weights, dims=dims))
        elif operand.access is not Access.READ:
            operands.append(operand if first else replace(operand, access=Access.ACCUMULATE))
        elif first or operand.role not in ("b", "bias"):
            operands.append(operand)
    return replace(main, name=f"{name}.main", operands=tuple(operands), after=("attention_div",))


def _blend(mixed: _Mixed, name: str, main: LoopNest) -> LoopNest:
    """Results times the share of their kernel, on their way out or over the results."""
    outputs = math.prod(dim.size for dim in main.dims if dim.axis is not Axis.REDUCE)
    rows = main.size(Axis.ROW) * main.size(Axis.BATCH)
    dims = (Dim("rows", rows, Axis.ROW), Dim("features", outputs // rows, Axis.OUTPUT))
    share = Operand("attention", "", (), mixed.samples)
    return LoopNest(f"{name}.blend", "mul", dims, (share,), after=(f"{name}.main",))


_POLICIES: Mapping[str, Callable[[_Mixed], Arranged]] = {
    "memory": _by_accelerator,
    "on-chip": _by_accelerator,
    "host": _by_host,
    "outputs": _by_outputs,
}
"""By `schedule.kernels.mixed`."""
