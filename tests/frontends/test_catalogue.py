"""Finding and loading models: names, files, arguments, inputs and the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.frontends.cache import entry_folder
from accelsim.frontends.catalogue import catalogue, find_model, load_model
from accelsim.frontends.modelspec import read_catalogue
from accelsim.shipped import shipped_dir
from tests.frontends.conftest import TINY

PROBE = """
import sys, time
started = time.perf_counter()
from accelsim.frontends.catalogue import load_model
graph = load_model(sys.argv[1]).graph
print(graph.digest, "torch" in sys.modules, time.perf_counter() - started)
"""

ADDER = """
import torch
class Adder(torch.nn.Module):
    def forward(self, x):
        return x + AMOUNT
def build(size=3, **more):
    return Adder().eval(), torch.zeros(2, size)
"""


def adder(folder: Path, amount: float = 1.0, *, extra: str = "") -> str:
    """A model in a file of its own."""
    (folder / "adder.py").write_text(ADDER.replace("AMOUNT", str(amount)) + extra)
    return f"{folder / 'adder.py'}:build"


def test_every_shipped_model_is_found_with_its_tasks_and_its_file() -> None:
    known = catalogue()
    assert known["m3vit-tiny"].tasks == ("semseg", "depth")
    assert known["m3vit-tiny"].scope == "encoder"
    assert find_model("m3vit-tiny") == known["m3vit-tiny"]
    for spec in known.values():
        assert spec.file.is_file()
        assert spec.file.parent == shipped_dir("models").resolve()
        assert spec.sources
        assert set(spec.variants.values()) <= set(known)


BAD_SPECS = {
    "m3vit-tyni": (InputError, "did you mean 'm3vit-tiny'"),
    "nowhere.py:build": (InputError, "nowhere.py: no such file"),
    "models/m3vit.py": (InputError, "name the function"),
    "model.onnx": (InputError, "model.onnx: no such file"),
    f"{TINY}:2": (InputError, "not the name of a function"),
}


@pytest.mark.parametrize("spec", BAD_SPECS)
def test_a_wrong_name_is_told_with_what_would_help(spec: str) -> None:
    kind, message = BAD_SPECS[spec]
    with pytest.raises(kind, match=message):
        find_model(spec)


def test_an_unknown_task_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match="m3vit-tiny: no task 'semsg' -- did you mean 'semseg'"):
        load_model("m3vit-tiny", task="semsg")


BAD_CATALOGUES = {
    "[1, 2]": "maps names to models",
    "a: {builder: b.py:f, biulder: 1}": "a: no key 'biulder' -- did you mean 'builder'",
    "a: {arguments: {}}": "a: needs 'builder: file.py:function'",
    "a: {builder: b.py}": "a: 'builder' is file.py:function",
    "a: [": "not readable YAML",
    "a: {builder: b.py:f}\na: {builder: c.py:f}": "not readable YAML",
}


@pytest.mark.parametrize("text", BAD_CATALOGUES)
def test_a_bad_catalogue_is_told_with_its_entry(text: str, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=BAD_CATALOGUES[text]) as caught:
        read_catalogue(path)
    assert str(path) in str(caught.value)


def test_a_model_of_the_user_loads_with_two_sets_of_inputs(cache: Path, tmp_path: Path) -> None:
    loaded = load_model(adder(tmp_path))
    assert [node.op for node in loaded.graph.nodes] == ["add"]
    assert (loaded.model, loaded.task, loaded.tasks) == ("adder:build", "", ())
    (name,) = loaded.graph.inputs
    assert loaded.inputs[name].shape == loaded.other_inputs[name].shape == (2, 3)
    assert np.all(loaded.inputs[name] == 0)
    assert np.unique(loaded.other_inputs[name]).size == 6


def test_arguments_reach_the_builder_and_unknown_ones_are_refused(cache: Path, tmp_path: Path) -> None:
    spec = adder(tmp_path, extra="def strict(size): return build(size)\n")
    assert load_model(spec, arguments={"size": 7}).graph.tensors["x"].shape == (2, 7)
    with pytest.raises(InputError, match="takes no argument 'sise' -- did you mean 'size'"):
        load_model(spec.replace(":build", ":strict"), arguments={"sise": 7})


BAD_BUILDERS = {
    "def other(): return 1\n": "must return",
    "def other(): raise ValueError('no such thing')\n": "no such thing",
    "def othre(): pass\n": "no function 'other' -- did you mean 'othre'",
    "import no_such_package_at_all\n": "cannot be imported: ModuleNotFoundError",
    "def other(:\n": "cannot be imported: SyntaxError",
}


@pytest.mark.parametrize("text", BAD_BUILDERS)
def test_a_builder_that_fails_is_told_with_its_file(text: str, cache: Path, tmp_path: Path) -> None:
    spec = adder(tmp_path, extra=text).replace(":build", ":other")
    with pytest.raises(InputError, match=BAD_BUILDERS[text]) as caught:
        load_model(spec)
    assert "adder.py" in str(caught.value)
    assert not list(cache.rglob("graph.json"))


def test_a_loaded_file_leaves_no_module_and_no_path_behind(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_adder.py").write_text("AMOUNT = 2.0\n")
    path = list(sys.path)
    load_model(adder(tmp_path, extra="import neighbour_of_adder\n"))
    assert sys.path == path
    assert not [name for name in sys.modules if "adder" in name]


def test_the_cache_gives_the_same_graph_and_inputs_without_tracing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = adder(tmp_path)
    first = load_model(spec)
    assert first.stored is not None
    assert first.stored.is_relative_to(cache)
    monkeypatch.setattr("accelsim.frontends.catalogue._traced", None)
    second = load_model(spec)
    assert second.graph == first.graph
    for name in first.inputs:
        assert np.array_equal(first.inputs[name], second.inputs[name])
        assert np.array_equal(first.other_inputs[name], second.other_inputs[name])


def test_the_entry_depends_on_place_arguments_and_task(cache: Path, tmp_path: Path) -> None:
    spec = find_model(adder(tmp_path))
    folders = [entry_folder(spec, ""), entry_folder(spec, "depth"), entry_folder(spec.with_arguments({"a": 1}), "")]
    (tmp_path / "elsewhere").mkdir()
    folders.append(entry_folder(find_model(adder(tmp_path / "elsewhere")), ""))
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("name", ["graph.json", "weights.safetensors", "inputs.safetensors"])
def test_a_damaged_entry_is_traced_again_and_rewritten(name: str, cache: Path, tmp_path: Path) -> None:
    spec = adder(tmp_path)
    first = load_model(spec)
    assert first.stored is not None
    good = (first.stored / name).read_bytes()
    (first.stored / name).write_bytes(good[: len(good) // 2])
    assert load_model(spec).graph == first.graph
    assert (first.stored / name).read_bytes() == good


def test_the_cache_keeps_the_entries_that_were_used_last(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelsim.frontends.cache._KEPT_ENTRIES", 2)
    spec = adder(tmp_path)
    stored = [load_model(spec, arguments={"size": size}).stored for size in (1, 2)]
    for age, folder in zip((200, 100), stored, strict=True):
        assert folder is not None
        os.utime(folder, (age, age))
    load_model(spec, arguments={"size": 1})
    newest = load_model(spec, arguments={"size": 3}).stored
    assert set((cache / "graphs").iterdir()) == {stored[0], newest}


def test_without_the_cache_nothing_is_stored(cache: Path, tmp_path: Path) -> None:
    loaded = load_model(adder(tmp_path), cache=False)
    assert loaded.stored is None
    assert loaded.graph.nodes
    assert not cache.exists()


def test_a_cached_model_loads_without_torch_and_at_once() -> None:
    expected = load_model("m3vit-tiny").graph.digest
    ran = subprocess.run([sys.executable, "-c", PROBE, "m3vit-tiny"], capture_output=True, text=True, check=True)
    digest, torch_loaded, seconds = ran.stdout.split()
    assert (digest, torch_loaded) == (expected, "False")
    assert float(seconds) < 3.0  # 0.25 s on a quiet machine; tracing takes 5 s and more
