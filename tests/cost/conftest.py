from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.hw.load import load_hardware
from accelsim.hw.schema import Hardware
from tests.hw.tiny_hardware import TINY

Tiny = Callable[..., Hardware]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """The tiny accelerator with values replaced."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")

    def load(overrides: dict[str, object] | None = None) -> Hardware:
        return load_hardware(path, overrides)

    return load
