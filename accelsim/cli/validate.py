"""`accelsim validate`: the simulator beside published numbers."""

from __future__ import annotations

from pathlib import Path

import click

from accelsim.cli.options import format_option, quiet_option
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import progress
from accelsim.errors import ToleranceError


@click.command("validate")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option(
    "--rows",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Compare the rows of this file instead; it has the columns of the one SUITE that is named (none named: "
    "published rows, each for the suite of its system).",
)
@format_option("table", "json", "csv")
@quiet_option
def validate(suites: tuple[str, ...], file: Path | None, form: str, quiet: bool) -> None:
    """Print published numbers beside simulated ones; all suites unless some are named.

    Of a suite with very many rows the table shows a summary and those outside their band; json and csv have all.
    Ends with exit code 5 when a scored row is outside its band.
    """
    from accelsim.evaluate import api
    from accelsim.report.validation import summary, validation_csv, validation_json, validation_sections
    from accelsim.results.validation import failures

    with progress(quiet=quiet) as step:
        rows = api.validate_suites(suites, rows=file, progress=step)
    if form == "table":
        print_report((), validation_sections(rows))
    else:
        print_text(validation_json(rows) if form == "json" else validation_csv(rows))
    if failures(rows):
        raise ToleranceError(summary(rows))
