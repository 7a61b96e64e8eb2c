"""Calibration: the constants that made the rows come back, bounds hold, and what cannot be fitted is refused."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.evaluate import measured
from accelsim.evaluate.calibrate import calibrate
from accelsim.evaluate.measured import measured_rows, read_measured
from accelsim.evaluate.validate import validate_suites
from accelsim.hw.load import load_hardware
from accelsim.sim.timing import Frame, time_frames
from tests.mapping.conftest import linear_graph

DESCRIBED = "{value: 10 cycles, estimate: a guess, range: [2 cycles, 40 cycles]}"
TRUTH = {"units.vector.fill": "2 cycles", "links.weights.latency": "23 cycles", "memories.ddr.efficiency": 0.61}
SHAPES = {
    "a": (16, 16, 16),
    "b": (64, 32, 32),
    "c": (8, 64, 64),
    "d": (128, 16, 64),
    "e": (4, 128, 16),
    "f": (32, 48, 40),
}
Rows = Sequence[Mapping[str, object]]


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models by letter, each a linear layer, so that nothing has to be traced."""

    def frames_for(rows, progress):
        return tuple(Frame("", linear_graph(*SHAPES[row.model])) for row in rows)

    monkeypatch.setattr("accelsim.evaluate.calibrate.frames_for", frames_for)


@pytest.fixture
def hardware(small_file: Path, tmp_path: Path) -> Path:
    """The small accelerator with an estimated latency and an estimated efficiency of a DRAM that bounds."""
    text = small_file.read_text(encoding="utf-8")
    text = text.replace("latency: 10 cycles", f"latency: {DESCRIBED}")
    text = text.replace(
        "bandwidth: 100 GB/s, efficiency: 1.0",
        "bandwidth: 0.4 GB/s, efficiency: {value: 0.8, estimate: a guess, range: [0.3, 0.95]}",
    )
    path = tmp_path / "board.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _seconds(hardware: Path, model: str, values: Mapping[str, object]) -> float:
    described = load_hardware(hardware, values)
    return time_frames([Frame("", linear_graph(*SHAPES[model]))], described).cycles / described.clock_hz


