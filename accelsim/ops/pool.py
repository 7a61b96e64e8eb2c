"""max_pool2d and avg_pool2d: images seen through a window that moves.

`padding` is (top, left, bottom, right). `ceil_mode` lets a last window hang over the end, unless it would start in
the padding behind the image (as PyTorch and ONNX have it). No maximum counts padding; an average counts the padded
places under a window where `count_include_pad` says so, but never what hangs over behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.attributes import flag, integers
from accelsim.ops.nests import read, write
from accelsim.ops.operands import NUMBER, REAL, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, WorkInput

_ATTRS = {
    "kernel": REQUIRED,
    "stride": (1, 1),
    "padding": (0, 0, 0, 0),
    "dilation": (1, 1),
    "ceil_mode": False,
}


@dataclass(frozen=True)
class Window:
    """A pooling window along one axis of an image of `size` pixels."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    ceil_mode: bool

    @property
    def span(self) -> int:
        return self.dilation * (self.kernel - 1) + 1

    @property
    def outputs(self) -> int:
        room = self.size + self.before + self.after - self.span
        if room < 0:
            return 0
        if not self.ceil_mode:
            return room // self.stride + 1
        count = -(-room // self.stride) + 1
        return count - 1 if (count - 1) * self.stride >= self.size + self.before else count

    @property
    def reach(self) -> int:
        """The padded size that the windows need."""
        return max((self.outputs - 1) * self.stride + self.span, self.size + self.before)

    def covered(self, *, padding: bool) -> Array:
        """For each window how many of its places lie in the image, or in the image with its padding."""
        first = 0 if padding else self.before
        end = self.before + self.size + (self.after if padding else 0)
        places = np.arange(self.outputs)[:, None] * self.stride + np.arange(self.kernel) * self.dilation
        return np.asarray(((places >= first) & (places < end)).sum(axis=1))

    def touched(self) -> int:
        """Pixels under any window."""
        places = np.arange(self.outputs)[:, None] * self.stride + np.arange(self.kernel) * self.dilation - self.before
        return int(np.unique(places[(places >= 0) & (places < self.size)]).size)


def windows(op: str, shape: tuple[int, ...], attrs: Attrs) -> tuple[Window, Window]:
    """The windows along height and width."""
    kernel, stride = integers(op, attrs, "kernel", count=2, least=1), integers(op, attrs, "stride", count=2, least=1)
    dilation = integers(op, attrs, "dilation", count=2, least=1)
    padding = integers(op, attrs, "padding", count=4, least=0)
    ceil_mode = flag(op, attrs, "ceil_mode")

    def along(axis: int) -> Window:
        before, after = padding[axis], padding[axis + 2]
        return Window(shape[2 + axis], kernel[axis], stride[axis], dilation[axis], before, after, ceil_mode)

    return along(0), along(1)


def _infer(op: str, types: MaybeTensors, attrs: Attrs, kinds: frozenset[str]) -> tuple[Tensor, ...]:
    operands = Operands(op, ("x",), types)
    x = operands.get(0, rank=4, kinds=kinds)
    rows, columns = windows(op, x.shape, attrs)
    for window in (rows, columns):
        if window.outputs < 1:
            operands.fail(f"a window of {window.span} is larger than {operands.show(0)} with its padding")
        if window.covered(padding=False).min() < 1:
            operands.fail(
                f"with padding {attrs['padding']} a window of {window.span} sees no pixel of {operands.show(0)}"
            )
    return (Tensor((*x.shape[:2], rows.outputs, columns.outputs), x.dtype),)


def _shifted(x: Array, rows: Window, columns: Window, fill: Array) -> list[Array]:
    """For each place in the window the pixels that the windows see there, `fill` outside of the image."""
    below, right = rows.reach - rows.size - rows.before, columns.reach - columns.size - columns.before
    padded = np.pad(x, ((0, 0), (0, 0), (rows.before, below), (columns.before, right)), constant_values=fill)

    def steps(window: Window, place: int) -> slice:
        first = place * window.dilation
        return slice(first, first + (window.outputs - 1) * window.stride + 1, window.stride)

    return [padded[:, :, steps(rows, i), steps(columns, j)] for i in range(rows.kernel) for j in range(columns.kernel)]


def _infer_max(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    return _infer("max_pool2d", types, attrs, NUMBER)


def _max_pool(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x = required(arrays, 0)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    first, *others = _shifted(x, *windows("max_pool2d", x.shape, attrs), np.asarray(lowest, x.dtype))
    y = first.copy()
    for other in others:
        np.maximum(y, other, out=y)
    return (y,)


def _infer_avg(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    flag("avg_pool2d", attrs, "count_include_pad")
    return _infer("avg_pool2d", types, attrs, REAL)


def _avg_pool(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, padding = required(arrays, 0), flag("avg_pool2d", attrs, "count_include_pad")
    rows, columns = windows("avg_pool2d", x.shape, attrs)
    first, *others = _shifted(x, rows, columns, np.zeros((), x.dtype))
    total = first.copy()
    for other in others:
        total += other
    return (total / np.outer(rows.covered(padding=padding), columns.covered(padding=padding)).astype(x.dtype),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """The window's function at each place of each window, those over padding included."""
    x = node.tensor(0)
    rows, columns = windows(node.node.op, x.shape, node.node.attrs)
    dims = (
        Dim("batch", x.shape[0] * x.shape[1], Axis.BATCH),
        Dim("oh", rows.outputs, Axis.ROW),
        Dim("ow", columns.outputs, Axis.ROW),
        Dim("kh", rows.kernel, Axis.REDUCE),
        Dim("kw", columns.kernel, Axis.REDUCE),
    )
    touched = x.shape[0] * x.shape[1] * rows.touched() * columns.touched()
    source = read(node, 0, "x", ("batch", "oh", "ow", "kh", "kw"), elements=touched)
    function = _FUNCTIONS[node.node.op]
    main = LoopNest("main", function, dims, (source, write(node, 0, "y", ("batch", "oh", "ow"))))
    if function == "compare":
        return (main,)
    return (main, LoopNest("scale", "scale", dims[:3], (write(node, 0, "y", ("batch", "oh", "ow")),), after=("main",)))


_FUNCTIONS = {"max_pool2d": "compare", "avg_pool2d": "add"}

MAX_POOL2D = OpSpec("max_pool2d", ("x",), ("y",), _infer_max, _max_pool, _work, attrs=_ATTRS)
AVG_POOL2D = OpSpec(
    "avg_pool2d",
    ("x",),
    ("y",),
    _infer_avg,
    _avg_pool,
    _work,
    attrs={**_ATTRS, "count_include_pad": False},
    parts=("main", "scale"),
)
