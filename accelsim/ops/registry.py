"""The ops accelsim knows: an explicit list, through the same call that a plugin uses."""

from __future__ import annotations

from accelsim.errors import InternalError, UnsupportedError, did_you_mean
from accelsim.ops.spec import OpSpec

_SPECS: dict[str, OpSpec] = {}


def register(spec: OpSpec) -> None:
    """Make an op known. A name taken twice is an error."""
    if spec.name in _SPECS:
        raise InternalError(f"op '{spec.name}' is registered twice")
    _SPECS[spec.name] = spec


def op_spec(name: str) -> OpSpec:
    """The spec of an op. Raises UnsupportedError with the nearest known name."""
    try:
        return _SPECS[name]
    except KeyError:
        raise UnsupportedError(f"unknown op '{name}'{did_you_mean(name, _SPECS)}") from None


def all_ops() -> tuple[OpSpec, ...]:
    """Every registered op, by name."""
    return tuple(_SPECS[name] for name in sorted(_SPECS))
