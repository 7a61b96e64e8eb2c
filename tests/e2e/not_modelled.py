"""docs/not_modelled.md, from what the modules say: `python -m tests.e2e.not_modelled > docs/not_modelled.md`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = "Not modelled:"
HEADING = """# What is not modelled

Each module says what it leaves out; this list is made from these words (`python -m tests.e2e.not_modelled`). What a
single design leaves out is in its hardware file under `not_modelled` and printed with every result. Where a graph holds
something that would cost time and is not modelled, it is an error, not a zero.

| where | not modelled |
| --- | --- |"""


def statements() -> Iterator[tuple[str, str]]:
    """(module, words) of each docstring that says what is not modelled, by module."""
    for path in sorted((ROOT / "accelsim").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            for part in (ast.get_docstring(node) or "").split(MARK)[1:]:
                yield str(path.relative_to(ROOT / "accelsim")), " ".join(part.split("\n\n")[0].split())


def page() -> str:
    rows = (f"| `{where}` | {words.replace('|', chr(92) + '|')} |" for where, words in statements())
    return "\n".join([HEADING, *rows]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
