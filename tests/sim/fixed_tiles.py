"""A design whose description fixes the tiles that its search finds."""

from __future__ import annotations

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware, SystolicUnit
from accelsim.ir import Activity, Graph
from accelsim.mapping.dataflows.cut import FIELDS
from accelsim.mapping.lower import lower
from accelsim.sim.timing import Frame, workload_of


def with_fixed_tiles(graph: Graph, activity: Activity | None, name: str) -> Hardware:
    """The shipped design `name` with the tiles that it searches; as it is if no array of it is systolic."""
    hardware = load_hardware(name)
    if not any(isinstance(unit, SystolicUnit) for unit in hardware.units.values()):
        return hardware
    tiles: dict[str, dict[str, dict[str, object]]] = {}
    for stage in lower(workload_of(Frame("", graph, activity), hardware), hardware).stages:
        if stage.cut is not None:
            sizes = {field: stage.cut.tile[axis] for axis, field in FIELDS.items()}
            tiles.setdefault(stage.node, {})[stage.part] = sizes | {"held": stage.cut.held}
    return load_hardware(name, {"mapping": tiles})
