"""The example notebook runs from its first to its last cell, and shows what the committed one shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from accelsim.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries; the cells run in another process
def test_the_example_notebook_runs_and_shows_tables_and_figures(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    committed = nbformat.read(ROOT / "docs" / "tour.ipynb", as_version=4)
    fresh = nbformat.read(ROOT / "docs" / "tour.ipynb", as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(fresh, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()

    def shown(notebook: nbformat.NotebookNode) -> list[list[list[str]]]:
        return [
            [sorted(output.get("data", {"": ""})) for output in cell.outputs if output.output_type != "stream"]
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]

    assert shown(fresh) == shown(committed)
    kinds = {kind for cell in shown(fresh) for output in cell for kind in output}
    assert {"text/html", "image/png"} <= kinds
    result = next(cell for cell in fresh.cells if "ac.simulate(" in cell.source and cell.cell_type == "code")
    assert "Cycles by cause" in result.outputs[0]["data"]["text/html"]


def test_a_result_is_html_with_every_section_of_the_report() -> None:
    from html import escape

    from accelsim.report.notebook import result_html
    from accelsim.report.text import report_sections
    from tests.results.sample import sample_result

    result = sample_result()
    text = result_html(result)
    titles = [section.title for section in report_sections(result) if section.title]
    assert titles
    assert all(escape(title) in text for title in titles)


def test_there_is_no_figure_of_just_anything() -> None:
    import accelsim as ac

    with pytest.raises(InputError, match="no figure of int"):
        ac.figure(3)


def test_importing_accelsim_imports_no_notebook() -> None:
    import subprocess

    code = "import accelsim, sys; print([m for m in ('IPython', 'accelsim.report', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
