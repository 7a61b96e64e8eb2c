from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hw.tiny_hardware import TINY

Edit = Callable[..., Path]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Write the tiny description, pieces of its text replaced, to `tiny.yaml` of the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(*changes: tuple[str, str]) -> Path:
        text = TINY
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the tiny description"
            text = text.replace(old, new)
        path = tmp_path / "tiny.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
