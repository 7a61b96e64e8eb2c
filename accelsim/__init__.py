"""accelsim: one graph, timed on an accelerator and executed for its numbers.

    import accelsim as ac
    graph = ac.load_model("m3vit-tiny", task="semseg")
    run = ac.compile(graph)(ac.example_inputs("m3vit-tiny", task="semseg"))
    result = ac.simulate(graph, ac.load_hardware("edge-moe-zcu102"), activity=run.activity)

Names load what they need when they are first used, so that `import accelsim` is quick and needs no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from accelsim import version
from accelsim.notebook import show_results_as_tables

_PUBLIC = {
    "accuracy": "accelsim.evaluate.accuracy",
    "calibrate": "accelsim.evaluate.calibrate",
    "compile": "accelsim.engine",
    "distribution": "accelsim.evaluate.distribution",
    "example_inputs": "accelsim.evaluate.models",
    "explain": "accelsim.evaluate.explain",
    "export_onnx": "accelsim.frontends.onnx_export",
    "figure": "accelsim.report.figure",
    "load_activity": "accelsim.evaluate.models",
    "load_hardware": "accelsim.hw.load",
    "load_model": "accelsim.evaluate.models",
    "pareto": "accelsim.sweep.api",
    "plan": "accelsim.evaluate.explain",
    "semantic": "accelsim.frontends.semantic",
    "simulate": "accelsim.sim.simulate",
    "simulate_many": "accelsim.sim.many",
    "sweep": "accelsim.sweep.api",
    "validate": "accelsim.evaluate.validate",
    "verify": "accelsim.evaluate.models",
    "AccelsimError": "accelsim.errors",
}

__version__ = version.VERSION
show_results_as_tables()


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'accelsim' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted((*_PUBLIC, "__version__"))
