"""Graphs on disk: what comes back equals what was saved, and a bad file is told by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.ir import Graph, Numerics, Tensor
from accelsim.ir.dtype import DType
from accelsim.ir.store import load_graph, save_graph
from accelsim.ir.tensorfile import read_tensors, write_tensors
from accelsim.ops.build import GraphBuilder


def sample() -> Graph:
    build = GraphBuilder("sample")
    x = build.add_input("x", Tensor((2, 4)))
    w = build.add_parameter("layer.weight", np.arange(12, dtype=np.float32).reshape(3, 4), Tensor((3, 4)))
    tied = build.add_parameter("tied.weight", np.arange(12, dtype=np.float32).reshape(3, 4), Tensor((3, 4)))
    scalar = build.add_parameter("scalar", np.array(2.0, np.float32), Tensor(()))
    y = build.add("linear", (x, w), name="layer", module="layer", origins=("linear:aten.linear",))
    z = build.add("linear", (x, tied), name="tied", module="tied")
    total = build.add("add", (*y, *z), name="sum")
    scaled = build.add("mul", (*total, scalar), name="scaled")
    cut = build.add("slice", scaled, {"starts": (0,), "ends": (2,), "axes": (1,), "steps": (1,)})
    return build.finish(cut, scope="layer", meta={"model": "sample", "task": ""})


def test_a_graph_comes_back_as_it_was(tmp_path: Path) -> None:
    graph = sample()
    save_graph(graph, tmp_path)
    loaded = load_graph(tmp_path)
    assert loaded == graph
    assert loaded.digest == graph.digest
    assert list(loaded.tensors) == list(graph.tensors)
    for name in graph.parameters:
        assert np.array_equal(loaded.parameter(name), graph.parameter(name))
        assert loaded.parameter(name).shape == graph.parameter(name).shape
        assert not loaded.parameter(name).flags.writeable


def test_fixed_point_types_scales_and_accumulators_come_back(tmp_path: Path) -> None:
    numerics = Numerics((0.5, 0.25, 0.125), (0,), axis=0, rounding="floor", overflow="wrap")
    build = GraphBuilder("fixed")
    x = build.add_input("x", Tensor((3,), DType.parse("fixed<16,6>"), numerics))
    graph = build.finish([x])
    save_graph(graph, tmp_path)
    assert load_graph(tmp_path) == graph


def test_equal_graphs_give_equal_files_and_tied_constants_are_stored_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save_graph(sample(), tmp_path / folder)
    for name in ("graph.json", "weights.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert len(read_tensors(tmp_path / "a" / "weights.safetensors")) == 2
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["graph.json", "weights.safetensors"]


def test_a_missing_graph_is_told_by_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.graph\.json: no such file"):
        load_graph(tmp_path / "nowhere")


def _set(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = to

    return change


BAD_RECORDS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another format": (_set("format", to=99), "format 99 is not 2"),
    "no graph": (_set("graph", to=None), "not a graph"),
    "a shape of text": (_set("graph", "tensors", "x", to=[["a"], "float32", None]), "is not a shape"),
    "a negative size": (_set("graph", "tensors", "x", to=[[-1], "float32", None]), "is not a shape"),
    "an unknown format": (_set("graph", "tensors", "x", to=[[1], "float7x", None]), "not a data type"),
    "nodes that are numbers": (_set("graph", "nodes", to=[1, 2]), "not a graph"),
    "a name that is a list": (_set("graph", "nodes", 0, "name", to=[]), "where a text belongs"),
    "inputs that are a text": (_set("graph", "inputs", to="x"), "where a list belongs"),
    "an attribute that is a map": (_set("graph", "nodes", 0, "attrs", to={"a": {}}), "value of an attribute"),
    "an edited attribute": (_set("graph", "nodes", 4, "attrs", "ends", to=[1]), "does not match its digest"),
    "a parameter too few": (_set("parameters", to={}), "does not list the graph's parameters"),
    "a digest of nothing": (_set("parameters", "scalar", to="0" * 64), "no constant with digest 000000000000"),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_a_bad_structure_is_refused_with_the_file_named(case: str, tmp_path: Path) -> None:
    change, message = BAD_RECORDS[case]
    save_graph(sample(), tmp_path)
    path = tmp_path / "graph.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=message) as caught:
        load_graph(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '"a"', "\udcff"])
def test_what_is_not_a_json_object_is_refused(text: str, tmp_path: Path) -> None:
    save_graph(sample(), tmp_path)
    (tmp_path / "graph.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"graph\.json"):
        load_graph(tmp_path)


def test_a_changed_constant_is_noticed(tmp_path: Path) -> None:
    save_graph(sample(), tmp_path)
    path = tmp_path / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="does not match its digest; the file was damaged"):
        load_graph(tmp_path)


@pytest.mark.parametrize("size", [0, 7, 8, 40, -1])
def test_a_truncated_constant_file_is_refused(size: int, tmp_path: Path) -> None:
    save_graph(sample(), tmp_path)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        load_graph(tmp_path)


HOSTILE_HEADERS: dict[str, tuple[Any, str]] = {
    "not an object": ([1], "not a JSON object"),
    "no record": ({"a": 3}, "not a tensor record"),
    "an unknown format": ({"a": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 4]}}, "not a tensor"),
    "beyond the end": ({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, "does not lie at"),
    "before the start": ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, "whole numbers"),
    "another size": ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "does not lie at"),
    "a huge shape": ({"a": {"dtype": "I8", "shape": [2**62, 2**62], "data_offsets": [0, 8]}}, "does not lie"),
    "true as a size": ({"a": {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]}}, "whole numbers"),
}


@pytest.mark.parametrize("case", HOSTILE_HEADERS)
def test_a_hostile_header_is_refused(case: str, tmp_path: Path) -> None:
    header, message = HOSTILE_HEADERS[case]
    text = json.dumps(header).encode()
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(InputError, match=message):
        read_tensors(path)


def test_tensors_of_every_format_come_back_mapped_and_read_only(tmp_path: Path) -> None:
    formats = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?")
    arrays = {kind: np.ones((2, 0 if kind == "i2" else 3), kind) for kind in formats}
    write_tensors(tmp_path / "all.safetensors", arrays)
    read = read_tensors(tmp_path / "all.safetensors")
    for kind in formats:
        assert read[kind].dtype == arrays[kind].dtype
        assert np.array_equal(read[kind], arrays[kind])
        assert not read[kind].flags.writeable
        assert read[kind].base is not None
