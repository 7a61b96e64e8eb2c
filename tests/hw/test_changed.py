"""What-if copies: the same as an override of the file, and refused where the file would be."""

from __future__ import annotations

import pytest

from accelsim.errors import InputError
from accelsim.hw.changed import changed, limits, quantity_at, setting_text, split_path
from accelsim.hw.document import parse_scalar
from accelsim.hw.load import load_hardware
from accelsim.ir.dtype import DType

CHANGES = [
    (("memories", "ddr", "bandwidth"), 7.3e9),
    (("memories", "weights", "words"), 1000),
    (("units", "linear", "epilogue", "gelu", "lanes"), 4),
    (("clocks", "pl", "frequency"), 250e6),
    (("schedule", "prefetch"), "all"),
    (("schedule", "experts", "order"), "token-major"),
    (("precision", "linear.b"), DType("fixed", 32, 14)),
    (("precision", "weight"), DType("fixed", 8, 1)),
]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_change_is_the_override_that_its_text_gives(path: tuple[str, ...], value: object) -> None:
    hardware = load_hardware("edge-moe-zcu102")
    copy = changed(hardware, {path: value})
    text = setting_text(hardware, path, value)
    assert copy.digest == load_hardware("edge-moe-zcu102", {".".join(path): parse_scalar(text)}).digest
    assert copy.digest != hardware.digest
    assert split_path(hardware, ".".join(path)) == path


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("memories", "ddr", "bandwith"), 1e9, "did you mean 'bandwidth'?"),
        (("memories", "ddr"), 1e9, "cannot stand there"),
        (("memories", "ddr", "efficiency"), 1.5, "memories.ddr.efficiency: 1.5 must lie between"),
        (("memories", "weights", "words"), 0, "must lie between"),
        (("memories", "weights", "words"), 1.5, "must be a whole number"),
        (("memories", "weights", "words"), "many", "is no number"),
        (("schedule", "prefetch"), "alll", "did you mean 'all'?"),
        (("units", "linear", "clock"), "pll", "cannot stand there"),
        (("precision", "weight"), "int8", "cannot stand there"),
    ],
)
def test_what_a_file_could_not_say_is_refused(path: tuple[str, ...], value: object, message: str) -> None:
    with pytest.raises(InputError, match=message.replace(".", r"\.").replace("?", r"\?")):
        changed(load_hardware("edge-moe-zcu102"), {path: value})


def test_a_change_that_breaks_a_reference_is_refused() -> None:
    hardware = load_hardware("edge-moe-zcu102")
    with pytest.raises(InputError, match=r"schedule\.softmax"):
        changed(hardware, {("schedule", "softmax"): "multi-pass"})


def test_limits_are_those_of_the_field() -> None:
    hardware = load_hardware("edge-moe-zcu102")
    assert limits(hardware, ("memories", "ddr", "efficiency"))[1] == 1
    assert limits(hardware, ("memories", "weights", "words"))[0] == 1


@pytest.mark.parametrize("dotted", ["memories.ddr", "title", "schedule.prefetch"])
def test_only_numbers_are_numbers(dotted: str) -> None:
    hardware = load_hardware("edge-moe-zcu102")
    with pytest.raises(InputError, match="is no number"):
        quantity_at(hardware, split_path(hardware, dotted))
