from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.hw.document import ConfigError, parse_yaml
from accelsim.sweep.load import load_sweep
from accelsim.sweep.parts import Parts
from accelsim.sweep.space import space_of
from accelsim.sweep.spec import read_sweep


def spec_of(text: str):
    return read_sweep(parse_yaml(text, name="s.yaml"))


def test_points_are_the_product_and_the_last_axis_is_fastest(sweep_file: Path) -> None:
    space = space_of(load_sweep(sweep_file))
    assert len(space) == 2 * 4 * 2 * 3
    columns = space.setting_columns(np.arange(space.inner))
    assert columns["units.array.rows"][:4].tolist() == [8, 16, 32, 8]
    assert columns["units.array.cols"][:4].tolist() == [32, 16, 8, 32]
    assert columns["units.array.fold_overlap"][:7].tolist() == ["none"] * 3 + ["full"] * 3 + ["none"]
    assert columns["memories.ddr.bandwidth"][[0, -1]].tolist() == [2e9, 12e9]


def test_a_name_alone_is_a_model_with_nothing_to_vary() -> None:
    short, long = (
        spec_of(f"name: a\nmodels: [{model}]\nhardware: [systolic-16]\n") for model in ("resnet18", "{model: resnet18}")
    )
    assert short.models == long.models
    with pytest.raises(ConfigError, match=r"s.yaml:2:10: models.0: expected a mapping of fields, found 18"):
        spec_of("name: a\nmodels: [18]\nhardware: [x]\n")


def test_where_leaves_points_out(sweep_file: Path) -> None:
    space = space_of(load_sweep(sweep_file))
    kept = space.kept(0, np.arange(space.inner))
    columns = space.setting_columns(kept)
    assert kept.size == 24 - 2  # 32 rows at 2 GB/s, twice
    assert not ((columns["units.array.rows"] == 32) & (columns["memories.ddr.bandwidth"] < 5e9)).any()


def test_parts_cover_every_point_once(sweep_file: Path) -> None:
    parts = Parts(load_sweep(sweep_file))
    seen = [(group, int(setting)) for group, settings in parts.ranges for setting in settings]
    assert len(parts) == 10
    assert parts.points == len(seen) == len(set(seen)) == 48


def test_random_points_are_different_and_seeded(sweep_file: Path) -> None:
    text = sweep_file.read_text()
    first, again, other = (
        Parts(spec_of(text + f"strategy: {{kind: random, budget: 20}}\nseed: {seed}\n")) for seed in (1, 1, 2)
    )
    points = [[(g, s.tolist()) for g, s in parts.ranges] for parts in (first, again, other)]
    assert points[0] == points[1] != points[2]
    assert first.points == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nmodels: []\nhardware: [x]", "s.yaml:2:9: models"),
        ("name: a\nmodels: [{model: m}]\nhardwares: [x]", "s.yaml:3:1: hardwares: 'hardwares' is not a key here"),
        ("name: a\nmodels: [{model: m, task: t}]\nhardware: [x]", "'task' is not a key here -- did you mean 'tasks'"),
        ("name: a\nmodels: [{model: m}]\nhardware: [x]\nstrategy: {kind: annealing}", "is not one of"),
    ],
)
def test_mistakes_in_the_file_are_located(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        spec_of(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{grid: {a: [1]}, zip: [{a: [2]}]}", "'a' is varied twice"),
        ("{zip: [{a: [1, 2], b: [1]}]}", "must be as many: a has 2, b has 1"),
        ("{grid: {a: []}}", "empty list"),
    ],
)
def test_settings_that_are_no_axes_are_input_errors(settings: str, said: str) -> None:
    spec = spec_of(f"name: s\nmodels: [{{model: m}}]\nhardware: [h]\nsettings: {settings}")
    with pytest.raises(InputError, match=said):
        space_of(spec)


def test_columns_have_one_type_in_every_part(sweep_file: Path) -> None:
    text = sweep_file.read_text().replace(
        "units.array.fold_overlap: [none, full]", "precision.weight: [int8, 4]\n    schedule.experts.cache: [null, 2]"
    )
    parts = Parts(spec_of(text.replace("part_points: 5", "part_points: 3")))
    schemas = {str(next(parts.tables([part])).schema) for part in range(len(parts))}
    assert len(schemas) == 1
    assert "precision.weight: string" in next(iter(schemas))


def test_an_argument_that_one_model_has_is_missing_for_the_other() -> None:
    models = "[{model: a, arguments: {ratio: [0, 0.5], form: [x]}}, {model: b}]"
    parts = Parts(spec_of(f"name: s\nmodels: {models}\nhardware: [h]"))
    kinds = {name: kind for name, kind in parts.columns.items() if name.startswith("arg.")}
    assert kinds == {"arg.ratio": float, "arg.form": str}
    assert parts._table({"arg.form": np.array([None]), "arg.ratio": np.array([None])}).schema.types == [
        "string",
        "double",
    ]
