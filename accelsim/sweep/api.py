"""The Python door of sweeps: run one, and look at its points and its front as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from accelsim.report.sweep import points_table
from accelsim.report.table import Table, plain
from accelsim.sweep.accuracy import measured_columns, not_measured, stated_senses
from accelsim.sweep.front import Front, column_of, front_of, senses
from accelsim.sweep.load import load_sweep
from accelsim.sweep.run import run
from accelsim.sweep.space import space_of
from accelsim.sweep.spec import SweepSpec
from accelsim.sweep.store import open_store

if TYPE_CHECKING:
    import pandas

_SHOWN = 20


@dataclass(frozen=True)
class PointSet:
    """Points of a sweep. `frame` has a row each, numbers in SI; `notes` are what its numbers leave out.

    Prints as a table, in Jupyter too.
    """

    spec: SweepSpec
    frame: pandas.DataFrame
    title: str
    notes: tuple[str, ...] = ()

    def pareto(
        self, *, min: str | Sequence[str] = (), max: str | Sequence[str] = (), limits: str | Sequence[str] = ()
    ) -> PointSet:
        """The points that no other beats, of those that hold the limits of the sweep and `limits`.

        Columns to minimise and to maximise; none of either: the sweep's objectives. `accuracy` stands for the column
        of accuracies where there is one. Equal points are on the front together. Raises InputError for a column that
        is not there, and where no point is left.
        """
        measured = measured_columns(self.spec)
        lower, higher = ([column_of(name, measured) for name in _listed(given)] for given in (min, max))
        chosen = dict.fromkeys(lower, False) | dict.fromkeys(higher, True)
        front = self._front(chosen or senses(list(self.spec.objectives), self.spec.objectives, ()), _listed(limits))
        said = f"of {front.considered:,} points; {front.failed:,} failed, {front.over_limits:,} over limits"
        return PointSet(self.spec, front.points, f"Pareto front of {self.spec.name}", (said, *self.notes))

    def best(self, column: str) -> dict[str, Any]:
        """The row with the best value of a column, among points that hold the limits. Raises InputError."""
        name = column_of(column, measured_columns(self.spec))
        front = self._front(senses([name], stated_senses(self.spec), ()), ())
        return {str(key): value for key, value in front.points.iloc[0].to_dict().items()}

    def _front(self, chosen: Mapping[str, bool], limits: Sequence[str]) -> Front:
        return front_of(self.frame, chosen, (*self.spec.limits, *limits))

    def __len__(self) -> int:
        return len(self.frame)

    def table(self, rows: int = _SHOWN) -> Table:
        """The first rows: what tells points apart, the objectives, and whether they fit."""
        space = space_of(self.spec)
        columns = (
            *space.group_columns(0, 1),
            *space.paths,
            *self.spec.objectives,
            *measured_columns(self.spec),
            "fits",
        )
        left = len(self.frame) - rows
        notes = (*((f"{left:,} more rows",) if left > 0 else ()), *self.notes)
        return points_table(self.title, self.frame.head(rows), tuple(dict.fromkeys(columns)), note="; ".join(notes))

    def __str__(self) -> str:
        return plain(self.table())

    def _repr_html_(self) -> str:
        from html import escape

        table = self.table()
        head = "".join(f"<th>{escape(name)}</th>" for name, _ in table.columns)
        rows = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in table.rows]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        parts = (
            f"<caption>{escape(table.title)}</caption>",
            f"<thead><tr>{head}</tr></thead>",
            f"<tbody>{body}</tbody>",
        )
        return f"<table>{''.join(parts)}</table><p>{escape(table.note)}</p>"


def sweep(file: str | Path | Mapping[str, Any], *, out: Path | str | None = None, jobs: int = 1) -> PointSet:
    """Run a sweep file, a shipped sweep or a mapping of the same form, on `jobs` cores.

    With `out` the points are kept in that folder, and those that it has are not run again. Raises what `load_sweep`,
    `create_store` and evaluating raise.
    """
    spec = load_sweep(file)
    with TemporaryDirectory(prefix="accelsim-") as scratch:
        folder = Path(out) if out is not None else Path(scratch) / "store"
        run(spec, folder, jobs=jobs)
        return read_points(folder)


def read_points(store: Path | str) -> PointSet:
    """The points that a folder holds so far. Raises InputError for what is no store, or an empty one."""
    opened = open_store(store)
    frame = opened.read()
    return PointSet(opened.spec, frame, f"Points of {opened.spec.name}", tuple(not_measured(opened.spec, frame)))


def pareto(
    points: PointSet | Path | str,
    *,
    min: str | Sequence[str] = (),
    max: str | Sequence[str] = (),
    limits: str | Sequence[str] = (),
) -> PointSet:
    """The front of points, or of a store's; see `PointSet.pareto`."""
    given = points if isinstance(points, PointSet) else read_points(points)
    return given.pareto(min=min, max=max, limits=limits)


def _listed(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
