"""How long a simulation takes: `python benchmarks/simulate.py [MODEL] [HARDWARE]`.

Prints medians of warm calls in one process, and their ratio to the first: the same point again, a point with another
number each time (lowering included), and the core without the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import accelsim as ac
from accelsim.sim.timing import Frame, time_frames

ROUNDS = 15


def milliseconds(call: Callable[[int], object]) -> float:
    times = []
    for turn in range(ROUNDS):
        start = time.perf_counter()
        call(turn)
        times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def main() -> None:
    model, name = (*sys.argv[1:3], *("m3vit-tiny", "edge-moe-zcu102")[len(sys.argv) - 1 :])
    graph = ac.load_model(model)
    hardware = ac.load_hardware(name)
    activity = ac.load_activity("uniform", graph)
    frame = Frame("", graph, activity)
    path, quantity = next((p, q) for p, q in hardware.quantities() if p.startswith("memories.") and "bandwidth" in p)

    def other(turn: int) -> object:
        return hardware.with_values({path: quantity.value * (1 + (turn + 1) / 1000)})

    ac.simulate(graph, hardware, activity=activity)
    same = milliseconds(lambda turn: ac.simulate(graph, hardware, activity=activity))
    new = milliseconds(lambda turn: ac.simulate(graph, other(turn), activity=activity))
    core = milliseconds(lambda turn: time_frames([frame], other(turn + ROUNDS)))
    for label, value in (("simulate, same point", same), ("simulate, new point", new), ("timeline, new point", core)):
        print(f"{label:24s} {value:8.2f} ms   x{value / same:.2f}")


if __name__ == "__main__":
    main()
