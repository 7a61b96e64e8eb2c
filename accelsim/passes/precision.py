"""A graph in the numbers of an accelerator: `int8` and other widths, `fixed<16,6>`; executed as floats.

A precision is named as hardware files name formats; `A/W` gives activations and weights formats of their own, such as
`fixed<16,6>/fixed<16,2>` or `int8/int4`. It writes the rounding into the graph as ops, so the engine runs it as it
runs anything, and what is measured is what the ops say:

int<N> - Operands of products (convolutions, linear layers, matrix products, attention) are whole numbers: weights
symmetric with one scale for each output channel, activations symmetric with one scale for each tensor, the largest
magnitude that calibration saw over 2^(N-1) - 1; halves round to even, what lies beyond saturates. Constant biases are
whole numbers in the scale of the sums, 32 bits of int8. Sums are exact while they stay below 2^24 (1,040 products of
int8 at their worst); larger ones round to 24 bits. All else, such as norms, softmax and additions, is float32.

fixed<W,I> - Constants, inputs and the result of every op are fixed point numbers as in HLS, by default truncated and
wrapped (AP_TRN, AP_WRAP); `fixed<16,6,AP_RND,AP_SAT>` says otherwise. Inside an op it is float32: sums of products are
wide, and an exponential or a root has the accuracy of a float.

Not modelled: int<N> inside of attention, whose scores and shares are float32; requantisation of sums by a multiplier
and a shift, here an exact float; saturation of sums.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from accelsim.errors import InputError
from accelsim.ir.dtype import FLOAT32
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Graph, Node
from accelsim.ops.expand import expanded
from accelsim.ops.fixed_point import to_fixed
from accelsim.ops.registry import op_spec
from accelsim.ops.verified import verified
from accelsim.passes.adapters import compact_pruned, merge_adapters
from accelsim.passes.constants import Array, Constants, operand
from accelsim.passes.fold_batch_norm import fold_batch_norm
from accelsim.passes.fold_constants import fold_constants
from accelsim.passes.fold_pixel_difference import fold_pixel_difference

FULL = "float32"
"""The precision that leaves a graph as it is."""

Ranges = Mapping[str, float]
"""The largest magnitude that each tensor reached."""

_DEPLOYED = (fold_constants, fold_batch_norm, fold_pixel_difference, merge_adapters, compact_pruned)
_FORMS = {"moe": "sparse"}
_AMONG_OPERANDS = frozenset({"relu", "max_pool2d", "gather", "where"})


class Precision(Protocol):
    """Formats of activations and weights."""

    def observed(self, graph: Graph) -> tuple[str, ...]:
        """The tensors of a deployed graph whose ranges `rounded` needs."""

    def rounded(self, graph: Graph, ranges: Ranges) -> Graph:
        """A deployed graph with the rounding in it."""


def precision_name(text: str) -> str:
    """The one way to write a precision: without spaces, and once where both formats are the same."""
    activation, _, weight = "".join(text.split()).partition("/")
    return activation if weight in ("", activation) else f"{activation}/{weight}"


def parse_precision(text: str) -> Precision:
    """`int8`, `fixed<16,6>`, `A/W`. Raises InputError."""
    activation, slash, weight = text.partition("/")
    for family in FAMILIES:
        found = family(activation.strip(), (weight if slash else activation).strip())
        if found is not None:
            return found
    raise InputError(
        f"'{text}' is not a precision; examples: float32, int8, int8/int4, fixed<16,6>, fixed<16,6,AP_RND,AP_SAT>, "
        "fixed<16,6>/fixed<16,2>"
    )


def deployed(graph: Graph) -> Graph:
    """The graph as an accelerator gets it: what can be folded is, and every product is a node of its own."""
    for step in _DEPLOYED:
        graph = step(graph)
    written = expanded(graph, lambda node: _FORMS.get(node.op, op_spec(node.op).default_form))
    return fold_constants(verified(written, after="expand"))


class _Rewriting:
    """The nodes and constants of a graph while rounding is written into it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants = Constants(graph)
        self.nodes: list[Node] = []

    def emit(self, op: str, inputs: Sequence[str], output: str, attrs: Mapping[str, AttrValue] | None = None) -> str:
        """A node named after its one output; where that is new, its type is inferred."""
        tensors, spec = self.constants.tensors, op_spec(op)
        bound = spec.bind(output, attrs or {})
        if output not in tensors:
            (tensors[output],) = spec.infer([tensors[name] for name in inputs], bound)
        made_by = self.graph.producers.get(output)
        origins = (made_by.name, *made_by.origins) if made_by else ()
        self.nodes.append(Node(f"{output}:{op}", op, tuple(inputs), (output,), bound, origins=origins))
        return output

    def renamed(self, node: Node, suffix: str, inputs: Sequence[str]) -> str:
        """The node with other inputs, its first output under a name with `suffix`; that name."""
        first = f"{node.outputs[0]}.{suffix}"
        self.constants.tensors[first] = self.constants.tensors[node.outputs[0]]
        self.nodes.append(replace(node, inputs=tuple(inputs), outputs=(first, *node.outputs[1:]), fused=""))
        return first

    def number(self, name: str, value: Array | float) -> str:
        """A constant in float32."""
        return self.constants.add(name, np.asarray(value, np.float32), FLOAT32)

    def is_real(self, name: str) -> bool:
        return bool(name) and self.constants.tensors[name].dtype == FLOAT32

    def finish(self, after: str) -> Graph:
        return self.constants.graph_of(self.nodes, after=after)


