"""Data on stdout: tables with colour on a terminal, plain text elsewhere; JSON and CSV as they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from accelsim.report.table import Section, plain


def print_report(verdict: Sequence[str], sections: Sequence[Section]) -> None:
    """The verdict lines, then the sections with a blank line before each."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        from rich.console import Console

        from accelsim.report.terminal import show_on_terminal

        show_on_terminal(verdict, sections, Console(highlight=False))
        return
    blocks = (["\n".join(verdict)] if verdict else []) + [plain(section) for section in sections]
    click.echo("\n\n".join(blocks))


def print_text(text: str) -> None:
    """Text that ends in its own newline."""
    click.echo(text, nl=False)
