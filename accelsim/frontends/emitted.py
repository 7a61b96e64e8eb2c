"""Which ops the entries of a front end's table make, read from the functions themselves.

So a list of what is supported cannot differ from what the front end does. A function makes the ops that it hands to a
call as a name: as a constant, as a variable of its factory, or as a text with a gap.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

_PACKAGE = "accelsim."


def emitted_ops(function: Callable[..., Any], known: Collection[str], helpers: type) -> frozenset[str]:
    """Names of `known` ops that an entry makes. Those of methods of `helpers`, by which entries change formats and
    shapes on the way, count only for an entry that makes nothing else."""
    found = _made(function, known, helpers, set(), by_method=False)
    return found or _made(function, known, helpers, set(), by_method=True)


def _made(
    function: Callable[..., Any], known: Collection[str], helpers: type, seen: set[Any], *, by_method: bool
) -> frozenset[str]:
    while isinstance(function, partial):
        function = function.func
    if function in seen or not inspect.isfunction(function):
        return frozenset()
    seen.add(function)
    names, tree = _names(function), _tree(function)
    found: set[str] = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for argument in call.args:
            found |= {op for op in known for text in _texts(argument, names) if re.fullmatch(text, op)}
        used = _callee(call.func, names, helpers, by_method)
        if used is not None:
            found |= _made(used, known, helpers, seen, by_method=by_method)
    return frozenset(found)


def _tree(function: Callable[..., Any]) -> ast.AST:
    """The source of a function, or of the expression that a lambda stands in."""
    source = textwrap.dedent(inspect.getsource(function))
    return ast.parse(source if source.startswith(("def ", "@")) else f"({source.strip().rstrip(',')})")


def _names(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What the names in a function mean: of the module, of its factory, and texts that it assigns or loops over."""
    used = inspect.getclosurevars(function)
    found: dict[str, Any] = {**used.globals, **used.nonlocals}
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Assign):
            found |= {target.id: [node.value] for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.For | ast.comprehension):
            words = [one for one in ast.walk(node.iter) if isinstance(one, ast.Constant)]
            found |= {one.id: words for one in ast.walk(node.target) if isinstance(one, ast.Name) and words}
    return found


def _texts(expression: ast.expr, names: Mapping[str, Any]) -> list[str]:
    """The texts that an argument can be, as patterns: a part that only a run would tell is a gap of one word."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return [re.escape(expression.value)]
    if isinstance(expression, ast.Name):
        meant = names.get(expression.id)
        if isinstance(meant, list):
            others = {name: value for name, value in names.items() if name != expression.id}
            return [text for one in meant if isinstance(one, ast.expr) for text in _texts(one, others)]
        return [re.escape(meant)] if isinstance(meant, str) else []
    if isinstance(expression, ast.IfExp):
        return _texts(expression.body, names) + _texts(expression.orelse, names)
    if isinstance(expression, ast.Subscript):
        table = names.get(expression.value.id) if isinstance(expression.value, ast.Name) else None
        choices = table.values() if isinstance(table, Mapping) else ()
        return [re.escape(choice) for choice in choices if isinstance(choice, str)]
    if isinstance(expression, ast.JoinedStr):
        parts = [
            _texts(part.value, names) or [_GAP] if isinstance(part, ast.FormattedValue) else _texts(part, names)
            for part in expression.values
        ]
        whole = ["".join(choice) for choice in itertools.product(*parts)]
        return [text for text in whole if len(text.replace(_GAP, "")) >= _TELLING]
    return []


_GAP = "[a-z0-9]+"
_TELLING = 4
"""Letters that a text with a gap must have to mean an op and not the name of some value."""


def _callee(called: ast.expr, names: Mapping[str, Any], helpers: type, by_method: bool) -> Callable[..., Any] | None:
    """A function of ours that is called by its name, or a method of the helpers."""
    if isinstance(called, ast.Name):
        function = names.get(called.id)
        return function if inspect.isfunction(function) and function.__module__.startswith(_PACKAGE) else None
    if by_method and isinstance(called, ast.Attribute):
        method = getattr(helpers, called.attr, None)
        return method if inspect.isfunction(method) else None
    return None
