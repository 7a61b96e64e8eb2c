"""The small model, traced once."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.frontends.torch import Traced, trace_program
from tests.frontends.tiny_model import build

TINY = Path(__file__).with_name("tiny_model.py")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def traced() -> Traced:
    module, inputs = build()
    return trace_program(module, inputs, name="tiny", scope="encoder")
