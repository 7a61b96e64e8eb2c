"""Whether the names of ops and of their parts in a hardware description exist; the schema itself knows no ops."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.document import TreePath
from accelsim.hw.load import located_message
from accelsim.hw.schema import Hardware
from accelsim.mapping.view import ANY, MODEL_INPUT, PARAMETER
from accelsim.ops.registry import all_ops

_OWN = {ANY, MODEL_INPUT, PARAMETER, "activation", "weight"}


def check_names(hardware: Hardware, spec: str | Path, *, overridden: Collection[str] = ()) -> None:
    """Raises InputError for a placement, absorption or tensor class that names no op, or for one of the first two that
    names no part of its op, one line each with its place in the description that `spec` was loaded from, unless one of
    `overridden` put it there."""
    known = {op.name: op for op in all_ops()}
    wrong = []
    for path, name, is_part in _names(hardware):
        op, _, part = name.partition(".")
        if name in _OWN or (op in known and not (is_part and part and part not in known[op].parts)):
            continue
        message = f"'{name}' names no op{did_you_mean(op, known)}"
        if op in known:
            parts = known[op].parts
            message = f"'{part}' is no part of {op}, which has {', '.join(parts)}{did_you_mean(part, parts)}"
        wrong.append(located_message(spec, path, message, overridden=overridden))
    if wrong:
        raise InputError("\n".join(wrong))


def _names(hardware: Hardware) -> Iterator[tuple[TreePath, str, bool]]:
    """Names with their place, and whether what follows the op is a part of it, not an operand."""
    yield from ((("placement", name), name, True) for name in hardware.placement)
    yield from ((("precision", name), name, False) for name in hardware.precision)
    yield from ((("on_chip", index), name, False) for index, name in enumerate(hardware.on_chip))
    for link, part in hardware.links.items():
        yield from ((("links", link, "carries", index), name, False) for index, name in enumerate(part.carries))
    for unit, described in hardware.units.items():
        yield from ((("units", unit, "absorbs", index), name, True) for index, name in enumerate(described.absorbs))
