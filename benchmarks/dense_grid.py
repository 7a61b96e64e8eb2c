"""What the tile search misses: every product beside the best of a dense grid, both timed by the timeline kernel.

`python benchmarks/dense_grid.py [HARDWARE ...]`, of systolic arrays: no other unit has tiles of a product to search.
The grid has every number of tiles up to 12 along each side, then 8 % more each time, all operands that may be held;
candidates whose bound is not below the best so far are not timed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from networks import NETWORKS

from accelsim.evaluate.models import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Activity, Graph
from accelsim.mapping import search_kernel
from accelsim.mapping.lower import lower
from accelsim.mapping.record import LATENCY_ONLY, Record
from accelsim.mapping.view import Workload
from accelsim.sim.assumption import activity_for
from accelsim.sim.recipe import recipe_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.sim.plan_times import best_of_grid, timed

GROWTH = 1.08


def gaps(graph: Graph, hardware: Hardware, activity: Activity | None) -> list[float]:
    """How much longer each distinct product takes than the best of the grid, as a fraction."""
    workload = Workload(graph, activity)
    recipe = recipe_of(workload, lower(workload, hardware))
    assert recipe is not None
    tables, record = recipe.tables_of(hardware, recipe.layouts(hardware, {})), Record(hardware)
    found = {}
    for number, row in enumerate(tables.products):
        product = row.copy()
        operands = tables.operands[number, : tables.operand_counts[number]]
        epilogue = tables.epilogues[number, : tables.epilogue_counts[number]]
        key = (product.tobytes(), operands.tobytes())
        if key in found:
            continue
        rates = (record.links, record.drams, float(record.base.tick_hz))
        plan = np.zeros(4, np.int64)
        search_kernel.search(product, operands, epilogue, *rates, LATENCY_ONLY, plan)
        ours = timed(product, operands, epilogue, plan, *rates)
        least, _, _ = best_of_grid(product, operands, epilogue, *rates, ours, GROWTH)
        found[key] = ours / least - 1
    return list(found.values())


def networks() -> dict[str, Graph]:
    """The three networks and m3vit-tiny."""
    return {name: build() for name, build in NETWORKS.items()} | {"m3vit_tiny": load_model("m3vit-tiny")}


def all_gaps(hardware: Hardware) -> dict[str, list[float]]:
    """The gaps of every product of the networks, of m3vit-tiny with skewed queues."""
    return {name: gaps(graph, hardware, activity_for(graph, "skewed")) for name, graph in networks().items()}


def main() -> None:
    print(f"{'hardware':16}{'model':12}{'products':>10}{'worst %':>10}{'mean %':>10}")
    for name in sys.argv[1:] or ["systolic-32"]:
        for model, found in all_gaps(load_hardware(name)).items():
            worst, mean = 100 * max(found), 100 * float(np.mean(found))
            print(f"{name:16}{model:12}{len(found):>10}{worst:>10.3f}{mean:>10.3f}", flush=True)


if __name__ == "__main__":
    main()
