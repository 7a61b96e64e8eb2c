"""SCALE-Sim's published rows come out of our fold formulas, and its slips are a setting, not our truth."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.evaluate.scalesim.layer import EXACT, PEER, Convolution, Layer, analyse, product_of
from accelsim.evaluate.scalesim.rows import PUBLISHED
from accelsim.evaluate.validate import validate_suites
from accelsim.frontends.topology import read_topology
from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from accelsim.mapping.lower import lower
from accelsim.mapping.view import Workload

LINES = [line for line in PUBLISHED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
CONVOLUTIONS = "Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
OS = Layer(9, 14, 11, 4, 3, "output-stationary")
WS = Layer(9, 14, 11, 4, 3, "weight-stationary")
IS = Layer(9, 14, 11, 4, 3, "input-stationary")


def _file(folder: Path, lines: list[str]) -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_metric_of_every_shipped_row_is_equal() -> None:
    rows = validate_suites(["scalesim"])
    assert Counter(row.metric for row in rows) == dict.fromkeys(
        (
            "total_cycles",
            "overall_util_pct",
            "mapping_eff_pct",
            "compute_util_pct",
            "ifmap_sram_reads",
            "filter_sram_reads",
            "ofmap_sram_writes",
            "stall_cycles",
            "ifmap_dram_reads",
            "filter_dram_reads",
            "ofmap_dram_writes",
            "total_cycles_incl_prefetch",
        ),
        114,
    ) | {"own_stall_cycles": 72}
    assert [f"{row.case} {row.metric}" for row in rows if row.ok is not True and row.scored] == []
    assert {row.metric for row in rows if not row.scored} == {"own_stall_cycles"}


def test_the_shipped_rows_have_both_kinds_all_dataflows_and_stalls() -> None:
    records = list(csv.DictReader(io.StringIO("\n".join(LINES))))
    assert {record["kind"] for record in records} == {"gemm", "conv"}
    assert {record["dataflow"] for record in records} == {"os", "ws", "is"}
    assert sum(int(record["stall_cycles"]) > 0 for record in records) == 42
    for record in records:
        names = ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
        layer = Convolution(*(int(record[name]) for name in names))
        assert product_of(layer) == tuple(int(record[name]) for name in ("gemm_m", "gemm_n", "gemm_k"))


def _roomy(record: dict[str, str]) -> Hardware:
    """The array of a row with room for everything and links that are never the limit."""
    names = {"os": "output-stationary", "ws": "weight-stationary", "is": "input-stationary"}
    words = {f"memories.{name}.words": {"value": 2**24, "sourced": "test"} for name in ("inputs", "weights", "outputs")}
    links = {
        f"links.{name}.{key}": {"value": "65536 bit", "sourced": "test"}
        for name in ("weights", "data")
        for key in ("width", "port_width")
    }
    size = {
        f"units.array.{name}": {"value": int(record[f"array_{name}"]), "sourced": "test"} for name in ("rows", "cols")
    }
    chosen = {"units.array.dataflow": names[record["dataflow"]], "units.array.fold_overlap": "none"}
    rate = {"memories.ddr.bandwidth": {"value": "1000000 GB/s", "sourced": "test"}}
    return load_hardware("systolic-16", {**words, **links, **size, **chosen, **rate})


def test_a_design_with_room_computes_for_as_many_cycles_as_the_peer_without_stalls(tmp_path: Path) -> None:
    records = list(csv.DictReader(io.StringIO("\n".join(LINES))))
    names = ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
    for record in records[::4]:
        if record["kind"] == "gemm":
            lines = ["Layer, M, N, K,", f"one, {record['gemm_m']}, {record['gemm_n']}, {record['gemm_k']},"]
        else:
            lines = [CONVOLUTIONS, f"one, {', '.join(record[name] for name in names)},"]
        stages = lower(Workload(read_topology(_file(tmp_path, lines))), _roomy(record)).stages
        cycles = sum(stage.compute_cycles for stage in stages)
        assert cycles == int(record["total_cycles"]) - int(record["stall_cycles"]) + 1, record["case_id"]
        assert sum(stage.macs for stage in stages) == int(record["macs"])


def test_each_slip_moves_its_own_metric_and_nothing_else() -> None:
    changed = {
        layer.dataflow: {
            name
            for name in analyse(layer)._fields
            if getattr(analyse(layer, EXACT), name) != getattr(analyse(layer, PEER), name)
        }
        for layer in (OS, WS, IS)
    }
    short = {"total_cycles", "overall_util_pct"}
    assert changed == {
        "output-stationary": short | {"ofmap_sram_writes"},
        "weight-stationary": short | {"compute_util_pct"},
        "input-stationary": short | {"compute_util_pct"},
    }


def test_sram_counts_are_those_of_feeding_every_fold() -> None:
    def feeding(sr: int, sc: int, t: int) -> tuple[int, int, int]:
        """Words along the rows, along the columns, and in the places, over all folds of 4 x 3."""
        along_rows = along_columns = places = 0
        for row in range(0, sr, 4):
            for column in range(0, sc, 3):
                height, width = min(4, sr - row), min(3, sc - column)
                along_rows, along_columns = along_rows + height * t, along_columns + width * t
                places += height * width
        return along_rows, along_columns, places

    found = analyse(OS)
    assert (found.ifmap_sram_reads, found.filter_sram_reads, found.ofmap_sram_writes) == feeding(9, 14, 11)
    found = analyse(WS)
    rows, columns, places = feeding(11, 14, 9)
    assert (found.ifmap_sram_reads, found.ofmap_sram_writes, found.filter_sram_reads) == (rows, columns, places)
    found = analyse(IS)
    rows, columns, places = feeding(11, 9, 14)
    assert (found.filter_sram_reads, found.ofmap_sram_writes, found.ifmap_sram_reads) == (rows, columns, places)


def test_the_ceil_rule_counts_a_window_that_is_partly_outside() -> None:
    assert product_of(Convolution(56, 56, 1, 1, 64, 32, 2)) == (29 * 29, 32, 64)
    assert product_of(Convolution(57, 56, 1, 1, 64, 32, 2)) == (29 * 29, 32, 64)
    assert product_of(Convolution(5, 5, 3, 3, 2, 7, 1)) == (9, 7, 18)


def test_a_file_of_rows_takes_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    rows = validate_suites(["scalesim"], rows=_file(tmp_path, LINES[:3]))
    assert len(rows) == 2 * 12 + 2
    assert all(row.ok for row in rows if row.scored)


def test_a_mark_of_the_byte_order_is_let_pass(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(LINES[:2]) + "\n", encoding="utf-8-sig")
    assert all(row.ok for row in validate_suites(["scalesim"], rows=path) if row.scored)


def test_a_layer_of_which_no_tile_fits_says_so_in_a_note(tmp_path: Path) -> None:
    line = next(line for line in LINES if line.startswith("s044,"))
    (row,) = [
        row
        for row in validate_suites(["scalesim"], rows=_file(tmp_path, [LINES[0], line]))
        if row.metric == "stall_cycles"
    ]
    assert row.ok
    assert "no own_stall_cycles: node 'layer'" in row.note


def test_a_row_that_differs_is_named_with_its_error(tmp_path: Path) -> None:
    header, fields = LINES[0].split(","), LINES[1].split(",")
    fields[header.index("ifmap_sram_reads")] = "4"
    bad = [
        row
        for row in validate_suites(["scalesim"], rows=_file(tmp_path, [LINES[0], ",".join(fields)]))
        if row.ok is False
    ]
    assert [(row.metric, row.published, row.simulated, row.error_pct) for row in bad] == [
        ("ifmap_sram_reads", 4.0, 1.0, -75.0)
    ]


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("dataflow", "rs", "dataflow 'rs' is not one of os, ws, is"),
        ("stride", "0", "stride: '0' is not a whole number from 1 to 10^9"),
        ("array_rows", "4.5", "array_rows: '4.5' is not a whole number"),
        ("total_cycles", "many", "total_cycles: 'many' is not a number"),
        ("mapping_eff_pct", "nan", "mapping_eff_pct: 'nan' is not a finite number"),
        ("stall_cycles", "inf", "stall_cycles: 'inf' is not a finite number"),
        ("kind", "matmul", "kind 'matmul' is not one of gemm, conv"),
        ("stride", "2", "a gemm has filter_h 1, filter_w as ifmap_w, one channel and stride 1"),
        ("gemm_m", "5", "gemm_m is 5; the sizes of the layer make it 1"),
        ("case_id", " ", "case_id is empty"),
        ("array_rows", "9" * 5000, "array_rows: '9999"),
        ("array_rows", "100000", "the array asks for"),
        ("bw_mode", "AUTO", "bw_mode 'AUTO' is not one of USER, CALC"),
        ("ifmap_bw", "", "ifmap_bw: '' is not a whole number from 1 to 10^9"),
        ("ofmap_bw", "0", "ofmap_bw: '0' is not a whole number from 1 to 10^9"),
        ("filter_sram_kb", "0", "filter_sram_kb: '0' is not a whole number from 1 to 10^9"),
        ("filter_h", "9", "a filter of 9 x 1 is larger than 1 x 1"),
    ],
)
def test_a_field_that_makes_no_sense_is_an_error_with_its_line(
    tmp_path: Path, column: str, text: str, message: str
) -> None:
    header, fields = LINES[0].split(","), LINES[1].split(",")
    fields[header.index(column)] = text
    path = _file(tmp_path, ["# a comment", LINES[0], ",".join(fields)])
    with pytest.raises(InputError) as caught:
        validate_suites(["scalesim"], rows=path)
    assert str(caught.value).startswith(f"{path}:3: {message}")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["# nothing"], "no rows; the first line names the columns"),
        ([LINES[0]], "a header and no rows"),
        (["case_id,stride", "a,1"], "rows.csv:1: no column 'array_rows'"),
        ([LINES[0], "s1,gemm"], "rows.csv:2: 2 fields, the header has"),
        ([LINES[0] + ",stride", LINES[1] + ",1"], "rows.csv:1: more than one column 'stride'"),
        ([LINES[0], '"s1', 'more",gemm'], "rows.csv:2: 1 fields, the header has"),
    ],
)
def test_a_file_that_is_no_table_of_rows_is_an_error(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_suites(["scalesim"], rows=_file(tmp_path, lines))


def test_rows_need_the_one_suite_that_reads_them(tmp_path: Path) -> None:
    path = _file(tmp_path, LINES[:2])
    with pytest.raises(InputError, match="rows belong to one suite: name it"):
        validate_suites(rows=path)
    with pytest.raises(InputError, match="suite 'edge-moe' simulates designs of its own and reads no file of rows"):
        validate_suites(["edge-moe"], rows=path)
    with pytest.raises(InputError, match="not readable"):
        validate_suites(["scalesim"], rows=tmp_path / "none.csv")
