"""The README is true: its commands and its Python run as printed, its tables are those of the example report."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
# Commands of a block that fills a folder belong together; all others stand for themselves.
CHAINS = [
    chain
    for _, block in BLOCKS
    for lines in [[line for line in block.splitlines() if line.startswith("accelsim ")]]
    for chain in ([lines] if any("--out build/" in line for line in lines) else [[line] for line in lines])
]
SNIPPETS = [block for language, block in BLOCKS if language == "python"]


def test_there_is_something_to_check() -> None:
    assert len(CHAINS) >= 8
    assert len(SNIPPETS) >= 1


@pytest.mark.parametrize("commands", CHAINS, ids=lambda commands: commands[0])
def test_each_command_runs_as_printed(commands: list[str]) -> None:
    for command in commands:
        words = [sys.executable, "-m", "accelsim", *shlex.split(command)[1:]]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_each_python_snippet_runs_as_printed(snippet: str) -> None:
    done = subprocess.run([sys.executable, "-c", snippet], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("report", "start", "stop"),
    [
        ("reports/m3vit-edge-moe/report.txt", "Time by kind of work", "Slowest nodes"),
        ("reports/validation.txt", "edge-moe\n", "About edge-moe\n"),
        ("reports/validation.txt", "m3vit-zcu104-analytic\n", "About m3vit-zcu104-analytic\n"),
    ],
)
def test_the_tables_shown_are_those_of_the_example_reports(report: str, start: str, stop: str) -> None:
    text = (ROOT / report).read_text(encoding="utf-8")
    begin = text.index(start)
    assert text[begin : text.index(stop, begin)].strip() in README
