"""`accelsim show model`: the tree of modules, as a table and as JSON, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.frontends.conftest import TINY

pytestmark = pytest.mark.slow

LACKING = """
import torch
from torch import nn

class Odd(nn.Module):
    def forward(self, x):
        return torch.erfinv(x)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Odd(), Odd()

    def forward(self, x):
        return torch.atan2(self.second(self.first(x)), x)

def build():
    return Model().eval(), (torch.rand(2, 3),)
"""


def test_the_tree_has_shapes_parameters_macs_and_bytes_in_100_columns(run: Run) -> None:
    code, out, err = run("show", "model", f"{TINY}:build")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 100
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.startswith("  ")}
    assert rows["decoder"][1:4] == ["6", "nodes", "1x8x8x8"]
    assert rows["patch"][1:3] == ["conv2d", "1x16x4x4"]
    assert "no weights were made or read" in out


def test_depth_hides_modules_and_keeps_the_totals(run: Run) -> None:
    whole, top = (run("show", "model", f"{TINY}:build", "--depth", depth)[1].splitlines() for depth in ("9", "1"))
    assert whole[0] == top[0]
    assert len(top) < len(whole) / 2
    assert not any(line.startswith("      ") for line in top[5:] if line.split()[:1] == ["blocks"])


def test_json_holds_the_same_tree_in_full(run: Run) -> None:
    record = json.loads(run("show", "model", f"{TINY}:build", "--format", "json")[1])
    total = record["total"]
    assert total["macs"] == sum(part["macs"] for part in total["parts"])
    assert record["inputs"] == [{"name": "image", "shape": [1, 3, 16, 16], "dtype": "float32"}]
    encoder = next(part for part in total["parts"] if part["name"] == "encoder")
    patch = next(part for part in encoder["parts"] if part["op"] == "conv2d")
    assert patch["macs"] == patch["outputs"][0]["shape"][1] * 16 * 3 * 4 * 4
    assert patch["parameters"] == 16 * 3 * 4 * 4 + 16


def test_the_graph_itself_is_printed_on_demand(run: Run) -> None:
    code, out, _ = run("show", "model", f"{TINY}:build", "--graph")
    assert code == 0
    assert "encoder.patch: float32[1,16,4,4] = conv2d(image, %encoder.patch.weight" in out


def test_all_that_is_missing_comes_first_with_its_place_and_what_there_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text(LACKING)
    code, out, err = run("show", "model", f"{tmp_path}/lacking.py:build")
    assert code == 3
    assert "3 operators missing" in err
    lines = out.splitlines()
    assert lines[2] == "Missing operators"
    told = [line.split()[:2] for line in lines[4:7]]
    odd, turn = "aten.erfinv.default", "aten.atan2.default"
    assert told == [[odd, "first"], [odd, "second"], [turn, "lacking:build"]]
    assert "aten.linear.default" in out
    code, out, _ = run("show", "model", f"{tmp_path}/lacking.py:build", "--format", "json")
    record = json.loads(out)
    assert code == 3
    assert [one["operator"] for one in record["missing"]] == ["aten.erfinv.default"] * 2 + ["aten.atan2.default"]
    assert "aten.linear.default" in record["supported"]