@dataclass(frozen=True)
class Channels:
    """Output channels of a product's weights: the axes that one scale spans, and the scales as the result takes them.

    `shape(scales, node)` turns scales [channels] into what broadcasts to the result and `biases` to the bias.
    """

    spanned: tuple[int, ...]
    result: Callable[[Array, Node], Array]
    biases: Callable[[Array, Node], Array] = lambda scales, node: scales.reshape(-1)


def _columns(scales: Array, node: Node) -> Array:
    return scales.reshape(-1, 1, 1)


def _grouped(scales: Array, node: Node) -> Array:
    """Of conv_transpose2d, each group has the same scales."""
    return np.tile(scales.reshape(-1), int(node.attrs["groups"]))  # type: ignore[arg-type]


_PRODUCTS: Mapping[str, Channels] = {
    "conv2d": Channels((1, 2, 3), _columns),
    "conv_transpose2d": Channels((0, 2, 3), lambda scales, node: _grouped(scales, node).reshape(-1, 1, 1), _grouped),
    "linear": Channels((1,), lambda scales, node: scales.reshape(-1)),
    "matmul": Channels((), lambda scales, node: scales),
}
"""Products x, w, bias? whose sums take one scale a channel; a matrix product has one scale for all."""

_OPERANDS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(_PRODUCTS, (0, 1)),
    "grouped_linear": (0, 2),
    "attention": (0, 1, 2),
    "einsum": (0, 1),
}
"""Which operands of an op are factors of its products."""


@dataclass(frozen=True)
class WholeNumbers:
    """int<N>: operands of products are whole numbers times a scale."""

    activation_bits: int
    weight_bits: int

    def observed(self, graph: Graph) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                name
                for node in graph.nodes
                for index in _OPERANDS.get(node.op, ())
                if (name := operand(node, index)) and name not in graph.parameters
                if graph.tensors[name].dtype == FLOAT32
            )
        )

    def rounded(self, graph: Graph, ranges: Ranges) -> Graph:
        to = _Rewriting(graph)
        known = {name: self._activation(ranges[name]) for name in self.observed(graph)}
        stored: dict[str, str] = {}

        def whole(name: str) -> tuple[str, float]:
            """The tensor in whole numbers, written once, and its scale. A constant has its own range."""
            if name not in known:
                known[name] = self._activation(float(np.abs(to.constants.value(name)).max(initial=0.0)))
            if name not in stored:
                limit = 2 ** (self.activation_bits - 1)
                steps = to.emit("div", (name, to.number(f"{name}.scale", known[name])), f"{name}.steps")
                near = to.emit("round", (steps,), f"{name}.rounded")
                bounds: dict[str, AttrValue] = {"low": float(-limit), "high": float(limit - 1)}
                stored[name] = to.emit("clip", (near,), f"{name}.whole", bounds)
            return stored[name], known[name]

        for node in graph.nodes:
            factors = [operand(node, index) for index in _OPERANDS.get(node.op, ())]
            if not factors or not all(to.is_real(name) for name in factors):
                to.nodes.append(node)
            elif node.op in _PRODUCTS and to.constants.known(operand(node, 2)):
                self._product(to, node, whole)
            elif node.op == "grouped_linear" and to.constants.known(*node.inputs[2:4]):
                self._grouped_product(to, node, whole)
            else:
                real = {}
                for name in dict.fromkeys(factors):
                    stored_as, scale = whole(name)
                    back = to.number(f"{name}.{node.name}.scale", scale)
                    real[name] = to.emit("mul", (stored_as, back), f"{name}.{node.name}.real")
                to.nodes.append(replace(node, inputs=tuple(real.get(name, name) for name in node.inputs)))
        return to.finish("int precision")

    def _sums(self, bias: Array, scales: Array) -> Array:
        """A bias in the scale of the sums, which have the bits of both factors and 16 more."""
        limit = 2.0 ** (self.activation_bits + self.weight_bits + 15) - 1
        return np.clip(np.rint(bias.astype(np.float64) / scales), -limit, limit)

    def _activation(self, largest: float) -> float:
        return float(_scales(np.asarray(largest), self.activation_bits))

    def _product(self, to: _Rewriting, node: Node, whole: Callable[[str], tuple[str, float]]) -> None:
        """y = scale * (x in whole numbers (*) w in whole numbers + bias in whole numbers)."""
        channels, (y,) = _PRODUCTS[node.op], node.outputs
        x, scale = whole(node.inputs[0])
        if to.constants.known(node.inputs[1]):
            values = to.constants.value(node.inputs[1]).astype(np.float64)
            spanned = channels.spanned or tuple(range(values.ndim))
            own = _scales(np.abs(values).max(axis=spanned, keepdims=True, initial=0.0), self.weight_bits)
            w = to.number(f"{y}.w.whole", np.rint(values / own))
            scales, biases = channels.result(scale * own, node), channels.biases(scale * own, node)
            scales = scales if channels.spanned else scales.reshape(())
        else:
            w, other = whole(node.inputs[1])
            scales = biases = np.asarray(scale * other)
        inputs = [x, w]
        if operand(node, 2):
            inputs.append(to.number(f"{y}.b.whole", self._sums(to.constants.value(node.inputs[2]), biases)))
        sums = to.renamed(node, "sums", inputs)
        to.emit("mul", (sums, to.number(f"{y}.scale", scales)), y)

    def _grouped_product(self, to: _Rewriting, node: Node, whole: Callable[[str], tuple[str, float]]) -> None:
        """The same for rows of which each takes the weights, and so the scales, of its group."""
        (y,), (_, groups, weights, bias) = node.outputs, node.inputs
        x, scale = whole(node.inputs[0])
        values = to.constants.value(weights).astype(np.float64)
        own = _scales(np.abs(values).max(axis=2, initial=0.0), self.weight_bits)
        w = to.number(f"{y}.w.whole", np.rint(values / own[:, :, None]))
        b = to.number(f"{y}.b.whole", self._sums(to.constants.value(bias), scale * own))
        sums = to.renamed(node, "sums", (x, groups, w, b))
        each = to.emit("gather", (to.number(f"{y}.scale", scale * own), groups), f"{y}.scales")
        to.emit("mul", (sums, each), y)


