"""How fast and how exact the simulator is: `python benchmarks/simulator.py [--format json] [--quick]`.

    *_ms             lowered table and hardware record -> cycles and causes, search included, median of warm calls
    *_call_ms        the whole call `simulate(graph, hardware)` with its result, a new hardware each time
    points_per_s     `simulate_many`, m3vit-tiny on a grid of array, buffer, bandwidth and clock, two threads
    *_fixed          the same over bandwidth and clock with every tile size fixed by the description
    points_rss_mib   largest resident size of a process after 100,000 points without results of nodes
    jump_*           random programs whose jumped timeline is compared with stepping every tile: end, times, causes
    search_gap_pct   the product that the search does worst on, beside a dense grid (see `dense_grid.py`)

All on systolic-32. `cpu` values count CPU time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from dense_grid import all_gaps
from networks import NETWORKS

from accelsim.evaluate.models import load_model
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.ir import Graph
from accelsim.mapping.lower import lower
from accelsim.sim.assumption import activity_for
from accelsim.sim.many import BulkGroup, BulkResults, simulate_many
from accelsim.sim.points import points_of
from accelsim.sim.recipe import recipe_of
from accelsim.sim.simulate import simulate
from accelsim.sim.timeline import run_program
from accelsim.sim.timing import Frame, workload_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.sim.fixed_tiles import with_fixed_tiles
from tests.sim.random_programs import random_program

BANDWIDTH, CLOCK = "memories.ddr.bandwidth", "clocks.pl.frequency"
WARM, CALLS = 3, 15
ROUNDS = 5
# What the json has; the table also has CPU times.
KEYS = (
    *(f"{name}_ms" for name in NETWORKS),
    *(f"{name}_call_ms" for name in NETWORKS),
    "points_per_s",
    "points_per_s_fixed",
    "points_rss_mib",
    "jump_cases",
    "jump_mismatches",
    "search_gap_pct",
)
Times = tuple[float, float]


def timed(call: Callable[[int], object], calls: int = CALLS) -> Times:
    """Median milliseconds of wall and of CPU time of warm calls."""
    wall, cpu = [], []
    for turn in range(WARM + calls):
        start = time.perf_counter(), time.process_time()
        call(turn)
        wall.append(1e3 * (time.perf_counter() - start[0]))
        cpu.append(1e3 * (time.process_time() - start[1]))
    return median(wall[WARM:]), median(cpu[WARM:])


def core(graph: Graph, hardware: Hardware) -> Times:
    """One point: candidates, search, rows, timeline."""
    points = points_of(hardware, None)
    workload = workload_of(Frame("", graph), hardware)
    recipe = recipe_of(workload, lower(workload, hardware))
    assert recipe is not None
    tables, found, one = (
        recipe.tables_of(hardware, recipe.layouts(hardware, {})),
        BulkResults(points),
        np.zeros(1, np.int64),
    )

    def call(_: int) -> None:
        BulkGroup(recipe.slots, tables, points, hardware).run(one, found)

    return timed(call)


def whole_call(graph: Graph, hardware: Hardware) -> Times:
    """`simulate` on a hardware that it has not seen: of earlier points only what follows from the graph and from names
    of the hardware helps, no number."""
    value = dict(hardware.quantities())[BANDWIDTH].value
    others = [hardware.with_values({BANDWIDTH: value * (1 + turn / 1000)}) for turn in range(1, WARM + CALLS + 1)]
    return timed(lambda turn: simulate(graph, others[turn]))


def grid(sides: dict[str, list[float]]) -> dict[str, np.ndarray]:
    table = np.array(list(itertools.product(*sides.values())))
    return {path: table[:, index] for index, path in enumerate(sides)}


def rates(count: int) -> dict[str, list[float]]:
    return {
        BANDWIDTH: np.linspace(2e9, 20e9, count).tolist(),
        CLOCK: np.linspace(100e6, 300e6, count).round(-6).tolist(),
    }


def searched(graph: Graph, hardware: Hardware, side: int) -> Times:
    """Points a second of wall and of CPU time, mapping searched for each."""
    arrays = {"units.array.rows": [8, 16, 24, 32], "memories.weights.words": [512, 1024, 2048, 4096]}
    return throughput(graph, hardware, grid(arrays | rates(side)))


def fixed(graph: Graph, hardware: Hardware, side: int) -> Times:
    """Points a second with the tiles that the search finds at the base."""
    tiled = with_fixed_tiles(graph, activity_for(graph, "uniform"), hardware.name)
    return throughput(graph, tiled, grid(rates(side)))


def throughput(graph: Graph, hardware: Hardware, columns: dict[str, np.ndarray]) -> Times:
    activity = activity_for(graph, "uniform")
    few = {path: values[:4] for path, values in columns.items()}
    simulate_many(graph, hardware, few, activity=activity, threads=2)
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter(), time.process_time()
        found = simulate_many(graph, hardware, columns, activity=activity, threads=2)
        wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        assert (found["cycles"] > 0).all()
        rates.append((found["cycles"].size / wall, found["cycles"].size / cpu))
    return median(wall for wall, _ in rates), median(cpu for _, cpu in rates)


def resident_mib(points: int) -> float:
    """Largest resident size of a fresh process that simulates so many points."""
    ran = subprocess.run(
        [sys.executable, __file__, "--resident", str(points)], check=True, capture_output=True, text=True
    )
    return float(ran.stdout)


def print_resident(points: int) -> None:
    graph, hardware = load_model("m3vit-tiny"), load_hardware("systolic-32")
    side = round(points**0.5)
    columns = {path: values[:points] for path, values in grid(rates(side + 1)).items()}
    simulate_many(graph, hardware, columns, activity=activity_for(graph, "uniform"), threads=2)
    print(peak_mib())


def peak_mib() -> float:
    """Most that this process held. `ru_maxrss` would count the parent that started it as well."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def mismatches(cases: int) -> int:
    """Random programs that do not run alike with and without jumps."""
    wrong = 0
    for seed in range(cases):
        program = random_program(seed)
        jumped, stepped = run_program(program), run_program(program, step_every_tile=True)
        pairs = ((jumped.end, stepped.end), (jumped.causes, stepped.causes), (jumped.held_end, stepped.held_end))
        wrong += not all(np.array_equal(one, other) for one, other in pairs)
    return wrong


