"""`accelsim list ops`: the coverage matrix as a table and as data."""

from __future__ import annotations

import json

import pytest

from accelsim.ops.registry import all_ops
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def test_the_command_prints_the_matrix_in_100_columns_and_as_data(run: Run) -> None:
    code, out, _ = run("list", "ops")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert out.splitlines()[0].split() == ["op", "PyTorch", "calls", "ONNX", "operators", "engine", "cost", "saved"]
    records = json.loads(run("list", "ops", "--format", "json")[1])
    lines = run("list", "ops", "--format", "csv")[1].splitlines()
    assert len(records) == len(lines) - 1 == len(all_ops())
    assert next(r for r in records if r["op"] == "gelu") == {
        **{"op": "gelu", "PyTorch calls": "gelu", "ONNX operators": "Gelu"},
        **{"engine": "kernel", "cost": "nests", "saved": "nodes"},
    }
