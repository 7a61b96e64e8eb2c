"""SCALE-Sim topology files as models: a CSV file of convolutions or of matrix products, one layer a line.

    Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
    Layer, M, N, K,

Commas at the end of a line and empty lines are let pass; anything else that is not as in these headers is an error.
Layers are nodes of their own: a topology does not say how they are connected, and has sizes only, no numbers.

Sizes are SCALE-Sim's: no padding (the input is given padded), and the output has ceil((H - FH + S) / S) rows. Where
the stride does not divide H - FH this is one more than a network computes; the input is then taken to have the rows
and columns that the last window covers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from accelsim.errors import InputError
from accelsim.ir.graph import Graph, Tensor
from accelsim.ir.weights import SizesOnly
from accelsim.ops.build import GraphBuilder
from accelsim.ops.verified import verified

SUFFIX = ".csv"
_LARGEST = 10**6
_CONVOLUTION = (
    ("layer name", "layer"),
    ("ifmap height",),
    ("ifmap width",),
    ("filter height",),
    ("filter width",),
    ("channels",),
    ("num filter", "num filters"),
    ("strides", "stride"),
)
_PRODUCT = (("layer", "layer name"), ("m",), ("n",), ("k",))

Sizes = Sequence[int]
Layer = tuple[str, Tensor, Tensor, dict[str, tuple[int, ...]]]
"""Op, input, weights and attributes of a layer."""


def read_topology(path: Path) -> Graph:
    """The layers of a topology file as a graph of unconnected nodes. Raises InputError with file and line."""
    lines = _lines(path)
    number, header = lines[0]
    columns = [field.lower() for field in header]
    layer_of = next((make for names, make in _KINDS if _is_header(columns, names)), None)
    if layer_of is None:
        expected = " or ".join(repr(", ".join(known[0] for known in names)) for names, _ in _KINDS)
        _fail(path, number, f"the header is {', '.join(header)!r}; a topology begins with {expected}")
    if len(lines) == 1:
        _fail(path, number, "a header and no layers")
    weights = SizesOnly(
        f"{path.name}: a topology has sizes of layers and no numbers, so it can be timed but not executed: "
        "use `accelsim simulate`"
    )
    builder = GraphBuilder(path.stem, weights)
    seen: dict[str, int] = {}
    outputs = []
    for number, fields in lines[1:]:
        if len(fields) != len(header):
            _fail(path, number, f"{len(fields)} fields; the header has {len(header)}")
        layer = fields[0]
        if layer in seen:
            _fail(path, number, f"layer '{layer}' is already on line {seen[layer]}")
        if not layer or ":" in layer:
            _fail(path, number, f"{layer!r} is not a name of a layer; it needs one, without a colon")
        seen[layer] = number
        sizes = [_size(path, number, title, text) for title, text in zip(header[1:], fields[1:], strict=True)]
        try:
            op, x, w, attrs = layer_of(sizes)
        except InputError as error:
            _fail(path, number, str(error))
        builder.module = layer
        given = builder.add_input(f"{layer}:input", x)
        outputs.append(builder.add(op, [given, builder.declare_parameter(f"{layer}:weight", w)], attrs, name=layer)[0])
    return verified(builder.finish(outputs, meta={"source": "SCALE-Sim topology"}), after="reading the topology")


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The fields of each line that has any, without the empty ones at its end."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            fields = [field.strip() for field in next(csv.reader([line], strict=True), [])]
        except csv.Error as error:
            _fail(path, number, str(error))
        while fields and not fields[-1]:
            fields.pop()
        if fields:
            found.append((number, fields))
    if not found:
        raise InputError(f"{path}: an empty file; a topology has a header and a layer a line")
    return found


def _is_header(columns: Sequence[str], names: Sequence[tuple[str, ...]]) -> bool:
    return len(columns) == len(names) and all(column in known for column, known in zip(columns, names, strict=True))


def _size(path: Path, number: int, title: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:20]) <= _LARGEST:
        _fail(path, number, f"{title}: {text!r} is not a whole number from 1 to {_LARGEST:,}")
    return int(text)


def _fail(path: Path, number: int, message: str) -> NoReturn:
    raise InputError(f"{path}:{number}: {message}")


def _convolution(sizes: Sizes) -> Layer:
    height, width, filter_height, filter_width, channels, filters, stride = sizes
    if filter_height > height or filter_width > width:
        raise InputError(f"a filter of {filter_height} x {filter_width} is larger than {height} x {width}")
    covered = tuple(
        -(-(size - window) // stride) * stride + window
        for size, window in ((height, filter_height), (width, filter_width))
    )
    x, w = Tensor((1, channels, *covered)), Tensor((filters, channels, filter_height, filter_width))
    return "conv2d", x, w, {"stride": (stride, stride)}


def _product(sizes: Sizes) -> Layer:
    m, n, k = sizes
    return "linear", Tensor((m, k)), Tensor((n, k)), {}


_KINDS: tuple[tuple[tuple[tuple[str, ...], ...], Callable[[Sizes], Layer]], ...] = (
    (_CONVOLUTION, _convolution),
    (_PRODUCT, _product),
)
