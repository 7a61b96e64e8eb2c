"""The records behind figures and tables."""

from __future__ import annotations

import pytest

from accelsim.report.figures import CAUSE_COLOURS, CAUSE_TITLES, by_part, by_place, merged, part_title, place
from accelsim.results.causes import CAUSES
from tests.results.sample import sample_result


def test_every_cause_has_a_colour_of_its_own_and_a_title() -> None:
    assert set(CAUSE_COLOURS) == set(CAUSE_TITLES) == set(CAUSES)
    assert len(set(CAUSE_COLOURS.values())) == len(CAUSES)


@pytest.mark.parametrize("group", [by_part, by_place])
def test_groups_add_up_to_the_result(group: object) -> None:
    result = sample_result()
    breakdown = group(result)  # type: ignore[operator]
    assert breakdown.cycles == sum(bar.cycles for bar in breakdown.bars) == result.cycles
    assert sum(bar.macs for bar in breakdown.bars) == result.macs
    for bar in breakdown.bars:
        assert sum(bar.causes.values()) == bar.cycles


def test_groups_are_sorted_and_named_for_people() -> None:
    bars = by_part(sample_result()).bars
    assert [bar.label for bar in bars][:4] == [
        "attention context AV",
        "attention scores QK",
        "linear layers",
        "experts",
    ]
    assert [bar.cycles for bar in bars] == sorted((bar.cycles for bar in bars), reverse=True)
    assert (bars[3].units, bars[3].nodes) == (("linear",), 6)


def test_a_stage_without_a_title_keeps_its_name() -> None:
    assert part_title("moe.fc2") == part_title("moe.gelu") == "experts"
    assert part_title("cross_task_attention.mix") == "cross_task_attention.mix"
    assert part_title("resize.main") == "resize"


def test_repeated_blocks_share_a_place() -> None:
    assert place("encoder.blocks.11.attn.proj") == "encoder.blocks.*.attn.proj"
    assert place("blocks.3.add_2") == "blocks.*.add_2"
    assert place("conv2d") == "conv2d"


def test_merging_keeps_the_sum_and_says_how_many_are_merged() -> None:
    whole = by_place(sample_result())
    few = merged(whole, 4)
    assert len(few.bars) == 4
    assert few.bars[-1].label == f"{len(whole.bars) - 3} others"
    assert sum(bar.cycles for bar in few.bars) == whole.cycles
    assert sum(few.bars[-1].causes.values()) == few.bars[-1].cycles
    assert merged(whole, len(whole.bars)) is whole


def test_busy_cycles_and_the_main_wait() -> None:
    experts = by_part(sample_result()).bars[3]
    assert experts.busy_cycles == 6 * 2 * 74_304
    assert experts.main_wait == "weight_load"
