"""Calling a model's builder, and tracing what it builds."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from accelsim.errors import InputError, did_you_mean
from accelsim.frontends.cache import Inputs
from accelsim.frontends.modelspec import ModelSpec
from accelsim.frontends.sources import is_users, recorded_sources
from accelsim.frontends.torch import Traced, trace_program
from accelsim.frontends.torch_types import to_array


def trace_model(spec: ModelSpec, task: str) -> tuple[Traced, tuple[Inputs, Inputs], dict[str, str]]:
    """The trace of a model, its example inputs for the seeds 0 and 1, and digests of the files it was built from."""
    with recorded_sources(spec.file) as sources:
        module, first, second = build_model(spec, task)
    traced = trace_built(spec, task, module, first)
    names = traced.graph.inputs
    return traced, (_named(names, first), _named(names, second)), sources


def build_sizes(spec: ModelSpec, task: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...], dict[str, str]]:
    """The module and its example inputs on the meta device, and digests of the files they were built from.

    Raises InputError where the builder fails, also because it cannot do without numbers.
    """
    with recorded_sources(spec.file) as sources, _builder_module(spec.file) as source:
        where, builder, arguments = _call_of(source, spec, task)
        with torch.device("meta"):
            module, inputs = _built(where, spec, builder, arguments)
    return module.to("meta"), tuple(value.to("meta") for value in inputs), sources


def trace_built(spec: ModelSpec, task: str, module: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> Traced:
    """Trace a module that `build_model` built."""
    meta = {"model": spec.name, "task": task, "source": f"{spec.file.name}:{spec.builder}"}
    return trace_program(module, inputs, name=spec.name, scope=spec.scope, meta=meta)


def build_model(
    spec: ModelSpec, task: str
) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """The plain module in eval mode, and two sets of seeded inputs.

    The second set comes from `example(seed, ...)` in the builder's file, or is normal noise in the shapes
    of the first. Raises InputError where the builder fails or gives something else.
    """
    with _builder_module(spec.file) as source:
        where, builder, arguments = _call_of(source, spec, task)
        module, first = _built(where, spec, builder, arguments)
        second = _second(source, first, arguments)
    return module, first, second


def _call_of(source: ModuleType, spec: ModelSpec, task: str) -> tuple[str, Callable[..., Any], dict[str, Any]]:
    """What to call the builder in messages, the builder, and its arguments."""
    where = f"{spec.file.name}:{spec.builder}"
    builder = getattr(source, spec.builder, None)
    if not callable(builder):
        functions = [name for name, value in vars(source).items() if inspect.isfunction(value)]
        raise InputError(f"{spec.file}: no function '{spec.builder}'{did_you_mean(spec.builder, functions)}")
    arguments = dict(spec.arguments)
    if task:
        arguments["task"] = task
    _check_arguments(where, builder, arguments)
    return where, builder, arguments


def _built(
    where: str, spec: ModelSpec, builder: Callable[..., Any], arguments: dict[str, Any]
) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    try:
        built = builder(**arguments)
    except (Exception, SystemExit) as error:
        raise InputError(f"{_place(error, spec.file)}: {where} failed: {_words(error)}") from error
    return _checked(where, built)


def _place(error: BaseException, file: Path) -> str:
    """file:line of the user's code that raised, as near to the error as their own files reach."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(file.parent)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(file)


def _words(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it ended the program with code {error.code}"
    return str(error) if isinstance(error, (ValueError, TypeError)) else f"{type(error).__name__}: {error}"


def _checked(where: str, built: object) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    if isinstance(built, tuple) and len(built) == 2 and isinstance(built[0], torch.nn.Module):
        inputs = (built[1],) if isinstance(built[1], torch.Tensor) else built[1]
        if isinstance(inputs, tuple) and all(isinstance(value, torch.Tensor) for value in inputs):
            return built[0], inputs
    raise InputError(f"{where}: must return (module in eval mode, tuple of example input tensors)")


def _check_arguments(where: str, builder: Callable[..., Any], arguments: dict[str, Any]) -> None:
    known = inspect.signature(builder).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return
    for name in arguments:
        if name not in known:
            raise InputError(f"{where}: takes no argument '{name}'{did_you_mean(name, known)}")


def _second(source: ModuleType, first: Sequence[torch.Tensor], arguments: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    example = getattr(source, "example", None)
    if callable(example):
        known = inspect.signature(example).parameters
        return tuple(example(1, **{name: value for name, value in arguments.items() if name in known}))
    rng = np.random.Generator(np.random.Philox(1))
    return tuple(_noise(rng, tensor) for tensor in first)


def _noise(rng: np.random.Generator, like: torch.Tensor) -> torch.Tensor:
    """Normal noise for floats; whole numbers are the first input's, in another order."""
    if like.is_floating_point():
        return torch.from_numpy(rng.standard_normal(tuple(like.shape))).to(like.dtype)
    return like.flatten()[torch.from_numpy(rng.permutation(like.numel()))].reshape(like.shape)


@contextmanager
def _builder_module(file: Path) -> Iterator[ModuleType]:
    """Import a file whose neighbours it may import by their plain names.

    None of them stays in `sys.modules`: two folders may both have a `parts.py`, and a file may change.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    before = set(sys.modules)
    name = f"accelsim_model_{file.stem}"
    specification = importlib.util.spec_from_file_location(name, file)
    assert specification is not None
    assert specification.loader is not None
    source = importlib.util.module_from_spec(specification)
    sys.modules[name] = source
    sys.path.insert(0, str(file.parent))
    try:
        specification.loader.exec_module(source)
        yield source
    except (ImportError, SyntaxError) as error:
        raise InputError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent))
        for added in set(sys.modules) - before | {name}:
            module = sys.modules.get(added)
            places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
            if any(place and Path(place).is_relative_to(file.parent) and is_users(Path(place)) for place in places):
                del sys.modules[added]


def _named(names: Sequence[str], inputs: Sequence[torch.Tensor]) -> Inputs:
    return {name: to_array(tensor) for name, tensor in zip(names, inputs, strict=True)}
