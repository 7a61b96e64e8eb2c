from __future__ import annotations

import pytest

from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware
from tests.hw.conftest import Edit


def test_a_number_is_replaced_and_says_so(edited: Edit) -> None:
    unit = load_hardware(edited(), {"units.dot.inputs": 2}).units["dot"]
    assert unit.kind == "dot"
    assert (unit.inputs.value, unit.inputs.kind) == (2, "override")
    assert "the description says 4" in unit.inputs.text


def test_an_optional_number_and_a_part_left_out_can_be_given(edited: Edit) -> None:
    overrides = {
        "units.dot.row_latency": "20 cycles",
        "units.dot.resources.lut": 500,
        "schedule.experts.cache.policy": "lru",
        "schedule.experts.cache.experts": 4,
    }
    hardware = load_hardware(edited(), overrides)
    unit = hardware.units["dot"]
    assert unit.kind == "dot"
    assert unit.row_latency is not None
    assert unit.row_latency.value == 20
    assert unit.resources is not None
    assert unit.resources.lut is not None
    assert unit.resources.lut.value == 500
    assert hardware.schedule.experts.cache.experts.value == 4


def test_choices_keys_with_dots_and_list_items_are_reached(edited: Edit) -> None:
    overrides = {
        "schedule.prefetch": "all",
        "placement.attention.scores": "dot",
        "units.dot.multiplier.1": "32 bit",
    }
    hardware = load_hardware(edited(), overrides)
    unit = hardware.units["dot"]
    assert hardware.schedule.prefetch == "all"
    assert unit.kind == "dot"
    assert unit.multiplier[1].value == 32


def test_another_board_brings_its_own_budget(edited: Edit) -> None:
    for path in ("board", "board.name"):
        assert load_hardware(edited(), {path: "zcu104"}).board.dsp.value == 1728


def test_a_full_record_can_be_given(edited: Edit) -> None:
    record = {"value": 3, "estimate": "half of it", "range": [2, 4]}
    assert ("units.dot.inputs", 2) in {
        (e.path, e.low) for e in load_hardware(edited(), {"units.dot.inputs": record}).estimates()
    }


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("units.dott.inputs", 2, "override units.dott.inputs: no 'units.dott' -- did you mean 'dot'?"),
        ("units.dot.inputz", 2, "no 'units.dot.inputz' -- did you mean 'inputs'?"),
        ("unit", 2, "no 'unit' -- did you mean 'units'?"),
        ("xyzzy.inputs", 2, "known: board, built, clocks"),
        ("units.dot.inputs.value", 2, "'units.dot.inputs' is one value; give it as a whole"),
        ("units.dot.skew.deep", 2, "'units.dot.skew' is one value"),
        ("units.dot.inputs", "2 bit", "override: units.dot.inputs: '2 bit' is not a plain number"),
        ("links.port.width", "64", "override: links.port.width: '64' has no unit"),
        ("schedule.prefetch", "al", "override: schedule.prefetch: 'al' is not one of none, experts, all"),
        ("placement.linear", "dto", "override: placement.linear: 'dto' is not a unit of this file"),
        ("board", "zcu10", "override: board: 'zcu10' is not in the table of boards"),
    ],
)
def test_a_wrong_override_is_one_line_with_a_way_out(edited: Edit, path: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_hardware(edited(), {path: value})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_overrides_leave_the_shipped_description_as_it_was() -> None:
    changed = load_hardware("edge-moe-zcu102", {"board.dsp": 1, "energy.dram_read": "1 pJ/bit"})
    assert changed.board.dsp.value == 1
    assert load_hardware("edge-moe-zcu102").board.dsp.value == 2520
