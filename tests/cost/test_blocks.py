from __future__ import annotations

import pytest

from accelsim.cost.blocks import buffer_blocks, dsp_per_float, dsp_per_product, lutram_luts, ramb18, uram
from accelsim.cost.resources import resources
from tests.cost.conftest import Tiny


@pytest.mark.parametrize(
    ("a", "b", "slices"),
    [
        (8, 8, 1),
        (16, 16, 1),
        (18, 27, 1),
        (27, 18, 1),
        (32, 16, 2),
        (16, 32, 2),
        (32, 32, 4),
        (28, 28, 4),
        (54, 18, 2),
    ],
)
def test_a_product_takes_the_slices_of_its_best_tiling(a: int, b: int, slices: int) -> None:
    assert dsp_per_product(a, b) == slices


@pytest.mark.parametrize(
    ("width", "words", "halves"),
    [
        (1, 16384, 1),
        (1, 16385, 2),
        (2, 8192, 1),
        (4, 4096, 1),
        (9, 2048, 1),
        (18, 1024, 1),
        (36, 512, 1),
        (32, 129, 1),
        (36, 513, 2),
        (16, 300, 1),
        (4096, 576, 228),  # 18 x 1024 across; 36 x 512 would need 114 x 2
        (2048, 1152, 171),  # 36 x 512: 57 across x 3 deep
    ],
)
def test_a_memory_takes_the_half_blocks_of_its_best_shape(width: int, words: int, halves: int) -> None:
    assert ramb18(width, words) == halves


@pytest.mark.parametrize(("width", "words", "blocks"), [(72, 4096, 1), (73, 4096, 2), (72, 4097, 2), (512, 18480, 40)])
def test_ultraram_has_one_shape(width: int, words: int, blocks: int) -> None:
    assert uram(width, words) == blocks


@pytest.mark.parametrize(("width", "words", "luts"), [(16, 32, 8), (8, 64, 8), (288, 48, 288), (2048, 24, 1024)])
def test_distributed_ram_takes_eight_luts_a_slice(width: int, words: int, luts: int) -> None:
    assert lutram_luts(width, words) == luts


def test_sixteen_banks_waste_blocks_that_one_memory_would_not(tiny: Tiny) -> None:
    banked = tiny({"memories.weights.words": 4800, "memories.weights.width": "16 bit", "memories.weights.banks": 16})
    whole = banked.with_values({"memories.weights.banks": 1})
    banks, one = banked.memories["weights"], whole.memories["weights"]
    assert banks.kind == "buffer"
    assert one.kind == "buffer"
    assert buffer_blocks(banks) == ("bram36", 16 / 2 * 2)
    assert buffer_blocks(one) == ("bram36", 5 / 2 * 2)


@pytest.mark.parametrize(
    ("technology", "expected"),
    [
        ("bram", ("bram36", 1.0)),
        ("uram", ("uram", 2.0)),
        ("lutram", ("lut", 64.0)),
        ("registers", ("ff", 4096.0)),
    ],
)
def test_each_technology_spends_its_own_resource_for_both_copies(
    tiny: Tiny, technology: str, expected: tuple[str, float]
) -> None:
    buffer = tiny({"memories.weights.technology": technology}).memories["weights"]
    assert buffer.kind == "buffer"
    assert buffer_blocks(buffer) == expected


def test_a_product_in_floating_point_takes_what_autosa_reports(tiny: Tiny) -> None:
    hardware = tiny({"precision.activation": "float32", "precision.weight": "float32"})
    assert resources(hardware)["dsp"].amount == 16 * 5
    assert 1664 * dsp_per_float(32) == 8320
