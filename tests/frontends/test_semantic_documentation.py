"""The example of docs/semantic_ops.md, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import accelsim as ac
from accelsim.errors import UnsupportedError
from accelsim.frontends.onnx_export import export_onnx
from tests.frontends.reference import every_tensor

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "semantic_ops.md"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    """The code of the page: the model, how it is marked, what is done with it."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def names(blocks: list[str]) -> dict[str, Any]:
    """What the page defines; on the way, what tracing says before the class is marked."""
    found: dict[str, Any] = {"__name__": "documented"}
    model, *others = blocks
    exec(model, found)  # the page is the user's file
    with pytest.raises(UnsupportedError) as caught:
        ac.load_model(*found["build"]())
    found["error"] = str(caught.value)
    for code in others:
        exec(code, found)
    return found


def test_the_plain_model_fails_with_its_place_and_the_way_to_mark_it(names: dict[str, Any]) -> None:
    assert "module 'mixture' (MyMoE)" in names["error"]
    assert "ac.semantic(MyMoE, op='moe'" in names["error"]


def test_the_marked_model_is_four_nodes_and_equals_torch(names: dict[str, Any]) -> None:
    graph = names["graph"]
    assert [(node.name, node.op) for node in graph.nodes] == [
        ("before", "linear"),
        ("mixture", "moe"),
        ("add", "add"),
        ("after", "layer_norm"),
    ]
    assert names["difference"] < 1e-5
    assert names["routing"].ids is not None


def test_the_nodes_weights_are_those_of_the_users_experts(names: dict[str, Any]) -> None:
    graph, module = names["graph"], names["module"]
    node = next(node for node in graph.nodes if node.op == "moe")
    for index, expert in enumerate(module.mixture.experts):
        for operand, weight in ((2, expert.up.weight), (3, expert.up.bias), (4, expert.down.weight)):
            assert np.array_equal(graph.parameter(node.inputs[operand])[index], weight.detach().numpy())


def test_engine_torch_and_onnx_runtime_agree_on_an_input_that_leaves_experts_empty(
    names: dict[str, Any], tmp_path: Path
) -> None:
    x = torch.randn(2, 10, 32, generator=torch.Generator().manual_seed(1))[:1, :2]
    whole = torch.cat([x] * 5, dim=1).repeat(2, 1, 1)  # two kinds of tokens take at most four of eight experts
    graph, module = names["graph"], names["module"]
    run = ac.compile(graph)({"x": whole.numpy()})
    assert run.activity.routings["mixture"].active <= 4
    with torch.no_grad():
        expected = module(whole).numpy()
    assert np.abs(run.outputs[graph.outputs[0]] - expected).max() < 1e-5
    path = export_onnx(graph, tmp_path / "model.onnx")
    (made,) = onnxruntime.InferenceSession(path).run(None, {"x": whole.numpy()})
    assert np.abs(made - expected).max() < 1e-5
    assert np.abs(every_tensor(graph, {"x": whole.numpy()})[graph.outputs[0]] - expected).max() < 1e-5
