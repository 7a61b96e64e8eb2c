"""The report on a terminal: the plain text at the terminal's width, with colour where attention is needed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from accelsim.report.table import Section, Table, plain

_NARROWEST = 60
_WIDEST = 140
_ALARMS = ("DOES NOT FIT", "DIFFERENT", "DIFFER", "WRONG", "OUTSIDE", "NO:", "not measured", "not verified")


def show_on_terminal(verdict: Sequence[str], sections: Sequence[Section], console: Console) -> None:
    """Print verdict and sections: titles stand out, headings step back, what needs attention is red."""
    width = min(max(console.width, _NARROWEST), _WIDEST)
    for number, line in enumerate(verdict):
        _print(console, line, "bold" if number < 2 else "")
    for number, section in enumerate(sections):
        if number or verdict:
            console.print()
        lines = plain(section, width).splitlines()
        if section.title:
            _print(console, lines.pop(0), "bold cyan")
        if isinstance(section, Table) and lines:
            _print(console, lines.pop(0), "dim")
        for line in lines:
            _print(console, line, "")


def _print(console: Console, line: str, style: str) -> None:
    text = Text(line, style=style)
    text.highlight_words(_ALARMS, "bold red")
    console.print(text, soft_wrap=True)
