"""`accelsim compare`: what changed between two runs or two hardware files."""

from __future__ import annotations

from pathlib import Path

import click

from accelsim.cli.options import format_option
from accelsim.cli.output import print_report, print_text
from accelsim.errors import ToleranceError


@click.command("compare")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--model", metavar="M", help="Time this model on the two hardware files.")
@click.option("--task", metavar="T", help="The model's task.")
@click.option(
    "--fail-if", "conditions", multiple=True, metavar="EXPR", help="Such as 'latency_s > +2%'; exit code 5; repeatable."
)
@format_option("table", "json", "csv")
def compare(
    *, before: str, after: str, model: str | None, task: str | None, conditions: tuple[str, ...], form: str
) -> None:
    """Print what changed from A to B: settings, totals, causes of stalls, nodes.

    A condition of --fail-if is about a number of the output: its change in percent ('latency_s > +2%'), or its value
    in B ('energy_dram_j >= 0.03').

    A and B are folders that `accelsim run --out` made, result.json files, or hardware names and files; of hardware
    files the settings are compared, and with --model what they make of a model.
    """
    from accelsim.evaluate.compare import compare_named
    from accelsim.report.compare import comparison_csv, comparison_json, comparison_sections
    from accelsim.results.compare import parse_trip

    trips = [parse_trip(text) for text in conditions]
    comparison = compare_named(before, after, model=model, task=task)
    tripped = [trip.text for trip in trips if trip.trips(comparison)]
    if form == "table":
        print_report((), comparison_sections(comparison))
    else:
        print_text(comparison_json(comparison, trips) if form == "json" else comparison_csv(comparison))
    if tripped:
        raise ToleranceError(f"{Path(after).name} against {Path(before).name}: {'; '.join(tripped)}")
