"""Damaged ONNX files: read, or one of our errors that names the file, soon and in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import AccelsimError
from accelsim.frontends.inputs import input_options
from accelsim.frontends.onnx_model import load_onnx
from tests.frontends.onnx_models import resnet, saved
from tests.frontends.onnx_mutations import DAMAGES, MODELS, SECONDS, read_all

SAMPLE, MANY = 15, 300


def check(damage: str, model: str, seeds: range, folder: Path) -> None:
    found = read_all(damage, model, seeds, folder)
    assert found.bad == []
    assert found.slowest_s < SECONDS
    assert found.counts["refused"] > len(seeds) // 4
    assert found.counts.total() == len(seeds)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_sample_of_damaged_files_is_read_or_refused(damage: str, model: str, tmp_path: Path) -> None:
    check(damage, model, range(10_000, 10_000 + SAMPLE), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_more_than_two_thousand_damaged_files_are_read_or_refused(damage: str, model: str, tmp_path: Path) -> None:
    assert len(DAMAGES) * len(MODELS) * MANY > 2_000
    check(damage, model, range(MANY), tmp_path)


def test_every_file_that_ends_early_is_told_by_name(tmp_path: Path) -> None:
    path = saved(resnet(), tmp_path)
    content = path.read_bytes()
    for length in (0, 1, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(AccelsimError, match=r"model\.onnx: "):
            load_onnx(path, input_options(batch=1))
