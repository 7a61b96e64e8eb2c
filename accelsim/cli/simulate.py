"""`accelsim simulate`: timing only."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from accelsim.cli.options import (
    chosen_tasks,
    format_option,
    input_options,
    mapping_option,
    parsed_settings,
    quiet_option,
    scenario_options,
)
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import point_progress, progress
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions
    from accelsim.results.distribution import Distribution


@click.command("simulate")
@scenario_options("uniform")
@click.option("--levers", is_flag=True, help="Simulate what would help, and where each resource stops helping.")
@click.option("--nodes", is_flag=True, help="Print every node with its bound, roofline and stalls.")
@click.option("--data", metavar="NAME|DIR|FILE.npz", help="Execute each sample and time what it really does.")
@click.option("--split", metavar="S", default="test", show_default=True, help="Which samples of --data.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first samples of --data.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the histogram: .png, .svg or .pdf.")
@mapping_option
@input_options
@format_option("table", "json", "csv")
@quiet_option
def simulate(
    *,
    model: str,
    hardware: str,
    task: str | None,
    tasks: str | None,
    settings: tuple[str, ...],
    activity: str,
    sparsity: str | None,
    levers: bool,
    nodes: bool,
    data: str | None,
    split: str,
    limit: int | None,
    plot: Path | None,
    mapping: Path | None,
    options: InputOptions,
    form: str,
    quiet: bool,
) -> None:
    """Time MODEL on HARDWARE without computing its numbers. A design that does not fit is timed all the same.

    MODEL is a name of `accelsim list models`, file.py:builder, or the CSV file of a SCALE-Sim topology.
    --format csv prints the nodes, one a row. With --data it is the distribution over the samples of a data set, beside
    a bound over all routings, and csv has a row for each sample.
    """
    sequence, overrides = chosen_tasks(task, tasks), parsed_settings(settings)
    _check_data_options(data, plot)
    if data is not None:
        from accelsim.evaluate.distribution import distribution

        with progress(quiet=quiet) as step:
            found = distribution(
                model,
                hardware,
                data,
                task=task,
                split=split,
                limit=limit,
                overrides=overrides,
                mapping=mapping,
                options=options,
                progress=step,
                counting=partial(point_progress, quiet=quiet, unit="samples"),
            )
        _print_distribution(found, form, plot)
        return
    from accelsim.evaluate import api
    from accelsim.report.nodes import node_sections, nodes_csv
    from accelsim.report.text import report_sections
    from accelsim.report.verdict import verdict

    with progress(quiet=quiet) as step:
        result = api.simulate_spec(
            model,
            hardware,
            task=task,
            tasks=sequence,
            overrides=overrides,
            activity=activity,
            sparsity=sparsity,
            mapping=mapping,
            allow_unfit=True,
            with_levers=levers,
            options=options,
            progress=step,
        )
    if form == "table":
        print_report(verdict(result), node_sections(result) if nodes else report_sections(result))
    else:
        print_text(result.dumps() if form == "json" else nodes_csv(result))


def _check_data_options(data: str | None, plot: Path | None) -> None:
    """Raises UsageError for options that only make sense with --data, or do not with it."""
    given = click.get_current_context().get_parameter_source
    names = ("split", "limit", "plot") if data is None else ("activity", "sparsity", "tasks", "levers", "nodes")
    wrong = [f"--{name}" for name in names if given(name) is ParameterSource.COMMANDLINE]
    if wrong:
        raise click.UsageError(f"{', '.join(wrong)}: only {'with' if data is None else 'without'} --data")
    if plot is not None and plot.suffix not in {".png", ".svg", ".pdf"}:
        raise click.UsageError(f"--plot {plot}: give a .png, .svg or .pdf")


def _print_distribution(found: Distribution, form: str, plot: Path | None) -> None:
    from accelsim.report.distribution import distribution_headline, distribution_sections, save_distribution

    if form == "table":
        print_report(distribution_headline(found), distribution_sections(found))
    else:
        print_text(found.dumps() if form == "json" else found.csv())
    if plot is not None:
        try:
            save_distribution(found, plot)
        except OSError as error:
            raise InputError(f"--plot {plot}: {error.strerror}") from None