def _file(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        names = dict.fromkeys(name for row in rows for name in row)
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _rows(hardware: Path, truth: Mapping[str, object] = TRUTH) -> list[dict[str, object]]:
    return [{"model": name, "latency_s": _seconds(hardware, name, truth), "id": f"row-{name}"} for name in SHAPES]


FREE = ("links.weights.latency", "memories.ddr.efficiency")


def test_the_constants_that_made_the_rows_are_found(hardware: Path, tmp_path: Path) -> None:
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", _rows(hardware)), FREE)
    latency, efficiency = found.constants
    assert latency.value == 23
    assert efficiency.value == pytest.approx(0.61, rel=1e-3)
    assert found.error_pct(held_out=False) < 0.1 < found.error_pct(held_out=False, before=True)
    assert not latency.at_bound
    assert latency.declared
    assert any("no row was held out" in note for note in found.notes)


def test_the_overlay_loads_with_provenance_and_gives_the_rows(hardware: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibrated.yaml"
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", _rows(hardware)), FREE, holdout=3, out=out)
    out.write_text(found.overlay, encoding="utf-8")
    overlay = load_hardware(out)
    assert overlay.name == "small-calibrated"
    assert {number.path for number in overlay.calibrated()} == set(FREE)
    for number in overlay.calibrated():
        assert number.rows == ("row-a", "row-b", "row-d", "row-e")  # c and f were held out
        assert "rms error" in number.text
    for row, name in zip(found.rows, SHAPES, strict=True):
        assert row.after_s == _seconds(out, name, {})
        assert row.before_s == _seconds(hardware, name, {})
        assert row.held_out is (name in "cf")


def test_held_out_rows_take_no_part(hardware: Path, tmp_path: Path) -> None:
    """Nonsense in rows that are held out changes nothing but their own error."""
    rows = _rows(hardware)
    for row in rows[4:]:
        row["split"] = "holdout"
    clean = calibrate(str(hardware), _file(tmp_path / "clean.csv", rows), FREE)
    for row in rows[4:]:
        row["latency_s"] *= 3
    spoilt = calibrate(str(hardware), _file(tmp_path / "spoilt.csv", rows), FREE)
    assert [c.value for c in clean.constants] == [c.value for c in spoilt.constants]
    assert clean.error_pct(held_out=True) < 0.1
    assert spoilt.error_pct(held_out=True) == pytest.approx(100 * 2 / 3, rel=0.01)


def test_a_constant_ends_at_the_bound_of_its_estimate_and_says_so(hardware: Path, tmp_path: Path) -> None:
    rows = _rows(hardware, {**TRUTH, "links.weights.latency": "70 cycles"})
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", rows), ["links.weights.latency"])
    (latency,) = found.constants
    assert latency.value == latency.high == 40
    assert latency.at_bound
    assert any("links.weights.latency is at its high bound, the range of its estimate" in note for note in found.notes)


def test_a_number_without_a_range_is_searched_within_a_factor_of_four(hardware: Path, tmp_path: Path) -> None:
    rows = _rows(hardware, {"units.array.fill": "13 cycles"})
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", rows), ["units.array.fill"])
    (fill,) = found.constants
    assert (fill.value, fill.low, fill.high, fill.declared) == (13, 2, 28, False)


def test_settings_of_a_row_are_those_it_was_measured_with(hardware: Path, tmp_path: Path) -> None:
    setting = {"units.array.outputs": 8}
    rows = _rows(hardware)
    rows[1] |= {
        "settings": "units.array.outputs=8; links.data.port_width=32 bit",
        "latency_s": _seconds(hardware, "b", {**TRUTH, **setting, "links.data.port_width": "32 bit"}),
    }
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", rows), FREE)
    assert found.constants[0].value == 23
    assert abs(found.rows[1].after_pct) < 0.1


def test_the_scatter_of_the_rows_becomes_an_error_of_the_constants(hardware: Path, tmp_path: Path) -> None:
    rows = _rows(hardware)
    for index, row in enumerate(rows):
        row["latency_s"] *= 1.02 if index % 2 else 0.98
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", rows), ["memories.ddr.efficiency"])
    (efficiency,) = found.constants
    assert 0.3 < efficiency.error_pct < 10
    assert abs(efficiency.value / 0.61 - 1) < 4 * efficiency.error_pct / 100 + 0.1


def test_constants_that_act_alike_are_told(hardware: Path, tmp_path: Path) -> None:
    free = ["memories.ddr.bandwidth", "memories.ddr.efficiency"]
    found = calibrate(str(hardware), _file(tmp_path / "m.csv", _rows(hardware)), free)
    assert any("tell" in note for note in found.notes)


@pytest.mark.parametrize(
    ("free", "message"),
    [
        ([], "names no constant"),
        (["memories.ddr.bandwith"], "no 'memories.ddr.bandwith' -- did you mean 'bandwidth'?"),
        (["memories.ddr"], "'memories.ddr' is no number"),
        (["schedule.prefetch"], "is no number"),
        (["links.weights.latency"] * 2, "names a constant twice"),
        (["units.array.multiplier.0"], "is an element of a list"),
        (["units.scores.fill"], "no fitted row depends on 'units.scores.fill'"),
        (["links.weights.latency"] * 5, "at most 4"),
    ],
)
def test_what_cannot_be_fitted_is_refused(hardware: Path, tmp_path: Path, free: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        calibrate(str(hardware), _file(tmp_path / "m.csv", _rows(hardware)), free)
    assert message in str(caught.value)


def test_more_constants_than_rows_are_refused(hardware: Path, tmp_path: Path) -> None:
    file = _file(tmp_path / "m.csv", _rows(hardware)[:3])
    with pytest.raises(InputError, match="2 constants cannot be fitted to 1 rows"):
        calibrate(str(hardware), _file(tmp_path / "one.csv", _rows(hardware)[:1]), FREE)
    with pytest.raises(InputError, match="--holdout 1: every row would be held out"):
        calibrate(str(hardware), file, FREE, holdout=1)
    given = [{**row, "settings": "memories.ddr.efficiency=0.5"} for row in _rows(hardware)]
    with pytest.raises(InputError, match="which is to be fitted"):
        calibrate(str(hardware), _file(tmp_path / "set.csv", given), FREE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model\na\n", "m.csv:1: needs a column 'latency_s'"),
        ("model,latency_s,tsk\na,1,b\n", "m.csv:1: unknown column 'tsk' -- did you mean 'task'?"),
        ("model,latency_s\na,fast\n", "m.csv:2: latency_s 'fast' is no number above zero"),
        ("model,latency_s\na,-1\n", "m.csv:2: latency_s '-1' is no number above zero"),
        ("model,latency_s\na,nan\n", "m.csv:2: latency_s 'nan' is no number above zero"),
        ("model,latency_s\n,1\n", "m.csv:2: 'model' is empty"),
        ("model,latency_s\na,1,2\n", "m.csv:2: has more or fewer cells"),
        ("model,latency_s\na\n", "m.csv:2: has more or fewer cells"),
        ("model,latency_s,split\na,1,test\n", "m.csv:2: split 'test' is neither fit nor holdout"),
        ("model,latency_s,batch\na,1,1.5\n", "m.csv:2: batch '1.5' is no whole number"),
        ("model,latency_s,settings\na,1,units.a\n", "m.csv:2: settings: 'units.a' is not PATH=VALUE"),
        ("model,latency_s,id\na,1,x\nb,1,x\n", "the id 'x' is given twice"),
        ("model,latency_s\n", "has no rows"),
    ],
)
def test_faults_of_the_file_are_located(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_measured(path)
    assert message in str(caught.value)


def test_validate_scores_no_row_that_calibrated(
    hardware: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "calibrated.yaml"
    rows = [{**row, "hardware": str(out)} for row in _rows(hardware)]
    file = _file(tmp_path / "m.csv", rows)
    out.write_text(calibrate(str(hardware), file, FREE, holdout=3, out=out).overlay, encoding="utf-8")

    def simulate_spec(model, hardware, **options):
        from accelsim.evaluate.simulate import timed

        return timed([Frame("", linear_graph(*SHAPES[model]))], load_hardware(hardware))

    monkeypatch.setattr(measured, "simulate_spec", simulate_spec)
    compared = measured_rows(file, lambda step: None)
    assert {row.case for row in compared if row.scored} == {"row-c", "row-f"}
    assert all(row.ok for row in compared if row.scored)
    assert all(row.ok is None for row in compared if not row.scored)
    assert all("calibrated" in row.note for row in compared if not row.scored)
    assert validate_suites(["measured"]) == []
    assert validate_suites(["measured"], rows=file) == compared
