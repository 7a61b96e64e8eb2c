"""What the wheel carries: the package, and models and hwconfigs inside its own namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("build")
    command = [sys.executable, "-W", "ignore", "setup.py", "-q", "build_py", "--build-lib", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return target


def test_nothing_lies_outside_the_package(built: Path) -> None:
    assert [path.name for path in built.iterdir()] == ["accelsim"]


@pytest.mark.parametrize("folder", ["models", "hwconfigs"])
def test_every_shipped_file_is_in_the_wheel(built: Path, folder: str) -> None:
    left_out = {"__pycache__", "train", "data", "claims"}  # what is trained, and pages made, in a checkout alone
    wanted = {
        path.relative_to(ROOT / folder)
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yaml", ".json", ".csv", ".safetensors")
        and not left_out & set(path.relative_to(ROOT / folder).parts)
    }
    shipped = built / "accelsim" / "_shipped" / folder
    assert wanted == {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()}


def test_data_files_of_the_package_are_in_the_wheel(built: Path) -> None:
    wanted = {path.relative_to(ROOT) for suffix in ("yaml", "csv") for path in (ROOT / "accelsim").rglob(f"*.{suffix}")}
    assert wanted
    assert wanted <= {path.relative_to(built) for path in built.rglob("*")}
