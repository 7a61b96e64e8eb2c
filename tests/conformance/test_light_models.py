"""Nine whole CNNs that nobody here wrote, against ONNX Runtime, on values before the softmax."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from accelsim.engine import compile
from accelsim.frontends.inputs import seeded_inputs
from accelsim.frontends.onnx_import import import_model
from tests.conformance.light_models import NAMES, light_model

pytestmark = pytest.mark.slow


def test_there_are_nine() -> None:
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_topology_equals_onnx_runtime(name: str) -> None:
    model = light_model(name)
    graph = import_model(model, Path(f"{name}.onnx"))
    run = compile(graph, threads=2)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = []
    for seed in (0, 1):
        inputs = {name: (1 + 2 * seed) * array for name, array in seeded_inputs(graph, seed).items()}
        (output,) = graph.outputs
        ours, (theirs,) = run(inputs).outputs[output], session.run([output], inputs)
        scale = np.abs(theirs).max()
        assert scale > 1e-3
        assert np.abs(ours - theirs).max() <= 1e-3 * scale
        seen.append(ours)
    assert np.abs(seen[0] - seen[1]).max() > 1e-2 * np.abs(seen[0]).max()
