"""What is supported: each op beside front ends, engine, costs and export, read from their registries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import accelsim.ops  # noqa: F401  registers the built-in ops
from accelsim.engine.table import runs_on
from accelsim.frontends.emitted import emitted_ops
from accelsim.ops.registry import all_ops
from accelsim.ops.spec import OpSpec

ABSENT = "not installed"


@dataclass(frozen=True)
class OpCoverage:
    """One op. `torch`: aten calls that become it; `onnx`: operators that do; None where the package is not installed.

    `kernel` is how the engine runs it. `cost` is what an accelerator is charged: the points of its loop nests, those
    that a routing gives, or addresses for an op that only moves or renames elements. `export` is its form in an ONNX
    file. A call may become several ops, and an op of which no call becomes one is reached by marking a module.
    """

    op: str
    torch: tuple[str, ...] | None
    onnx: tuple[str, ...] | None
    kernel: str
    cost: str
    export: str


def op_coverage() -> tuple[OpCoverage, ...]:
    """Every op that is registered, by name."""
    specs = all_ops()
    known = {spec.name for spec in specs}
    torch, onnx, forms = _torch(known), _onnx(known), _forms()
    return tuple(
        OpCoverage(
            spec.name,
            torch if torch is None else torch.get(spec.name, ()),
            onnx if onnx is None else onnx.get(spec.name, ()),
            runs_on(spec.name),
            "moves" if spec.layout else "route" if spec.routed else "nests",
            _export(spec, forms),
        )
        for spec in specs
    )


def _export(spec: OpSpec, forms: Collection[str] | None) -> str:
    if forms is None:
        return ABSENT
    if spec.name in forms:
        return "nodes"
    return "parts" if spec.expansions else "no"


def _torch(known: Collection[str]) -> dict[str, tuple[str, ...]] | None:
    try:
        from accelsim.frontends.torch_aten import ALIASES, LOWERINGS
        from accelsim.frontends.torch_call import Call
    except ModuleNotFoundError:
        return None
    calls = ((name.removeprefix("aten."), form) for name, form in {**LOWERINGS, **ALIASES}.items())
    return _by_op(calls, known, Call)


def _onnx(known: Collection[str]) -> dict[str, tuple[str, ...]] | None:
    try:
        from accelsim.frontends.onnx_call import Call
        from accelsim.frontends.onnx_ops import OPERATORS
    except ModuleNotFoundError:
        return None
    return _by_op(((name, form) for (_, name), form in OPERATORS.items()), known, Call)


def _forms() -> Collection[str] | None:
    try:
        from accelsim.frontends.onnx_forms import ONNX_FORMS
    except ModuleNotFoundError:
        return None
    return frozenset(ONNX_FORMS)


def _by_op(
    entries: Iterable[tuple[str, Callable[..., Any]]], known: Collection[str], helpers: type
) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, function in entries:
        for op in emitted_ops(function, known, helpers):
            found.setdefault(op, []).append(name)
    return {op: tuple(sorted(names)) for op, names in found.items()}


def summary(covered: Collection[OpCoverage]) -> Mapping[str, int]:
    """How many ops each column has."""
    return {
        "ops": len(covered),
        "from PyTorch": sum(bool(one.torch) for one in covered),
        "from ONNX": sum(bool(one.onnx) for one in covered),
        "with a kernel": sum(one.kernel == "kernel" for one in covered),
        "to ONNX": sum(one.export in ("nodes", "parts") for one in covered),
    }
