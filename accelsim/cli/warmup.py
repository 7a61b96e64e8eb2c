"""`accelsim warmup`: compile the kernels before they are needed."""

from __future__ import annotations

import time
from importlib import import_module

import click

from accelsim.cli.options import quiet_option
from accelsim.cli.progress import progress

KERNELS = {
    "accelsim.sim.timeline": "the simulator's timeline",
    "accelsim.engine.table": "the engine's kernels",
}
"""Modules that compile their kernels when they are imported."""

DESIGN, TOPOLOGY = "systolic-32", "alexnet.csv"


@click.command("warmup")
@quiet_option
def warmup(quiet: bool) -> None:
    """Compile all kernels into the cache, so that the first run does not wait for it."""
    from accelsim.kernel_cache import use_kernel_cache

    started = time.perf_counter()
    folder = use_kernel_cache()
    with progress(quiet=quiet) as step:
        for module, title in KERNELS.items():
            step(f"compiling {title}")
            import_module(module)
        step("compiling the tile search and the many-points call")
        _search()
    click.echo(f"kernels compiled in {time.perf_counter() - started:.1f} s, kept in {folder}")


def _search() -> None:
    """Time a small model once and as two points: these kernels compile when they are first called."""
    from accelsim.evaluate.load import load_model
    from accelsim.hw.load import load_hardware
    from accelsim.shipped import shipped_dir
    from accelsim.sim.many import simulate_many
    from accelsim.sim.simulate import simulate

    graph, hardware = load_model(str(shipped_dir("models") / TOPOLOGY)).graph, load_hardware(DESIGN)
    simulate(graph, hardware)
    simulate_many(graph, hardware, {"memories.ddr.bandwidth": [8e9, 16e9]})
