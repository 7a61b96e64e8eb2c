"""PyTorch -> Graph: torch.export, then one of our nodes for each aten call."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass

import torch

from accelsim.errors import AccelsimError, InputError, UnsupportedError
from accelsim.frontends.torch_aten import HARMLESS_IN_PLACE
from accelsim.frontends.torch_call import target_name
from accelsim.frontends.torch_lower import is_known, lower
from accelsim.frontends.torch_semantic import Site, semantic_modules
from accelsim.frontends.torch_sizes import sizes_on_cpu
from accelsim.ir.graph import Graph
from accelsim.ops.verified import verified


@dataclass(frozen=True, eq=False)
class Traced:
    """A graph with the exported program it came from; `names`: the program's values -> tensors of it."""

    graph: Graph
    program: torch.export.ExportedProgram
    names: Mapping[str, tuple[str, ...]]
    sites: Mapping[int, Site]


def trace(
    module: torch.nn.Module,
    example_inputs: Sequence[torch.Tensor],
    *,
    name: str,
    scope: str = "",
    meta: Mapping[str, str] | None = None,
) -> Graph:
    """The verified graph of a module in eval mode, for inputs of exactly these shapes.

    `scope` is the path of the part that an accelerator runs. A module on the meta device gives a graph whose weights
    have sizes and no values. The module itself is left as it was. Raises
    InputError for a module in training mode or inputs that are not tensors, UnsupportedError where the module
    cannot be exported or uses operations that accelsim does not have (all of them in one message).
    """
    return trace_program(module, example_inputs, name=name, scope=scope, meta=meta).graph


def trace_program(
    module: torch.nn.Module,
    example_inputs: Sequence[torch.Tensor],
    *,
    name: str,
    scope: str = "",
    meta: Mapping[str, str] | None = None,
) -> Traced:
    """`trace`, with the program that can be run beside the graph."""
    _check(module, example_inputs, name, scope)
    with sizes_on_cpu(module, example_inputs) as inputs, semantic_modules(module) as sites:
        with _quiet():
            try:
                program = _decomposed(torch.export.export(module, inputs, strict=False))
            except AccelsimError:
                raise
            except Exception as error:
                raise _export_error(module, name, error) from error
        lowered = lower(program, module, sites, name=name, scope=scope, meta=meta or {})
    return Traced(verified(lowered.graph, after="tracing"), program, lowered.names, sites)


def _decomposed(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Functional calls; those that we do not know are written out by torch as far as it can, and only those.

    Most models come out of the export with calls that are all functional and known; writing out would trace again.
    """
    if all(_is_plain(node) for node in exported.graph.nodes):
        return exported
    program = exported.run_decompositions({})
    for _ in range(_DEEPEST):
        unknown = {node.target for node in program.graph.nodes if node.op == "call_function" and not is_known(node)}
        known_to_torch = torch.export.default_decompositions().items() if unknown else ()
        table = {target: form for target, form in known_to_torch if target in unknown}
        if not table:
            break
        program = program.run_decompositions(table)
    return program


def _is_plain(node: torch.fx.Node) -> bool:
    """Whether a call changes nothing in place and can be taken over as it is."""
    if node.op != "call_function":
        return True
    mutable = isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
    return is_known(node) and (not mutable or target_name(node) in HARMLESS_IN_PLACE)


_DEEPEST = 4
"""How often a call may be written in terms of others that are unknown too."""


def _check(module: torch.nn.Module, inputs: Sequence[torch.Tensor], name: str, scope: str) -> None:
    training = [path or "the model" for path, part in module.named_modules() if part.training]
    if training:
        raise InputError(f"{name}: {training[0]} is in training mode; call model.eval() before tracing")
    for index, value in enumerate(inputs):
        if not isinstance(value, torch.Tensor):
            raise InputError(f"{name}: example input {index} is a {type(value).__name__}, not a tensor")
    if scope and scope not in dict(module.named_modules()):
        parts = ", ".join(path for path, _ in module.named_children())
        raise InputError(f"{name}: no module '{scope}' to be the scope; top-level modules: {parts}")


@contextmanager
def _quiet() -> Iterator[None]:
    """torch.export logs whole graphs when it fails, prints and warns; our errors say what matters."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.export", "torch.fx", "torch._export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _export_error(module: torch.nn.Module, name: str, error: Exception) -> UnsupportedError:
    path, part = _failing_module(module, error)
    where = f"module '{path}' ({type(part).__qualname__})" if path else f"model ({type(part).__qualname__})"
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    text = f"{name}: torch.export cannot trace {where}: {type(error).__name__}: {reason}"
    if "data-dependent" in str(error) or "DataDependent" in type(error).__name__:
        text += (
            "\nWhat it computes depends on the data. If it is one of accelsim's semantic ops (as 'moe'), "
            "mark its class and it stays one node:\n"
            f"    ac.semantic({type(part).__qualname__}, op='moe', extract=lambda m: ({{'top_k': 2}}, "
            f"{{'gate_w': m.gate.weight, 'w1': m.w1, 'b1': m.b1, 'w2': m.w2, 'b2': m.b2}}))"
        )
    return UnsupportedError(text)


def _failing_module(module: torch.nn.Module, error: BaseException) -> tuple[str, torch.nn.Module]:
    """The innermost module of the model whose method stands in the traceback."""
    paths = {id(part): (path, part) for path, part in module.named_modules()}
    found = paths[id(module)]
    for cause in (error, error.__cause__, error.__context__):
        frame = cause.__traceback__ if cause is not None else None
        while frame is not None:
            found = paths.get(id(frame.tb_frame.f_locals.get("self")), found)
            frame = frame.tb_next
    return found
