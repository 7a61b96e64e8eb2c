"""Cross references that costs and transfers rest on: packing of products, channels that links have to themselves."""

from __future__ import annotations

import pytest

from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware
from tests.hw.conftest import Edit


@pytest.mark.parametrize(("bits", "packing", "allowed"), [(8, 4, True), (8, 5, False), (4, 8, True), (16, 3, False)])
def test_a_slice_makes_only_so_many_products_of_a_width(bits: int, packing: int, allowed: bool) -> None:
    values = {
        "units.array.multiplier.0": f"{bits} bit",
        "units.array.multiplier.1": f"{bits} bit",
        "units.array.dsp_packing": packing,
    }
    if allowed:
        load_hardware("systolic-16", values)
    else:
        with pytest.raises(ConfigError, match=rf"dsp_packing: {packing} products of {bits} bit a slice and cycle"):
            load_hardware("systolic-16", values)


def test_links_cannot_have_more_channels_than_there_are(edited: Edit) -> None:
    with pytest.raises(ConfigError, match="links have 2 channels of 'ddr' to themselves, it has 1"):
        load_hardware(edited(("memory: ddr", "memory: ddr\n    channels: 2")))
    assert load_hardware(edited(("memory: ddr", "memory: ddr\n    channels: 1"))).links["port"].channels is not None


def test_a_table_of_chips_has_no_energy_of_blocks() -> None:
    with pytest.raises(ConfigError, match=r"energy.*dsp_cycle"):
        load_hardware("systolic-16", {"energy": {"table": "asic-45nm", "dsp_cycle": {"value": "1 pJ", "sourced": "x"}}})
