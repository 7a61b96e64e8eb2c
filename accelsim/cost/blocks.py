"""How many FPGA blocks one multiplier or one memory takes: the geometry of UltraScale+ devices."""

from __future__ import annotations

import math
from collections.abc import Callable

from accelsim.hw.memory import Buffer

RAMB18_SHAPES = ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512))
"""Width in bits and depth in words of half a block RAM (AMD UG573); 36 bits in simple dual port."""

_URAM_BITS, _URAM_WORDS = 72, 4096
_LUTRAM_SHAPES = ((16, 32), (8, 64))
_LUTS_PER_LUTRAM = 8
_DSP_PORTS = (27, 18)


def dsp_per_product(a_bits: int, b_bits: int) -> int:
    """DSP48E2 slices of one product: tiles of 27 x 18 bit, in the orientation that needs fewer."""
    wide, narrow = _DSP_PORTS
    return min(
        math.ceil(a_bits / wide) * math.ceil(b_bits / narrow),
        math.ceil(a_bits / narrow) * math.ceil(b_bits / wide),
    )


_FLOAT_SLICES = {16: 2, 32: 5, 64: 14}
"""Slices of one product and its sum in floating point. 32 bit: AutoSA on an Alveo U250, 8,320 slices for 1,664; the
others scale the tiles of the significand (11 bit: 1, 53 bit: 6) with the same adder of two or more slices."""


def dsp_per_float(bits: int) -> int:
    """DSP48E2 slices of one product and sum in floating point of that width, none of them in LUTs."""
    return _FLOAT_SLICES[bits]


def ramb18(width_bits: int, words: int) -> int:
    """Half block RAMs of one memory, in the shape that needs fewest."""
    return min(math.ceil(width_bits / width) * math.ceil(words / depth) for width, depth in RAMB18_SHAPES)


def uram(width_bits: int, words: int) -> int:
    """UltraRAM blocks of one memory: 72 bit x 4,096 words each."""
    return math.ceil(width_bits / _URAM_BITS) * math.ceil(words / _URAM_WORDS)


def lutram_luts(width_bits: int, words: int) -> int:
    """LUTs of one memory in distributed RAM: 8 hold 32 words x 16 bit or 64 words x 8 bit."""
    return _LUTS_PER_LUTRAM * min(
        math.ceil(width_bits / width) * math.ceil(words / depth) for width, depth in _LUTRAM_SHAPES
    )


_TECHNOLOGIES: dict[str, Callable[[int, int], tuple[str, float]]] = {
    "bram": lambda width, words: ("bram36", ramb18(width, words) / 2),
    "uram": lambda width, words: ("uram", float(uram(width, words))),
    "lutram": lambda width, words: ("lut", float(lutram_luts(width, words))),
    "registers": lambda width, words: ("ff", float(width * words)),
    "sram": lambda width, words: ("sram_bits", float(width * words)),
}


def buffer_blocks(buffer: Buffer) -> tuple[str, float]:
    """Kind and number of resources of a buffer: each bank of each copy is a memory of its own."""
    words = math.ceil(buffer.words.value / buffer.banks.value)
    kind, amount = _TECHNOLOGIES[buffer.technology](buffer.width.value, words)
    return kind, amount * buffer.banks.value * buffer.copies.value