def measure(quick: bool) -> dict[str, float]:
    hardware = load_hardware("systolic-32")
    found: dict[str, float] = {}
    for name, build in NETWORKS.items():
        graph = build()
        found[f"{name}_ms"], found[f"{name}_cpu_ms"] = core(graph, hardware)
        found[f"{name}_call_ms"], found[f"{name}_call_cpu_ms"] = whole_call(graph, hardware)
    tiny = load_model("m3vit-tiny")
    found["points_per_s"], found["points_per_cpu_s"] = searched(tiny, hardware, 6 if quick else 32)
    found["points_per_s_fixed"], found["points_per_cpu_s_fixed"] = fixed(tiny, hardware, 30 if quick else 200)
    found["points_rss_mib"] = resident_mib(1_000 if quick else 100_000)
    found["jump_cases"] = 500 if quick else 20_000
    found["jump_mismatches"] = mismatches(int(found["jump_cases"]))
    found["search_gap_pct"] = 100 * max(max(gaps) for gaps in all_gaps(hardware).values())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the simulator.")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--quick", action="store_true", help="smaller grids and fewer cases, to see that it runs")
    parser.add_argument("--resident", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resident is not None:
        print_resident(options.resident)
        return
    found = measure(options.quick)
    if options.format == "json":
        print(json.dumps({name: round(found[name], 4) for name in KEYS}))
        return
    for name, value in found.items():
        print(f"{name:28}{value:>14,.3f}")


if __name__ == "__main__":
    main()
