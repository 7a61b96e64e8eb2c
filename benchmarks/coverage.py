"""How `simulate_many` runs each shipped design on four networks: `python benchmarks/coverage.py`.

tiles      points share layouts, tiles are searched for each
lowering   points share the lowerings of those that decide alike
otherwise  why points are simulated one by one, or why the design does not run the network
"""

from __future__ import annotations

from pathlib import Path

from networks import NETWORKS

from accelsim.errors import AccelsimError
from accelsim.evaluate.models import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph
from accelsim.sim.assumption import activity_for
from accelsim.sim.lowered import obstacle
from accelsim.sim.objective import lower
from accelsim.sim.recipe import rates_matter, recipe_of
from accelsim.sim.timing import Frame, workload_of

DESIGNS = sorted(path.stem for path in (Path(__file__).resolve().parent.parent / "hwconfigs").glob("*.yaml"))


def way(graph: Graph, hardware: Hardware) -> str:
    """How many points of a design on a graph are simulated."""
    workload = workload_of(Frame("", graph, activity_for(graph, "uniform")), hardware)
    try:
        lowered = lower(workload, hardware)
    except AccelsimError as error:
        return f"does not run: {error}"
    if not rates_matter(hardware) and recipe_of(workload, lowered) is not None:
        return "tiles"
    return obstacle(lowered) or "lowering"


def main() -> None:
    graphs = {name: build() for name, build in NETWORKS.items()} | {"m3vit-tiny": load_model("m3vit-tiny")}
    for design in DESIGNS:
        hardware = load_hardware(design)
        for name, graph in graphs.items():
            print(f"{design:24}{name:12}{way(graph, hardware)[:110]}", flush=True)


if __name__ == "__main__":
    main()
