"""The plan of a model: what it says is what was simulated, and given back it gives the same cycles."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from accelsim.evaluate.plan import plan_of
from accelsim.hw.load import load_hardware
from accelsim.hw.mapping_file import with_mapping
from accelsim.ir import Graph
from accelsim.report.plan import plan_headline, plan_sections
from accelsim.report.table import plain
from accelsim.sim.assumption import activity_for
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import linear_graph, moe_graph


def _frame(graph: Graph) -> Frame:
    return Frame("", graph, activity_for(graph, "uniform"))


@pytest.mark.parametrize("name", ["systolic-16", "systolic-32", "edge-moe-zcu102", "ablations/edge-moe-0-baseline"])
def test_the_printed_plan_given_back_takes_the_same_cycles(name: str, m3vit: Graph, tmp_path: Path) -> None:
    hardware, frame = load_hardware(name), _frame(m3vit)
    plan = plan_of(frame, hardware)
    path = tmp_path / "plan.yaml"
    path.write_text(plan.to_yaml(), encoding="utf-8")
    fixed = with_mapping(hardware, path)
    again = plan_of(frame, fixed)
    assert again.cycles == plan.cycles
    assert again.to_yaml() == plan.to_yaml()
    assert all(part.fixed for part in again.parts if part.choices)
    before, after = (time_frames([frame], one) for one in (hardware, fixed))
    assert (before.row_causes == after.row_causes).all()
    assert (before.row_bytes == after.row_bytes).all()


def test_a_fixed_plan_stays_when_the_hardware_grows(tmp_path: Path) -> None:
    """The same tiles on a larger buffer, where a search would cut others."""
    graph = linear_graph(256, 512, 256)
    hardware = load_hardware("systolic-16", {"memories.inputs.words": 128})
    path = tmp_path / "plan.yaml"
    path.write_text(plan_of(_frame(graph), hardware).to_yaml(), encoding="utf-8")
    larger = load_hardware("systolic-16")
    tiles = [plan_of(_frame(graph), one).parts[0].tile for one in (hardware, with_mapping(larger, path), larger)]
    assert tiles[0] == tiles[1] != tiles[2]


def test_the_numbers_of_a_part_are_those_of_its_stages() -> None:
    hardware, frame = load_hardware("systolic-16"), _frame(linear_graph(100, 200, 300))
    timing, plan = time_frames([frame], hardware), plan_of(frame, hardware)
    (part,) = [part for part in plan.parts if part.size]
    assert part.size == {"rows": 100, "outputs": 300, "reduce": 200}
    assert part.cycles == sum(int(causes.sum()) for causes in timing.row_causes) == plan.cycles
    assert part.ideal_cycles == sum(stage.ideal_cycles for stage in timing.stages)
    assert part.tiles == sum(stage.tiles for stage in timing.stages)
    assert part.cycles > part.ideal_cycles >= 100 * 200 * 300 / 256
    for use in part.buffers.values():
        assert 0 < use.tile_bytes <= use.copy_bytes


def test_experts_have_parts_of_their_own(small) -> None:
    graph = moe_graph()
    plan = plan_of(_frame(graph), small)
    parts = [part.part for part in plan.parts if part.node == "moe"]
    assert "expert0.fc1" in parts
    assert "expert3.fc2" in parts


def test_json_and_csv_hold_every_part(m3vit: Graph) -> None:
    plan = plan_of(_frame(m3vit), load_hardware("systolic-16"))
    record = json.loads(json.dumps(plan.to_json()))
    rows = list(csv.DictReader(io.StringIO(plan.to_csv())))
    assert len(record["parts"]) == len(rows) == len(plan.parts)
    assert sum(int(row["cycles"]) for row in rows) == record["cycles"] == plan.cycles
    first = next(row for row in rows if row["tile_rows"])
    assert int(first["tile_rows"]) <= int(first["size_rows"])
    assert set(first["loops"].split()) == {"rows", "outputs", "reduce"}


@pytest.mark.parametrize("name", ["systolic-16", "edge-moe-zcu102"])
def test_the_table_is_readable_at_100_columns(name: str, m3vit: Graph) -> None:
    plan = plan_of(_frame(m3vit), load_hardware(name))
    assert plan_headline(plan)[1].startswith(f"{plan.cycles:,} cycles")
    for section in plan_sections(plan):
        assert max(map(len, plain(section).splitlines())) <= 100
    every = plan_sections(plan, every=True)
    assert sum(len(section.rows) for section in every) == len(plan.parts)
