"""Tables and notes as plain records, and their plain text form."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

WIDTH = 100
_GAP = "  "
_INDENT = "  "


@dataclass(frozen=True)
class Table:
    """Rows of text under headings; a heading that starts with '>' is of a right-aligned column.

    `note` stands below, for what the rows leave out.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def columns(self) -> tuple[tuple[str, bool], ...]:
        """(name, right-aligned) of each column."""
        return tuple((heading.removeprefix(">"), heading.startswith(">")) for heading in self.headings)


@dataclass(frozen=True)
class Notes:
    """Sentences, one a line, marked with a dash."""

    title: str
    lines: tuple[str, ...]


Section = Table | Notes


def plain(section: Section, width: int = WIDTH) -> str:
    """The section in `width` columns where that is possible; long text wraps in its column, nothing is cut
    off.
    """
    body = _plain_table(section, width) if isinstance(section, Table) else _plain_notes(section, width)
    return "\n".join([*([section.title] if section.title else []), *body])


def _plain_notes(notes: Notes, width: int) -> list[str]:
    lines: list[str] = []
    for line in notes.lines:
        lines += textwrap.wrap(line, width, initial_indent=f"{_INDENT}- ", subsequent_indent=f"{_INDENT}  ")
    return lines


def _plain_table(table: Table, width: int) -> list[str]:
    columns = table.columns
    widths = _widths(table, width - len(_INDENT))
    lines = [_line([name for name, _ in columns], columns, widths)]
    for row in table.rows:
        cells = [wrapped(cell, size) for cell, size in zip(row, widths, strict=True)]
        for depth in range(max(map(len, cells))):
            texts = [cell[depth] if depth < len(cell) else "" for cell in cells]
            lines.append(_line(texts, columns, widths))
    if table.note:
        lines += textwrap.wrap(table.note, width, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return lines


def shortened(text: str, length: int = 60) -> str:
    """The first words of a text that is longer than a cell should be; the whole of it is in result.json."""
    line = text.split("\n", 1)[0]
    return line if len(line) <= length else f"{line[: length - 4].rsplit(' ', 1)[0]} ..."


def wrapped(cell: str, width: int) -> list[str]:
    """The cell on lines of `width`: broken at spaces, and a dotted name too long for that after its dots."""
    lead = cell[: len(cell) - len(cell.lstrip())]
    lines = [lead]
    for word in re.findall(r"\S+\s*", cell.lstrip()):
        pieces = [word] if len(word.rstrip()) <= width else _name_parts(word)
        for piece in pieces:
            if len(lines[-1]) + len(piece.rstrip()) > width and lines[-1].strip():
                lines.append(lead)
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def _name_parts(word: str) -> list[str]:
    """'blocks.10.attn' -> 'blocks.', '10.', 'attn'; the dot inside a number is no place to break."""
    return re.split(r"(?<=[A-Za-z_*]\.)|(?<=\.)(?=[A-Za-z_*])", word)


def _widths(table: Table, room: int) -> list[int]:
    """Widths that hold every cell; if the table is too wide, sentences are narrowed first, then dotted
    names.
    """
    widths = _longest(table, lambda cell: [cell])
    for pieces in (str.split, lambda cell: [part for word in cell.split() for part in _name_parts(word)]):
        narrowest = _longest(table, pieces)
        while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
            spare = [i for i, size in enumerate(widths) if size > narrowest[i]]
            if not spare:
                break
            widths[max(spare, key=lambda i: widths[i])] -= 1
    return widths


def _longest(table: Table, pieces: Callable[[str], list[str]]) -> list[int]:
    """Of each column, the longest of its heading and the pieces of its cells."""
    return [
        max([len(name), *(len(piece) for row in table.rows for piece in pieces(row[i]))])
        for i, (name, _) in enumerate(table.columns)
    ]


def _line(cells: list[str], columns: tuple[tuple[str, bool], ...], widths: list[int]) -> str:
    texts = [
        cell.rjust(size) if right else cell.ljust(size)
        for cell, (_, right), size in zip(cells, columns, widths, strict=True)
    ]
    return (_INDENT + _GAP.join(texts)).rstrip()
