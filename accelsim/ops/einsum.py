"""einsum: sums of products named by letters, one letter a dimension.

Not modelled: '...' and a letter twice in one operand; whoever makes the graph writes them out.
"""

from __future__ import annotations

import re

import numpy as np

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Axis, Dim, LoopNest
from accelsim.ops.nests import read, write
from accelsim.ops.operands import NUMBER, Operands, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, ShapeError, WorkInput

_EQUATION = re.compile(r"^[A-Za-z]*(,[A-Za-z]*)*(->[A-Za-z]*)?$")


def terms_of(equation: str) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result; without '->' the letters that occur once, in order."""
    plain = equation.replace(" ", "")
    if not _EQUATION.match(plain):
        raise ShapeError(
            f"einsum: equation '{equation}' is not letters with ',' and '->' between, as in 'bij,bjk->bik'"
        )
    left, arrow, right = plain.partition("->")
    terms = tuple(left.split(","))
    letters = left.replace(",", "")
    output = right if arrow else "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    for term in (*terms, output):
        if len(set(term)) != len(term):
            raise ShapeError(f"einsum: equation '{equation}' names a letter twice in '{term}'")
    for letter in output:
        if letter not in letters:
            raise ShapeError(f"einsum: equation '{equation}' makes '{letter}' of nothing")
    return terms, output


def _equation(attrs: Attrs) -> tuple[tuple[str, ...], str]:
    equation = attrs["equation"]
    if not isinstance(equation, str):
        raise ShapeError(f"einsum: attribute equation is {equation!r}, needs text")
    return terms_of(equation)


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    operands = Operands("einsum", ("xs*",), types)
    terms, output = _equation(attrs)
    operands.same_dtype(*range(len(types)))
    dtype = operands.get(0, kinds=NUMBER).dtype
    if len(terms) != len(types):
        operands.fail(f"equation '{attrs['equation']}' names {len(terms)} operands, and there are {len(types)}")
    found: dict[str, int] = {}
    for index, term in enumerate(terms):
        tensor = operands.get(index, rank=len(term), kinds=NUMBER)
        for axis, letter in enumerate(term):
            operands.fit(index, axis, found.setdefault(letter, tensor.shape[axis]), f"'{letter}' of another operand")
    return (Tensor(tuple(found[letter] for letter in output), dtype),)


def _einsum(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    terms, output = _equation(attrs)
    operands = [required(arrays, i) for i in range(len(arrays))]
    made = np.einsum(f"{','.join(terms)}->{output}", *operands, optimize=len(operands) > 1)
    return (np.array(made, operands[0].dtype),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Every combination of all letters once: what joins a letter of both operands is a batch, a row or an output."""
    terms, output = _equation(node.node.attrs)
    sizes: dict[str, int] = {}
    for index, term in enumerate(terms):
        sizes |= dict(zip(term, node.tensor(index).shape, strict=True))

    def kind(letter: str) -> Axis:
        if letter not in output:
            return Axis.REDUCE
        if all(letter in term for term in terms) and len(terms) > 1:
            return Axis.BATCH
        return Axis.ROW if letter in terms[0] else Axis.OUTPUT

    dims = tuple(Dim(letter, size, kind(letter)) for letter, size in sizes.items())
    sources = tuple(read(node, i, "xs", tuple(term)) for i, term in enumerate(terms))
    function = "mac" if len(terms) > 1 else "add"
    return (LoopNest("main", function, dims, (*sources, write(node, 0, "y", tuple(output)))),)


EINSUM = OpSpec("einsum", ("xs*",), ("y",), _infer, _einsum, _work, attrs={"equation": REQUIRED})
