"""SCALE-Sim topology files: layers come in with the peer's sizes, and what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends.catalogue import load_model
from accelsim.frontends.topology import read_topology

CONVOLUTIONS = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 224, 224, 7, 7, 3, 64, 2,
Conv2_1a,56,56,1,1,64,64,2,,

FC, 1, 1, 1, 1, 2048, 1000, 1
"""
PRODUCTS = "Layer, M, N, K,\nquery, 129, 192, 768,\nhead,1,10,100\n"


def _file(folder: Path, text: str) -> Path:
    path = folder / "net.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_convolutions_have_the_output_that_the_ceil_rule_gives(tmp_path: Path) -> None:
    graph = read_topology(_file(tmp_path, CONVOLUTIONS))
    assert {node.name: graph.tensors[node.outputs[0]].shape for node in graph.nodes} == {
        "Conv1": (1, 64, 110, 110),
        "Conv2_1a": (1, 64, 29, 29),
        "FC": (1, 1000, 1, 1),
    }
    assert graph.tensors["Conv1:input"].shape == (1, 3, 225, 225)
    assert graph.outputs == ("Conv1", "Conv2_1a", "FC")


def test_products_are_linear_layers_whose_second_factor_is_weights(tmp_path: Path) -> None:
    graph = read_topology(_file(tmp_path, PRODUCTS))
    assert [(node.op, node.name) for node in graph.nodes] == [("linear", "query"), ("linear", "head")]
    assert graph.tensors["query:input"].shape == (129, 768)
    assert graph.tensors["query:weight"].shape == (192, 768)
    assert set(graph.parameters) == {"query:weight", "head:weight"}


def test_a_topology_is_a_model_by_its_path_and_has_no_numbers(tmp_path: Path) -> None:
    loaded = load_model(str(_file(tmp_path, PRODUCTS)))
    assert (loaded.model, loaded.tasks, dict(loaded.inputs)) == ("net", (), {})
    with pytest.raises(UnsupportedError, match=r"net.csv: a topology has sizes .* use `accelsim simulate`"):
        loaded.graph.parameter("query:weight")
    with pytest.raises(InputError, match="a topology has no tasks"):
        load_model(str(tmp_path / "net.csv"), task="semseg")


def test_line_ends_byte_order_mark_and_case_of_headers_do_not_matter(tmp_path: Path) -> None:
    text = "\ufeff" + PRODUCTS.replace("\n", "\r\n").replace("Layer", "LAYER")
    path = tmp_path / "net.csv"
    path.write_bytes(text.encode())
    assert read_topology(path).to_record()["nodes"] == read_topology(_file(tmp_path, PRODUCTS)).to_record()["nodes"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": an empty file; a topology has a header and a layer a line"),
        (",,\n\n", ": an empty file"),
        ("Layer, M, N, K,\n", ":1: a header and no layers"),
        ("Layer, M, K, N,\na,1,2,3,\n", ":1: the header is 'Layer, M, K, N'; a topology begins with"),
        ("Layer, M, N, K, Sparsity,\na,1,2,3,1:2,\n", ":1: the header is"),
        ("a,1,2,3,\n", ":1: the header is 'a, 1, 2, 3'"),
        (PRODUCTS + "c, 1, 2,\n", ":4: 3 fields; the header has 4"),
        (PRODUCTS + "c, 1, , 3,\n", ":4: N: '' is not a whole number from 1 to 1,000,000"),
        (PRODUCTS + "c, 1, 2, 3, 4,\n", ":4: 5 fields; the header has 4"),
        (PRODUCTS + "c, 1, 0, 3,\n", ":4: N: '0' is not a whole number"),
        (PRODUCTS + "c, 1, -2, 3,\n", ":4: N: '-2' is not"),
        (PRODUCTS + "c, 1, 2.0, 3,\n", ":4: N: '2.0' is not"),
        (PRODUCTS + "c, 1, 1e30, 3,\n", ":4: N: '1e30' is not"),
        (PRODUCTS + "c, 1, " + "9" * 5000 + ", 3,\n", ":4: N: '999"),
        (PRODUCTS + "c, 1, ٣, 3,\n", ":4: N: '٣' is not"),
        (PRODUCTS + "head, 1, 2, 3,\n", ":4: layer 'head' is already on line 3"),
        (PRODUCTS + ", 1, 2, 3,\n", ":4: '' is not a name of a layer"),
        (PRODUCTS + "a:b, 1, 2, 3,\n", ":4: 'a:b' is not a name of a layer"),
        (PRODUCTS + '"c, 1, 2, 3,\n', ":4: unexpected end of data"),
        (CONVOLUTIONS + "big, 3, 3, 4, 1, 1, 1, 1,\n", ":6: a filter of 4 x 1 is larger than 3 x 3"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_topology(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_a_file_that_is_missing_or_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_topology(tmp_path / "none.csv")
    path = tmp_path / "net.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="not readable"):
        read_topology(path)
