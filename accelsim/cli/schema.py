"""`accelsim schema`: the JSON schema of hardware files."""

from __future__ import annotations

import json

import click


@click.command("schema")
def schema() -> None:
    """Print the JSON schema of hardware files; give it to an editor to complete and check them."""
    from accelsim.hw.load import json_schema

    click.echo(json.dumps(json_schema(), indent=1))
