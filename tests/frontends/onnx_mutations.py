"""Seeded damage to ONNX files: bytes that flip and go missing, and models that parse but mean something else.

`python -m tests.frontends.onnx_mutations [COUNT]` reads that many files and prints what became of them.
"""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import onnx
from onnx import TensorProto

from accelsim.errors import AccelsimError, InternalError
from accelsim.frontends.inputs import InputOptions, input_options
from accelsim.frontends.onnx_model import load_onnx
from tests.frontends.onnx_models import bert, mobilenet, resnet
from tests.frontends.onnx_zoo import zoo

T = TypeVar("T")
Graph, Rng = onnx.GraphProto, np.random.Generator

SECONDS = 5.0
HEADROOM_BYTES = 2**31
MODELS: Mapping[str, tuple[Callable[[], onnx.ModelProto], InputOptions]] = {
    "resnet": (resnet, input_options(batch=1)),
    "mobilenet": (mobilenet, input_options(batch=1)),
    "bert": (bert, input_options({"tokens": 4, "batch": 1})),
    "zoo": (zoo, input_options()),
}
_ABSURD = (-(2**62), -7, -1, 0, 1, 2, 3, 1000, 2**28, 2**31, 2**40, 2**62)
_OPERATORS = ("Reshape", "Slice", "Pad", "Resize", "Gather", "Conv", "Gemm", "Expand", "Split", "If", "Tile", "TopK")
_OUTSIDE = ("../secret.bin", "/etc/passwd", "a/../../secret.bin", "link/secret.bin", "", "\x00", "w.bin" * 1000)


