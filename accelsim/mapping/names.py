"""Whether the names of ops in a hardware description exist; the schema itself knows no ops."""

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
    """Raises InputError for a placement, absorption or tensor class that names no op, one line each with its place in
    the description that `spec` was loaded from, unless one of `overridden` put it there."""
    known = {op.name for op in all_ops()}
    wrong = [
        located_message(
            spec, path, f"'{name}' names no op{did_you_mean(name.split('.')[0], known)}", overridden=overridden
        )
        for path, name in _names(hardware)
        if name not in _OWN and name.split(".")[0] not in known
    ]
    if wrong:
        raise InputError("\n".join(wrong))


def _names(hardware: Hardware) -> Iterator[tuple[TreePath, str]]:
    yield from ((("placement", name), name) for name in hardware.placement)
    yield from ((("precision", name), name) for name in hardware.precision)
    yield from ((("on_chip", index), name) for index, name in enumerate(hardware.on_chip))
    for link, part in hardware.links.items():
        yield from ((("links", link, "carries", index), name) for index, name in enumerate(part.carries))
    for unit, described in hardware.units.items():
        yield from ((("units", unit, "absorbs", index), name) for index, name in enumerate(described.absorbs))
