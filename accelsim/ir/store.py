"""Graphs on disk: structure as JSON, constants as memory-mapped safetensors. Files are data, never code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.ir.dtype import DType, Numerics
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Graph, Node, Tensor
from accelsim.ir.tensorfile import read_tensors, write_tensors
from accelsim.ir.weights import SizesOnly, Weights, content_digest, is_declared

FORMAT = 2
_GRAPH_FILE = "graph.json"
_WEIGHTS_FILE = "weights.safetensors"


def save_graph(graph: Graph, folder: Path) -> None:
    """Write `graph.json` and `weights.safetensors` into `folder`.

    Each file gets its name only when it is complete, the structure last, so that a reader never sees half a
    graph.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests = sorted(digest for digest in {*graph.parameters.values()} if not is_declared(digest))
    write_tensors(folder / _WEIGHTS_FILE, {digest: graph.weights[digest] for digest in digests})
    record = {
        "format": FORMAT,
        "structure_digest": graph.structure_digest,
        "sizes_only": graph.weights.reason if isinstance(graph.weights, SizesOnly) else None,
        "graph": graph.to_record(),
        "parameters": dict(graph.parameters),
    }
    partial = folder / f"{_GRAPH_FILE}.{os.getpid()}.partial"
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.replace(folder / _GRAPH_FILE)


def load_graph(folder: Path) -> Graph:
    """Read what `save_graph` wrote and check it against its digests. Raises InputError naming the file."""
    path = folder / _GRAPH_FILE
    record = _read_json(path)
    if record.get("format") != FORMAT:
        raise InputError(f"{path}: format {record.get('format')!r} is not {FORMAT}; save the graph again")
    try:
        graph = _graph(record["graph"], record["parameters"], record["sizes_only"])
        digest = graph.structure_digest
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: not a graph: {type(error).__name__}: {error}") from None
    if digest != record.get("structure_digest"):
        raise InputError(f"{path}: content does not match its digest; the file was damaged or edited")
    return _with_weights(graph, folder / _WEIGHTS_FILE)


def _with_weights(graph: Graph, path: Path) -> Graph:
    arrays = read_tensors(path)
    real = {name: digest for name, digest in graph.parameters.items() if not is_declared(digest)}
    for name, digest in real.items():
        if digest not in arrays:
            raise InputError(f"{path}: no constant with digest {digest[:12]}, which '{name}' needs")
    for digest in sorted({*real.values()}):
        if content_digest(arrays[digest]) != digest:
            raise InputError(f"{path}: constant {digest[:12]} does not match its digest; the file was damaged")
    graph.weights.update(arrays)
    return graph


def _read_json(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a saved graph is a folder with {_GRAPH_FILE}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable JSON: {error}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: a saved graph is a JSON object, this is a {type(record).__name__}")
    return record


def _weights(tensors: Mapping[str, Tensor], parameters: Mapping[str, str], reason: Any) -> Weights:
    """Room for the arrays; weights that have sizes only are declared anew."""
    if reason is None:
        return Weights()
    weights = SizesOnly(_text(reason))
    for name, digest in parameters.items():
        if is_declared(digest) and weights.declare(name, tensors[name].shape) != digest:
            raise InputError(f"parameter '{name}' is declared with another size")
    return weights


def _graph(record: Mapping[str, Any], parameters: Mapping[str, Any], sizes_only: Any) -> Graph:
    if sorted(parameters) != record["parameters"]:
        raise InputError("'parameters' does not list the graph's parameters")
    tensors = FrozenMap({name: _tensor(entry) for name, entry in record["tensors"].items()})
    digests = FrozenMap({name: _text(digest) for name, digest in parameters.items()})
    return Graph(
        name=_text(record["name"]),
        nodes=tuple(_node(entry) for entry in record["nodes"]),
        tensors=tensors,
        inputs=_texts(record["inputs"]),
        outputs=_texts(record["outputs"]),
        parameters=digests,
        scope=_text(record["scope"]),
        meta=FrozenMap({key: _text(value) for key, value in record["meta"].items()}),
        weights=_weights(tensors, digests, sizes_only),
    )


def _node(entry: Mapping[str, Any]) -> Node:
    accumulator = entry["accumulator"]
    return Node(
        name=_text(entry["name"]),
        op=_text(entry["op"]),
        inputs=_texts(entry["inputs"]),
        outputs=_texts(entry["outputs"]),
        attrs=FrozenMap({key: _attr(value) for key, value in entry["attrs"].items()}),
        module=_text(entry["module"]),
        accumulator=DType.parse(_text(accumulator)) if accumulator is not None else None,
        origins=_texts(entry["origins"]),
        fused=_text(entry.get("fused", "")),
    )


def _tensor(entry: Any) -> Tensor:
    shape, dtype, numerics = entry
    if not all(type(size) is int and size >= 0 for size in shape):
        raise InputError(f"{shape!r} is not a shape")
    return Tensor(tuple(shape), DType.parse(_text(dtype)), _numerics(numerics))


def _numerics(entry: Any) -> Numerics | None:
    if entry is None:
        return None
    scale, zero_point, axis, rounding, overflow = entry
    return Numerics(
        tuple(float(s) for s in scale),
        tuple(int(z) for z in zero_point),
        axis,
        _text(rounding),
        _text(overflow),
    )


def _attr(value: Any) -> AttrValue:
    if isinstance(value, list):
        return tuple(_attr(item) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{value!r} is not a value of an attribute")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{value!r} stands where a text belongs")
    return value


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise InputError(f"{values!r} stands where a list belongs")
    return tuple(_text(value) for value in values)
