"""Parts of a description that read well one by one and cannot be meant together."""

from __future__ import annotations

import pytest

from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware

CONTRADICTIONS = {
    "energies of a chip on an FPGA": (
        "systolic-16",
        {"energy": "asic-16nm"},
        "override: energy: 'asic-16nm' holds energies of an ASIC, but the board 'zcu102' is an FPGA",
    ),
    "energies of an FPGA on a chip": (
        "gemmini-16x16",
        {"energy": "fpga-16nm"},
        "override: energy: 'fpga-16nm' holds energies of an FPGA, but the board 'chip' is an ASIC",
    ),
    "SRAM macros on an FPGA": (
        "systolic-16",
        {"memories.inputs.technology": "sram"},
        "override: memories.inputs.technology: an FPGA ('zcu102') has no 'sram'; it has bram, uram, lutram, registers",
    ),
    "block RAM on a chip": (
        "gemmini-16x16",
        {"memories.inputs.technology": "bram"},
        "override: memories.inputs.technology: an ASIC ('chip') has no 'bram'; it has sram, registers",
    ),
    "banks without words": (
        "systolic-16",
        {"memories.inputs.banks": 5000},
        "override: memories.inputs.banks: 5,000 banks of 4,096 words",
    ),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_contradictions_are_refused_with_their_place(what: str) -> None:
    name, overrides, message = CONTRADICTIONS[what]
    with pytest.raises(ConfigError) as caught:
        load_hardware(name, overrides)
    assert message in str(caught.value)


def test_a_board_of_the_wrong_kind_is_an_error_not_a_crash() -> None:
    with pytest.raises(ConfigError, match=r"board: '\[\]' is not in the table of boards"):
        load_hardware("eyeriss", {"board": {"name": []}})
