"""Semantic modules during torch.export: each call becomes one custom op; the module is restored after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import torch

from accelsim.errors import InputError
from accelsim.frontends.semantic import semantic_form
from accelsim.frontends.torch_types import tensor_type, torch_dtype
from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import AttrValue, Tensor
from accelsim.ops.registry import op_spec


@dataclass(frozen=True, eq=False)
class Site:
    """One semantic module: where it sits, the op it stands for, its plain forward and its parameters.

    `inputs` are the op's operands that forward takes; `parameters` are (operand, name in the graph, tensor).
    """

    path: str
    op: str
    attrs: FrozenMap[str, AttrValue]
    inputs: tuple[str, ...]
    parameters: tuple[tuple[str, str, torch.Tensor], ...]
    forward: Callable[..., torch.Tensor]
    handle: int

    def output_types(self, inputs: Sequence[torch.Tensor]) -> tuple[Tensor, ...]:
        given = dict(zip(self.inputs, inputs, strict=True)) | {name: t for name, _, t in self.parameters}
        spec = op_spec(self.op)
        types = [tensor_type(given[n.rstrip("?")]) if n.rstrip("?") in given else None for n in spec.inputs]
        return spec.infer(types, self.attrs)


_SITES: WeakValueDictionary[int, Site] = WeakValueDictionary()
_HANDLES = itertools.count()


@torch.library.custom_op("accelsim::semantic", mutates_args=())  # type: ignore[untyped-decorator]
def semantic_call(inputs: list[torch.Tensor], spec: str, handle: int) -> list[torch.Tensor]:
    """All outputs of a semantic op in plain torch."""
    return _outputs(_SITES[handle], inputs)


@semantic_call.register_fake  # type: ignore[untyped-decorator]
def _shapes(inputs: list[torch.Tensor], spec: str, handle: int) -> list[torch.Tensor]:
    types = _SITES[handle].output_types(inputs)
    return [inputs[0].new_empty(t.shape, dtype=torch_dtype(t.dtype)) for t in types]


def semantic_outputs(module: torch.nn.Module, path: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """All outputs of the op that stands for the part `path` of a module, computed by the plain part."""
    site = _site(path, module.get_submodule(path), {})
    if site is None:
        raise InputError(f"'{path}' is not a semantic module")
    return _outputs(site, inputs)


def _outputs(site: Site, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The part's own forward gives the first output; what the op has beside it follows its definition."""
    with torch.no_grad():
        return [site.forward(*inputs).clone(), *_MORE_OUTPUTS.get(site.op, _no_more)(site, inputs)]


def _no_more(site: Site, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return []


def _routing(site: Site, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Expert ids and gates by the definition: softmax over all experts, a stable sort, the k largest (rescaled)."""
    weights = {operand: tensor.detach() for operand, _, tensor in site.parameters}
    top_k = site.attrs["top_k"]
    assert isinstance(top_k, int)
    logits = torch.nn.functional.linear(inputs[0], weights["gate_w"], weights.get("gate_b"))
    likely = torch.softmax(logits, dim=-1)
    gates, ids = torch.sort(likely, dim=-1, descending=True, stable=True)
    ids, gates = ids[..., :top_k].contiguous(), gates[..., :top_k].contiguous()
    return [ids, gates / gates.sum(dim=-1, keepdim=True) if site.attrs["renormalise"] else gates]


def _kernel_shares(site: Site, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Shares of the kernels by the definition: pooled input, two layers, softmax at the temperature."""
    weights = {operand: tensor.detach() for operand, _, tensor in site.parameters}
    temperature = site.attrs["temperature"]
    assert isinstance(temperature, float | int)
    hidden = torch.relu(inputs[0].mean(dim=(2, 3)) @ weights["fc1_w"].T)
    return [torch.softmax((hidden @ weights["fc2_w"].T + weights["fc2_b"]) / temperature, dim=-1)]


# What an op returns beside the output of the user's forward.
_MORE_OUTPUTS: Mapping[str, Callable[[Site, Sequence[torch.Tensor]], list[torch.Tensor]]] = {
    "moe": _routing,
    "dynamic_conv2d": _kernel_shares,
}


@contextmanager
def semantic_modules(module: torch.nn.Module) -> Iterator[dict[int, Site]]:
    """Inside, each semantic module of `module` calls the custom op; its forward is restored on leaving.

    Gives the sites by handle; the custom op works for as long as someone holds them.
    """
    sites: dict[int, Site] = {}
    swapped: list[tuple[torch.nn.Module, Any]] = []
    names = _tensor_names(module)
    try:
        for path, part in module.named_modules():
            site = _site(path, part, names)
            if site is not None:
                sites[site.handle] = _SITES[site.handle] = site
                swapped.append((part, part.__dict__.get("forward")))
                part.__dict__["forward"] = _one_op(site)
        yield sites
    finally:
        for part, own_forward in swapped:
            if own_forward is None:
                part.__dict__.pop("forward", None)
            else:
                part.__dict__["forward"] = own_forward


def _one_op(site: Site) -> Callable[..., torch.Tensor]:
    def forward(*inputs: torch.Tensor, **named: object) -> torch.Tensor:
        if named or len(inputs) != len(site.inputs):
            raise InputError(
                f"'{site.path}': {site.op} takes {', '.join(site.inputs)} by position; the model calls it "
                f"with {len(inputs)} positional and {len(named)} named arguments"
            )
        outputs: list[torch.Tensor] = torch.ops.accelsim.semantic(list(inputs), site.op, site.handle)
        return outputs[0]

    return forward


def _site(path: str, part: torch.nn.Module, names: Mapping[int, str]) -> Site | None:
    form = semantic_form(part)
    if form is None:
        return None
    spec = op_spec(form.op)
    attrs, tensors = form.extract(part)
    where = f"'{path or type(part).__qualname__}' ({form.op})"
    operands = [name.rstrip("?") for name in spec.inputs]
    for name, tensor in tensors.items():
        if name not in operands or not isinstance(tensor, torch.Tensor):
            raise InputError(f"{where}: '{name}' is not a tensor operand; {form.op} has {', '.join(operands)}")
    required = {name for name in spec.inputs if not name.endswith("?")}
    unknown = sorted(set(attrs) - set(spec.attrs))
    if unknown:
        raise InputError(f"{where}: no attribute '{unknown[0]}'; {form.op} has {', '.join(sorted(spec.attrs))}")
    return Site(
        path=path,
        op=form.op,
        attrs=spec.bind(path, dict(attrs)),
        inputs=tuple(name for name in operands if name in required and name not in tensors),
        parameters=tuple(
            (name, names.get(id(tensors[name]), f"{path}.{name}".lstrip(".")), tensors[name].detach())
            for name in operands
            if name in tensors
        ),
        forward=part.forward,
        handle=next(_HANDLES),
    )


def _tensor_names(module: torch.nn.Module) -> dict[int, str]:
    """Names of parameters and buffers by identity; one that is tied has its first name."""
    found: dict[int, str] = {}
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        found.setdefault(id(tensor), name)
    return found
