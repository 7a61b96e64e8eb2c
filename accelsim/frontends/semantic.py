"""Which modules of a user stay one op in the graph, and how to read their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.errors import InputError
from accelsim.ops.registry import op_spec

# A module -> attributes of the op, and its parameters (torch tensors) by the op's names for them.
Extract = Callable[[Any], tuple[Mapping[str, Any], Mapping[str, Any]]]


@dataclass(frozen=True)
class SemanticForm:
    """The op that stands for a module, and how its attributes and parameters are read from it."""

    op: str
    extract: Extract


_FORMS: dict[type, SemanticForm] = {}


def semantic(cls: type, *, op: str, extract: Extract) -> None:
    """Keep each module of class `cls` as one node of `op` when a model is traced.

    `extract(module)` gives the op's attributes and its parameters by operand name. The module's forward
    takes the remaining operands in order and returns the op's first output; outside of tracing it runs as
    it is. Raises UnsupportedError for an unknown op, InputError where the class is already marked for
    another one.
    """
    op_spec(op)
    known = _FORMS.get(cls)
    if known is not None and known.op != op:
        raise InputError(f"{cls.__qualname__} is already marked as '{known.op}'; it cannot also be '{op}'")
    _FORMS[cls] = SemanticForm(op, extract)


def semantic_form(module: object) -> SemanticForm | None:
    """How `module` becomes one op: by `semantic(...)` for its class or a base, or its own `semantic_op`."""
    for cls in type(module).__mro__:
        if cls in _FORMS:
            return _FORMS[cls]
    op = getattr(module, "semantic_op", None)
    if op is None:
        return None
    read = getattr(module, "semantic_parameters", None)
    if not isinstance(op, str) or not callable(read):
        raise InputError(
            f"{type(module).__qualname__}: `semantic_op` must be the name of an op and come with a method "
            f"`semantic_parameters() -> (attributes, tensors by operand name)`"
        )
    return SemanticForm(op, lambda marked: marked.semantic_parameters())
