"""Energy tables: what a cycle of an FPGA block, or an operation or access of a chip, takes. Files name one of
`hw/tables/energy.yaml`."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from accelsim.hw.part import Part
from accelsim.hw.quantity import Joules, JoulesPerBit, Rate, SquareMetres, Watts

_KIB = 1024


class _External(Part):
    """The memory outside, and the power that a design's source states for the whole of it (`stated_power`)."""

    table: str
    sourced: str | None = None
    process_scale: Rate
    dram_read: JoulesPerBit
    dram_write: JoulesPerBit
    dram_standby: Watts
    stated_power: Watts | None = None


class FpgaEnergy(_External):
    """Energy of one FPGA process and its DRAM.

    Energies of logic are those of a 28 nm device per block and clock cycle; `process_scale` brings them to
    the process of the board.
    """

    kind: Literal["fpga"]
    dsp_cycle: Joules
    bram36_cycle: Joules
    uram_cycle: Joules
    lut_cycle: Joules
    net_cycle: Joules
    nets_per_lut: Rate
    ff_cycle: Joules
    clock_manager: Watts


class AsicEnergy(_External):
    """Energy and area of operations and accesses on a chip, and its DRAM.

    A multiplier grows with the product of its widths, an adder and a register with their width. `sram_*` is an
    access of 64 bit to a memory of that size; sizes between are read off the straight line between two points in
    logarithms, sizes beyond off its continuation. `process_scale` and `area_scale` bring all of these to the process
    of the chip. `leakage` is that of a MiB of SRAM.
    """

    kind: Literal["asic"]
    area_scale: Rate
    multiply_bit2: Joules
    add_bit: Joules
    register_bit: Joules
    sram_8kib: Joules
    sram_32kib: Joules
    sram_1mib: Joules
    leakage_mib: Watts
    multiplier_area_bit2: SquareMetres
    adder_area_bit: SquareMetres
    sram_area_bit: SquareMetres

    def sram_weights(self, size_bytes: float) -> tuple[tuple[str, float], ...]:
        """The two points that a memory's access energy lies between, with their exponents (which sum to one)."""
        points = (("sram_8kib", 8 * _KIB), ("sram_32kib", 32 * _KIB), ("sram_1mib", _KIB * _KIB))
        low, high = points[:2] if size_bytes <= points[1][1] else points[1:]
        share = math.log(size_bytes / low[1]) / math.log(high[1] / low[1])
        return (low[0], 1 - share), (high[0], share)


EnergyTable = Annotated[FpgaEnergy | AsicEnergy, Field(discriminator="kind")]
