"""Other engines in processes of their own: started together, read when they are done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from accelsim.errors import (
    AccelsimError,
    InputError,
    InternalError,
    MissingExtraError,
    UnsupportedError,
    did_you_mean,
)
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.job import Job, read_result
from accelsim.ir.dtype import BFLOAT16
from accelsim.ir.store import save_graph
from accelsim.ir.tensorfile import write_tensors
from accelsim.ir.weights import Array

_TAIL_LINES = 12
_ERRORS: Mapping[int, type[AccelsimError]] = {2: InputError, 3: UnsupportedError}


@dataclass(frozen=True)
class Peer:
    """An engine to compare with: the program that runs it, the packages it needs, the extra that has them."""

    name: str
    program: str
    packages: tuple[str, ...]
    extra: str

    @property
    def version(self) -> str:
        return version(self.packages[-1])


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("torch", "accelsim.frontends.torch_run", ("torch",), "torch"),
        Peer("onnxruntime", "accelsim.frontends.onnx_run", ("onnx", "onnxruntime"), "onnx"),
    )
}


IN_DOUBLE = Peer("torch in float64", "accelsim.evaluate.torch_double", ("torch",), "torch")
"""No engine to compare with: it tells how far rounding alone takes PyTorch's own outputs."""


@dataclass(frozen=True)
class PeerResult:
    """What a peer computed for one input: the model's outputs, and tensors of the graph by name."""

    outputs: Mapping[str, Array]
    tensors: Mapping[str, Array]


@dataclass(frozen=True)
class RunningPeer:
    """A process that was started and will leave one result file for each input."""

    peer: Peer
    process: subprocess.Popen[bytes]
    results: tuple[Path, ...]
    log: Path

    def wait(self) -> tuple[PeerResult, ...]:
        """What it computed. Raises what `finish` does."""
        self.finish()
        return tuple(PeerResult(*read_result(path)) for path in self.results)

    def finish(self) -> None:
        """Wait for its end. Raises the error that it ended with, with the end of what it wrote."""
        code = self.process.wait()
        if code:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            tail = "\n".join(lines[-_TAIL_LINES:]) or "it wrote nothing"
            kind = _ERRORS.get(code, InternalError)
            raise kind(f"running the model in {self.peer.name} failed (exit code {code}): {tail}")

    def end(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def chosen_peers(names: Collection[str]) -> tuple[Peer, ...]:
    """Raises InputError for an unknown engine, MissingExtraError for one that is not installed."""
    for name in names:
        if name not in PEERS:
            raise InputError(f"'{name}' is not an engine to compare with{did_you_mean(name, PEERS)}")
        for package in PEERS[name].packages:
            if find_spec(package) is None:
                raise MissingExtraError(package, PEERS[name].extra, f"comparing with {name}")
    return tuple(PEERS[name] for name in names)


def peers_of(loaded: LoadedModel, names: Collection[str] | None) -> tuple[Peer, ...]:
    """The engines of those names, or all that can run the model. Raises what `chosen_peers` does."""
    if any(tensor.dtype == BFLOAT16 for tensor in loaded.graph.tensors.values()):
        if loaded.spec.is_onnx or loaded.is_part:
            raise UnsupportedError(
                f"{loaded.model}: nothing to compare with: ONNX Runtime does not compute in bfloat16 on a CPU, and "
                "torch runs whole models of its own only; `run --no-verify` does without"
            )
        if names is not None and "onnxruntime" in names:
            raise InputError(f"{loaded.model}: ONNX Runtime does not compute in bfloat16 on a CPU; compare with torch")
        return chosen_peers(("torch",) if names is None else names)
    if not loaded.spec.is_onnx and not loaded.is_part:
        return chosen_peers(tuple(PEERS) if names is None else names)
    if names is not None and "torch" in names:
        what = "a part of a model" if loaded.is_part else "ONNX files"
        raise InputError(f"{loaded.spec.file}: torch does not run {what}; compare with onnxruntime")
    return chosen_peers(("onnxruntime",) if names is None else names)


@contextmanager
def running_peers(
    loaded: LoadedModel,
    peers: Collection[Peer],
    folder: Path,
    *,
    tensors: tuple[str, ...] | None = None,
    threads: int = 1,
) -> Iterator[tuple[RunningPeer, ...]]:
    """Start every peer on both example inputs of a model; whoever still runs on leaving is ended.

    They tell the outputs and `tensors` of the graph (None: every one that they can).
    """
    job = replace(_job(loaded, (loaded.inputs, loaded.other_inputs), folder, threads), tensors=tensors)
    started: list[RunningPeer] = []
    try:
        started.extend(_start(peer, job, folder) for peer in peers)
        yield tuple(started)
    finally:
        for running in started:
            running.end()


def peer_outputs(
    loaded: LoadedModel, peer: Peer, inputs: Sequence[Mapping[str, Array]], folder: Path, *, threads: int = 1
) -> Iterator[Mapping[str, Array]]:
    """The outputs of a model for each of many inputs, from one process. Raises what `RunningPeer.wait` does."""
    running = _start(peer, replace(_job(loaded, inputs, folder, threads), tensors=()), folder)
    try:
        running.finish()
        for path in running.results:
            yield read_result(path)[0]
    finally:
        running.end()


def _job(loaded: LoadedModel, inputs: Sequence[Mapping[str, Array]], folder: Path, threads: int) -> Job:
    """The model and its inputs as files in `folder`."""
    graph_folder = loaded.stored
    if graph_folder is None:
        graph_folder = folder / "graph"
        save_graph(loaded.graph, graph_folder)
    paths = tuple(folder / f"input{index}.safetensors" for index in range(len(inputs)))
    for path, arrays in zip(paths, inputs, strict=True):
        write_tensors(path, {**arrays, **loaded.fixed})
    spec = loaded.spec
    return Job(
        graph=str(graph_folder),
        inputs=tuple(str(path) for path in paths),
        results=(),
        threads=threads,
        model=spec.name,
        file=str(spec.file),
        builder=spec.builder,
        arguments=spec.arguments,
        task=loaded.task,
        scope=spec.scope,
    )


def _start(peer: Peer, job: Job, folder: Path) -> RunningPeer:
    results = tuple(folder / f"{peer.name}{index}.safetensors" for index in range(len(job.inputs)))
    path, log = folder / f"{peer.name}.json", folder / f"{peer.name}.log"
    replace(job, results=tuple(str(result) for result in results)).save(path)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", peer.program, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return RunningPeer(peer, process, results, log)
