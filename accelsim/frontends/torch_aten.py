"""The table of aten calls: what each becomes in the graph. One that is missing is an error, never skipped.

Programs are functional when they come here, so calls that change a value in place need no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from accelsim.errors import UnsupportedError
from accelsim.frontends.torch_aten_math import MATH_CALLS
from accelsim.frontends.torch_aten_moving import MOVING_CALLS
from accelsim.frontends.torch_aten_network import NETWORK_CALLS
from accelsim.frontends.torch_call import Call, Lowering

LOWERINGS: Mapping[str, Lowering] = {**MATH_CALLS, **MOVING_CALLS, **NETWORK_CALLS}


def _converted(call: Call) -> str:
    """A call that passes its input on, at most in another format."""
    first = next(iter(call.args.values()))
    return call.cast(call.value(first), call.result.dtype)


def _dropout(call: Call) -> str:
    if call.args["train"]:
        raise UnsupportedError("dropout in training mode")
    return call.value(next(iter(call.args.values())))


# Calls that pass their input on: no node, but an origin of the node before them.
ALIASES: Mapping[str, Callable[[Call], str]] = {
    "aten._to_copy.default": _converted,
    "aten.alias.default": _converted,
    "aten.clone.default": _converted,
    "aten.contiguous.default": _converted,
    "aten.detach.default": _converted,
    "aten.detach_.default": _converted,
    "aten.dropout.default": _dropout,
    "aten.dropout_.default": _dropout,
    "aten.feature_dropout.default": _dropout,
    "aten.lift_fresh_copy.default": _converted,
    "aten.to.device": _converted,
    "aten.to.dtype": _converted,
    "aten.to.dtype_layout": _converted,
}

# Calls in place that change no number: what autograd sees, and dropout where it is not training.
HARMLESS_IN_PLACE = frozenset({"aten.detach_.default", "aten.dropout_.default"})

# Calls without tensors; their values are constants.
CREATORS = frozenset(
    f"aten.{name}"
    for name in (
        "arange.default",
        "arange.start",
        "arange.start_step",
        "eye.default",
        "full.default",
        "linspace.default",
        "ones.default",
        "scalar_tensor.default",
        "zeros.default",
    )
)

# Checks that torch puts into a program; fixed shapes make them always true.
IGNORED = frozenset({"aten._assert_tensor_metadata.default", "aten._assert_scalar.default"})
