"""One ONNX node as the functions that translate it see it: inputs, attributes, and a place to add ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import numpy as np
import onnx

from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends.onnx_load import format_of, numpy_dtype
from accelsim.ir.dtype import DType
from accelsim.ir.graph import Tensor
from accelsim.ops.spec import Array, Attrs

_REQUIRED = object()
LARGEST = 2**26
"""Elements of a constant that a translation makes by itself, and sizes that attributes may ask for."""

# Attributes that do not change what inference computes, or only beside others that translations look at.
_HARMLESS = frozenset(
    {
        *("momentum", "seed", "sorted", "storage_order", "stash_type", "precision", "softmax_precision", "saturate"),
        *("round_mode", "extrapolation_value", "pads", "num_heads", "q_num_heads", "kv_num_heads"),
    }
)


@dataclass(frozen=True, eq=False)
class Value:
    """What an ONNX name stands for: a tensor of the graph, or a constant that no node of the graph reads yet.

    `label` names a constant in the user's model. `offered` is what an input of the model, or what is computed from
    it, will be: the user gave it, and operators that must know it may rely on it.
    """

    type: Tensor
    name: str = ""
    array: Array | None = None
    label: str = ""
    offered: Array | None = None

    @property
    def constant(self) -> Array:
        """The array of a value that is known to be constant."""
        assert self.array is not None
        return self.array


class Emitter(Protocol):
    """What takes the ops of a call: folds those of constants, adds the others to the graph."""

    def emit(
        self, op: str, inputs: Sequence[Value | None], attrs: Attrs, *, name: str, module: str
    ) -> tuple[Value, ...]: ...


@dataclass(frozen=True)
class Call:
    """An ONNX node with its inputs and attributes resolved. `opset` is the version of its domain."""

    emitter: Emitter
    node: onnx.NodeProto
    opset: int
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    name: str
    module: str
    seen: set[str | int] = field(default_factory=set)

    def unread(self) -> list[str]:
        """What of the node the translation has not looked at, although it may change the result."""
        attributes = [f"attribute '{key}'" for key in self.attributes if key not in self.seen and key not in _HARMLESS]
        inputs = [f"input {i}" for i, value in enumerate(self.inputs) if value is not None and i not in self.seen]
        return attributes + inputs

    def every_input(self) -> tuple[Value | None, ...]:
        self.seen.update(range(len(self.inputs)))
        return self.inputs

    @property
    def output_count(self) -> int:
        return len(self.node.output)

    def wants(self, index: int) -> bool:
        """Whether the model uses output `index`."""
        return index < len(self.node.output) and bool(self.node.output[index])

    def fail(self, text: str) -> NoReturn:
        """The node breaks the rules of its operator."""
        raise InputError(text)

    def refuse(self, text: str) -> NoReturn:
        """The node asks for what accelsim does not do."""
        raise UnsupportedError(text)

    # inputs

    def maybe(self, index: int) -> Value | None:
        self.seen.add(index)
        return self.inputs[index] if index < len(self.inputs) else None

    def value(self, index: int) -> Value:
        value = self.maybe(index)
        if value is None:
            self.fail(f"input {index} is absent")
        return value

    def tensor(self, index: int) -> Tensor:
        return self.value(index).type

    def shape(self, index: int = 0) -> tuple[int, ...]:
        return self.tensor(index).shape

    def rank(self, index: int = 0) -> int:
        return len(self.shape(index))

    def known(self, index: int, what: str) -> Array:
        """The array of an input that must be known before anything runs."""
        value = self.value(index)
        known = value.array if value.array is not None else value.offered
        if known is None:
            self.refuse(
                f"{what} (input {index}, '{self.node.input[index]}') depends on data; it must be known before the "
                f"model runs; where it is an input of the model, give its value: --inputs FILE.npz"
            )
        return known

    def whole_numbers(self, index: int, what: str) -> tuple[int, ...]:
        array = self.known(index, what)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            self.fail(f"{what} (input {index}) is {array.dtype} {list(array.shape)}, needs a list of whole numbers")
        return tuple(int(number) for number in array.reshape(-1))

    def numbers(self, index: int, what: str) -> tuple[float, ...]:
        return tuple(float(number) for number in self.known(index, what).reshape(-1))

    # attributes

    def has(self, key: str) -> bool:
        self.seen.add(key)
        return key in self.attributes

    def _attribute(self, key: str, default: Any, kinds: tuple[type, ...]) -> Any:
        self.seen.add(key)
        value = self.attributes.get(key, default)
        if value is _REQUIRED:
            self.fail(f"attribute '{key}' is missing")
        if key in self.attributes and not isinstance(value, kinds):
            self.fail(f"attribute '{key}' has a value of another type than the operator takes")
        return value

    def integer(self, key: str, default: Any = _REQUIRED) -> int:
        return int(self._attribute(key, default, (int,)))

    def real(self, key: str, default: Any = _REQUIRED) -> float:
        return float(self._attribute(key, default, (float, int)))

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        value = self._attribute(key, default, (bytes, str))
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def integers(self, key: str, default: Any = _REQUIRED) -> tuple[int, ...]:
        value = self._attribute(key, default, (list, tuple))
        if not all(isinstance(number, int) for number in value):
            self.fail(f"attribute '{key}' needs whole numbers")
        return tuple(value)

    def axis(self, key: str, default: Any, rank: int) -> int:
        return self.checked_axis(self.integer(key, default), rank)

    def checked_axis(self, axis: int, rank: int) -> int:
        """An axis counted from the front."""
        if not -rank <= axis < rank:
            self.fail(f"axis {axis} is outside of {rank} dimensions")
        return axis % rank

    # results

    def emit(
        self, op: str, inputs: Sequence[Value | None], attrs: Mapping[str, Any] | None = None, *, part: str = ""
    ) -> Value:
        """Add an op with one output; `part` tells it apart where a node becomes several."""
        return self.emit_all(op, inputs, attrs, part=part)[0]

    def emit_all(
        self, op: str, inputs: Sequence[Value | None], attrs: Mapping[str, Any] | None = None, *, part: str = ""
    ) -> tuple[Value, ...]:
        name = f"{self.name}.{part}" if part else self.name
        return self.emitter.emit(op, inputs, attrs or {}, name=name, module=self.module)

    def constant(self, array: Array, part: str = "constant") -> Value:
        made = np.asarray(array)
        return Value(Tensor(made.shape, format_of(made, self.name)), array=made, label=f"{self.name}.{part}")

    def like(self, number: float, value: Value, part: str = "constant") -> Value:
        """A scalar in the format of `value`."""
        return self.constant(np.asarray(number, numpy_dtype(value.type.dtype)), part)

    # steps that many operators share

    def reshaped(self, value: Value, shape: Sequence[int], part: str = "") -> Value:
        if tuple(shape) == value.type.shape:
            return value
        return self.emit("reshape", [value], {"shape": tuple(shape)}, part=part)

    def transposed(self, value: Value, perm: Sequence[int], part: str = "") -> Value:
        if tuple(perm) == tuple(range(len(value.type.shape))):
            return value
        return self.emit("transpose", [value], {"perm": tuple(perm)}, part=part)

    def cast(self, value: Value, dtype: DType, part: str = "") -> Value:
        if value.type.dtype == dtype:
            return value
        return self.emit("cast", [value], {"dtype": str(dtype)}, part=part)

    def cut(self, value: Value, axis: int, start: int, end: int, part: str = "") -> Value:
        attrs = {"starts": (start,), "ends": (end,), "axes": (axis,), "steps": (1,)}
        return self.emit("slice", [value], attrs, part=part)


Translate = Callable[[Call], "Sequence[Value | None] | None"]
"""Makes the outputs of a node; None where only ONNX's own definition of the operator covers this form of it."""
