"""Conditions on points, such as `units.array.rows * units.array.cols <= 1024` or `latency_s < 33 ms`.

A condition is parsed into a tree and evaluated over NumPy columns; it is never run as Python.

    condition  comparisons (chained too), `and`, `or`, `not`, `in [...]`, arithmetic + - * / // % **, parentheses
    names      columns, dots and hyphens included
    values     numbers, quantities with a unit (33 ms, 8 GB/s: SI inside), quoted text, true, false
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, did_you_mean
from accelsim.units import parse_any

Column = npt.NDArray[Any]

_QUANTITY = re.compile(r"(?<![\w.])(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]+(?:/[A-Za-z]+)?)\b")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_][\w-]*(?:\.[\w-]+)*")
_WORDS = {"and", "or", "not", "in", "true", "false", "True", "False"}
_LONGEST = 2_000

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, exponent: np.power(np.asarray(base, float), exponent),  # whole numbers could grow for ever
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: np.isin,
    ast.NotIn: lambda value, choices: ~np.isin(value, choices),
}


@dataclass(frozen=True)
class Condition:
    """A parsed condition: `text` as the user wrote it, `names` of the columns it reads."""

    text: str
    names: tuple[str, ...]
    _tree: ast.expr
    _name_of: Mapping[str, str]

    def holds(self, columns: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
        """For each row whether the condition holds; a row with a missing value (NaN) never does.

        Raises InputError where columns cannot be compared or computed with.
        """
        length = max((len(columns[name]) for name in self.names), default=1)
        try:
            with np.errstate(all="ignore"):
                value = self._value(self._tree, columns)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"condition '{self.text}': {error}") from None
        return np.broadcast_to(np.asarray(value, bool), (length,))

    def _value(self, node: ast.expr, columns: Mapping[str, Column]) -> Any:
        match node:
            case ast.BoolOp(op, values):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                found = self._value(values[0], columns)
                for other in values[1:]:
                    found = join(found, self._value(other, columns))
                return found
            case ast.UnaryOp(ast.Not(), operand):
                return np.logical_not(self._value(operand, columns))
            case ast.UnaryOp(ast.USub(), operand):
                return -self._value(operand, columns)
            case ast.BinOp(left, op, right):
                return _BINARY[type(op)](self._value(left, columns), self._value(right, columns))
            case ast.Compare(left, ops, others):
                found, first = True, self._value(left, columns)
                for relation, other in zip(ops, others, strict=True):
                    second = self._value(other, columns)
                    found, first = np.logical_and(found, _COMPARE[type(relation)](first, second)), second
                return found
            case ast.Name(name):
                return columns[self._name_of[name]]
            case ast.List(items) | ast.Tuple(items):
                return [self._value(item, columns) for item in items]
            case ast.Constant(value):
                return value
        raise AssertionError(type(node).__name__)  # parse_condition let nothing else through


def parse_condition(text: str, known: Iterable[str]) -> Condition:
    """The condition that `text` states about the columns `known`. Raises InputError."""
    names = sorted(known)
    if len(text) > _LONGEST:
        raise InputError(f"condition of {len(text)} characters: more than {_LONGEST}")
    name_of: dict[str, str] = {}
    pieces: list[str] = []
    for quoted, part in _outside_quotes(text):
        pieces.append(part if quoted else _placeholders(_plain_numbers(part), names, name_of, text))
    try:
        tree = ast.parse("".join(pieces).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"condition '{text}': cannot be read; write it as 'latency_s < 33 ms and fits'") from None
    _check(tree, text, name_of)
    return Condition(text, tuple(dict.fromkeys(name_of.values())), tree, name_of)


def _outside_quotes(text: str) -> list[tuple[bool, str]]:
    return [(bool(index % 2), part) for index, part in enumerate(re.split(r"""('[^']*'|"[^"]*")""", text))]


def _plain_numbers(text: str) -> str:
    """The text with every quantity that has a unit replaced by its SI value."""

    def plain(match: re.Match[str]) -> str:
        found = parse_any(match.group(0))
        return match.group(0) if found is None else f"({float(found[0])!r})"

    return _QUANTITY.sub(plain, text)


def _placeholders(text: str, names: list[str], name_of: dict[str, str], whole: str) -> str:
    """The text with every column replaced by an identifier, because columns hold dots and hyphens."""

    def place(match: re.Match[str]) -> str:
        word = match.group(0)
        if word in _WORDS:
            return word.capitalize() if word in ("true", "false") else word
        if word not in names:
            raise InputError(f"condition '{whole}': no column '{word}'{did_you_mean(word, names)}")
        key = f"column_{names.index(word)}"
        name_of[key] = word
        return key

    return _NAME.sub(place, text)


def _check(tree: ast.expr, text: str, name_of: Mapping[str, str]) -> None:
    allowed = (ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Name, ast.List, ast.Tuple, ast.Constant)
    leaves = (ast.And, ast.Or, ast.Not, ast.USub, ast.Load, *_BINARY, *_COMPARE)
    for node in ast.walk(tree):
        if not isinstance(node, (*allowed, *leaves)) or (isinstance(node, ast.Name) and node.id not in name_of):
            raise InputError(f"condition '{text}': {type(node).__name__.lower()} is not allowed in a condition")