def _scales(largest: Array, bits: int) -> Array:
    """What one step is worth, so that the largest magnitude is the largest whole number; 1 where there is nothing."""
    steps = np.asarray(largest, np.float64) / (2 ** (bits - 1) - 1)
    return np.where(steps > 0, steps, 1.0)


_HLS: Mapping[str, tuple[str, str]] = {
    "AP_TRN": ("rounding", "floor"),
    "AP_RND": ("rounding", "nearest-up"),
    "AP_RND_CONV": ("rounding", "nearest-even"),
    "AP_WRAP": ("overflow", "wrap"),
    "AP_SAT": ("overflow", "saturate"),
}


@dataclass(frozen=True)
class FixedPoint:
    """fixed<W,I>: what is stored is a fixed point number. Attributes are those of the op `fixed_point`."""

    activation: FrozenMap[str, AttrValue]
    weight: FrozenMap[str, AttrValue]

    def observed(self, graph: Graph) -> tuple[str, ...]:
        return ()

    def rounded(self, graph: Graph, ranges: Ranges) -> Graph:
        to = _Rewriting(graph)
        names = {name: self._constant(to, name) for name in graph.parameters if to.is_real(name)}
        for name in graph.inputs:
            if to.is_real(name):
                names[name] = to.emit("fixed_point", (name,), f"{name}.fixed", self.activation)
        for node in graph.nodes:
            inputs = [names.get(name, name) for name in node.inputs]
            spec = op_spec(node.op)
            if spec.layout or node.op in _AMONG_OPERANDS or not to.is_real(node.outputs[0]):
                to.nodes.append(replace(node, inputs=tuple(inputs)))
                continue
            exact = to.renamed(node, "exact", inputs)
            to.emit("fixed_point", (exact,), node.outputs[0], self.activation)
        return to.finish("fixed precision")

    def _constant(self, to: _Rewriting, name: str) -> str:
        values, bound = to.constants.value(name), op_spec("fixed_point").bind(name, self.weight)
        finite = np.isfinite(values)
        return to.number(f"{name}.fixed", np.where(finite, to_fixed(values, bound), values))


_WHOLE = re.compile(r"int(\d+)")
_FIXED = re.compile(r"(u?)fixed<(\d+),\s*(-?\d+)((?:,\s*AP_[A-Z_]+)*)>")


def _whole_numbers(activation: str, weight: str) -> Precision | None:
    found = [_WHOLE.fullmatch(text) for text in (activation, weight)]
    bits = [int(match[1]) for match in found if match]
    return WholeNumbers(*bits) if len(bits) == 2 and all(2 <= count <= 16 for count in bits) else None


def _fixed_point(activation: str, weight: str) -> Precision | None:
    formats = [_fixed_format(text) for text in (activation, weight)]
    return None if None in formats else FixedPoint(*(FrozenMap(form) for form in formats if form is not None))


def _fixed_format(text: str) -> dict[str, AttrValue] | None:
    match = _FIXED.fullmatch(text)
    if match is None:
        return None
    modes = [mode.strip() for mode in match[4].split(",")[1:]]
    if any(mode not in _HLS for mode in modes):
        return None
    sizes: dict[str, AttrValue] = {"bits": int(match[2]), "integer_bits": int(match[3]), "signed": not match[1]}
    return {**sizes, **dict(_HLS[mode] for mode in modes)}


FAMILIES = (_whole_numbers, _fixed_point)
"""What reads a pair of formats, or gives None for formats that are not its own."""
