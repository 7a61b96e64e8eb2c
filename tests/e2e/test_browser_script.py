"""`make browser` where Chromium is missing: installed as root by apt, or said why not, and an error under CI."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "browser.sh"
SHELL = shutil.which("sh")


def ran(folder: Path, *, apt: str | None, user: int = 0, ci: str = "") -> tuple[subprocess.CompletedProcess[str], str]:
    """The script with nothing but `id` and an apt-get of ours on the path; what it said and what apt was asked."""
    asked = folder / "asked"
    bodies = {"id": f"echo {user}"} | ({"apt-get": f'echo "$@" >> "{asked}"; {apt}'} if apt is not None else {})
    for name, body in bodies.items():
        (folder / name).write_text(f"#!{SHELL}\n{body}\n")
        (folder / name).chmod(0o755)
    assert SHELL
    result = subprocess.run(
        [SHELL, str(SCRIPT)], env={"PATH": str(folder), "CI": ci}, capture_output=True, text=True, check=False
    )
    return result, asked.read_text() if asked.exists() else ""


def test_root_installs_it(tmp_path: Path) -> None:
    result, asked = ran(tmp_path, apt="exit 0", ci="true")
    assert result.returncode == 0
    assert asked.splitlines() == ["update -qq", "install -qq -y --no-install-recommends chromium"]


@pytest.mark.parametrize(
    ("apt", "user", "why"),
    [
        ("exit 1", 0, "apt-get could not install it"),
        ("exit 0", 1000, "only root can install it: apt-get install chromium"),
        (None, 0, "there is no apt-get"),
    ],
)
def test_what_cannot_be_installed_is_said_and_fails_under_ci(
    apt: str | None, user: int, why: str, tmp_path: Path
) -> None:
    assert ran(tmp_path, apt=apt, user=user, ci="true")[0].returncode == 1
    result, _ = ran(tmp_path, apt=apt, user=user)
    assert result.returncode == 0
    assert result.stderr == f"no Chromium, the tests in a browser are skipped: {why}\n"
