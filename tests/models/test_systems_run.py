"""The systems at small sizes: traced with their own ops in the graph, executed, equal to torch and ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.engine import compile
from accelsim.evaluate.load import load_model
from accelsim.evaluate.verify import verify_model
from models.claims.densemtl import STEPS

pytestmark = pytest.mark.slow

# Catalogue name, task, arguments for a small size, and how often which op is in the graph. All convolutions of
# MobileNet-v2 but the first are dynamic; an exchange is one for every other task; a head of Cross-Stitch has eight
# convolutions and a ResNet-50 has 53.
SYSTEMS: dict[str, tuple[str, str | None, dict[str, Any], dict[str, int]]] = {
    "padnet": ("padnet-mobilenetv2", None, {"size": 32, "batch": 2}, {"dynamic_conv2d": 51, "conv2d": 1}),
    "padnet-all-dynamic": (
        "padnet-mobilenetv2",
        None,
        {"size": 32, "ratio": 1},
        {"dynamic_conv2d": 51, "conv2d": 1},
    ),
    "pruning-adapter": (
        "pruning-adapter-bert-base",
        "rte",
        {"tokens": 16, "form": "adapted"},
        {"adapted_linear": 48, "attention": 12},
    ),
    "padnet-experts": ("padnet-bert-moe", None, {"depth": 1, "tokens": 16}, {"moe": 2, "linear": 8}),
    "m3vit-conditioned": ("m3vit-tiny", "depth", {"gating": "conditioned"}, {"moe": 6}),
    "pdcnet": (
        "pdcnet-resnet101",
        None,
        {"size": (48, 64), "depth": 50},
        {"pixel_difference_conv2d": 24},
    ),
    "densemtl": ("densemtl-resnet101-sdn", "normals", {"size": (64, 64), "depth": 50}, {"cross_task_attention": 2}),
    "cross-stitch": ("cross-stitch-resnet50", None, {"size": (32, 48)}, {"conv2d": 122, "resize": 4}),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_engine_equals_torch_and_onnx_runtime(system: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path))
    name, task, arguments, ops = SYSTEMS[system]
    loaded = load_model(name, task=task, arguments=arguments)
    counted = Counter(node.op for node in loaded.graph.nodes)
    assert {op: counted[op] for op in ops} == ops
    found = verify_model(loaded, tolerance=1e-3)
    assert found.inputs_differ
    assert {entry.engine: entry.ok for entry in found.entries} == {"torch": True, "onnxruntime": True}


def test_the_rewrites_of_densemtl_are_exact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path))
    loaded = load_model("densemtl-resnet101", arguments={"size": (64, 96), "depth": 50})
    before = compile(loaded.graph, threads=1)(loaded.inputs).outputs
    graph = loaded.graph
    for name, step in STEPS.items():
        graph, former = step(graph), graph
        assert graph is not former, name
    after = compile(graph, threads=1)(loaded.inputs).outputs
    for name, wanted in before.items():
        assert np.abs(after[name] - wanted).max() <= 1e-3 * np.abs(wanted).max()
