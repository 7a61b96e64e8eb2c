"""Results as HTML in a notebook: the verdict and the tables of the report, for the last line of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from accelsim.report.distribution import distribution_headline, distribution_sections
from accelsim.report.evidence import equivalence_sections
from accelsim.report.plan import plan_headline, plan_sections
from accelsim.report.table import Section, Table
from accelsim.report.text import report_sections
from accelsim.report.verdict import verdict
from accelsim.results.distribution import Distribution
from accelsim.results.equivalence import Equivalence
from accelsim.results.plan import Plan
from accelsim.results.result import Result

_OPEN = 3
"""Sections that stand open; the others unfold."""


def result_html(result: Result) -> str:
    return _html(verdict(result), report_sections(result))


def plan_html(plan: Plan) -> str:
    return _html(plan_headline(plan), plan_sections(plan))


def distribution_html(found: Distribution) -> str:
    return _html(distribution_headline(found), distribution_sections(found))


def equivalence_html(found: Equivalence) -> str:
    return _html((), equivalence_sections(found))


def _html(headline: Sequence[str], sections: Sequence[Section]) -> str:
    first, *others = [*headline, ""]
    lines = [f"<p><b>{escape(first)}</b><br>{'<br>'.join(map(escape, filter(None, others)))}</p>"] if first else []
    for number, section in enumerate(sections):
        body = _table(section) if isinstance(section, Table) else _list(section.lines)
        title = escape(section.title)
        if number < _OPEN:
            lines.append(f"<h4>{title}</h4>{body}" if title else body)
        else:
            lines.append(f"<details><summary>{title or 'more'}</summary>{body}</details>")
    return "\n".join(lines)


def _table(table: Table) -> str:
    align = ["right" if right else "left" for _, right in table.columns]

    def row(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for side, cell in zip(align, cells, strict=True)
        )

    head = row("th", [name for name, _ in table.columns])
    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in table.rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
