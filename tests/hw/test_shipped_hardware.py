from __future__ import annotations

import json
import math
import time

import pytest

from accelsim.errors import InputError
from accelsim.hw.document import ConfigError
from accelsim.hw.load import boards, hardware_names, json_schema, load_hardware
from tests.hw.conftest import Edit

EDGE_MOE, M3VIT = "edge-moe-zcu102", "m3vit-zcu104-analytic"


@pytest.mark.parametrize("name", hardware_names())
def test_every_shipped_description_loads_under_its_own_name(name: str) -> None:
    hardware = load_hardware(name)
    assert hardware.name == name
    assert hardware.sources


def test_the_ablations_take_one_technique_away_after_the_other() -> None:
    chain = ["edge-moe-0-baseline"]
    while (below := load_hardware(chain[-1]).extends) is not None and below != chain[-1]:
        chain.append(below)
        if below == EDGE_MOE:
            break
    assert chain == [
        "edge-moe-0-baseline",
        "edge-moe-1-expert-major",
        "edge-moe-2-single-pass-softmax",
        "edge-moe-3-gelu-approximation",
        "edge-moe-4-unified-linear",
        EDGE_MOE,
    ]


def test_edge_moe_holds_what_its_code_declares() -> None:
    hardware = load_hardware(EDGE_MOE)
    linear, weights = hardware.units["linear"], hardware.memories["weights"]
    assert linear.kind == "dot"
    assert linear.macs_per_step == 256
    assert weights.kind == "buffer"
    assert weights.copy_bytes == 768 * 192 * 2
    assert {link.cycles_per_beat for link in hardware.links.values()} == {2.0}
    assert hardware.clock_hz == pytest.approx(299.97e6)


def test_the_m3vit_rate_is_the_dense_encoder_over_its_published_latency() -> None:
    tokens, width = 1025, 384
    attention = 12 * (4 * tokens * width**2 + 2 * tokens**2 * width)
    macs = attention + 12 * 8 * tokens * width**2 + (tokens - 1) * 768 * width
    unit = load_hardware(M3VIT).units["datapath"]
    assert unit.kind == "rate"
    assert unit.macs_per_cycle.value == pytest.approx(macs / (68.931e-3 * 300e6), rel=1e-4)


def test_reordering_saves_the_published_memory_of_m3vit() -> None:
    hardware = load_hardware(M3VIT)
    kept = hardware.memories["weights"]
    assert kept.kind == "buffer"
    expert_bytes = 295_680 * hardware.precision["weight"].bits // 8
    assert (16 * expert_bytes - kept.total_bytes) / 2**20 == pytest.approx(6.770, rel=0.02)


def test_calibrated_values_name_the_rows_they_used() -> None:
    rows = {row for record in load_hardware(M3VIT).calibrated() for row in record.rows}
    assert "m3vit/pascal/dense/latency_ms" in rows
    assert load_hardware(EDGE_MOE).calibrated() == ()


def test_an_ablation_is_found_with_or_without_its_folder() -> None:
    named = load_hardware("ablations/edge-moe-0-baseline")
    assert named == load_hardware("edge-moe-0-baseline")


@pytest.mark.parametrize("name", hardware_names())
def test_every_estimate_has_a_range_around_it(name: str) -> None:
    estimates = load_hardware(name).estimates()
    assert estimates
    assert all(e.low <= e.value <= e.high and e.text for e in estimates)


def test_estimates_of_power_and_area_are_not_among_those_of_timing() -> None:
    hardware = load_hardware(EDGE_MOE)
    timing = {record.path for record in hardware.timing_estimates()}
    assert "units.norm.row_latency" in timing
    assert not any(path.startswith("energy.") or ".resources." in path for path in timing)
    assert timing < {record.path for record in hardware.estimates()}


def test_the_digest_is_stable_and_sees_values_but_not_texts(edited: Edit) -> None:
    base = load_hardware(edited()).digest
    assert base == load_hardware(edited()).digest
    assert base == load_hardware(edited(("A tiny accelerator", "Another title"))).digest
    assert base == load_hardware(edited(("estimate: a guess", "estimate: a better guess"))).digest
    assert base != load_hardware(edited(("fill: 8", "fill: 9"))).digest
    assert base != load_hardware(edited(("prefetch: none", "prefetch: all"))).digest


def test_with_values_changes_that_number_alone_and_keeps_its_provenance() -> None:
    hardware = load_hardware(EDGE_MOE)
    changed = hardware.with_values({"units.norm.row_latency": 178, "units.linear.multiplier.0": 18})
    before, after = dict(hardware.quantities()), dict(changed.quantities())
    assert {path for path in before if before[path] != after[path]} == {
        "units.norm.row_latency",
        "units.linear.multiplier.0",
    }
    assert after["units.norm.row_latency"].text == before["units.norm.row_latency"].text
    assert changed.digest != hardware.digest
    assert changed.with_values({"units.norm.row_latency": 255, "units.linear.multiplier.0": 32}) == hardware


