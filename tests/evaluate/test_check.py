"""Mistakes of meaning in a hardware description, each explained at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.cli.main import main
from accelsim.evaluate.check import findings
from accelsim.hw.load import hardware_names, load_hardware
from tests.mapping.conftest import SMALL

HOMELESS = "carries: [linear.x, linear.y]"

SPARE = "  spare: {kind: buffer, sourced: t, words: 9, width: 8 bit, technology: bram}"

MISTAKES = {
    ("home of results", 'carries: ["*"]', HOMELESS): (
        "error",
        "placement.add: nothing carries 'add.y', what 'add' makes",
    ),
    ("home of the input", 'carries: ["*"]', HOMELESS): ("error", "links: no link carries 'model.input'"),
    ("unit", "add: vector", "add: array"): ("ok", ""),
    ("unreachable", "attention.scores: scores, ", ""): (
        "error",
        "units.scores: no entry of placement names this unit, so nothing ever runs on it",
    ),
    ("no link", "  ddr:", "  hbm: {kind: dram, sourced: t, bandwidth: 1 GB/s, efficiency: 1.0}\n  ddr:"): (
        "error",
        "memories.hbm: no link leads to it",
    ),
    ("dividing", "port_width: 64 bit, latency: 10", "port_width: 48 bit, latency: 10"): (
        "error",
        "links.weights.port_width: a master of 64 bit on a port of 48 bit",
    ),
    ("wide port", "port_width: 64 bit, latency: 10", "port_width: 128 bit, latency: 10"): (
        "warning",
        "links.weights.width: a master of 64 bit leaves 64 bit of its port of 128 bit unused",
    ),
    ("narrow buffer", "inputs: 4, outputs: 4, ii", "inputs: 16, outputs: 16, ii"): (
        "warning",
        "memories.wbuf.width: delivers 128 bit a cycle (width x ports x banks), but units.array takes 2,048",
    ),
    (
        "idle buffer",
        "  ddr:",
        "  spare: {kind: buffer, sourced: t, words: 9, width: 8 bit, technology: bram}\n  ddr:",
    ): (
        "warning",
        "memories.spare: no unit holds anything in it",
    ),
    ("board", "inputs: 4, outputs: 4, ii", "inputs: 400, outputs: 400, ii"): (
        "warning",
        "board: dsp: needs 160,0",
    ),
}


def _file(folder: Path, old: str, new: str) -> Path:
    assert old in SMALL
    path = folder / "small.yaml"
    path.write_text(SMALL.replace(old, new, 1) if old != "  ddr:" else SMALL.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize("change", MISTAKES, ids=lambda change: change[0])
def test_a_mistake_of_meaning_is_explained_at_its_place(
    tmp_path: Path, change: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, old, new = change
    kind, text = MISTAKES[change]
    path = _file(tmp_path, old, new)
    assert main(["check", str(path)]) == (2 if kind == "error" else 0)
    if text:
        (line,) = [line for line in capsys.readouterr().err.splitlines() if text in line]
        assert line.startswith(f"accelsim: {kind}: {path}:")
    assert main(["check", "--strict", str(path)]) == (0 if kind == "ok" else 2)


def test_an_unknown_op_in_placement_is_a_mistake_with_a_suggestion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path, "layer_norm: vector", "layernorm: vector")
    assert main(["check", str(path)]) == 2
    place, text = f"{path}:", "placement.layernorm: 'layernorm' names no op -- did you mean 'layer_norm'?"
    assert place in (told := capsys.readouterr().err)
    assert text in told


def test_shipped_descriptions_hold_no_mistakes() -> None:
    for name in hardware_names():
        assert [found for found in findings(load_hardware(name)) if found.mistake] == [], name
