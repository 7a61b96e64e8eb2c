"""The text report as an architect reads it."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from accelsim.ir.frozen import FrozenMap
from accelsim.report.table import Notes, Table, plain, wrapped
from accelsim.report.terminal import show_on_terminal
from accelsim.report.text import report_sections, report_text
from accelsim.report.verdict import correctness, verdict
from accelsim.results import Equivalence, EquivalenceEntry, EstimateEffect, Provenance, Range, Result
from tests.results.sample import MISFIT, sample_frames, sample_result


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_verdict_comes_first_with_unit_range_and_scope() -> None:
    lines = verdict(sample_result())
    assert lines[0] == "m3vit-tiny (semseg) on edge-moe-zcu102"
    assert lines[1].startswith("33.5 ms [31.1-35.8]  29.9 frames/s  0.21 J [0.14-0.33] (accelerator+DRAM+static)")
    assert "fits zcu102" in lines[1]
    assert lines[2] == "limited by: link inout3 (K and V streaming) 48 %"


def test_a_range_of_nothing_is_not_shown() -> None:
    result = sample_result()
    alone = replace(result, ranges=FrozenMap({"latency_s": Range(result.latency_s, result.latency_s)}))
    assert verdict(alone)[1].startswith("33.5 ms  29.9 frames/s")


def test_a_speed_without_an_accuracy_says_so() -> None:
    assert "accuracy: not measured" in report_text(sample_result())
    measured = replace(sample_result(), accuracy=FrozenMap({"miou": 0.712}))
    assert "accuracy: miou 0.712" in report_text(measured)


def test_what_does_not_fit_is_said_in_the_verdict_and_explained_below() -> None:
    text = report_text(replace(sample_result(), misfits=(MISFIT,)))
    assert "DOES NOT FIT zcu102 (on-chip memory)" in text
    assert _squeezed(MISFIT.text()) in _squeezed(text)


@pytest.mark.parametrize("frames", [(), sample_frames()])
def test_no_line_is_wider_than_100_columns(frames: tuple[object, ...]) -> None:
    long = replace(
        sample_result().nodes[0],
        name="network.stages." + "very_deep.submodule." * 6 + "proj",
        bound="a " * 70,
    )
    result = replace(sample_result(), frames=frames, misfits=(MISFIT,), nodes=(long, *sample_result().nodes[1:]))
    assert max(map(len, report_text(result).splitlines())) <= 100


def test_every_section_of_the_issue_is_there_and_in_order() -> None:
    titles = [section.title for section in report_sections(replace(sample_result(), frames=sample_frames()))]
    wanted = [
        *(
            "Frames of the task sequence",
            "Latency under other activities",
            "Time by kind of work",
            "Cycles by cause",
        ),
        *("Slowest nodes", "Energy", "Resources of zcu102", "Outputs beside other engines", "Assumptions"),
        "Not modelled",
    ]
    assert [title for title in titles if title in wanted] == wanted


def test_the_node_table_says_how_many_nodes_it_shows() -> None:
    text = report_text(sample_result())
    assert "91 of 127 nodes, 95.3 % of the time; all are in nodes.csv. 64 layout nodes cost nothing." in text


def test_nodes_that_differ_between_blocks_are_not_lumped_together() -> None:
    result = sample_result()
    index = next(i for i, node in enumerate(result.nodes) if node.name == "encoder.blocks.3.moe")
    slow = replace(result.nodes[index], cycles=result.nodes[index].cycles + 7_000)
    text = report_text(replace(result, nodes=(*result.nodes[:index], slow, *result.nodes[index + 1 :])))
    assert "encoder.blocks.3.moe " in text
    assert "encoder.blocks.1.moe " in text


def test_the_board_is_never_added_to_the_chip() -> None:
    text = _squeezed(report_text(sample_result()))
    assert "sum of these (energy_j) 211.0 [140.0-330.0]" in text
    assert "whole board 480.0" in text
    assert "is not added to it" in text


def test_estimates_with_the_largest_effect_come_first_and_hidden_ones_are_counted() -> None:
    effects = tuple(
        EstimateEffect(
            f"units.u{i}.fill",
            "1 cycles",
            "0 cycles",
            "2 cycles",
            0.03 - i * 1e-4,
            0.03 + i * 1e-4,
            0.2 + i * 1e-3,
            0.2 - i * 1e-3,
        )
        for i in range(20)
    )
    text = report_text(replace(sample_result(), sensitivities=effects))
    time, energy = text.split("Estimates and what they do to the latency")[1].split("Estimates and what they do to the")
    for part in (time, energy):
        assert part.index("units.u19.fill") < part.index("units.u18.fill")
        assert "units.u0.fill" not in part
    assert "12 others move the latency less; they are in result.json" in _squeezed(time)
    assert "181.0 - 219.0" in energy or "219.0 - 181.0" in energy


def test_an_estimate_that_only_costs_energy_is_not_listed_under_the_latency() -> None:
    only = EstimateEffect("energy.lut_cycle", "1 pJ", "0.5 pJ", "2 pJ", 0.03, 0.03, 0.1, 0.4)
    text = report_text(replace(sample_result(), sensitivities=(only,)))
    assert "do to the latency" not in text
    assert "Estimates and what they do to the energy" in text


def test_calibrated_rows_are_named() -> None:
    provenance = Provenance(FrozenMap({"calibrated": 1}), ("m3vit/pascal/dense",))
    text = _squeezed(report_text(replace(sample_result(), provenance=provenance)))
    assert "Calibrated on (and never scored against): m3vit/pascal/dense" in text


GOOD = EquivalenceEntry("torch", 1e-6, 1e-6, True, 10)


@pytest.mark.parametrize(
    ("equivalence", "phrase"),
    [
        (None, "outputs: not verified"),
        (Equivalence((GOOD,), True), "outputs: equal to torch (worst 1.0e-06, allowed 1e-04)"),
        (Equivalence((GOOD,), False), "outputs: WRONG, two different inputs give the same output"),
        (
            Equivalence((replace(GOOD, ok=False, max_rel_err=0.3, first_bad="blocks.3.moe"),), True),
            "outputs: DIFFER from torch by 3.0e-01 from blocks.3.moe",
        ),
    ],
)
def test_correctness_in_a_phrase(equivalence: Equivalence | None, phrase: str) -> None:
    assert correctness(equivalence) == phrase


def test_a_flipped_routing_is_told_with_its_margin_and_the_forced_comparison() -> None:
    text = _squeezed(report_text(sample_result()))
    assert "onnxruntime: 1 token took other experts, at a gate margin of at most 2.2e-07" in text
    assert "with equal routing the outputs are equal (max rel 1.8e-06)" in text


def test_worst_nodes_are_listed_when_an_engine_disagrees() -> None:
    result = sample_result()
    assert result.equivalence is not None
    good = result.equivalence
    bad = replace(good, entries=(good.entries[0], replace(good.entries[1], ok=False)))
    assert "Nodes with the largest differences" not in report_text(result)
    text = report_text(replace(result, equivalence=bad))
    assert "encoder.blocks.11.mlp.fc2  onnxruntime  4.4e-06" in text


def test_an_empty_result_still_makes_a_report() -> None:
    bare = replace(
        sample_result(),
        **{
            "nodes": (),
            "stalls": FrozenMap(),
            "energy": FrozenMap(),
            "resources": FrozenMap(),
            "ranges": FrozenMap(),
        },
        **{
            "cycles": 0,
            "latency_s": 0.0,
            "equivalence": None,
            "executor": None,
            "provenance": Provenance(),
            "alternatives": (),
        },
    )
    assert "0 of 0 nodes" in report_text(bare)


def test_tables_align_numbers_right_and_wrap_names_after_dots() -> None:
    table = Table("", ("name", ">ms"), (("blocks.10.attention.projection", "1.5"), ("a", "10.25")))
    assert plain(table, 30).splitlines() == [
        "  name                      ms",
        "  blocks.10.attention.     1.5",
        "  projection",
        "  a                      10.25",
    ]


def test_a_number_is_never_broken() -> None:
    assert wrapped("[32.08-33.83]", 6) == ["[32.08-33.83]"]


def test_wrapping_loses_nothing() -> None:
    cell = "link inout3 (K and V streaming) of encoder.blocks.10.attn.attention"
    assert "".join("".join(line.split()) for line in wrapped(cell, 12)) == "".join(cell.split())


def test_notes_are_wrapped_below_their_dash() -> None:
    assert plain(Notes("N", ("one two three",)), 12).splitlines() == ["N", "  - one two", "    three"]


def test_the_terminal_shows_the_plain_report_with_colour() -> None:
    result: Result = sample_result()
    out = io.StringIO()
    show_on_terminal(verdict(result), report_sections(result), Console(file=out, force_terminal=True, width=100))
    shown = out.getvalue()
    assert "\x1b[1;31mnot measured\x1b[0m" in shown
    without_colour = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert without_colour == report_text(result)
