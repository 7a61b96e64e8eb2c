"""Models on the meta device: traced as if on the CPU, by tensors that have sizes and no numbers.

So a model that no memory could hold has the graph that it would have with its weights, which are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

Tensors = tuple[torch.Tensor, ...]


def has_numbers(tensor: torch.Tensor) -> bool:
    return not (tensor.is_meta or isinstance(tensor, FakeTensor))


@contextmanager
def sizes_on_cpu(module: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> Iterator[Tensors]:
    """Inside, no tensor of a module that has one on the meta device holds numbers, and all seem to lie on the CPU.

    Gives the inputs in that form; ties between parameters stay. A module with all its numbers is left alone, and so
    are its inputs. On leaving the module is as it was.
    """
    places = _places(module)
    if all(has_numbers(tensor) for tensor in (*inputs, *(table[key] for table, key in places))):
        yield tuple(inputs)
        return
    held = [(table, key, table[key]) for table, key in places]
    made: dict[int, torch.Tensor] = {}
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    try:
        for table, key, tensor in held:
            table[key] = _like(tensor, mode, made)
        yield tuple(_like(tensor, mode, made) for tensor in inputs)
    finally:
        for table, key, tensor in held:
            table[key] = tensor


def _places(module: torch.nn.Module) -> list[tuple[MutableMapping[str, Any], str]]:
    """Where the modules hold tensors: parameters, buffers, and plain attributes."""
    tables = [table for part in module.modules() for table in (part._parameters, part._buffers, vars(part))]
    return [(table, key) for table in tables for key, value in table.items() if isinstance(value, torch.Tensor)]


def _like(tensor: torch.Tensor, mode: FakeTensorMode, made: dict[int, torch.Tensor]) -> torch.Tensor:
    if id(tensor) not in made:
        with mode:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
        parameter = isinstance(tensor, torch.nn.Parameter)
        made[id(tensor)] = torch.nn.Parameter(empty, requires_grad=False) if parameter else empty
    return made[id(tensor)]
