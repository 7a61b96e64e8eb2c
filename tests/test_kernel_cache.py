"""The cache folder, and the folder of compiled kernels in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim import kernel_cache
from accelsim.errors import InputError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCELSIM_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_own_variable_wins_over_the_desktops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert kernel_cache.cache_dir() == tmp_path / "home" / ".cache" / "accelsim"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert kernel_cache.cache_dir() == tmp_path / "xdg" / "accelsim"
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "own"))
    assert kernel_cache.cache_dir() == tmp_path / "own"
    assert (tmp_path / "own").is_dir()


def test_a_folder_that_cannot_be_made_is_told_with_a_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(InputError, match=r"below: cannot make the cache folder.*set ACCELSIM_CACHE_DIR"):
        kernel_cache.cache_dir()


def test_a_cache_folder_the_user_gave_to_numba_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert kernel_cache.use_kernel_cache() == tmp_path


def test_the_digest_follows_every_kernel_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "engine" / "kernels"
    folder.mkdir(parents=True)
    monkeypatch.setattr(kernel_cache, "_PACKAGE", tmp_path)
    digests = [kernel_cache.kernel_digest()]
    for path, text in (
        (folder / "a.py", "x = 1"),
        (folder / "a.py", "x = 2"),
        (tmp_path / "sim/kernel.py", ""),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        digests.append(kernel_cache.kernel_digest())
    assert len(set(digests)) == 4


def test_kernels_are_cached_in_the_folder_of_their_digest(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment["ACCELSIM_CACHE_DIR"] = str(tmp_path)
    # Imported first, Numba has read its variable before it is set.
    code = "import numba, accelsim.engine.kernels.resize"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    folder = tmp_path / f"numba-{kernel_cache.kernel_digest()}"
    assert list(folder.rglob("resize.bilinear*.nbi"))
