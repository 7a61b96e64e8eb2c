"""Names of ops in a hardware description that no op has."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.hw.load import hardware_names, load_hardware
from accelsim.mapping.names import check_names

WRONG = {
    "placement": ({"placement": {"linera": "array"}}, r"placement: 'linera' names no op -- did you mean 'linear'"),
    "carries": ({"links.data.carries": ["atention.q"]}, r"links.data.carries: 'atention.q' names no op"),
    "on_chip": ({"on_chip": ["foo.bar"]}, r"on_chip: 'foo.bar' names no op"),
    "absorbs": ({"units.array.absorbs": ["geluu"]}, r"units.array.absorbs: 'geluu' names no op -- did you mean 'gelu'"),
}


@pytest.mark.parametrize("place", WRONG)
def test_a_misspelt_op_is_named_with_its_place_and_a_suggestion(small_file: Path, place: str) -> None:
    overrides, message = WRONG[place]
    with pytest.raises(InputError, match=message):
        check_names(load_hardware(small_file, overrides))


@pytest.mark.parametrize("name", hardware_names())
def test_the_shipped_descriptions_name_ops_that_exist(name: str) -> None:
    check_names(load_hardware(name))
