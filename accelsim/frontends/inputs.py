"""What a user says about a model's inputs and which part of it is meant, and seeded inputs where nothing is said."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from accelsim.errors import InputError, did_you_mean
from accelsim.ir.dtype import DType
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph
from accelsim.ir.weights import Array

MAX_BYTES = 2**34
_SMALL = 2  # whole numbers that index nothing: masks, types
_PASSING = frozenset({"reshape", "transpose", "slice", "split", "concat", "expand", "tile", "cast", "where"})


@dataclass(frozen=True)
class InputOptions:
    """`sizes` of open dimensions by their name, or whole shapes by the input's; `batch` for all first dimensions.

    `file` is an .npz with values by input name. `start` and `stop` are the nodes that the part of the model lies
    between (empty: from its inputs, to its outputs).
    """

    sizes: FrozenMap[str, tuple[int, ...]] = field(default_factory=FrozenMap)
    batch: int | None = None
    file: Path | None = None
    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()

    @property
    def binds(self) -> bool:
        """Whether anything is said about inputs."""
        return bool(self.sizes) or self.batch is not None or self.file is not None

    @property
    def cuts(self) -> bool:
        return bool(self.start or self.stop)


def input_options(
    shapes: Mapping[str, int | Sequence[int]] | None = None,
    batch: int | None = None,
    file: Path | str | None = None,
    *,
    start: str | Sequence[str] = (),
    stop: str | Sequence[str] = (),
) -> InputOptions:
    """Options from plain values; `start` and `stop` are names of nodes. Raises InputError for sizes below one."""
    sizes: dict[str, tuple[int, ...]] = {}
    for name, value in (shapes or {}).items():
        sizes[name] = (value,) if isinstance(value, int) else tuple(value)
    for name, numbers in (*sizes.items(), *(() if batch is None else (("batch", (batch,)),))):
        if any(not isinstance(number, int) or number < 1 for number in numbers):
            raise InputError(f"{name}={'x'.join(map(str, numbers))}: sizes are whole numbers of at least 1")
    ends = [(end,) if isinstance(end, str) else tuple(end) for end in (start, stop)]
    return InputOptions(FrozenMap(sizes), batch, None if file is None else Path(file), *ends)


def read_inputs(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file. Raises InputError for anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise InputError(f"{path}: holds {size} bytes, more than {MAX_BYTES}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise InputError(f"{path}: not an .npz file of arrays: {error}") from None


def seeded_inputs(graph: Graph, seed: int) -> dict[str, Array]:
    """Normal noise for reals; whole numbers that lie in every table they index, else 0 and 1."""
    rng = np.random.Generator(np.random.Philox(seed))
    found: dict[str, Array] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        if tensor.dtype.is_float:
            found[name] = rng.standard_normal(tensor.shape).astype(_numpy(tensor.dtype))
        else:
            found[name] = rng.integers(0, _bound(graph, name), tensor.shape).astype(_numpy(tensor.dtype))
    return found


def _numpy(dtype: DType) -> str:
    """NumPy's name for what holds a format: it has no bfloat16, which the engine holds in float32."""
    return "float32" if dtype.kind == "bfloat" else str(dtype)


def _bound(graph: Graph, name: str) -> int:
    """The size of the smallest table that an input indexes, directly or after being moved about."""
    if graph.tensors[name].dtype.kind == "bool":
        return _SMALL
    bounds: list[int] = []
    todo, done = [name], {name}
    while todo:
        for node, index in graph.consumers.get(todo.pop(), ()):
            if node.op == "gather" and index == 1:
                axis = node.attrs["axis"]
                assert isinstance(axis, int)
                bounds.append(graph.tensors[node.inputs[0]].shape[axis])
            elif node.op in _PASSING:
                todo += [output for output in node.outputs if output not in done]
                done.update(node.outputs)
    return max(min(bounds, default=_SMALL), 1)


def checked_inputs(given: Mapping[str, Array], graph: Graph, known: Sequence[str], where: str) -> dict[str, Array]:
    """Given values of the graph's inputs. Raises InputError for names and formats that do not fit."""
    for name in given:
        if name not in known:
            raise InputError(f"{where}: the model has no input '{name}'{did_you_mean(name, known)}")
    for name in graph.inputs:
        if name in given:
            array, tensor = given[name], graph.tensors[name]
            wanted = _numpy(tensor.dtype)
            if array.shape != tensor.shape or str(array.dtype) != wanted:
                raise InputError(
                    f"{where}: '{name}' is {array.dtype} {list(array.shape)}, "
                    f"the model takes {wanted} {list(tensor.shape)}"
                )
    return {name: given[name] for name in graph.inputs if name in given}
