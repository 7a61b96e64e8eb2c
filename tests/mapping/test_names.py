"""Names of ops in a hardware description that no op has."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.hw.load import hardware_names, load_hardware
from accelsim.mapping.names import check_names

WRONG = {
    "placement": (
        {"placement": {"linera": "array"}},
        r"override: placement.linera: 'linera' names no op -- did you mean 'linear'",
    ),
    "part": (
        {"placement": {"attention.score": "array"}},
        r"override: placement.attention.score: 'score' is no part of attention, which has scores, softmax, "
        r"softmax_div, context -- did you mean 'scores'",
    ),
    "absorbed part": (
        {"units.array.absorbs": ["moe.soft"]},
        r"units.array.absorbs.0: 'soft' is no part of moe, which has gate, gate_softmax, top_k",
    ),
    "carries": ({"links.data.carries": ["atention.q"]}, r"override: links.data.carries.0: 'atention.q' names no op"),
    "on_chip": ({"on_chip": ["foo.bar"]}, r"override: on_chip.0: 'foo.bar' names no op"),
    "absorbs": (
        {"units.array.absorbs": ["geluu"]},
        r"units.array.absorbs.0: 'geluu' names no op -- did you mean 'gelu'",
    ),
}


@pytest.mark.parametrize("place", WRONG)
def test_a_misspelt_op_is_named_with_its_place_and_a_suggestion(small_file: Path, place: str) -> None:
    overrides, message = WRONG[place]
    with pytest.raises(InputError, match=message):
        check_names(load_hardware(small_file, overrides), small_file, overridden=overrides)


def test_the_place_in_the_file_is_told(small_file: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(small_file.read_text("utf-8").replace("moe.zero: vector", "moo.zero: vector"), encoding="utf-8")
    with pytest.raises(InputError, match=r"wrong.yaml:\d+:\d+: placement.moo.zero: 'moo.zero' names no op"):
        check_names(load_hardware(wrong), wrong)


@pytest.mark.parametrize("name", hardware_names())
def test_the_shipped_descriptions_name_ops_that_exist(name: str) -> None:
    check_names(load_hardware(name), name)
