"""`accelsim simulate`: timing only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelsim.cli.options import (
    chosen_tasks,
    format_option,
    input_options,
    parsed_settings,
    quiet_option,
    scenario_options,
)
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import progress

if TYPE_CHECKING:
    from accelsim.frontends.inputs import InputOptions


@click.command("simulate")
@scenario_options("uniform")
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
    options: InputOptions,
    form: str,
    quiet: bool,
) -> None:
    """Time MODEL on HARDWARE without computing its numbers. A design that does not fit is timed all the same.

    MODEL is a name of `accelsim list models`, file.py:builder, or the CSV file of a SCALE-Sim topology.
    --format csv prints the nodes, one a row.
    """
    sequence, overrides = chosen_tasks(task, tasks), parsed_settings(settings)
    from accelsim.evaluate import api
    from accelsim.report.nodes import nodes_csv
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
            allow_unfit=True,
            options=options,
            progress=step,
        )
    if form == "table":
        print_report(verdict(result), report_sections(result))
    else:
        print_text(result.dumps() if form == "json" else nodes_csv(result))
