"""Damaged ONNX files: one of our errors, soon, whatever the damage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import pytest

from accelsim.errors import AccelsimError, InternalError
from accelsim.frontends.inputs import input_options
from accelsim.frontends.onnx_model import load_onnx
from tests.frontends.onnx_models import bert, mobilenet, resnet, saved
from tests.frontends.onnx_zoo import zoo

T = TypeVar("T")
SEEDS = 120
SECONDS = 5.0
MODELS: tuple[Callable[[], onnx.ModelProto], ...] = (resnet, mobilenet, bert, zoo)


def damaged(content: bytes, seed: int) -> bytes:
    """Bytes flipped, cut out, repeated or put in; now and then the file just ends."""
    rng = np.random.Generator(np.random.Philox(seed))
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        place = int(rng.integers(0, len(data)))
        width = int(rng.integers(1, 9))
        kind = int(rng.integers(0, 5))
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


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_damage_ends_in_an_error_of_ours_or_in_a_graph(build: Callable[[], onnx.ModelProto], tmp_path: Path) -> None:
    content = build().SerializeToString()
    path = tmp_path / "damaged.onnx"
    sizes = {"tokens": 4, "batch": 1} if build is bert else {} if build is zoo else {"batch": 1}
    options = input_options(sizes)
    messages: list[str] = []
    for seed in range(SEEDS):
        path.write_bytes(damaged(content, seed))
        started = time.perf_counter()
        try:
            load_onnx(path, options)
        except InternalError:
            raise
        except AccelsimError as error:
            messages.append(str(error))
        assert time.perf_counter() - started < SECONDS, f"seed {seed}"
    assert len(messages) > SEEDS // 4
    assert [message for message in messages if str(path) not in message] == []


def test_every_damaged_file_is_told_by_name_when_it_ends_early(tmp_path: Path) -> None:
    path = saved(resnet(), tmp_path)
    content = path.read_bytes()
    for length in (0, 1, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(AccelsimError, match=r"model\.onnx: "):
            load_onnx(path, input_options(batch=1))


def twisted(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """A model that parses and means something else: other operators, inputs, attributes, shapes and constants."""
    rng = np.random.Generator(np.random.Philox(seed))
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph

    def one(items: Sequence[T]) -> T:
        return items[int(rng.integers(0, len(items)))]

    def number() -> int:
        return int(one([-(2**62), -7, -1, 0, 1, 2, 3, 1000, 2**31, 2**40, 2**62]))

    for _ in range(int(rng.integers(1, 4))):
        node, weight = one(graph.node), one(graph.initializer)
        kind = int(rng.integers(0, 8))
        if kind == 0:
            node.op_type = one(["Reshape", "Slice", "Pad", "Resize", "Gather", "Conv", "Gemm", "Expand", "Split", "If"])
        elif kind == 1 and node.input:
            names = [name for other in graph.node for name in (*other.input, *other.output)]
            node.input[int(rng.integers(0, len(node.input)))] = one(names)
        elif kind == 2 and node.attribute:
            attribute = one(node.attribute)
            attribute.i = number()
            attribute.ints[:] = [number() for _ in attribute.ints]
        elif kind == 3:
            weight.dims[:] = rng.permutation([*weight.dims, 1]).tolist()
        elif kind == 4 and weight.data_type == onnx.TensorProto.INT64:
            values = np.array([number() for _ in range(len(weight.raw_data) // 8)], np.int64)
            weight.raw_data = values.tobytes()
        elif kind == 5:
            one(one(graph.input).type.tensor_type.shape.dim).dim_value = number()
        elif kind == 6:
            del graph.node[int(rng.integers(0, len(graph.node)))]
        elif kind == 7:
            weight.data_type = int(rng.integers(0, 25))
    return copy


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_a_model_that_means_something_else_is_refused_or_read(
    build: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    model = build()
    path = tmp_path / "twisted.onnx"
    options = input_options({"tokens": 4, "batch": 1} if build is bert else {} if build is zoo else {"batch": 1})
    messages: list[str] = []
    for seed in range(SEEDS):
        path.write_bytes(twisted(model, seed).SerializeToString())
        started = time.perf_counter()
        try:
            load_onnx(path, options)
        except InternalError:
            raise
        except AccelsimError as error:
            messages.append(str(error))
        assert time.perf_counter() - started < SECONDS, f"seed {seed}"
    assert len(messages) > SEEDS // 4
    assert [message for message in messages if str(path) not in message] == []
