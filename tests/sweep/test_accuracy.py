"""Measured accuracies beside points: which row goes to which point, and what is said where there is none."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from accelsim.cli.main import main
from accelsim.errors import InputError
from accelsim.sweep.api import read_points
from accelsim.sweep.load import load_sweep

HEADER = "model,variant,task,precision,metric,value,higher_is_better,data,split\n"


@pytest.fixture
def table(sweep_file: Path, tmp_path: Path) -> Path:
    """A table for the sweep's topology, and the sweep reading it and trying two formats."""
    model = tmp_path / "two.csv"
    path = tmp_path / "accuracy.csv"
    path.write_text(
        f"{HEADER}{model},,digits,int8,accuracy,0.91,True,scenes,test\n"
        f"{model},,digits,int8,accuracy,0.99,True,scenes,validation\n"
        f"{model},,digits,float32,accuracy,0.95,True,scenes,test\n"
        "other-model,,digits,int8,accuracy,0.5,True,scenes,test\n"
    )
    text = sweep_file.read_text().replace("units.array.fold_overlap: [none, full]", "precision.weight: [int8, int4]")
    sweep_file.write_text(f"{text}accuracy: {{file: {path}}}\nobjectives: {{energy_j: minimise, accuracy: maximise}}\n")
    return path


def points_of(sweep_file: Path, tmp_path: Path) -> pd.DataFrame:
    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "store"), "--quiet"]) == 0
    return read_points(tmp_path / "store").frame


def test_an_accuracy_goes_to_the_points_of_its_precision(
    table: Path, sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = points_of(sweep_file, tmp_path)
    assert set(frame["precision"]) == {"int8", "int8/int4"}
    assert set(frame.loc[frame["precision"] == "int8", "accuracy_digits"]) == {0.91}
    assert frame.loc[frame["precision"] == "int8/int4", "accuracy_digits"].isna().all()
    said = capsys.readouterr().err
    assert said.count("is not measured") == 1
    assert "at int8/int4 is not measured: 22 points have none" in said
    assert "has float32, int8" in said


def test_the_word_accuracy_stands_for_the_one_column(
    table: Path, sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points_of(sweep_file, tmp_path)
    capsys.readouterr()
    assert main(["pareto", str(tmp_path / "store"), "--x", "energy_j", "--y", "accuracy", "--format", "csv"]) == 0
    front = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert set(front["accuracy_digits"]) == {0.91}
    assert front["energy_j"].nunique() == 1


def test_a_stated_precision_is_taken_for_all_points(table: Path, sweep_file: Path, tmp_path: Path) -> None:
    text = sweep_file.read_text().replace(f"{{file: {table}}}", f"{{file: {table}, precision: float32}}")
    sweep_file.write_text(text)
    assert set(points_of(sweep_file, tmp_path)["accuracy_digits"]) == {0.95}


def sweep_of(table: Path, **more: object) -> dict[str, object]:
    return {
        "name": "wild",
        "models": [{"model": "padnet-resnet*"}],
        "hardware": ["systolic-16"],
        "accuracy": {"file": str(table)},
        **more,
    }


ROWS = (
    "padnet-resnet18,ratio=0.30,,int8,accuracy,0.7,True,photos,test\n"
    "padnet-resnet18,,,int8,accuracy,0.6,True,photos,test\n"
    "padnet-resnet50,ratio=0.1;size=64,,int8,accuracy,0.8,True,photos,test\n"
    "m3vit-tiny,,semseg,int8,mIoU,0.4,True,photos,test\n"
)


def test_a_model_with_wildcards_is_every_variant_of_the_table(tmp_path: Path) -> None:
    table = tmp_path / "accuracy.csv"
    table.write_text(HEADER + ROWS)
    spec = load_sweep(sweep_of(table))
    found = [(choice.model, dict(choice.arguments)) for choice in spec.models]
    assert found == [
        ("padnet-resnet18", {"ratio": [0.3]}),
        ("padnet-resnet18", {}),
        ("padnet-resnet50", {"ratio": [0.1], "size": [64]}),
    ]
    assert spec.accuracy is not None
    assert {row.column for row in spec.accuracy.rows} == {"accuracy"}
    assert load_sweep(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("padnet-resnet18,,,int8,accuracy,high,True,photos,test\n", "accuracy.csv:2: value 'high'"),
        ("m3vit-tiny,,semseg,int8,mIoU,0.4,True,photos,test\n", "no model is called 'padnet-resnet"),
        (ROWS + "padnet-resnet18,,,int8,accuracy,0.5,True,scans,test\n", "give accuracy.data"),
    ],
)
def test_a_table_that_cannot_be_joined_says_where(tmp_path: Path, rows: str, said: str) -> None:
    table = tmp_path / "accuracy.csv"
    table.write_text(HEADER + rows)
    with pytest.raises(InputError) as caught:
        load_sweep(sweep_of(table))
    assert said in str(caught.value)


def test_a_table_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="accelsim evaluate MODEL --out"):
        load_sweep(sweep_of(tmp_path / "none.csv"))
    with pytest.raises(InputError, match=r"give accuracy\.file"):
        load_sweep({key: value for key, value in sweep_of(tmp_path).items() if key != "accuracy"})
