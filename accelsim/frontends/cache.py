"""Traced graphs on disk, so that a model that has not changed needs no torch to load."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from accelsim.errors import AccelsimError, InputError
from accelsim.frontends.modelspec import ModelSpec
from accelsim.frontends.sources import as_text, unchanged
from accelsim.ir.graph import Graph
from accelsim.ir.store import load_graph, save_graph
from accelsim.ir.tensorfile import read_tensors, write_tensors
from accelsim.ir.weights import Array, SizesOnly
from accelsim.kernel_cache import cache_dir
from accelsim.ops.verified import verified

Inputs = Mapping[str, Array]

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOMS = ("frontends", "ops", "ir")
_INPUTS_FILE = "inputs.safetensors"
_SOURCES_FILE = "sources.json"
_KEPT_ENTRIES = 16  # every change of a source makes a new entry of the size of the model


@dataclass(frozen=True)
class Entry:
    """A traced model: its graph and two sets of example inputs. `folder` is where the graph is saved.

    A graph whose weights have sizes only has no example inputs.
    """

    graph: Graph
    inputs: tuple[Inputs, Inputs]
    folder: Path


def entry_folder(spec: ModelSpec, task: str, *, weights: bool = True) -> Path:
    """The folder of a model's entry, named after everything that the graph depends on.

    Without `weights` it is that of the graph whose weights have sizes only.
    """
    return cache_dir() / "graphs" / _key(spec, task, weights)


def read_entry(folder: Path) -> Entry | None:
    """The entry in `folder`; None where there is none or it is damaged."""
    if not (folder / "graph.json").is_file():
        return None
    try:
        if not unchanged((folder / _SOURCES_FILE).read_text(encoding="utf-8")):
            return None
        graph = verified(load_graph(folder), after="reading the cache")
        arrays = read_tensors(folder / _INPUTS_FILE)
        first, second = (
            {name: arrays[f"{seed}.{name}"] for name in graph.inputs if f"{seed}.{name}" in arrays} for seed in range(2)
        )
    except (AccelsimError, OSError, UnicodeDecodeError):
        return None
    os.utime(folder)  # entries that are used are the last to be dropped
    complete = len(first) == len(second) == len(graph.inputs) or isinstance(graph.weights, SizesOnly)
    return Entry(graph, (first, second), folder) if complete else None


def write_entry(
    folder: Path,
    graph: Graph,
    inputs: tuple[Inputs, Inputs],
    sources: dict[str, str],
    *,
    save_more: Callable[[Path], None],
) -> None:
    """Write an entry; the graph's structure comes last and makes it valid. Raises InputError if it cannot.

    `sources` are the files the model was built from; `save_more` adds files of the front end to the folder.
    """
    try:
        for odd in (path for path in folder.glob("*") if path.is_dir()):
            shutil.rmtree(odd)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "graph.json").unlink(missing_ok=True)
        (folder / _SOURCES_FILE).write_text(as_text(sources), encoding="utf-8")
        save_more(folder)
        named = {f"{seed}.{name}": array for seed, given in enumerate(inputs) for name, array in given.items()}
        write_tensors(folder / _INPUTS_FILE, named)
        save_graph(graph, folder)
        _drop_oldest(folder.parent)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the cache: {error}; set ACCELSIM_CACHE_DIR") from None


def _drop_oldest(entries: Path) -> None:
    """Leave the entries that were used last."""
    by_use = sorted((path for path in entries.iterdir() if path.is_dir()), key=lambda path: -path.stat().st_mtime)
    for old in by_use[_KEPT_ENTRIES:]:
        shutil.rmtree(old, ignore_errors=True)


def _key(spec: ModelSpec, task: str, weights: bool) -> str:
    settings = [spec.name, spec.file.name, spec.builder, task, spec.scope, sorted(spec.arguments.items()), weights]
    digest = hashlib.sha256(json.dumps([settings, _torch_version()], default=str).encode())
    digest.update(str(spec.file.resolve()).encode())
    digest_files(digest, tracing_sources())
    return digest.hexdigest()[:32]


def tracing_sources() -> list[Path]:
    """The files of ours that a graph depends on."""
    return [path for room in _ROOMS for path in sorted((_PACKAGE / room).glob("*.py"))]


def digest_files(digest: hashlib._Hash, paths: Iterable[Path]) -> None:
    """Add files to a digest, named by their folder and name, wherever the project lies."""
    for path in paths:
        digest.update(f"\n{path.parent.name}/{path.name}\n".encode())
        digest.update(path.read_bytes())


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "absent"
