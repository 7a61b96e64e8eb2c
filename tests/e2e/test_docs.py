"""The documents are true where a machine can tell: files and links they name exist, lists they hold are fresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.not_modelled import page, statements

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])


def test_what_is_not_modelled_is_what_the_modules_say() -> None:
    """Make it anew with `python -m tests.e2e.not_modelled > docs/not_modelled.md`."""
    assert (ROOT / "docs" / "not_modelled.md").read_text(encoding="utf-8") == page()
    assert len(list(statements())) > 15


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target
    for name in re.findall(r"`((?:accelsim|hw|mapping|sim|cost|ops|engine)/[\w/]+\.py)`", text):
        assert (ROOT / name).exists() or (ROOT / "accelsim" / name).exists(), name
