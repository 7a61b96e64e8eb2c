from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.hw.document import ConfigError, merge, parse_scalar, parse_yaml, read_yaml, with_provenance


def test_places_count_lines_and_columns_from_one() -> None:
    document = parse_yaml("a: 1\nb:\n  c: [x, y]\n", name="f.yaml")
    assert document.tree == {"a": 1, "b": {"c": ["x", "y"]}}
    assert str(document.place(("b", "c"))) == "f.yaml:3:6"
    assert str(document.place(("b", "c"), of_key=True)) == "f.yaml:3:3"
    assert str(document.place(("b", "c", 1))) == "f.yaml:3:10"


def test_the_place_of_something_absent_is_that_of_what_should_hold_it() -> None:
    document = parse_yaml("a: 1\nb:\n  c: 2\n", name="f.yaml")
    assert str(document.place(("b", "missing", "deeper"))) == "f.yaml:3:3"


def test_words_such_as_no_and_times_stay_text() -> None:
    assert parse_yaml("a: no\nb: 12:30\nc: true\nd: 0x10\ne: 1_000\n", name="f").tree == {
        "a": "no",
        "b": "12:30",
        "c": True,
        "d": 16,
        "e": 1000,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1: a: the key 'a' is given twice"),
        ("x:\n  a: &n 1\n  b: *n\n", "anchors and aliases are not supported"),
        ("a: !!python/object:os.system x\n", "f.yaml:1:4: the tag"),
        ("a: [1, 2\n", "f.yaml:"),
        ("- 1\n", "f.yaml:1:1: expected a mapping"),
        ("", "f.yaml:1:1: expected a mapping"),
        ("? [1]\n: 2\n", "f.yaml:1:3: a key must be a plain word"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: not valid YAML"),
        ("a: " + "[" * 20000, "f.yaml: nested too deeply"),
        ("a: \x00\n", "f.yaml: not valid YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_one_located_line(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, name="f.yaml")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * 2**20)
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_yaml(path, name="big.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read_yaml(path, name="binary.yaml")


def test_merging_replaces_quantities_and_lists_but_joins_mappings() -> None:
    base = parse_yaml("a: {x: {value: 1, sourced: s}, y: 2}\nl: [1, 2]\nnotes: [p]\n", name="base")
    top = parse_yaml("a: {x: {value: 3, estimate: e}}\nl: [9]\nnotes: [q]\n", name="top")
    assert merge(base, top).tree == {
        "a": {"x": {"value": 3, "estimate": "e"}, "y": 2},
        "l": [9],
        "notes": ["p", "q"],
    }


def test_null_in_an_overlay_removes_a_key() -> None:
    base = parse_yaml("a: {x: 1, y: 2}\n", name="base")
    assert merge(base, parse_yaml("a: {x: null}\n", name="top")).tree == {"a": {"y": 2}}


def test_a_part_of_another_kind_replaces_the_part_below_it() -> None:
    base = parse_yaml("u: {kind: dot, rows: 2}\n", name="base")
    top = parse_yaml("u: {kind: rate, speed: 3}\n", name="top")
    assert merge(base, top).tree == {"u": {"kind": "rate", "speed": 3}}


def test_places_of_a_merged_document_name_the_file_that_won() -> None:
    base = parse_yaml("a: {x: 1, y: 2}\n", name="base")
    merged = merge(base, parse_yaml("\na: {x: 3}\n", name="top"))
    assert str(merged.place(("a", "x"))) == "top:2:8"
    assert str(merged.place(("a", "y"))) == "base:1:14"


def test_the_source_of_a_part_reaches_its_bare_numbers_only() -> None:
    tree = with_provenance({"part": {"sourced": "s", "n": 2, "w": "8 bit", "name": "abc", "own": {"value": 1}}})
    assert tree["part"] == {
        "sourced": "s",
        "n": {"value": 2, "sourced": "s"},
        "w": {"value": "8 bit", "sourced": "s"},
        "name": "abc",
        "own": {"value": 1},
    }


def test_an_overlays_bare_number_does_not_borrow_the_source_of_its_base() -> None:
    base = with_provenance(parse_yaml("part: {sourced: s, n: 2}\n", name="base").tree)
    top = with_provenance(parse_yaml("part: {n: 3}\n", name="top").tree)
    assert base["part"]["n"] == {"value": 2, "sourced": "s"}
    assert top["part"]["n"] == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("32 bit", "32 bit"), ("none", "none"), ("[a, b]", ["a", "b"]), ("0.5", 0.5)],
)
def test_text_of_the_command_line_is_read_as_yaml(text: str, value: object) -> None:
    assert parse_scalar(text) == value
