"""The tutorial is true: its files are written, its commands run in order, and what it shows is what they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_tutorial_runs_as_printed(tmp_path: Path) -> None:
    printed = ""
    commands = 0
    shown = []
    for language, name, body in BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")):
        if name:
            (tmp_path / name).write_text(body, encoding="utf-8")
        elif language == "text":
            shown.append(body)
        for line in body.splitlines() if language == "sh" else ():
            words = [sys.executable, "-m", "accelsim", *shlex.split(line)[1:]]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            printed += done.stdout
            commands += 1
    assert commands >= 12
    assert len(shown) == 3
    # The engine's distance from PyTorch, the last line of the verdict, depends on the machine.
    wanted = [line for body in shown for line in body.splitlines() if line.strip() and not line.startswith("accuracy")]
    missing = [line for line in wanted if line not in printed]
    assert not missing
