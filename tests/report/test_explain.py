"""Levers and stops as an architect reads them."""

from __future__ import annotations

from dataclasses import replace

from accelsim.report.explain import explanation_sections
from accelsim.report.table import Table, plain
from accelsim.report.text import report_text
from accelsim.results import Result
from tests.results.sample import sample_result


def _tables(result: Result) -> dict[str, Table]:
    return {section.title: section for section in explanation_sections(result) if isinstance(section, Table)}


def test_levers_are_ranked_and_one_that_does_not_fit_says_what_is_missing() -> None:
    table = _tables(sample_result())["What would help"]
    assert [row[0] for row in table.rows] == [
        "2x frequency of clock pl",
        "2x port width of all 2 links",
        "2x inputs of unit linear",
    ]
    clock, links, inputs = table.rows
    assert clock[2:] == ("1.90x", "-15.0", "NO", "clock of unit 'linear': needs 600 MHz, has 300 MHz")
    assert links[4:] == ("yes", "links.inout2.port_width=256 bit and 1 more")
    assert inputs[1:5] == ("", "", "", "-")
    assert inputs[5].startswith("node 'fc1' on unit 'linear': needs 300 KiB")
    assert table.note.startswith("2 of 4 changes gain at least 0.5 %; 1 cannot run at all")


def test_stops_say_what_there_is_and_what_is_enough() -> None:
    table = _tables(sample_result())["Where more stops helping"]
    assert [row[1:3] for row in table.rows] == [
        ("17.06 GB/s", "7.26 GB/s"),  # never less than the value found
        ("128 bit", "256 bit"),
        ("300 MHz", "not below 19200 MHz"),
        ("576 words of 4096 bit", "no effect from 9 words of 4096 bit on"),
    ]
    assert table.rows[1][4] == "12.0"


def test_nothing_is_shown_where_nothing_was_tried() -> None:
    bare = replace(sample_result(), levers=(), stops=())
    assert explanation_sections(bare) == []
    assert "What would help" not in report_text(bare)


def test_the_tables_stay_within_100_columns_however_long_a_reason_is() -> None:
    result = sample_result()
    wordy = replace(result.levers[0], name="2x rows of all 12 units", reason="needs more, " * 60)
    for section in explanation_sections(replace(result, levers=(wordy, *result.levers[1:]))):
        assert max(map(len, plain(section).splitlines())) <= 100


def test_levers_come_after_the_slowest_nodes_and_before_the_energy() -> None:
    text = report_text(sample_result())
    assert text.index("Slowest nodes") < text.index("What would help") < text.index("Energy a frame")
