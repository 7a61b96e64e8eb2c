"""`accelsim pareto`: the points of a sweep that no other point beats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from accelsim.cli.options import format_option
from accelsim.cli.output import print_report, print_text
from accelsim.errors import InputError

if TYPE_CHECKING:
    import pandas

    from accelsim.sweep.front import Front


@click.command("pareto")
@click.argument("store", type=click.Path(path_type=Path), metavar="STORE")
@click.option("--x", metavar="COLUMN", help="First objective; by default the sweep's first.")
@click.option("--y", metavar="COLUMN", help="Second objective; by default the sweep's second.")
@click.option("--and", "others", multiple=True, metavar="COLUMN", help="A further objective; repeatable.")
@click.option("--max", "maximise", multiple=True, metavar="COLUMN", help="More of this column is better; repeatable.")
@click.option("--limit", "limits", multiple=True, metavar="CONDITION", help="Such as 'latency_s < 33 ms'; repeatable.")
@click.option("--color", metavar="COLUMN", help="Colour the points of the plot by this column.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw a .png, .svg or .pdf.")
@format_option("table", "json", "csv")
def pareto(
    *,
    store: Path,
    x: str | None,
    y: str | None,
    others: tuple[str, ...],
    maximise: tuple[str, ...],
    limits: tuple[str, ...],
    color: str | None,
    plot: Path | None,
    form: str,
) -> None:
    """Print the Pareto front of STORE, a folder that `accelsim sweep` made.

    Points that could not be timed, or do not hold the limits of the sweep and of --limit, are left out and counted.
    Equal points are on the front together. `accuracy` stands for the column of accuracies where a sweep has one.
    """
    from accelsim.report.sweep import points_table
    from accelsim.sweep.accuracy import measured_columns, stated_senses
    from accelsim.sweep.front import column_of, front_of, senses
    from accelsim.sweep.space import space_of
    from accelsim.sweep.store import open_store

    opened = open_store(store)
    spec, frame = opened.spec, opened.read()
    measured, stated = measured_columns(spec), list(spec.objectives)
    named = [x or stated[0], *([y] if y else stated[1:2]), *(others or (() if x or y else stated[2:]))]
    chosen = [column_of(name, measured) for name in named]
    better = [column_of(name, measured) for name in maximise]
    front = front_of(frame, senses(chosen, stated_senses(spec), better), (*spec.limits, *limits))
    if plot is not None:
        _draw(frame, front, color, plot)
    if form == "csv":
        print_text(front.points.to_csv(index=False))
    elif form == "json":
        print_text(front.points.to_json(orient="records", indent=1) + "\n")
    else:
        space = space_of(spec)
        columns: tuple[str, ...] = (*space.group_columns(0, 1), *space.paths, *chosen, "fits")
        note = f"front of {front.considered:,} points; {front.failed:,} failed, {front.over_limits:,} over limits"
        shown = tuple(dict.fromkeys(columns))
        print_report((), [points_table(f"Pareto front of {spec.name}", front.points, shown, note=note)])


def _draw(frame: pandas.DataFrame, front: Front, color: str | None, plot: Path) -> None:
    from accelsim.report.front import draw_front, front_figure

    if len(front.maximise) < 2:
        raise click.UsageError("--plot needs two objectives, --x and --y")
    if plot.suffix not in (".png", ".svg", ".pdf"):
        raise click.UsageError(f"--plot {plot}: give a .png, .svg or .pdf")
    x, y, *_ = front.maximise
    points = front_figure(frame, front.points, x=x, y=y, color=color, maximise=front.maximise, within=front.within)
    figure = draw_front(points)
    try:
        figure.savefig(plot, dpi=150)
    except OSError as error:
        raise InputError(f"{plot}: cannot be written: {error.strerror or error}") from None
    click.echo(f"{plot}: drawn", err=True)
