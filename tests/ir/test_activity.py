"""Activity files: what a run recorded comes back, and what is not a record is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.ir import Activity, FrozenMap, Routing, load_activity

ACTIVITY = Activity(
    "engine",
    FrozenMap({"moe": Routing.from_ids([[0, 2], [1, 0]], 3, [[0.5, 0.25], [0.75, 0.125]])}),
    "digest",
    kernel_shares=FrozenMap({"stem": ((0.5, 0.5), (0.125, 0.875))}),
)


def saved(folder: Path, text: str) -> Path:
    path = folder / "activity.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_routings_and_kernel_shares_come_back_as_they_were(tmp_path: Path) -> None:
    path = saved(tmp_path, ACTIVITY.to_json())
    assert load_activity(path, nodes={"moe": (2, 2, 3)}, graph_digest="digest") == ACTIVITY


def test_an_activity_without_kernel_shares_reads_as_one_that_mixed_nothing(tmp_path: Path) -> None:
    plain = replace(ACTIVITY, kernel_shares=FrozenMap())
    assert "kernel_shares" not in json.loads(plain.to_json())
    assert not load_activity(saved(tmp_path, plain.to_json()), nodes={"moe": (2, 2, 3)}).kernel_shares


@pytest.mark.parametrize("rows", [[], [[]], [[0.5, 0.5], [1.0]], [[1.5, -0.5]], [["much"]], 1])
def test_kernel_shares_that_are_none_are_refused(tmp_path: Path, rows: object) -> None:
    record = {**json.loads(ACTIVITY.to_json()), "kernel_shares": {"stem": rows}}
    with pytest.raises(InputError, match="not an activity file"):
        load_activity(saved(tmp_path, json.dumps(record)), nodes={"moe": (2, 2, 3)})
