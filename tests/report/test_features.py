"""The section of dynamic and sparse work: what nodes tell, those that say the same in one row."""

from __future__ import annotations

from dataclasses import replace

from accelsim.report.features import TOP_NOTES, feature_sections
from accelsim.report.table import Table
from accelsim.results import Result
from tests.results.sample import sample_result


def told(notes: list[str]) -> Result:
    """A result whose nodes tell these notes."""
    result = sample_result()
    node = result.nodes[0]
    nodes = tuple(replace(node, name=f"n{index}", op="moe", detail=note) for index, note in enumerate(notes))
    return replace(result, nodes=nodes, cycles=node.cycles * len(notes))


def test_nodes_that_say_the_same_share_a_row_and_the_longest_come_first() -> None:
    (section,) = feature_sections(told(["12 of 16 experts active", "folded", "12 of 16 experts active", ""]))
    assert isinstance(section, Table)
    assert section.rows == (
        ("moe", "2", "50.0", "12 of 16 experts active"),
        ("moe", "1", "25.0", "folded"),
    )
    assert section.note == ""


def test_nothing_is_shown_where_no_node_tells_anything() -> None:
    assert feature_sections(told(["", ""])) == []


def test_notes_that_are_left_out_are_counted() -> None:
    (section,) = feature_sections(told([f"note {index}" for index in range(TOP_NOTES + 2)]))
    assert isinstance(section, Table)
    assert len(section.rows) == TOP_NOTES
    assert section.note.startswith("2 nodes with other notes, 14.3 % of the time")
