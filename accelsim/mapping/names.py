"""Whether the names of ops in a hardware description exist; the schema itself knows no ops."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.errors import InputError, did_you_mean
from accelsim.hw.schema import Hardware
from accelsim.mapping.view import ANY, MODEL_INPUT, PARAMETER
from accelsim.ops.registry import all_ops

_OWN = {ANY, MODEL_INPUT, PARAMETER, "activation", "weight"}


def check_names(hardware: Hardware) -> None:
    """Raises InputError for a placement, absorption or tensor class that names no op, one line each."""
    known = {spec.name for spec in all_ops()}
    wrong = [
        f"{hardware.name}: {place}: '{name}' names no op{did_you_mean(name.split('.')[0], known)}"
        for place, name in _names(hardware)
        if name not in _OWN and name.split(".")[0] not in known
    ]
    if wrong:
        raise InputError("\n".join(wrong))


def _names(hardware: Hardware) -> Iterator[tuple[str, str]]:
    yield from (("placement", name) for name in hardware.placement)
    yield from (("precision", name) for name in hardware.precision)
    yield from (("on_chip", name) for name in hardware.on_chip)
    for link, part in hardware.links.items():
        yield from ((f"links.{link}.carries", name) for name in part.carries)
    for unit, described in hardware.units.items():
        yield from ((f"units.{unit}.absorbs", name) for name in described.absorbs)
