from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware
from tests.hw.conftest import Edit


def problem(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_hardware(path)
    return str(caught.value)


def test_the_tiny_description_is_valid_as_it_stands(edited: Edit) -> None:
    assert load_hardware(edited()).units["dot"].kind == "dot"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("    fill: 8", "    filll: 8 cycles\n    fill: 8"),
            "tiny.yaml:34:5: units.dot.filll: 'filll' is not a key here -- did you mean 'fill'?",
        ),
        (("    inputs: 4\n", ""), "tiny.yaml:30:5: units.dot.inputs: required"),
        (("fill: 8 cycles", "fill: 8 cycle5"), "tiny.yaml:34:11: units.dot.fill: '8 cycle5' "),
        (("fill: 8 cycles", "fill: 8 ms"), "tiny.yaml:34:11: units.dot.fill: '8 ms' has unknown unit 'ms'"),
        (("inputs: 4", "inputs: four"), "tiny.yaml:32:13: units.dot.inputs: 'four' is not a plain number"),
        (
            ("kind: dot", "kind: dott"),
            "units.dot: 'dott' is not one of dot, systolic, spatial, vector, rate, host -- did you mean 'dot'?",
        ),
        (("    kind: dot\n", ""), "tiny.yaml:30:5: units.dot: needs a 'kind'"),
        (
            ("    copies: 2", "    words: 2"),
            "tiny.yaml:18:5: memories.weights.words: the key 'words' is given twice",
        ),
        (
            ("holds: {w: weights}", "holds: {w: weigths}"),
            "units.dot.holds.w: 'weigths' is not a memory of this file -- did you mean 'weights'?",
        ),
        (("holds: {w: weights}", "holds: {w: ddr}"), "units.dot.holds.w: 'ddr' is no buffer"),
        (
            ("linear: dot", "linear: dto"),
            "tiny.yaml:37:21: placement.linear: 'dto' is not a unit of this file -- did you mean 'dot'?",
        ),
        (
            ("attention.scores: dot", "attention.scores: bar"),
            "placement.attention.scores: 'bar' is not a unit",
        ),
        (
            ("attention.scores: dot", "Attention: dot"),
            "placement.Attention: 'Attention' is not a valid name here",
        ),
        (
            ("memory: ddr", "memory: ddd"),
            "tiny.yaml:23:13: links.port.memory: 'ddd' is not a memory of this file",
        ),
        (("memory: ddr", "memory: weights"), "links.port.memory: 'weights' is a buffer"),
        (
            ("    memory: ddr", "    clock: lp\n    memory: ddr"),
            "links.port.clock: 'lp' is not a clock of this file -- known: pl",
        ),
        (("    width: 64 bit\n", "    width: 60 bit\n"), "links.port.width: must be a whole number of bytes"),
        (
            ("    memory: ddr", "    burst: 16 beats\n    memory: ddr"),
            "links.port: give 'burst', 'outstanding' and 'round_trip' together",
        ),
        (
            ('[parameter, "*"]', "[parameter, parameter]"),
            "tiny.yaml:27:26: links.port.carries.1: 'parameter' is already carried by links.port",
        ),
        (
            ('[parameter, "*"]', "[parameter, A.b]"),
            "tiny.yaml:27:26: links.port.carries.1: 'A.b' is not a valid name",
        ),
        (
            ("schedule:\n", "on_chip: [parameter]\nschedule:\n"),
            "on_chip.0: 'parameter' is already carried by links.port",
        ),
        (
            ("prefetch: none", "prefetch: never"),
            "tiny.yaml:39:13: schedule.prefetch: 'never' is not one of none, experts, all",
        ),
        (
            ("softmax: single-pass", "softmax: multi-pass"),
            "schedule.softmax: 'multi-pass', but the softmax of the file takes 1 pass",
        ),
        (
            ("{order: expert-major}", "{order: token-major, cache: {policy: lru}}"),
            "schedule.experts.cache: policy 'lru' needs 'experts'",
        ),
        (
            ("activation: int8", "activation: in8"),
            "tiny.yaml:6:25: precision.activation: 'in8' is not a data type",
        ),
        (("activation: int8, ", ""), "precision: needs the format of 'activation'"),
        (
            ("board: zcu102", "board: zcu12"),
            "tiny.yaml:3:8: board: 'zcu12' is not in the table of boards -- did you mean 'zcu102'?",
        ),
        (
            ("energy: fpga-16nm", "energy: fpga-6nm"),
            "energy: 'fpga-6nm' is not in the table of energy -- did you mean 'fpga-16nm'?",
        ),
        (("board: zcu102\n", ""), "tiny.yaml:1:1: board: required"),
        (("name: tiny\n", ""), "name: required"),
        (
            ("  pl: {frequency: {value: 100 MHz, sourced: made up}}", "  pl: 100 MHz"),
            "clocks.pl: expected a mapping of fields, found '100 MHz'",
        ),
        (
            ("  pl: {frequency: {value: 100 MHz, sourced: made up}}", "  {}"),
            "clocks: at least one clock is needed",
        ),
        (
            ("range: [0.5, 0.9]", "range: [0.85, 0.9]"),
            "memories.ddr.efficiency: the value 0.8 lies outside its range [0.85, 0.9]",
        ),
        (
            ("name: tiny", "name: tiny\nextends: edge-moe-zcu10"),
            "tiny.yaml:2:10: extends: no hardware is called 'edge-moe-zcu10' -- did you mean",
        ),
        (("name: tiny", "name: tiny\nextends: ./tiny.yaml"), "extends: the file extends itself"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_a_way_out(
    edited: Edit, change: tuple[str, str], expected: str
) -> None:
    message = problem(edited(change))
    assert expected in message
    assert message.startswith("tiny.yaml:")
    assert "\n" not in message


def test_all_mistakes_of_a_file_are_listed_in_its_order(edited: Edit) -> None:
    message = problem(edited(("copies: 2", "copys: 2"), ("fill: 8 cycles", "fill: 8"), ("none", "some")))
    lines = message.splitlines()
    assert [line.split(":")[1] for line in lines] == ["18", "34", "39"]


def test_a_part_without_a_source_gets_a_line_for_each_of_its_numbers(edited: Edit) -> None:
    lines = problem(edited(("    sourced: made up\n    inputs", "    inputs"))).splitlines()
    assert lines[0].startswith("tiny.yaml:31:13: units.dot.inputs: 4 has no provenance; write {value: 4, sourced:")
    assert [line.split(": ")[1] for line in lines] == [
        "units.dot.inputs",
        "units.dot.outputs",
        "units.dot.fill",
        "units.dot.multiplier.0",
        "units.dot.multiplier.1",
    ]


def test_an_unknown_name_suggests_a_shipped_one() -> None:
    with pytest.raises(InputError, match="did you mean 'edge-moe-zcu102'"):
        load_hardware("edge-moe-zcu12")


def test_a_missing_file_says_which() -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such hardware file"):
        load_hardware("nowhere.yaml")
