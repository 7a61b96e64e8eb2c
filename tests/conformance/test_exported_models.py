"""Models that nobody here wrote, exported by torch on small inputs; `make conformance` takes all at full size."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.exported_models import MODELS, TOLERANCE, compared, export

pytestmark = pytest.mark.slow

SMALL = ("mobilenet-v3-large", "gpt-2")
"""Depthwise convolutions with batch-norms and gates, and a decoder of token ids with open dimensions."""


@pytest.fixture(autouse=True)
def _silent_exporter() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", SMALL)
def test_model_equals_onnx_runtime(name: str, tmp_path: Path) -> None:
    entry = MODELS[name]
    shapes = export(entry, entry.sizes[1], tmp_path / "model.onnx")
    found = compared(tmp_path / "model.onnx", shapes)
    assert found.error <= TOLERANCE
    assert found.differ
    assert found.nodes > 50
