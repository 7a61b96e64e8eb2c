"""`accelsim report`: one HTML file of a sweep."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("source", type=click.Path(path_type=Path), metavar="STORE")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Default: STORE/report.html."
)
def report(*, source: Path, html: Path | None) -> None:
    """Write one HTML file that shows STORE, a folder that `accelsim sweep` made; it opens without a network."""
    from accelsim.report.page.render import write_page
    from accelsim.sweep.page import page_of
    from accelsim.sweep.store import open_store

    file = html or source / "report.html"
    write_page(file, page_of(open_store(source)).html())
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
