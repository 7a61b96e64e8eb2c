"""How long an ONNX file takes to load: `python benchmarks/load.py [FILE.onnx | MODEL]`.

A model by name, by default resnet50, is exported first. Prints seconds of wall and of CPU time: the whole in a new
process, imports included; then in this one medians of the whole and of its steps.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import accelsim as ac
from accelsim.frontends.inputs import InputOptions
from accelsim.frontends.onnx_export import export_onnx
from accelsim.frontends.onnx_import import import_model
from accelsim.frontends.onnx_load import read_model
from accelsim.frontends.onnx_model import load_onnx
from accelsim.passes.fuse_patterns import fuse_patterns

ROUNDS = 5
_PROCESS = "import sys, accelsim as ac; ac.load_model(sys.argv[1])"


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = [], []
    for _ in range(ROUNDS):
        start, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return median(wall), median(cpu)


def measure(path: Path) -> None:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", _PROCESS, str(path)], check=True)
    whole = time.perf_counter() - start
    model = read_model(path)
    graph = import_model(model, path)
    steps = {
        "load_model, warm": lambda: ac.load_model(str(path)),
        "  read and check": lambda: read_model(path),
        "  make the graph": lambda: import_model(model, path),
        "  with example inputs": lambda: load_onnx(path, InputOptions()),
        "  fuse patterns": lambda: fuse_patterns(graph),
    }
    print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB, {len(model.graph.node)} nodes")
    print(f"{'new process, imports included':30s} {whole:6.2f} s")
    for label, call in steps.items():
        wall, cpu = seconds(call)
        print(f"{label:30s} {wall:6.2f} s  {cpu:6.2f} s CPU")


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "resnet50"
    if name.endswith(".onnx"):
        measure(Path(name))
        return
    with TemporaryDirectory() as folder:
        measure(export_onnx(ac.load_model(name), Path(folder) / f"{name}.onnx"))


if __name__ == "__main__":
    main()
