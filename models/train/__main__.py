"""Trains rows of the table of accuracies: `python -m models.train [ROWS]`, where a row is NAME or NAME:SEED.

Rows that are done are left out, so a run that was stopped goes on where it was. Wildcards work; without ROWS all rows
are meant, the first seed of each before the second.
"""

from __future__ import annotations

import click
import torch

from accelsim.errors import AccelsimError
from models.train.registry import COMPARED, ROWS, SEEDLESS
from models.train.rows import chosen_rows, is_done, read_rows, train_row
from models.train.table import TABLE, write_table


@click.command(help=__doc__)
@click.argument("rows", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Say which rows there are and which are done.")
@click.option("--table", is_flag=True, help="Write the table of what is done, and train nothing.")
@click.option("--again", is_flag=True, help="Train rows that are done once more.")
@click.option("--quiet", is_flag=True, help="No progress.")
def main(rows: tuple[str, ...], only_list: bool, table: bool, again: bool, quiet: bool) -> None:
    try:
        wanted = chosen_rows(rows, ROWS, seedless=SEEDLESS)
        if only_list:
            for name, seed in wanted:
                click.echo(f"{'done' if is_done(name, seed) else '-':5s} {name}:{seed}")
            return
        if not table:
            torch.set_num_threads(1)
            _train([row for row in wanted if again or not is_done(*row)], quiet=quiet)
        write_table(read_rows(), COMPARED)
        click.echo(f"accelsim: wrote {TABLE}", err=True)
    except AccelsimError as error:
        click.echo(f"accelsim: {error}", err=True)
        raise SystemExit(error.exit_code) from None


def _train(wanted: list[tuple[str, int]], *, quiet: bool) -> None:
    for index, (name, seed) in enumerate(wanted, 1):
        click.echo(f"accelsim: row {index} of {len(wanted)}: {name}:{seed}", err=True)
        row = train_row(name, seed, ROWS[name], quiet=quiet)
        said = ", ".join(f"{task} {value:.4f}" for task, value in row.metrics["validation"].items())
        click.echo(f"{name}:{seed}: {said} on validation, {row.seconds:.0f} s")


if __name__ == "__main__":
    main()
