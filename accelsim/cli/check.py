"""`accelsim check`: are these hardware files right?"""

from __future__ import annotations

import click

from accelsim.errors import AccelsimError, InputError


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> None:
    """Read each hardware FILE (or shipped name) and print every error with its line and column."""
    from accelsim.hw.load import load_hardware
    from accelsim.mapping.names import check_names

    wrong = 0
    for file in files:
        try:
            hardware = load_hardware(file)
            check_names(hardware)
        except AccelsimError as error:
            wrong += 1
            for line in str(error).splitlines():
                click.echo(f"accelsim: error: {line}", err=True)
        else:
            counts = ", ".join(f"{count} {kind}" for kind, count in hardware.provenance_counts().items())
            click.echo(f"{file}: ok, {hardware.name} on {hardware.board.name}, values: {counts}")
    if wrong:
        raise InputError(f"{wrong} of {len(files)} files {'has' if wrong == 1 else 'have'} errors")