def test_every_number_can_be_changed_by_its_path() -> None:
    hardware = load_hardware(EDGE_MOE)
    values = {path: quantity.value for path, quantity in hardware.quantities()}
    assert hardware.with_values(values) == hardware


def test_what_was_worked_out_for_a_hardware_is_not_told_of_a_copy_with_other_values() -> None:
    hardware = load_hardware("systolic-32")
    before = (hardware.digest, hardware.settings(), dict(hardware.quantities()))
    changed = hardware.with_values({"memories.ddr.bandwidth": 1e9})
    told = changed.settings()
    assert {path for path, text in told.items() if text != before[1][path]} == {"memories.ddr.bandwidth"}
    assert told["memories.ddr.bandwidth"] == "1 GB/s"
    assert dict(changed.quantities())["memories.ddr.bandwidth"].value == 1e9
    assert changed.digest != before[0]
    assert (hardware.digest, hardware.settings(), dict(hardware.quantities())) == before


@pytest.mark.parametrize("path", ["units.norm.row_latenzy", "units.norm", "units.norm.row_latency.value"])
def test_with_values_refuses_a_path_that_is_no_number(path: str) -> None:
    with pytest.raises(InputError, match=path.rpartition(".")[0]):
        load_hardware(EDGE_MOE).with_values({path: 1})


def test_with_values_takes_well_below_a_millisecond() -> None:
    hardware = load_hardware(EDGE_MOE)

    def once() -> float:
        start = time.perf_counter()
        hardware.with_values({"units.norm.row_latency": 178})
        return time.perf_counter() - start

    assert min(once() for _ in range(50)) < 1e-3


def test_provenance_is_counted_by_kind(edited: Edit) -> None:
    counts = load_hardware(edited()).provenance_counts()
    assert set(counts) == {"sourced", "estimate"}
    overridden = load_hardware(edited(), {"units.dot.rows": 2}).provenance_counts()
    assert overridden == {**counts, "override": 1}


def test_a_link_with_few_bursts_in_flight_is_slower_than_its_width(edited: Edit) -> None:
    bursts = "burst: 4 beats\n    outstanding: 4\n    round_trip: 68 cycles\n    memory: ddr"
    link = load_hardware(edited(("memory: ddr", bursts))).links["port"]
    assert link.cycles_per_beat == pytest.approx((68 + 2 * 4) / 16)  # a beat takes two cycles at the narrow port
    assert load_hardware(edited()).links["port"].cycles_per_beat == 2.0


def test_dram_delivers_its_bandwidth_times_its_efficiency(edited: Edit) -> None:
    memory = load_hardware(edited()).memories["ddr"]
    assert memory.kind == "dram"
    assert math.isclose(memory.bytes_per_s, 0.8e9)


def test_a_file_can_extend_another_by_relative_path(edited: Edit) -> None:
    base = edited()
    overlay = base.with_name("over.yaml")
    overlay.write_text("name: over\nextends: ./tiny.yaml\nunits: {dot: {sourced: overlay, inputs: 8}}\n")
    unit = load_hardware(overlay).units["dot"]
    assert unit.kind == "dot"
    assert (unit.inputs.value, unit.inputs.text) == (8, "overlay")
    assert (unit.outputs.value, unit.outputs.text) == (4, "made up")


def test_an_error_of_an_extended_file_names_that_file(edited: Edit) -> None:
    base = edited(("fill: 8 cycles", "fill: 8"))
    overlay = base.with_name("over.yaml")
    overlay.write_text("name: over\nextends: ./tiny.yaml\n")
    with pytest.raises(ConfigError, match=r"^tiny\.yaml:34:11: units\.dot\.fill"):
        load_hardware(overlay)


def test_a_board_value_can_be_given_in_the_file(edited: Edit) -> None:
    board = "board: {name: zcu102, dsp: {value: 100, sourced: a smaller part}}"
    hardware = load_hardware(edited(("board: zcu102", board)))
    assert (hardware.board.dsp.value, hardware.board.bram36.value) == (100, 912)


def test_the_json_schema_takes_board_and_energy_by_name() -> None:
    schema = json_schema()
    named = sorted(board.name for board in boards())
    assert {"type": "string", "enum": named} in schema["properties"]["board"]["anyOf"]
    assert {"$ref": "#/$defs/AsicEnergy"} in schema["properties"]["energy"]["anyOf"]
    assert schema["additionalProperties"] is False
    assert "DotUnit" in schema["$defs"]
    json.dumps(schema)


def test_every_board_is_listed_with_its_budget() -> None:
    assert {board.name: board.dsp.value for board in boards()} == {
        "chip": 0,
        "kv260": 1248,
        "pynq-z2": 220,
        "u200": 6840,
        "u250": 12288,
        "u280": 9024,
        "u50": 5952,
        "zc706": 900,
        "zcu102": 2520,
        "zcu104": 1728,
    }
    assert [board.name for board in boards() if board.fabric == "asic"] == ["chip"]
