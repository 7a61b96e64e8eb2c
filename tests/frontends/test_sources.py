"""A cached graph is served only while every file it was built from is as it was."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.frontends.catalogue import load_model

BUILDER = """
import numpy as np, torch
from parts.net import Net

def build():
    torch.manual_seed(0)
    net = Net().eval()
    with torch.no_grad():
        net.fc.weight.copy_(torch.from_numpy(np.load(__file__.replace("user.py", "w.npy"))))
    return net, (torch.ones(1, 4),)
"""
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.act = nn.{activation}()

    def forward(self, x):
        return self.act(self.fc(x))
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "user"
    (folder / "parts").mkdir(parents=True)
    (folder / "user.py").write_text(BUILDER)
    (folder / "parts" / "net.py").write_text(NET.format(activation="ReLU"))
    np.save(folder / "w.npy", np.ones((3, 4), np.float32))
    return folder


def _ops(user: Path) -> list[str]:
    return [node.op for node in load_model(f"{user / 'user.py'}:build").graph.nodes]


def test_a_change_in_a_package_beside_the_builder_is_seen(user: Path) -> None:
    assert _ops(user) == ["linear", "relu"]
    assert _ops(user) == ["linear", "relu"]
    (user / "parts" / "net.py").write_text(NET.format(activation="GELU"))
    os.utime(user / "parts" / "net.py", (1, 1))  # so that no compiled file of the old text is taken
    assert _ops(user) == ["linear", "gelu"]


def test_a_change_in_a_data_file_is_seen(user: Path) -> None:
    first = load_model(f"{user / 'user.py'}:build").graph
    np.save(user / "w.npy", np.full((3, 4), 2.0, np.float32))
    second = load_model(f"{user / 'user.py'}:build").graph
    assert first.structure_digest == second.structure_digest
    assert first.weights_digest != second.weights_digest


def test_an_unchanged_model_is_not_traced_again(user: Path) -> None:
    first = load_model(f"{user / 'user.py'}:build")
    assert first.stored is not None
    stamp = (first.stored / "graph.json").stat().st_mtime_ns
    load_model(f"{user / 'user.py'}:build")
    assert (first.stored / "graph.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('no weights here')", r"user\.py:\d+: .*RuntimeError: no weights here"),
        ("raise SystemExit(3)", "it ended the program with code 3"),
    ],
)
def test_a_builder_that_fails_is_the_users_error_with_its_line(user: Path, body: str, message: str) -> None:
    (user / "user.py").write_text(f"def build():\n    {body}\n")
    with pytest.raises(InputError, match=message):
        load_model(f"{user / 'user.py'}:build")


def test_a_compiled_file_of_another_tool_is_a_file_like_any(user: Path) -> None:
    odd = user / "net.cpython-311-tool-9.2.0.pyc"
    odd.write_bytes(b"compiled")
    (user / "user.py").write_text(f"{BUILDER}\nopen({str(odd)!r}, 'rb').close()\n")
    assert _ops(user) == ["linear", "relu"]