def damaged(content: bytes, seed: int) -> bytes:
    """Bytes flipped, cut out, repeated or put in; now and then the file just ends."""
    rng = np.random.Generator(np.random.Philox(seed))
    data = bytearray(content)
    kinds = 2 if seed % 3 else 5  # mostly in place: lengths that do not fit end every file at once
    for _ in range(int(rng.geometric(0.5))):
        place, width = int(rng.integers(0, len(data))), int(rng.integers(1, 9))
        kind = int(rng.integers(0, kinds))
        if kind == 0:
            data[place] = int(rng.integers(0, 256))
        elif kind == 1:
            data[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            del data[place : place + width]
        elif kind == 3:
            data[place:place] = data[place : place + width]
        else:
            data[place:place] = rng.bytes(width)
    if seed % 10 == 0:
        del data[int(rng.integers(0, len(data))) :]
    return bytes(data)


def twisted(content: bytes, seed: int) -> bytes:
    """A model that parses and means something else: a change to its structure or some."""
    rng = np.random.Generator(np.random.Philox(seed))
    model = onnx.ModelProto.FromString(content)
    for _ in range(int(rng.geometric(0.6))):
        _one(_TWISTS, rng)(model.graph, rng)
    return bytes(model.SerializeToString())


def _one(items: Sequence[T], rng: Rng) -> T:
    return items[int(rng.integers(0, len(items)))]


def _operator(graph: Graph, rng: Rng) -> None:
    _one(graph.node, rng).op_type = _one(_OPERATORS, rng)


def _input(graph: Graph, rng: Rng) -> None:
    """Another tensor is read, often of another shape."""
    index = int(rng.integers(0, len(graph.node)))
    node, before = graph.node[index], [name for other in graph.node[:index] for name in other.output]
    if node.input:
        names = before + [weight.name for weight in graph.initializer]
        node.input[int(rng.integers(0, len(node.input)))] = _one(names, rng)


def _cycle(graph: Graph, rng: Rng) -> None:
    """Two nodes read each other."""
    first, second = _one([n for n in graph.node if n.input], rng), _one([n for n in graph.node if n.input], rng)
    first.input[0], second.input[0] = second.output[0], first.output[0]


def _double(graph: Graph, rng: Rng) -> None:
    """A name is made twice: by two nodes, or by a node and a constant."""
    node = _one(graph.node, rng)
    if rng.integers(0, 2):
        node.output[0] = _one(graph.node, rng).output[0]
    else:
        _one(graph.initializer, rng).name = node.output[0]


def _attribute(graph: Graph, rng: Rng) -> None:
    node = _one([node for node in graph.node if node.attribute], rng)
    attribute = _one(node.attribute, rng)
    attribute.i = _one(_ABSURD, rng)
    attribute.ints[:] = [_one(_ABSURD, rng) for _ in attribute.ints]


def _dims(graph: Graph, rng: Rng) -> None:
    weight = _one(graph.initializer, rng)
    weight.dims[:] = rng.permutation([*weight.dims, 1]).tolist()


def _absurd_dims(graph: Graph, rng: Rng) -> None:
    weight = _one(graph.initializer, rng)
    weight.dims[:] = [_one(_ABSURD, rng) for _ in range(int(rng.integers(1, 5)))]


def _numbers(graph: Graph, rng: Rng) -> None:
    """What shapes and axes are computed from."""
    weight = _one([w for w in graph.initializer if w.data_type == TensorProto.INT64] or graph.initializer, rng)
    count = len(weight.raw_data) // 8
    weight.raw_data = np.array([_one(_ABSURD, rng) for _ in range(count)], np.int64).tobytes()


def _given(graph: Graph, rng: Rng) -> None:
    """A dimension of an input."""
    dims = _one(graph.input, rng).type.tensor_type.shape.dim
    if dims:
        _one(dims, rng).dim_value = _one(_ABSURD, rng)


def _lost(graph: Graph, rng: Rng) -> None:
    if len(graph.node) > 1:
        del graph.node[int(rng.integers(0, len(graph.node)))]


def _format(graph: Graph, rng: Rng) -> None:
    _one(graph.initializer, rng).data_type = int(rng.integers(0, 28))


def _external(graph: Graph, rng: Rng) -> None:
    """Weights in a file that is not there, or must not be read."""
    weight = _one(graph.initializer, rng)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", _one(_OUTSIDE, rng)), ("offset", str(_one(_ABSURD, rng)))):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value


_TWISTS: tuple[Callable[[Graph, Rng], None], ...] = (
    *(_cycle, _double, _dims, _absurd_dims, _lost, _format, _external),
    *2 * (_operator, _input, _attribute, _numbers, _given),  # what passes ONNX's own checks more often
)
DAMAGES: Mapping[str, Callable[[bytes, int], bytes]] = {"damaged": damaged, "twisted": twisted}


@dataclass
class Outcomes:
    """What became of the files: counts, and those that ended badly."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def read_all(damage: str, model: str, seeds: Sequence[int], folder: Path) -> Outcomes:
    """Read the damaged forms of one model; each must be read or refused by name, soon and in bounded memory."""
    build, options = MODELS[model]
    content, path, found = build().SerializeToString(), folder / "damaged.onnx", Outcomes()
    for seed in seeds:
        path.write_bytes(DAMAGES[damage](content, seed))
        started = time.perf_counter()
        where = f"{model} {damage} {seed}"
        try:
            with _bounded():
                load_onnx(path, options)
            found.counts["read"] += 1
        except InternalError as error:
            found.bad.append(f"{where}: {error}")
        except AccelsimError as error:
            found.counts["refused"] += 1
            if str(path) not in str(error):
                found.bad.append(f"{where}: not located: {error}")
        except Exception as error:  # everything else is what the test is about
            found.bad.append(f"{where}: {type(error).__name__}: {error}")
        taken = time.perf_counter() - started
        found.slowest_s = max(found.slowest_s, taken)
    return found


@contextmanager
def _bounded() -> Iterator[None]:
    """Within the time limit, and with not much more memory than the process has."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + HEADROOM_BYTES, hard))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main(arguments: Sequence[str]) -> int:
    """Print the counts of each model and damage; 5 where a file ended badly."""
    count = int(arguments[0]) if arguments else 2400
    share = -(-count // (len(MODELS) * len(DAMAGES)))
    total, bad = Counter[str](), []
    with TemporaryDirectory() as folder:
        for damage in DAMAGES:
            for model in MODELS:
                found = read_all(damage, model, range(share), Path(folder))
                counts = ", ".join(f"{number} {what}" for what, number in sorted(found.counts.items()))
                print(f"{model} {damage}: {counts}; slowest {found.slowest_s:.2f} s", flush=True)
                total.update(found.counts)
                bad += found.bad
    for line in bad:
        print(f"bad: {line[:300]}")
    told = ", ".join(f"{number} {what}" for what, number in sorted(total.items()))
    print(f"{share * len(MODELS) * len(DAMAGES)} files: {told}, {len(bad)} ended badly")
    return 5 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
