"""Cross references within one hardware description: every name used must be there, and be there once."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from accelsim.errors import did_you_mean
from accelsim.hw.check_policies import broken_policies
from accelsim.hw.document import TreePath
from accelsim.hw.memory import Buffer, Dram
from accelsim.hw.schema import Hardware
from accelsim.hw.unit import SpatialUnit, SystolicUnit, VectorUnit

Broken = tuple[TreePath, str]


def broken_references(hardware: Hardware) -> list[Broken]:
    """What does not hold together, as (path, message)."""
    return [
        *_clocks(hardware),
        *_links(hardware),
        *_packing(hardware),
        *_fabric(hardware),
        *_homes(hardware),
        *_units(hardware),
        *_placement(hardware),
        *_precision(hardware),
        *_softmax(hardware),
        *_cache(hardware),
        *broken_policies(hardware),
        *_instances(hardware),
        *_keeping(hardware),
        *_objective(hardware),
    ]


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"'{name}' is not a {what} of this file{did_you_mean(name, known)}"


def _clocks(hardware: Hardware) -> Iterator[Broken]:
    if not hardware.clocks:
        yield ("clocks",), "at least one clock is needed; cycles are counted in the first"
    for room, parts in (("units", hardware.units), ("links", hardware.links)):
        for name, part in parts.items():
            if part.clock is not None and part.clock not in hardware.clocks:
                yield (room, name, "clock"), _unknown("clock", part.clock, hardware.clocks)


def _links(hardware: Hardware) -> Iterator[Broken]:
    drams = [name for name, memory in hardware.memories.items() if isinstance(memory, Dram)]
    for name, link in hardware.links.items():
        if link.memory not in hardware.memories:
            yield ("links", name, "memory"), _unknown("memory", link.memory, hardware.memories)
        elif link.memory not in drams:
            yield (
                ("links", name, "memory"),
                f"'{link.memory}' is a buffer; a link leads to a dram",
            )
        if link.width.value % 8:
            yield ("links", name, "width"), "must be a whole number of bytes"
        if link.channels is not None and link.memory in drams:
            yield from _channels(hardware, name, link.memory)
        burst = (link.burst, link.outstanding, link.round_trip)
        if any(part is None for part in burst) and any(part is not None for part in burst):
            yield ("links", name), "give 'burst', 'outstanding' and 'round_trip' together, or none of them"


def _channels(hardware: Hardware, link: str, memory: str) -> Iterator[Broken]:
    """Channels that links have to themselves must be there."""
    dram = hardware.memories[memory]
    assert isinstance(dram, Dram)
    own = [other.channels.value for other in hardware.links.values() if other.memory == memory and other.channels]
    shared = any(other.memory == memory and other.channels is None for other in hardware.links.values())
    if sum(own) > dram.channels.value - shared:
        yield (
            ("links", link, "channels"),
            f"links have {sum(own)} channels of '{memory}' to themselves, it has {dram.channels.value}"
            f"{', of which one must be left for the links that share' if shared else ''}",
        )


_PACKED = ((4, 4), (8, 2))
"""Products of factors up to so many bits that one DSP48E2 makes at once (Xilinx WP486; 4 bit: FINN's RTL)."""

_PUMPED = 2  # a slice may run at twice the clock of the array


def _packing(hardware: Hardware) -> Iterator[Broken]:
    """A slice makes only so many products of a width at once."""
    if hardware.board.fabric != "fpga":
        return
    for name, unit in hardware.units.items():
        if isinstance(unit, (SystolicUnit, SpatialUnit)):
            widest = max(bits.value for bits in unit.multiplier)
            most = _PUMPED * next((products for bits, products in _PACKED if widest <= bits), 1)
            if unit.dsp_packing.value > most:
                yield (
                    ("units", name, "dsp_packing"),
                    f"{unit.dsp_packing.value} products of {widest} bit a slice and cycle; at most {most}: "
                    f"{most // _PUMPED} at once, twice as many at twice the clock",
                )


_TECHNOLOGIES = {"fpga": ("bram", "uram", "lutram", "registers"), "asic": ("sram", "registers")}


def _fabric(hardware: Hardware) -> Iterator[Broken]:
    """Energies and memories must be those of the board's fabric."""
    fabric, board = hardware.board.fabric, hardware.board.name
    if hardware.energy.kind != fabric:
        yield (
            ("energy",),
            f"'{hardware.energy.table}' holds energies of an {hardware.energy.kind.upper()}, but the board '{board}' "
            f"is an {fabric.upper()}; name a table that starts with '{fabric}-'",
        )
    for name, memory in hardware.memories.items():
        if isinstance(memory, Buffer) and memory.technology not in _TECHNOLOGIES[fabric]:
            yield (
                ("memories", name, "technology"),
                f"an {fabric.upper()} ('{board}') has no '{memory.technology}'; it has "
                f"{', '.join(_TECHNOLOGIES[fabric])}",
            )
        if isinstance(memory, Buffer) and memory.banks.value > memory.words.value:
            yield (
                ("memories", name, "banks"),
                f"{memory.banks.value:,} banks of {memory.words.value:,} words: a bank holds a word at least",
            )


def _homes(hardware: Hardware) -> Iterator[Broken]:
    home: dict[str, str] = {}
    places: list[tuple[TreePath, str, str]] = [
        (("links", name, "carries", index), entry, f"links.{name}")
        for name, link in hardware.links.items()
        for index, entry in enumerate(link.carries)
    ]
    places += [(("on_chip", index), entry, "on_chip") for index, entry in enumerate(hardware.on_chip)]
    for path, entry, owner in places:
        if entry in home:
            yield path, f"'{entry}' is already carried by {home[entry]}; name each class once"
        home.setdefault(entry, owner)


def _units(hardware: Hardware) -> Iterator[Broken]:
    buffers = {name: memory for name, memory in hardware.memories.items() if isinstance(memory, Buffer)}
    for name, unit in hardware.units.items():
        for role, memory in unit.held.items():
            if memory not in hardware.memories:
                yield ("units", name, "holds", role), _unknown("memory", memory, buffers)
            elif memory not in buffers:
                yield ("units", name, "holds", role), f"'{memory}' is no buffer; operands are held in buffers"
            elif isinstance(unit, SystolicUnit) and buffers[memory].resident:
                yield ("units", name, "holds", role), f"'{memory}' is resident; tiles of a systolic array come and go"


def _placement(hardware: Hardware) -> Iterator[Broken]:
    for selector, units in hardware.placement.items():
        for unit in (units,) if isinstance(units, str) else units:
            if unit not in hardware.units:
                yield ("placement", selector), _unknown("unit", unit, hardware.units)


def _precision(hardware: Hardware) -> Iterator[Broken]:
    for needed in ("activation", "weight"):
        if needed not in hardware.precision:
            yield ("precision",), f"needs the format of '{needed}', the class all others fall back to"


def _softmax(hardware: Hardware) -> Iterator[Broken]:
    """A softmax of several passes is work of its own vector unit; a single pass runs along the scores."""
    placed = hardware.placement.get("attention.softmax", "")
    unit = hardware.units.get(placed if isinstance(placed, str) else placed[0])
    passes = unit.passes.value if isinstance(unit, VectorUnit) else 1
    if (hardware.schedule.softmax == "multi-pass") != (passes > 1):
        yield (
            ("schedule", "softmax"),
            f"'{hardware.schedule.softmax}', but the softmax of the file takes {passes} pass(es); multi-pass "
            "needs placement.attention.softmax on a vector unit with 'passes' above 1, single-pass needs it "
            "absorbed (the files in hwconfigs/ablations show both)",
        )


def _cache(hardware: Hardware) -> Iterator[Broken]:
    experts = hardware.schedule.experts
    if experts.cache.policy != "none" and experts.cache.experts.value == 0:
        yield (
            ("schedule", "experts", "cache"),
            f"policy '{experts.cache.policy}' needs 'experts', how many are kept",
        )
    if experts.cache.policy == "none" and experts.cache.experts.value:
        yield ("schedule", "experts", "cache", "experts"), "has no effect while the policy is 'none'"


def _instances(hardware: Hardware) -> Iterator[Broken]:
    several = hardware.instances.value > 1
    if several and hardware.schedule.branches == "concurrent":
        yield (
            ("schedule", "branches"),
            "'concurrent' is for the units of one instance; with 'instances' above 1, 'spread: layers' runs nodes side "
            "by side",
        )
    if not several and hardware.schedule.spread != "frames":
        yield ("schedule", "spread"), "has no effect while 'instances' is 1"


def _keeping(hardware: Hardware) -> Iterator[Broken]:
    """Memories that keep tensors between nodes do nothing else, and nodes follow each other."""
    held = {memory: name for name, unit in hardware.units.items() for memory in unit.held.values()}
    keepers = [(name, m) for name, m in hardware.memories.items() if isinstance(m, Buffer) and m.keeps]
    for name, memory in keepers:
        if name in held:
            yield ("memories", name, "keeps"), f"'{name}' holds tiles of units.{held[name]}; keep tensors in another"
        if memory.resident:
            yield (
                ("memories", name, "keeps"),
                "a resident memory is filled before the first frame, it cannot keep these",
            )
    if keepers and hardware.schedule.branches == "concurrent":
        yield (
            ("schedule", "branches"),
            f"'concurrent', but the room in memories.{keepers[0][0]} is planned for one node after the other",
        )
    if keepers and hardware.schedule.spread == "layers":
        yield (
            ("schedule", "spread"),
            f"'layers' run on different instances, so tensors cannot stay in memories.{keepers[0][0]}",
        )
    if keepers and hardware.schedule.layout == "copied":
        yield (
            ("schedule", "layout"),
            f"'copied' makes new tensors of the same values; memories.{keepers[0][0]} keeps them under one name",
        )
    for name, buffer in hardware.memories.items():
        unit = buffer.room_for.of if isinstance(buffer, Buffer) and buffer.room_for is not None else None
        if unit is not None and unit not in hardware.units:
            yield ("memories", name, "room_for", "of"), _unknown("unit", unit, hardware.units)


def _objective(hardware: Hardware) -> Iterator[Broken]:
    """Only systolic arrays search their tiles for energy: another objective must not be passed over."""
    others = [name for name, unit in hardware.units.items() if isinstance(unit, SpatialUnit)]
    searching = any(isinstance(unit, SystolicUnit) for unit in hardware.units.values())
    wanted = hardware.schedule.objective
    if wanted != "latency" and (others or not searching):
        who = f"'{others[0]}' is searched for latency" if others else "no unit of this file is one"
        yield ("schedule", "objective"), f"only tiles of systolic arrays are searched for {wanted}; {who}"
