"""Searching a space that is too large to enumerate: points are proposed batch by batch, from those before.

The first batch has the corners where every setting is at its first or last step, and the middle. Of every other, half
are neighbours of the front found so far, one step along one axis (Pareto local search: Paquete, Chiarandini, Stuetzle,
"Pareto local optimum sets in the biobjective traveling salesman problem", 2004); all else is up to Optuna's NSGA-II or
TPE, which is told of those too.

Batch i is part i of the store. What is proposed depends on the seed and on the results told so far only, so that a
search that was killed asks the same questions again and reads the answers that it has.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError, MissingExtraError
from accelsim.results.pareto import on_front
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

_BATCHES, _GENERATIONS = (8, 64), 16
"""Smallest and largest batch where none is stated, and how many a search then has at least."""

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
        asked = search.ask(min(search.batch, room) if strategy.kind == "tpe" else search.batch)
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
        self.batch = strategy.batch or max(_BATCHES[0], min(_BATCHES[1], strategy.budget // _GENERATIONS))
        self._rng = np.random.Generator(np.random.Philox(spec.seed))
        samplers: dict[str, Any] = {
            "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=self.batch, seed=spec.seed),
            "tpe": lambda: optuna.samplers.TPESampler(seed=spec.seed, multivariate=True, constant_liar=True),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = samplers[strategy.kind]()
        directions = ["maximize" if more else "minimize" for more in self.objectives.values()]
        self.study = optuna.create_study(directions=directions, sampler=sampler)
        columns: dict[str, list[Sequence[Any]]] = {"group": [tuple(map(str, range(len(self.space.groups))))]}
        columns |= {f"axis{i}": [axis.raw(path) for path in axis.paths] for i, axis in enumerate(self.space.axes)}
        self._sizes = tuple(len(values[0]) for values in columns.values())
        self._ordered = tuple(_ordered(values) for values in columns.values())
        self._choices = {
            name: optuna.distributions.IntDistribution(0, size - 1)
            if ordered
            else optuna.distributions.CategoricalDistribution(range(size))
            for name, size, ordered in zip(columns, self._sizes, self._ordered, strict=True)
        }

    def ask(self, count: int) -> list[tuple[Any, int]]:
        """Trials with the points that they stand for."""
        for point in self._neighbours(count // 2) if self.known else self._corners()[:count]:
            self.study.enqueue_trial(self._params(point))
        trials = [self.study.ask(self._choices) for _ in range(count)]
        return [(trial, self._point(trial.params)) for trial in trials]

    def _corners(self) -> list[int]:
        """Every setting at its first step, at its last, and in the middle, of the first group."""
        steps = [[0 for _ in self._sizes], [size - 1 for size in self._sizes], [size // 2 for size in self._sizes]]
        return list(dict.fromkeys(int(np.ravel_multi_index(step, self._sizes)) for step in steps))

    def _neighbours(self, count: int) -> list[int]:
        """Some points that are not known yet, a step along an axis from the front: the next values of what has an
        order, any other of what has none."""
        feasible = [point for point, (_, good) in self.known.items() if good]
        if not feasible:
            return []
        values = np.array([self.known[point][0] for point in feasible])
        front = np.array(feasible)[on_front(values, list(self.objectives.values()))]
        found: dict[int, None] = {}
        for point in self._rng.permutation(front).tolist():
            steps = np.unravel_index(point, self._sizes)
            for axis, (size, ordered) in enumerate(zip(self._sizes, self._ordered, strict=True)):
                own = int(steps[axis])
                others = [own - 1, own + 1] if ordered else [other for other in range(size) if other != own]
                for other in others:
                    if 0 <= other < size:
                        near = int(np.ravel_multi_index([*steps[:axis], other, *steps[axis + 1 :]], self._sizes))
                        if near not in self.known:
                            found[near] = None
        points = list(found)
        return [points[index] for index in self._rng.permutation(len(points))[:count]]

    def _params(self, point: int) -> dict[str, int]:
        return dict(zip(self._choices, map(int, np.unravel_index(point, self._sizes)), strict=True))

    def _point(self, params: Mapping[str, int]) -> int:
        return int(np.ravel_multi_index([params[name] for name in self._choices], self._sizes))

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


def _ordered(columns: Sequence[Sequence[Any]]) -> bool:
    """Whether the steps of an axis have an order: all that changes along it are numbers."""
    return all(isinstance(number_of(value), (int, float)) for column in columns for value in column)


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise MissingExtraError("optuna", "search", "a search") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
