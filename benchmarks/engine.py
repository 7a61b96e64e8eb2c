"""The engine beside ONNX Runtime and beside the references of its ops: `python benchmarks/engine.py [MODEL]...`.

All run in turn in this process. A line for each op gives its share of the engine's time, and how often faster than
the reference it is; the last lines give the ratio of whole runs to ONNX Runtime on the same graph and as many threads.
Medians over the rounds. Times depend on the machine and on what else it does; look at the ratios.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accelsim import engine
from accelsim.engine.arena import Arena
from accelsim.engine.kernel import Array
from accelsim.engine.team import one_blas_thread
from accelsim.evaluate.load import load_model
from accelsim.frontends.onnx_export import export_onnx
from accelsim.frontends.onnx_run import open_session, run_session
from accelsim.ir import Graph
from accelsim.ops.registry import op_spec
from accelsim.passes import fold_batch_norm, fuse_epilogues
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


def print_ops(graph: Graph, executable: engine.Executable, inputs: Mapping[str, Array], rounds: int) -> None:
    """A line for each op, the dearest first."""
    arena = Arena(executable.plan)
    ours: Seconds = defaultdict(list)
    theirs: Seconds = defaultdict(list)
    for _ in range(rounds):
        run_references(graph, inputs, theirs)
        run_engine(arena, inputs, ours)
    engine_ops, reference_ops = by_op(graph, ours), by_op(graph, theirs)
    total, reference_total = sum(engine_ops.values()), sum(reference_ops.values())
    print(f"{'op':<24}{'engine':>12}{'share':>8}{'reference':>12}{'ratio':>8}")
    for op, reference_s in sorted(reference_ops.items(), key=lambda item: -engine_ops.get(item[0], 0.0)):
        engine_s = engine_ops.get(op, 0.0)
        ratio = f"{reference_s / engine_s:7.1f}x" if engine_s else f"{'view':>8}"
        share = f"{engine_s / total:8.1%}"
        print(f"{op:<24}{format_seconds(engine_s):>12}{share}{format_seconds(reference_s):>12}{ratio}")
    print(f"{'all':<24}{format_seconds(total):>12}{1:8.0%}{format_seconds(reference_total):>12}", end="")
    print(f"{reference_total / total:7.1f}x")


def in_turn(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Medians of wall time and of CPU time of each function, called by turns."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(np.median(pairs, axis=0)) for name, pairs in taken.items()}


def print_model(name: str, rounds: int, threads: int, *, ops: bool) -> None:
    loaded = load_model(name)
    graph, inputs = loaded.graph, loaded.inputs
    tidy = fuse_epilogues(fold_batch_norm(graph))
    started = time.perf_counter()
    executable = engine.compile(graph, threads=threads)
    compile_s = time.perf_counter() - started
    folded = engine.compile(tidy, threads=threads)
    plan = executable.plan
    print(f"{loaded.model} {loaded.task}: {len(graph.nodes)} nodes, {rounds} rounds, medians")
    if ops:
        print_ops(graph, executable, inputs, rounds)
    with TemporaryDirectory() as folder:
        session = open_session(export_onnx(graph, Path(folder) / "model.onnx"), threads=threads)
    taken = in_turn(
        {
            "the engine": lambda: executable(inputs),
            "with batch norms and epilogues folded": lambda: folded(inputs),
            "ONNX Runtime": lambda: run_session(session, inputs),
        },
        rounds,
    )
    theirs = taken["ONNX Runtime"]
    for what, own in taken.items():
        wall, cpu = (f"{a / b:.2f}x" for a, b in zip(own, theirs, strict=True))
        print(f"{what:<40}{format_seconds(own[0]):>12} wall {wall:>7}{format_seconds(own[1]):>12} CPU {cpu:>7}")
    print(
        f"compile {format_seconds(compile_s)}; peak {format_bytes(plan.peak_bytes)}: arena "
        f"{format_bytes(plan.arena_bytes)} (folded {format_bytes(folded.plan.arena_bytes)}, without reuse "
        f"{format_bytes(sum(slot.block.size_bytes for slot in plan.slots.values()))}), weights "
        f"{format_bytes(plan.weight_bytes)}, beside it {format_bytes(plan.scratch_bytes)}"
    )
    print(f"without a kernel: {', '.join(plan.fallbacks) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the engine against ONNX Runtime and NumPy references.")
    parser.add_argument("models", nargs="*", default=["m3vit-tiny"], metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-ops", action="store_true", help="whole runs only; the references take their time")
    options = parser.parse_args()
    for name in options.models:
        print_model(name, options.rounds, options.threads, ops=not options.no_ops)


if __name__ == "__main__":
    main()
