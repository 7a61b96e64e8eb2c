"""`accelsim check`: are these hardware files right?"""

from __future__ import annotations

import click

from accelsim.errors import AccelsimError, InputError


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
def check(files: tuple[str, ...], strict: bool) -> None:
    """Read each hardware FILE (or shipped name) and print every error with its line and column.

    Mistakes of meaning are errors too: operands without a home, units that nothing reaches, widths that do not divide.
    What may be meant is a warning: a demand above the board's, a buffer narrower than its unit.
    """
    wrong = sum(not _checked(file, strict) for file in files)
    if wrong:
        raise InputError(f"{wrong} of {len(files)} files {'has' if wrong == 1 else 'have'} errors")


def _checked(file: str, strict: bool) -> bool:
    """Whether a file is right."""
    from accelsim.evaluate.check import findings
    from accelsim.hw.load import load_hardware, located_message
    from accelsim.mapping.names import check_names

    try:
        hardware = load_hardware(file)
        check_names(hardware, file)
        found = findings(hardware)
    except AccelsimError as error:
        for line in str(error).splitlines():
            click.echo(f"accelsim: error: {line}", err=True)
        return False
    for finding in found:
        kind = "error" if finding.mistake or strict else "warning"
        click.echo(f"accelsim: {kind}: {located_message(file, finding.path, finding.text)}", err=True)
    if any(finding.mistake or strict for finding in found):
        return False
    counts = ", ".join(f"{count} {kind}" for kind, count in hardware.provenance_counts().items())
    click.echo(f"{file}: ok, {hardware.name} on {hardware.board.name}, values: {counts}")
    return True
