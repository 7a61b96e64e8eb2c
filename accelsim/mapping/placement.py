"""Which unit runs which nest, and which later nodes it swallows in its epilogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from accelsim.errors import UnsupportedError
from accelsim.hw.schema import Hardware
from accelsim.ir import FrozenMap, LoopNest, Node
from accelsim.mapping.context import Context, cannot_run, no_unit
from accelsim.mapping.layout import fastest_unit
from accelsim.mapping.view import ANY, nest_key
from accelsim.ops.registry import op_spec

_NONE: FrozenMap[str, str] = FrozenMap()


@dataclass(frozen=True)
class Placed:
    """Nests of one node that run together on one unit, the mac nest (if any) among them."""

    unit: str
    nests: tuple[LoopNest, ...]
    expert: int | None


def units_for(hardware: Hardware, node: Node, key: str) -> tuple[str, ...]:
    """The units a nest may be placed on, by `op.nest`, by `op` or by `*`; none where no entry covers it."""
    placement = hardware.placement
    found = placement.get(key) or placement.get(node.op) or placement.get(ANY) or ()
    return (found,) if isinstance(found, str) else found


def place(
    context: Context, node: Node, nests: Sequence[LoopNest], chosen: Mapping[str, str] = _NONE
) -> tuple[Placed, ...]:
    """Group the nests of a node by the unit that runs them, in order of execution.

    A nest that a unit absorbs, or that is a function of the unit's epilogue, joins the nest of the same expert that
    runs there, the one before it if there is one. Neighbours on one vector unit share a stage. Of several units that
    an entry of `placement` names, the one that is estimated to take least runs the nest. `chosen` are units by nest
    that a policy decides.
    Raises UnsupportedError for a nest that nothing runs.
    """
    hardware = context.hardware
    hosts: list[tuple[str, list[LoopNest]]] = []
    pending: list[tuple[str, LoopNest]] = []
    for nest in nests:
        key = nest_key(node, nest)
        absorber = context.absorbers.get(key)
        if absorber is None and hosts and _takes(hardware, hosts[-1], nest):
            absorber = hosts[-1][0]
        if absorber is not None:
            host = next((h for h in reversed(hosts) if h[0] == absorber and h[1][0].expert == nest.expert), None)
            if host is not None:
                host[1].append(nest)
            else:
                pending.append((absorber, nest))
            continue
        units = (chosen[nest.name],) if nest.name in chosen else units_for(hardware, node, key)
        if not units:
            lever = f"add '{key}' or '{node.op}' to placement, or to absorbs of the unit that computes it"
            raise UnsupportedError(
                f"{hardware.name}: no unit runs '{key}' (node '{node.name}'); {lever}",
                [no_unit(node, nest, lever)],
            )
        unit = fastest_unit(context, node, nest, units)
        joins = hosts and hosts[-1][0] == unit and hosts[-1][1][0].expert == nest.expert
        if joins and _share_a_stage(hardware, unit, hosts[-1][1][0], nest):
            hosts[-1][1].append(nest)
        else:
            early = [waiting for owner, waiting in pending if owner == unit]
            pending = [(owner, waiting) for owner, waiting in pending if owner != unit]
            hosts.append((unit, [nest, *early]))
    for absorber, nest in pending:
        lever = f"place another part of '{node.op}' on it, or take '{nest_key(node, nest)}' out of its absorbs"
        why = f"absorbs '{nest_key(node, nest)}' but runs no other part of the node"
        raise cannot_run(context, absorber, node, nest, why, lever=lever)
    return tuple(Placed(unit, tuple(members), members[0].expert) for unit, members in hosts)


def _share_a_stage(hardware: Hardware, unit: str, first: LoopNest, nest: LoopNest) -> bool:
    """Whether a unit runs two nests of a node as one: functions on a vector unit, anything on the host."""
    return hardware.units[unit].kind == "host" or (nest.function != "mac" and first.function != "mac")


def _takes(hardware: Hardware, host: tuple[str, list[LoopNest]], nest: LoopNest) -> bool:
    """Whether the host's unit applies the nest's function on the way out of its last product."""
    unit = hardware.units[host[0]]
    return nest.function in unit.epilogue and host[1][0].expert == nest.expert


def absorbed_nodes(context: Context, node: Node, unit_name: str) -> tuple[Node, ...]:
    """Later nodes that the unit computes on its way out: each the only reader of what came before it, with no other
    operand than parameters."""
    unit = context.hardware.units[unit_name]
    found: list[Node] = []
    tensor = node.outputs[0]
    while True:
        uses = context.workload.uses(tensor)
        if len(uses) != 1 or tensor in context.workload.graph.outputs:
            return tuple(found)
        reader, index = uses[0]
        others = [name for i, name in enumerate(reader.inputs) if i != index and name]
        if reader.op not in unit.absorbs and not _is_epilogue(reader, unit.epilogue):
            return tuple(found)
        if any(name not in context.workload.graph.parameters for name in others):
            return tuple(found)
        found.append(reader)
        tensor = reader.outputs[0]


def _is_epilogue(node: Node, functions: Iterable[str]) -> bool:
    return not op_spec(node.op).routed and len(node.inputs) == 1 and node.op in functions
