"""`accelsim report`: one HTML file of a run or a sweep."""

from __future__ import annotations

from pathlib import Path

import click

from accelsim.errors import InputError


@click.command("report")
@click.argument("source", type=click.Path(path_type=Path), metavar="RUN_OR_STORE")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Default: report.html in the folder.",
)
def report(*, source: Path, html: Path | None) -> None:
    """Write one HTML file that shows a folder of `accelsim run --out` or `accelsim sweep`; it needs no network."""
    from accelsim.report.page.render import write_page

    file = html or source / "report.html"
    write_page(file, _page(source))
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def _page(source: Path) -> str:
    """The page of what is in a folder. Raises InputError where there is neither a run nor a sweep."""
    if (source / "sweep.json").is_file():
        from accelsim.sweep.page import page_of
        from accelsim.sweep.store import open_store

        return page_of(open_store(source)).html()
    if not (source / "result.json").is_file():
        raise InputError(f"{source}: neither a run (result.json) nor a sweep (sweep.json) is there")
    from accelsim.report.page.run_page import run_html
    from accelsim.report.write import read_run

    result, left_out = read_run(source)
    return run_html(result, events_left_out=left_out)
