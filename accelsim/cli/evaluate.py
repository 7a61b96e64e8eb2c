"""`accelsim evaluate`: the accuracy of a model on held-out data."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from accelsim.cli.options import format_option, parsed_settings, quiet_option
from accelsim.cli.output import print_report, print_text
from accelsim.cli.progress import point_progress, progress
from accelsim.errors import ToleranceError


@click.command("evaluate")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--data", metavar="NAME|DIR", help="Prepared data; by default what the catalogue names for the model.")
@click.option("--task", metavar="T", help="The task; by default all that model and data share.")
@click.option(
    "--split",
    type=click.Choice(("train", "validation", "test")),
    default="test",
    show_default=True,
    help="Which samples.",
)
@click.option(
    "--precision",
    "precisions",
    metavar="P",
    multiple=True,
    default=("float32",),
    show_default=True,
    help="float32, int8, int8/int4, fixed<16,6>, fixed<16,6,AP_RND,AP_SAT>, fixed<16,6>/fixed<16,2>; repeatable.",
)
@click.option(
    *("-a", "--argument", "arguments"),
    metavar="NAME=VALUE",
    multiple=True,
    help="An argument of the model's builder, such as top_k=1; repeatable.",
)
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Samples at a time.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first samples of the split.")
@click.option("--against", type=click.Choice(("torch",)), help="Also the metric of PyTorch on the same weights.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Add the rows to this table; rows that it has are not run again.",
)
@format_option("table", "json", "csv")
@quiet_option
def evaluate(
    *,
    models: tuple[str, ...],
    data: str | None,
    task: str | None,
    split: str,
    precisions: tuple[str, ...],
    arguments: tuple[str, ...],
    batch: int | None,
    limit: int | None,
    against: str | None,
    out: Path | None,
    form: str,
    quiet: bool,
) -> None:
    """Run MODEL over held-out data and print its metrics: accuracy, mIoU, RMSE, mean angular error, odsF.

    A MODEL with wildcards, such as 'padnet-mini-*', stands for those of the catalogue that have data.

    Ends with exit code 5 when PyTorch's metric differs in the first four digits, in float32.
    """
    given = parsed_settings(arguments, option="-a", example="top_k=1")
    from accelsim.evaluate.accuracy import accuracy, named_models
    from accelsim.evaluate.metrics import notes_on
    from accelsim.report.accuracy import accuracy_json, accuracy_table
    from accelsim.results.accuracy import AccuracyRow, accuracy_csv, append_accuracy, read_accuracy

    rows: list[AccuracyRow] = []
    with progress(quiet=quiet or sys.stderr.isatty()) as step:  # on a terminal the bar says enough
        for model in named_models(models):
            found = accuracy(
                model,
                data,
                task=task,
                arguments=given,
                split=split,
                precisions=precisions,
                limit=limit,
                batch=batch,
                against=against,
                known=read_accuracy(out) if out is not None else (),
                progress=step,
                counting=partial(point_progress, quiet=quiet, unit="samples"),
            )
            if out is not None:
                append_accuracy(out, found)
            rows += found
    if form == "json":
        print_text(accuracy_json(rows))
    elif form == "csv":
        print_text(accuracy_csv(rows))
    else:
        print_report((), [accuracy_table(rows, notes_on(row.metric for row in rows))])
    apart = [f"{row.model} ({row.task})" for row in rows if row.precision == "float32" and row.agrees is False]
    if apart:
        raise ToleranceError(f"PyTorch's metric is another one: {', '.join(apart)}")
