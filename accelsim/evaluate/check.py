"""What is wrong with a hardware description that reads well: mistakes of meaning, found before anything is timed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from accelsim.cost.resources import resources
from accelsim.hw.document import TreePath
from accelsim.hw.memory import Buffer
from accelsim.hw.schema import DotUnit, Hardware, SpatialUnit, SystolicUnit
from accelsim.mapping.view import ANY, MODEL_INPUT, PARAMETER
from accelsim.ops.registry import op_spec
from accelsim.ops.spec import OpSpec


class Finding(NamedTuple):
    """Something about the value at `path`. A `mistake` makes the description useless as it stands, all others may be
    meant."""

    path: TreePath
    text: str
    mistake: bool


def findings(hardware: Hardware) -> tuple[Finding, ...]:
    """Mistakes first. Names of ops must have been checked (`mapping.names`)."""
    found = [*_homes(hardware), *_unreachable(hardware), *_links(hardware), *_buffers(hardware), *_board(hardware)]
    return tuple(sorted(found, key=lambda one: not one.mistake))


def _placed_ops(hardware: Hardware) -> dict[str, OpSpec]:
    """Ops that the file places by name."""
    names = dict.fromkeys(key.split(".")[0] for key in hardware.placement if key != ANY)
    return {name: op_spec(name) for name in names}


def _homes(hardware: Hardware) -> Iterator[Finding]:
    """Classes of operands that nothing carries: parameters, the model's input, and what each placed op makes, unless
    all that could read it there is named."""
    carried = {name for link in hardware.links.values() for name in link.carries} | set(hardware.on_chip)
    if ANY in carried:
        return
    ops = _placed_ops(hardware)
    reads = {f"{name}.{role.rstrip('?*')}" for name, spec in ops.items() for role in spec.inputs}
    if reads <= carried:
        return
    advice = "add it to links.<name>.carries or to on_chip, or give one of them '*'"
    for name, what in ((PARAMETER, "weights"), (MODEL_INPUT, "the model's input")):
        if name not in carried:
            yield Finding(("links",), f"no link carries '{name}' ({what}); {advice}", mistake=True)
    for name, spec in ops.items():
        for role in (output.rstrip("*") for output in spec.outputs):
            if f"{name}.{role}" not in carried and not spec.layout:
                text = f"nothing carries '{name}.{role}', what '{name}' makes; {advice}"
                yield Finding(("placement", *_key(hardware, name)), text, mistake=True)


def _key(hardware: Hardware, op: str) -> TreePath:
    return (next(key for key in hardware.placement if key.split(".")[0] == op),)


def _unreachable(hardware: Hardware) -> Iterator[Finding]:
    used: set[str] = set()
    for units in hardware.placement.values():
        used.update((units,) if isinstance(units, str) else units)
    for name, unit in hardware.units.items():
        if name not in used and unit.kind != "host":
            text = "no entry of placement names this unit, so nothing ever runs on it"
            if unit.absorbs:
                text += f"; what it absorbs ({', '.join(unit.absorbs[:3])}) is refused with it"
            yield Finding(("units", name), text, mistake=True)
    held = {memory for unit in hardware.units.values() for memory in unit.held.values()}
    kept = hardware.schedule.kernels.static
    for name, memory in hardware.memories.items():
        idle = isinstance(memory, Buffer) and not (memory.keeps or memory.room_for or memory.holds)
        if idle and name not in held and name != kept:
            yield Finding(("memories", name), "no unit holds anything in it, and it keeps nothing", mistake=False)
        if not isinstance(memory, Buffer) and all(link.memory != name for link in hardware.links.values()):
            yield Finding(("memories", name), "no link leads to it", mistake=True)


def _links(hardware: Hardware) -> Iterator[Finding]:
    """Width of a master against its port, and all ports against the DRAM behind them."""
    for name, link in hardware.links.items():
        wide, narrow = link.width.value, link.port_width.value
        if max(wide, narrow) % min(wide, narrow):
            text = f"a master of {wide} bit on a port of {narrow} bit: words of neither divide into the other's"
            yield Finding(("links", name, "port_width"), text, mistake=True)
        elif wide < narrow:
            text = f"a master of {wide} bit leaves {narrow - wide} bit of its port of {narrow} bit unused"
            yield Finding(("links", name, "width"), text, mistake=False)


def _buffers(hardware: Hardware) -> Iterator[Finding]:
    """Bits that a unit takes of a buffer each cycle against what its ports deliver."""
    for name, unit in hardware.units.items():
        needs: dict[str, float] = {}
        weight, activation = hardware.precision["weight"].bits, hardware.precision["activation"].bits
        if isinstance(unit, DotUnit):
            roles = ("w", "w1", "w2")
            products = unit.inputs.value * unit.outputs.value / unit.ii.value
            needs = {unit.holds[role]: products * weight for role in roles if role in unit.holds}
        elif isinstance(unit, SystolicUnit):
            sides = {"inputs": unit.rows.value * activation, "weights": unit.cols.value * weight}
            needs = {unit.held[role]: bits for role, bits in sides.items()}
        elif isinstance(unit, SpatialUnit) and unit.load_words is not None:
            needs = {unit.holds.weights: unit.load_words.value * weight}
        for buffer, bits in needs.items():
            memory = hardware.memories[buffer]
            if isinstance(memory, Buffer):
                delivers = memory.width.value * memory.ports.value * memory.banks.value
                if bits > delivers:
                    text = (
                        f"delivers {delivers:,} bit a cycle (width x ports x banks), but units.{name} takes "
                        f"{math.ceil(bits):,}; its steps would have to wait, which is not modelled: widen it, or raise "
                        f"units.{name}.ii"
                    )
                    yield Finding(("memories", buffer, "width"), text, mistake=False)


def _board(hardware: Hardware) -> Iterator[Finding]:
    """Demand against the board."""
    for kind, demand in resources(hardware).items():
        if not demand.practicable:
            full = demand.fits
            terms = ", ".join(
                f"{name} {amount:,.10g}" for name, amount in sorted(demand.terms, key=lambda t: -t[1])[:3]
            )
            text = (
                f"{kind}: needs {demand.amount:,.10g} of {demand.bound:,.10g} on {hardware.board.name}"
                f"{f', above the {demand.practical:,.10g} that can be filled in practice' if full else ''} ({terms})"
                + (f"; would help: {'; '.join(demand.levers)}" if demand.levers else "")
            )
            yield Finding(("board",), text, mistake=False)
