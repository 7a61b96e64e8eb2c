"""Whether what a description says of zeros and of mixed kernels can be meant."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.errors import did_you_mean
from accelsim.hw.document import TreePath
from accelsim.hw.memory import Buffer
from accelsim.hw.schema import Hardware
from accelsim.hw.sparse import NOfM, Unstructured
from accelsim.hw.unit import DotUnit, HostUnit, RateUnit, SystolicUnit

Broken = tuple[TreePath, str]

_SKIPPING = {
    DotUnit: ("compacted", "n-m", "block", "unstructured"),
    SystolicUnit: ("compacted", "n-m", "block"),
    RateUnit: ("compacted", "n-m"),
}
"""What each kind of unit can skip: lanes must be able to run apart for single weights to be left out."""


def broken_policies(hardware: Hardware) -> Iterator[Broken]:
    """What does not hold together, as (path, message)."""
    yield from _formats(hardware)
    yield from _kernels(hardware)


def _formats(hardware: Hardware) -> Iterator[Broken]:
    for name, unit in hardware.units.items():
        can = _SKIPPING.get(type(unit), ())
        for key, form in unit.sparse.items():
            path: TreePath = ("units", name, "sparse", key)
            if form.kind not in can:
                able = f"it can skip {', '.join(can)}" if can else "no unit of its kind skips weights"
                yield path, f"a unit of kind '{unit.kind}' cannot skip '{form.kind}' weights; {able}"
            if isinstance(form, NOfM) and form.keep.value > form.of.value:
                yield (*path, "keep"), f"{form.keep.value} of {form.of.value} cannot be kept"
            if isinstance(form, Unstructured) and form.index == "relative" and form.index_bits is None:
                yield path, "a relative index needs 'index_bits', which bound the run of zeros that it can tell"
            if isinstance(form, Unstructured) and form.index == "bitmap" and form.index_bits is not None:
                yield (*path, "index_bits"), "a bitmap has a bit for each weight and no index beside it"


def _kernels(hardware: Hardware) -> Iterator[Broken]:
    kernels = hardware.schedule.kernels
    buffers = {name for name, memory in hardware.memories.items() if isinstance(memory, Buffer)}
    for field in ("memory", "static"):
        name = getattr(kernels, field)
        if name is not None and name not in buffers:
            yield ("schedule", "kernels", field), f"'{name}' is not a buffer of this file{did_you_mean(name, buffers)}"
    if kernels.mixed == "on-chip" and kernels.memory is None:
        yield ("schedule", "kernels"), "mixed on chip needs 'memory', the buffer that keeps the mixed kernel"
    if kernels.mixed != "on-chip" and kernels.memory is not None:
        yield ("schedule", "kernels", "memory"), f"has no effect while kernels are mixed '{kernels.mixed}'"
    if kernels.mixed in ("host", "outputs") and kernels.static is not None:
        yield ("schedule", "kernels", "static"), f"has no effect while kernels are mixed '{kernels.mixed}'"
    if kernels.mixed == "host" and not any(isinstance(unit, HostUnit) for unit in hardware.units.values()):
        yield ("schedule", "kernels", "mixed"), "'host' needs a unit of kind 'host'"
