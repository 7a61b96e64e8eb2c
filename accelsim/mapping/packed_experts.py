"""Experts that differ at some positions of a matrix only: each is loaded packed and laid out by the loader.

Every load brings the values and their places, as indices or as a bit for each value of the matrix, whichever is
smaller. The product is computed dense.
"""

from __future__ import annotations

import math
from dataclasses import replace

from accelsim.ir import LoopNest, Node, Operand
from accelsim.mapping.arranged import Arranged
from accelsim.mapping.context import Context


def packed_nests(context: Context, node: Node, nests: tuple[LoopNest, ...]) -> Arranged:
    """The nests of a `moe`; those of packed experts read weights of the size that they are stored in."""
    stored = {
        nest.name: (values, places)
        for nest in nests
        for values in nest.operands
        for places in nest.operands
        if (values.role, places.role) == ("w1", "positions")
    }
    if not stored:
        return Arranged(nests)
    values, _ = next(iter(stored.values()))
    whole = next(nest for nest in nests if nest.name in stored)
    size = math.prod(dim.size for dim in whole.dims if dim.name in values.dims)
    bits = context.home(node.op, values).bits
    places_bits = min(size, values.elements * max(1, math.ceil(math.log2(size))))
    packed = values.elements + math.ceil(places_bits / bits)

    def loaded(operand: Operand) -> Operand:
        return replace(operand, role="w1_packed", elements=packed) if operand.role == "w1" else operand

    return Arranged(
        tuple(
            replace(nest, operands=tuple(loaded(o) for o in nest.operands if o.role != "positions"))
            if nest.name in stored
            else nest
            for nest in nests
        ),
        f"experts packed: {100 * values.elements / size:.3g} % of a matrix is their own, loaded with its places",
    )
