"""Searches on a space that is known whole: what they find, and that they can be taken up again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from accelsim.errors import InputError
from accelsim.hw.document import parse_yaml
from accelsim.results.pareto import hypervolume
from accelsim.sweep.parts import Parts
from accelsim.sweep.search import run_search
from accelsim.sweep.spec import read_sweep

SWEEP = """
name: known
models: [{model: m}]
hardware: [h]
settings:
  grid:
    a: {from: 1, to: 16, step: 1}
    b: {from: 1, to: 16, step: 1}
    c: {from: 1, to: 12, step: 1}
    d: [x, y, z]
where: ["a * b <= 144"]
strategy: {kind: KIND, budget: BUDGET, batch: 16}
seed: 3
"""


def objectives(columns: dict[str, Any]) -> np.ndarray:
    a, b, c = (columns[name].astype(float) for name in "abc")
    slow = np.array([{"x": 1.0, "y": 1.3, "z": 0.8}[value] for value in columns["d"]])
    latency = 1000 / (np.minimum(a, 12) * np.minimum(b, 9)) * slow + 400 / (c * np.sqrt(b)) + np.ceil(17 / a) * a
    return np.stack([latency, (a * b + 6 * c) / slow + 30 * (b > 13)], axis=1)


class KnownParts(Parts):
    """Results by formula; one corner of the space fails."""

    def evaluated(self, group: int, settings: np.ndarray, *, threads: int = 1) -> pa.Table:
        values = objectives(self.space.setting_columns(settings))
        values[settings % 97 == 0] = np.nan
        columns = {"point": settings, "latency_s": values[:, 0], "energy_j": values[:, 1]}
        return pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})


class Memory:
    """A store without a folder, that can forget its last parts."""

    def __init__(self, parts: dict[int, pa.Table] | None = None) -> None:
        self.parts = dict(parts or {})
        self.written = 0

    def read_part(self, part: int) -> pa.Table | None:
        return self.parts.get(part)

    def write(self, part: int, table: pa.Table) -> None:
        self.parts[part] = table
        self.written += 1

    def points(self) -> list[int]:
        return pa.concat_tables(self.parts[part] for part in sorted(self.parts))["point"].to_pylist()


def known(kind: str, budget: int) -> KnownParts:
    return KnownParts(read_sweep(parse_yaml(SWEEP.replace("KIND", kind).replace("BUDGET", str(budget)), name="s")))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "budget"), [("nsga2", 460), ("tpe", 160)])
def test_a_search_finds_most_of_the_front_with_few_points(kind: str, budget: int) -> None:
    parts, store = known(kind, budget), Memory()
    run_search(parts, store, jobs=1, done=lambda *_: None)
    points = store.points()
    assert len(points) == len(set(points)) == budget <= 0.05 * len(parts.space)
    every = np.arange(len(parts.space))
    kept = parts.space.kept(0, every)
    assert set(points) <= set(kept.tolist())
    truth = objectives(parts.space.setting_columns(kept))[kept % 97 != 0]
    found = pa.concat_tables(store.parts.values()).to_pandas()[["latency_s", "energy_j"]].to_numpy()
    reference = truth.max(axis=0)
    share = hypervolume(found, [False, False], reference) / hypervolume(truth, [False, False], reference)
    assert share >= 0.95


@pytest.mark.parametrize("kind", ["nsga2", "tpe"])
def test_a_search_that_was_killed_asks_the_same_again(kind: str) -> None:
    whole = Memory()
    run_search(known(kind, 80), whole, jobs=1, done=lambda *_: None)
    half = Memory({part: table for part, table in whole.parts.items() if part < len(whole.parts) // 2})
    kept = len(half.parts)
    run_search(known(kind, 80), half, jobs=1, done=lambda *_: None)
    assert half.points() == whole.points()
    assert half.written == len(whole.parts) - kept


def test_an_objective_that_is_no_result_is_named() -> None:
    text = SWEEP.replace("KIND", "nsga2").replace("BUDGET", "8") + "objectives: {speed: maximise}\n"
    with pytest.raises(InputError, match="'speed' is no column"):
        run_search(KnownParts(read_sweep(parse_yaml(text, name="s"))), Memory(), jobs=1, done=lambda *_: None)
