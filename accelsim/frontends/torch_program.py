"""An exported program as data: written beside the cached graph, replayed call by call on the plain module.

So a comparison can look at every value that torch computes without exporting again. Parameters come from the
user's module and not from the graph.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.fx import Node as FxNode

from accelsim.errors import InputError, UnsupportedError
from accelsim.frontends.torch import Traced
from accelsim.frontends.torch_call import target_name
from accelsim.frontends.torch_semantic import semantic_outputs
from accelsim.frontends.torch_types import to_array
from accelsim.ir.tensorfile import read_tensors, write_tensors

Tensors = dict[str, torch.Tensor]

PROGRAM_FILE = "program.json"
_CONSTANTS_FILE = "program.safetensors"
_SEMANTIC = "accelsim.semantic.default"
# Arguments of calls that are neither values nor plain numbers.
_TORCH_WORDS: Mapping[str, Any] = {
    str(word): word
    for word in (
        *(
            torch.float64,
            torch.float32,
            torch.float16,
            torch.bfloat16,
            torch.int64,
            torch.int32,
            torch.int8,
            torch.uint8,
            torch.bool,
        ),
        *(torch.strided, torch.contiguous_format, torch.preserve_format),
    )
}


def save_program(traced: Traced, folder: Path) -> None:
    """Write the program of a trace; `graph.json` beside it, written later, makes the folder valid."""
    program, signature = traced.program, traced.program.graph_signature
    state = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    constants = {
        placeholder: program.constants[name]
        for placeholder, name in signature.inputs_to_lifted_tensor_constants.items()
    }
    calls = [_call(node, traced) for node in program.graph.nodes if node.op == "call_function" and node.users]
    record = {
        "inputs": list(signature.user_inputs),
        "outputs": list(traced.graph.outputs),
        "state": {name: key for name, key in state.items() if _used(program, name)},
        "calls": calls,
    }
    write_tensors(folder / _CONSTANTS_FILE, {name: to_array(tensor) for name, tensor in constants.items()})
    partial = folder / f"{PROGRAM_FILE}.{os.getpid()}.partial"
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.replace(folder / PROGRAM_FILE)


class Program:
    """A saved program with a plain module to run it on. Inputs and outputs are named as in the graph."""

    def __init__(self, folder: Path, module: torch.nn.Module) -> None:
        path = folder / PROGRAM_FILE
        try:
            self._record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a saved program: {error}") from None
        self.inputs: tuple[str, ...] = tuple(self._record["inputs"])
        self.outputs: tuple[str, ...] = tuple(self._record["outputs"])
        self._module = module
        named = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers())}
        self._state = {name: named[key].detach() for name, key in self._record["state"].items()}
        constants = read_tensors(folder / _CONSTANTS_FILE)
        self._state |= {name: torch.tensor(array) for name, array in constants.items()}

    def run(self, inputs: Sequence[torch.Tensor], *, only: Collection[str] | None = None) -> Tensors:
        """The values that the program computes, by the graph's tensor names: every one, or `only` those; then others
        live no longer than they are read, and what comes after the last one is not computed."""
        values: dict[str, Any] = {**self._state, **dict(zip(self.inputs, inputs, strict=True))}
        made: Tensors = {}
        calls = self._record["calls"]
        missing = None if only is None else set(only)
        last = {name: index for index, call in enumerate(calls) for name in _names_read(call)}
        for index, call in enumerate(calls):
            if missing is not None and not missing:
                break
            result = values[call["name"]] = self._call(call, values)
            parts = result if isinstance(result, list | tuple) else [result]
            told = {name: part for name, part in zip(call["tensors"], parts, strict=False) if name}
            if missing is not None:
                told = {name: part for name, part in told.items() if name in missing}
                missing -= set(told)
                for name in {*_names_read(call), call["name"]}:
                    if last.get(name, index) == index:
                        values.pop(name, None)
            made |= told
        return made

    def _call(self, call: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        args = [_decoded(a, values) for a in call["args"]]
        if call["target"] == _SEMANTIC:
            return semantic_outputs(self._module, call["path"], args[0])
        return _function(call["target"])(*args, **{k: _decoded(a, values) for k, a in call["kwargs"].items()})


def _names_read(argument: Any) -> Iterator[str]:
    """Names of the values that a call, or an argument of one, reads."""
    if isinstance(argument, list):
        for item in argument:
            yield from _names_read(item)
    elif isinstance(argument, dict):
        if "args" in argument:
            yield from _names_read([*argument["args"], *argument["kwargs"].values()])
        elif "value" in argument:
            yield argument["value"]


def _function(target: str) -> Any:
    """Only aten calls and picking a part: a saved file names no other function."""
    if target == "getitem":
        return operator.getitem
    space, name, overload = target.split(".")
    if space != "aten":
        raise UnsupportedError(f"a saved program cannot call '{target}'")
    return getattr(getattr(torch.ops.aten, name), overload)


def _call(node: FxNode, traced: Traced) -> dict[str, Any]:
    """One call; a semantic one keeps the path of its module, for its handle means nothing in another process."""
    semantic = target_name(node) == _SEMANTIC
    return {
        "name": node.name,
        "target": target_name(node),
        "path": traced.sites[node.args[2]].path if semantic else "",
        "args": [_encoded(a) for a in (node.args[:1] if semantic else node.args)],
        "kwargs": {key: _encoded(a) for key, a in node.kwargs.items()},
        "tensors": list(traced.names.get(node.name, ())),
    }


def _used(program: torch.export.ExportedProgram, placeholder: str) -> bool:
    return any(node.name == placeholder and node.users for node in program.graph.nodes)


def _encoded(argument: Any) -> Any:
    if isinstance(argument, FxNode):
        return {"value": argument.name}
    if isinstance(argument, list | tuple):
        return [_encoded(item) for item in argument]
    if argument is None or isinstance(argument, bool | int | float | str):
        return argument
    if isinstance(argument, torch.device):
        return {"device": str(argument)}
    if str(argument) in _TORCH_WORDS:
        return {"word": str(argument)}
    raise UnsupportedError(f"argument {argument!r} of the exported program cannot be saved")


def _decoded(argument: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(argument, list):
        return [_decoded(item, values) for item in argument]
    if isinstance(argument, dict):
        (kind, held), *_ = argument.items()
        return {"value": values.get, "word": _TORCH_WORDS.get, "device": torch.device}[kind](held)
    return argument
