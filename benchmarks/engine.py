"""The engine beside the references of its ops: `python benchmarks/engine.py [MODEL] [--rounds N]`.

Both run in turn in this process, on the same BLAS (the references on as many of its threads as it likes). A
line for each op gives its share of the engine's time, and how often faster than the reference it is.
Medians over the rounds. Times depend on the machine and on what else it does; look at the ratios.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from accelsim import engine
from accelsim.engine.arena import Arena
from accelsim.engine.kernel import Array
from accelsim.engine.team import one_blas_thread
from accelsim.frontends.catalogue import load_model
from accelsim.ir import Graph
from accelsim.ops.registry import op_spec
from accelsim.units import format_bytes, format_seconds

Seconds = dict[str, list[float]]


def run_references(graph: Graph, inputs: Mapping[str, Array], seconds: Seconds) -> None:
    """Every node by its reference; the time of each is added to `seconds` under the node's name."""
    values: dict[str, Array] = {**inputs, **{name: graph.parameter(name) for name in graph.parameters}}
    for node in graph.nodes:
        arrays = [values[name] if name else None for name in node.inputs]
        started = time.perf_counter()
        results = op_spec(node.op).reference(arrays, node.attrs)
        seconds[node.name].append(time.perf_counter() - started)
        values.update(zip(node.outputs, results, strict=True))


def run_engine(arena: Arena, inputs: Mapping[str, Array], seconds: Seconds) -> None:
    """Every step of the plan, timed likewise. Views and folded nodes have no step and cost nothing."""
    for name, array in inputs.items():
        np.copyto(arena.arrays[name], array)
    with one_blas_thread():
        for bound in arena:
            started = time.perf_counter()
            bound.run()
            seconds[bound.step.node.name].append(time.perf_counter() - started)


def by_op(graph: Graph, seconds: Seconds) -> dict[str, float]:
    """Sums over the nodes of an op of their median times."""
    sums: dict[str, float] = defaultdict(float)
    for node in graph.nodes:
        if node.name in seconds:
            sums[node.op] += float(np.median(seconds[node.name]))
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the engine against NumPy references.")
    parser.add_argument("model", nargs="?", default="m3vit-tiny")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    loaded = load_model(options.model)
    graph, inputs = loaded.graph, loaded.inputs
    started = time.perf_counter()
    executable = engine.compile(graph)
    compile_s = time.perf_counter() - started
    plan, arena = executable.plan, Arena(executable.plan)
    executable(inputs)

    ours: Seconds = defaultdict(list)
    theirs: Seconds = defaultdict(list)
    whole: list[float] = []
    for _ in range(options.rounds):
        run_references(graph, inputs, theirs)
        run_engine(arena, inputs, ours)
        whole.append(executable(inputs).latency_s)

    engine_ops, reference_ops = by_op(graph, ours), by_op(graph, theirs)
    total = sum(engine_ops.values())
    print(f"{loaded.model} {loaded.task}: {len(graph.nodes)} nodes, {options.rounds} rounds, medians")
    print(f"{'op':<16}{'engine':>12}{'share':>8}{'reference':>12}{'ratio':>8}")
    for op, reference_s in sorted(reference_ops.items(), key=lambda item: -engine_ops.get(item[0], 0.0)):
        engine_s = engine_ops.get(op, 0.0)
        ratio = f"{reference_s / engine_s:7.1f}x" if engine_s else f"{'view':>8}"
        share = f"{engine_s / total:8.1%}"
        print(f"{op:<16}{format_seconds(engine_s):>12}{share}{format_seconds(reference_s):>12}{ratio}")
    reference_total = sum(reference_ops.values())
    print(f"{'all':<16}{format_seconds(total):>12}{1:8.0%}{format_seconds(reference_total):>12}", end="")
    print(f"{reference_total / total:7.1f}x")
    print(f"a call: {format_seconds(float(np.median(whole)))}; compile: {format_seconds(compile_s)}")
    print(
        f"peak {format_bytes(plan.peak_bytes)}: arena {format_bytes(plan.arena_bytes)} (without reuse "
        f"{format_bytes(sum(slot.block.size_bytes for slot in plan.slots.values()))}), weights "
        f"{format_bytes(plan.weight_bytes)}, beside it {format_bytes(plan.scratch_bytes)}"
    )
    print(f"without a kernel: {', '.join(plan.fallbacks) or 'none'}")


if __name__ == "__main__":
    main()
