"""The small trained models: their weights load, the engine computes what torch does, and training left its traces."""

from __future__ import annotations

from collections import Counter
from typing import Any

import densemtl_mini
import m3vit_mini
import numpy as np
import pdcnet_mini
import pytest
import torch
from m3vit_parts import MoE
from mini_weights import WEIGHTS, read_weights

from accelsim.engine import compile
from accelsim.frontends.catalogue import load_model
from models.train.rows import SHIPPED_SEED, read_row, row_file

LIMIT = 400_000
BUILDERS = {"m3vit": m3vit_mini, "pdcnet": pdcnet_mini, "densemtl": densemtl_mini}
# Catalogue name, and which ops of its own its graph has.
OWN_OPS = {
    "m3vit-mini": {"moe": 2},
    "m3vit-mini-single": {"moe": 2},
    "m3vit-mini-dense": {"moe": 0},
    "pdcnet-mini": {"pixel_difference_conv2d": 8},
    "pdcnet-mini-plain": {"pixel_difference_conv2d": 8},
    "pdcnet-mini-rgb": {"pixel_difference_conv2d": 4},
    "densemtl-mini": {"cross_task_attention": 12},
    "densemtl-mini-apart": {"cross_task_attention": 0},
}
TRAINED = [name for name in OWN_OPS if row_file(name, SHIPPED_SEED).is_file()]


def _built(name: str, arguments: dict[str, Any]) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    return BUILDERS[name.split("-", maxsplit=1)[0]].build(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_the_engine_computes_what_torch_does(name: str, catalogue: dict[str, dict[str, Any]]) -> None:
    arguments = {**catalogue[name]["arguments"], "batch": 2}
    module, inputs = _built(name, arguments)
    loaded = load_model(name, arguments=arguments, cache=False)
    counted = Counter(node.op for node in loaded.graph.nodes)
    assert {op: counted[op] for op in OWN_OPS[name]} == OWN_OPS[name]
    with torch.no_grad():
        wanted = module(*inputs)
    ours = compile(loaded.graph)(loaded.inputs).outputs
    for given, known in zip(ours.values(), wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert np.abs(given - known.numpy()).max() <= 1e-4 * known.abs().max().item()


@pytest.mark.parametrize("name", TRAINED)
def test_weights_are_those_of_the_row(name: str, catalogue: dict[str, dict[str, Any]]) -> None:
    module, _ = _built(name, catalogue[name]["arguments"])
    row = read_row(row_file(name, SHIPPED_SEED))
    stored = read_weights(name)
    assert set(stored) >= {key for key in module.state_dict() if not key.startswith("decoder.") or "m3vit" not in name}
    assert row.parameters is not None
    assert row.parameters <= LIMIT
    trained = sum(value.numel() for key, value in stored.items() if not _is_statistic(key))
    assert trained == row.parameters


def _is_statistic(key: str) -> bool:
    return key.endswith(("running_mean", "running_var", "num_batches_tracked"))


def test_weights_are_small_enough_for_a_repository() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.glob("*.safetensors")) <= 25 * 2**20


def test_experts_are_used_and_gates_of_tasks_differ() -> None:
    for name in {"m3vit-mini", "m3vit-mini-single"} & set(TRAINED):
        routing = read_row(row_file(name, SHIPPED_SEED)).details["routing"]
        assert isinstance(routing, dict)
        assert len(routing) == 2
        for usage in routing.values():
            assert min(usage["experts_used"]) >= m3vit_mini.EXPERTS // 2
            assert usage.get("experts_in_common", 0) < 0.95
        module, _ = m3vit_mini.build(gating="multi" if name == "m3vit-mini" else "single", weights=name)
        for mixture in (part for part in module.modules() if isinstance(part, MoE)):
            first, *others = (gate.weight for gate in mixture.gates.values())
            assert all((first - other).norm() > 0.1 * first.norm() for other in others)


def test_a_task_of_densemtl_mini_computes_what_it_does_among_all() -> None:
    every, alone = densemtl_mini.assemble("all", exchange=True).eval(), densemtl_mini.assemble("normals", exchange=True)
    alone.eval().load_state_dict(every.state_dict())
    inputs = densemtl_mini.example(0)
    with torch.no_grad():
        torch.testing.assert_close(alone(*inputs), every(*inputs)[list(densemtl_mini.CHANNELS).index("normals")])


def test_unknown_names_are_told() -> None:
    with pytest.raises(ValueError, match="no task 'normals' with gating 'multi'; there are tasks semseg, depth"):
        m3vit_mini.build("normals")
    with pytest.raises(ValueError, match="'edges' is not a task here; there are all, semseg"):
        densemtl_mini.build("edges")
