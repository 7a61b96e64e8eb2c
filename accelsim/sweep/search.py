"""Searching a space that is too large to enumerate: Optuna proposes points, batch by batch, from those before.

Batch i is part i of the store. What is proposed depends on the seed and on the results told so far only, so that a
search that was killed asks the same questions again and reads the answers that it has.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError, MissingExtraError
from accelsim.sweep.axis import number_of
from accelsim.sweep.expression import parse_condition
from accelsim.sweep.front import senses
from accelsim.sweep.parts import Parts
from accelsim.sweep.spec import Search
from accelsim.sweep.store import Store

if TYPE_CHECKING:
    import pyarrow

    from accelsim.sweep.run import PartDone

_IDLE_BATCHES = 50
"""Batches without a point that is new, after which the search ends: it knows the space or is stuck."""

_WORST = 1e30
"""Objective of a point that cannot be timed; Optuna takes finite numbers only."""


def run_search(parts: Parts, store: Store, *, jobs: int, done: PartDone) -> None:
    """Propose, evaluate and write batches until the budget is spent. Raises InputError for objectives that are none."""
    strategy = parts.spec.strategy
    assert isinstance(strategy, Search)
    search = _Search(parts, strategy)
    part = idle = 0
    while len(search.known) < strategy.budget and idle < _IDLE_BATCHES:
        room = strategy.budget - len(search.known)
        asked = search.ask(min(strategy.batch, max(room, 1)) if strategy.kind == "tpe" else strategy.batch)
        new = search.new_points(asked)[:room]
        if new.size:
            idle = 0
            table = store.read_part(part)
            if table is None:
                table = search.evaluate(new, jobs)
                store.write(part, table)
                done(table.num_rows, table.column("latency_s").null_count, new.size)
            search.learn(table, new)
            part += 1
        else:
            idle += 1
        search.tell(asked)


class _Search:
    """A study, and what is known of every point that was asked for."""

    def __init__(self, parts: Parts, strategy: Search) -> None:
        optuna = _optuna()
        self.parts, self.space = parts, parts.space
        spec = parts.spec
        self.objectives = senses(list(spec.objectives), spec.objectives, ())
        self.known: dict[int, tuple[list[float], bool]] = {}
        samplers: dict[str, Any] = {
            "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=strategy.batch, seed=spec.seed),
            "tpe": lambda: optuna.samplers.TPESampler(seed=spec.seed, multivariate=True, constant_liar=True),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = samplers[strategy.kind]()
        directions = ["maximize" if more else "minimize" for more in self.objectives.values()]
        self.study = optuna.create_study(directions=directions, sampler=sampler)
        self._choices = {
            f"axis{index}": _distribution(optuna, [axis.raw(path) for path in axis.paths], len(axis))
            for index, axis in enumerate(self.space.axes)
        }
        if len(self.space.groups) > 1:
            self._choices["group"] = optuna.distributions.CategoricalDistribution(range(len(self.space.groups)))

    def ask(self, count: int) -> list[tuple[Any, int]]:
        """Trials with the points that they stand for."""
        trials = [self.study.ask(self._choices) for _ in range(count)]
        return [(trial, self._point(trial.params)) for trial in trials]

    def _point(self, params: dict[str, int]) -> int:
        setting = 0
        for index, axis in enumerate(self.space.axes):
            setting = setting * len(axis) + params[f"axis{index}"]
        return params.get("group", 0) * self.space.inner + setting

    def new_points(self, asked: Sequence[tuple[Any, int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Points that nothing is known of yet, each once; those that `where` leaves out become known as bad."""
        found: list[int] = []
        for point in dict.fromkeys(point for _, point in asked):
            if point in self.known:
                continue
            group, setting = divmod(point, self.space.inner)
            if self.space.kept(group, np.array([setting])).size:
                found.append(point)
        return np.array(found, np.int64)

    def evaluate(self, points: np.ndarray[Any, np.dtype[np.int64]], jobs: int) -> pyarrow.Table:
        """Results of points, in their order of number."""
        import pyarrow as pa

        groups, settings = np.divmod(np.sort(points), self.space.inner)
        tables = [
            self.parts.evaluated(int(group), settings[groups == group], threads=jobs) for group in np.unique(groups)
        ]
        return pa.concat_tables(tables)

    def learn(self, table: pyarrow.Table, points: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Keep objectives and whether the limits hold. Raises InputError for a column that is not there."""
        frame = table.to_pandas()
        for name in self.objectives:
            if name not in frame.columns:
                raise InputError(f"objective '{name}' is no column of results")
        values = frame[list(self.objectives)].to_numpy(np.float64)
        feasible = ~np.isnan(values).any(axis=1)
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        for text in self.parts.spec.limits:
            feasible &= parse_condition(text, columns).holds(columns)
        worst = [-_WORST if more else _WORST for more in self.objectives.values()]
        for point, row, good in zip(frame["point"].tolist(), values.tolist(), feasible.tolist(), strict=True):
            told = [bad if np.isnan(value) else value for value, bad in zip(row, worst, strict=True)]
            self.known[point] = told, good

    def tell(self, asked: Sequence[tuple[Any, int]]) -> None:
        """Tell the study what became of its trials."""
        worst = [-_WORST if more else _WORST for more in self.objectives.values()]
        for trial, point in asked:
            values, feasible = self.known.get(point, (worst, False))
            trial.set_constraint("limits", 0.0 if feasible else 1.0)
            self.study.tell(trial, values)


def _distribution(optuna: Any, columns: Sequence[Sequence[Any]], length: int) -> Any:
    """Steps of an axis as whole numbers where its values have an order, as choices where they are words."""
    ordered = all(isinstance(number_of(value), (int, float)) for column in columns for value in column)
    if ordered and length > 1:
        return optuna.distributions.IntDistribution(0, length - 1)
    return optuna.distributions.CategoricalDistribution(range(length))


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise MissingExtraError("optuna", "search", "a search") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
