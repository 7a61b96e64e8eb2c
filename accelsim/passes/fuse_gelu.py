"""GELU as exporters write it out: with erf, or with tanh of a cubic."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from accelsim.ir.graph import Node
from accelsim.passes.patterns import Match, View, factors_of, is_power, near, one_op

_CUBIC = 0.044715  # arXiv 1606.08415


def gelu(view: View, node: Node) -> Match | None:
    """x/2 (1 + s), its factors in any order, where s is erf(x / sqrt 2) or tanh(sqrt(2/pi) (x + 0.044715 x^3))."""
    if node.op != "mul":
        return None
    muls, factors = factors_of(view, node)
    halves = [name for name in factors if view.number(name) is not None]
    rest = [name for name in factors if name not in halves]
    if len(rest) != 2 or not halves or not near(math.prod(view.number(name) or 0.0 for name in halves), 0.5):
        return None
    for x, shifted in (rest, rest[::-1]):
        if view.shape(x) != view.shape(node.outputs[0]):
            continue
        for approximate, one_plus in _ONE_PLUS.items():
            nodes = one_plus(view, x, shifted)
            if nodes:
                gone = (*muls, *nodes)
                return Match(gone, (one_op(gone, "gelu", (x,), {"approximate": approximate}, named=node),))
    return None


def _one_plus_erf(view: View, x: str, shifted: str) -> tuple[Node, ...] | None:
    plus = view.inner(shifted, "add")
    if plus is None:
        return None
    for name, one in (plus.inputs, plus.inputs[::-1]):
        erf = view.inner(name, "erf")
        inside = None if erf is None else view.inner(erf.inputs[0], "mul", "div")
        found = None if inside is None else view.scaled(inside)
        if found is None or view.number(one) != 1 or found[0] != x or not near(found[1], math.sqrt(0.5)):
            continue
        assert erf is not None
        assert inside is not None
        return plus, erf, inside
    return None


def _one_plus_tanh(view: View, x: str, shifted: str) -> tuple[Node, ...] | None:
    plus, tanh_name = _plus_number(view, shifted, 1.0)
    tanh = view.inner(tanh_name, "tanh") if plus else None
    scale = view.inner(tanh.inputs[0], "mul") if tanh else None
    scaled = view.scaled(scale) if scale else None
    total = view.inner(scaled[0], "add") if scaled and near(scaled[1], math.sqrt(2 / math.pi)) else None
    if plus is None or tanh is None or scale is None or total is None or x not in total.inputs:
        return None
    other = total.inputs[1 - total.inputs.index(x)]
    cubic = view.inner(other, "mul")
    power = view.scaled(cubic) if cubic else None
    cube = view.inner(power[0], "pow", "mul") if power and near(power[1], _CUBIC) else None
    if cubic is None or cube is None:
        return None
    if cube.op == "pow":
        return (plus, tanh, scale, total, cubic, cube) if is_power(view, cube, x, 3.0) else None
    square = next((view.inner(name, "mul") for name in cube.inputs if name != x), None)
    if square is None or x not in cube.inputs or square.inputs != (x, x):
        return None
    return plus, tanh, scale, total, cubic, cube, square


def _plus_number(view: View, tensor: str, number: float) -> tuple[Node | None, str]:
    """The addition of a number behind a tensor, and what it was added to."""
    plus = view.inner(tensor, "add")
    if plus is None:
        return None, ""
    for name, other in (plus.inputs, plus.inputs[::-1]):
        if view.number(other) == number:
            return plus, name
    return None, ""


_ONE_PLUS: Mapping[str, Callable[[View, str, str], tuple[Node, ...] | None]] = {
    "none": _one_plus_erf,
    "tanh": _one_plus_tanh,
}
