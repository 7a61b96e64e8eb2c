"""`accelsim schema`: the JSON schema of hardware files, and the reference made from it."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.option(
    "--format", "form", type=click.Choice(("json", "markdown")), default="json", show_default=True, help="For whom."
)
def schema(*, form: str) -> None:
    """Print the JSON schema of hardware files, for an editor to complete and check them, or a reference to read."""
    from accelsim.hw.load import json_schema

    if form == "markdown":
        from accelsim.report.hardware_reference import hardware_reference

        click.echo(hardware_reference(json_schema()), nl=False)
    else:
        click.echo(json.dumps(json_schema(), indent=1))
