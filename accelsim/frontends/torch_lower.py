"""From an exported program to a graph: names, constants, removed calls, all that is unsupported at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Node as FxNode

from accelsim.errors import CoverageError, InternalError, Missing, UnsupportedError
from accelsim.frontends.torch_aten import ALIASES, CREATORS, IGNORED, LOWERINGS
from accelsim.frontends.torch_call import Call, Value, add_constant, call_key, module_path, target_name
from accelsim.frontends.torch_semantic import Site
from accelsim.frontends.torch_sizes import has_numbers
from accelsim.frontends.torch_types import tensor_type
from accelsim.ir.graph import Graph
from accelsim.ir.weights import SizesOnly, Weights
from accelsim.ops.build import GraphBuilder


@dataclass(frozen=True)
class Lowered:
    """`names`: for each value of the program, the tensors of the graph that hold it."""

    graph: Graph
    names: Mapping[str, tuple[str, ...]]


def is_known(node: FxNode) -> bool:
    """Whether a call has a form in the graph, or needs none."""
    target = target_name(node)
    return target == "getitem" or any(target in table for table in (LOWERINGS, ALIASES, CREATORS, IGNORED))


def lower(
    program: torch.export.ExportedProgram,
    module: torch.nn.Module,
    sites: Mapping[int, Site],
    *,
    name: str,
    scope: str,
    meta: Mapping[str, str],
) -> Lowered:
    """Raises CoverageError listing every call that has no form in the graph."""
    walk = _Walk(program, module, sites, name)
    for node in program.graph.nodes:
        walk.visit(node)
    if walk.problems:
        supported = sorted([*LOWERINGS, *ALIASES])
        listed = "".join(f"\n  {m.operator} in '{m.place}': {m.reason}" for m in walk.problems)
        raise CoverageError(
            f"{name}: accelsim cannot take over {len(walk.problems)} of the model's operations:{listed}\n"
            f"supported: {', '.join(supported)}",
            model=name,
            missing=walk.problems,
            supported=supported,
        )
    graph = walk.builder.finish(walk.outputs, scope=scope, meta=dict(meta) | walk.buffers())
    names = {node.name: held for node, held in walk.values.items() if isinstance(held, tuple)}
    return Lowered(_with_removed(graph, walk.removed), names)


class _Walk:
    """Goes through the program once; `values` holds what each of its values became (None: not supported)."""

    def __init__(
        self,
        program: torch.export.ExportedProgram,
        module: torch.nn.Module,
        sites: Mapping[int, Site],
        name: str,
    ) -> None:
        self._program = program
        self._state = _state(program, module)
        known = all(has_numbers(tensor) for _, tensor, _ in self._state.values())
        self.builder = GraphBuilder(name, Weights() if known else SizesOnly(_NO_NUMBERS.format(name)))
        self.values: dict[FxNode, Value] = {}
        self.removed: dict[str, list[str]] = {}
        self.problems: list[Missing] = []
        self.outputs: tuple[str, ...] = ()
        self._name = name
        self._sites = sites
        self._user_inputs = set(program.graph_signature.user_inputs)
        self._mutated = sorted(program.graph_signature.buffers_to_mutate.values())
        self._leaves = {path for path, part in module.named_modules() if path and not any(part.children())}
        self._calls = Counter(call_key(node) for node in program.graph.nodes if _makes_node(node))

    def visit(self, node: FxNode) -> None:
        if node.op == "placeholder":
            self.values[node] = self._placeholder(node)
        elif node.op == "output":
            self._finish(node)
        elif target_name(node) in IGNORED:
            self.values[node] = ()
        elif any(self.values[used] is None for used in node.all_input_nodes):
            self.values[node] = None  # it hangs on a call that is already listed
            if node.op == "call_function" and not is_known(node):
                self._lacks(node, "not supported")
        else:
            try:
                self.values[node] = self._call(node)
            except UnsupportedError as error:
                self.values[node] = None
                self._lacks(node, str(error))

    def _lacks(self, node: FxNode, reason: str) -> None:
        self.problems.append(Missing(target_name(node), module_path(node) or self._name, reason))

    def _placeholder(self, node: FxNode) -> Value:
        if node.name in self._state:
            name, tensor, named = self._state[node.name]
            if not named:
                return tensor.detach()
            if not node.users:
                return ()
            return (add_constant(self.builder, name, tensor),)
        value = node.meta.get("val")
        if node.name not in self._user_inputs or not isinstance(value, torch.Tensor):
            raise UnsupportedError(f"{self._name}: input '{node.name}' is not a tensor")
        try:
            return (self.builder.add_input(node.name, tensor_type(value)),)
        except UnsupportedError as error:
            raise UnsupportedError(f"{self._name}: input '{node.name}': {error}") from None

    def _call(self, node: FxNode) -> Value:
        target = target_name(node)
        if target == "getitem":
            made, index = self.values[node.all_input_nodes[0]], node.args[1]
            assert isinstance(made, tuple)
            assert isinstance(index, int)
            return (made[index],)
        held = [self.values[used] for used in node.all_input_nodes]
        if all(isinstance(value, torch.Tensor) for value in held) and (held or target in CREATORS):
            return self._evaluate(node)
        own = module_path(node) in self._leaves and self._calls[call_key(node)] == 1
        call = Call(self.builder, node, self.values, self._sites, own)
        if target in ALIASES:
            name = ALIASES[target](call)
            self.removed.setdefault(name, []).append(call.origin)
            return (name,)
        if target not in LOWERINGS:
            raise UnsupportedError("not supported")
        made = LOWERINGS[target](call)
        if isinstance(made, tuple):
            return made
        ours, theirs = self.builder.tensors[made], call.result
        if ours != theirs:
            raise InternalError(f"tracing {target} in '{call.path}' gives {ours}, torch gives {theirs}")
        return (made,)

    def buffers(self) -> dict[str, str]:
        """Constants that are no parameters of the user's model, one a line."""
        signature = self._program.graph_signature
        parameters = set(signature.inputs_to_parameters.values())
        parameters |= {name for site in self._sites.values() for _, name, _ in site.parameters}
        parameters -= set(signature.inputs_to_buffers.values())
        names = [name for name in self.builder.parameters if name not in parameters]
        return {"buffers": "\n".join(names)} if names else {}

    def _evaluate(self, node: FxNode) -> Value:
        """The value of a call that has only constants: index ranges, zeros and what is made from them."""

        def real(used: FxNode) -> Any:
            return self.values[used]

        args, kwargs = torch.fx.node.map_arg((node.args, dict(node.kwargs)), real)
        assert callable(node.target)
        made = node.target(*args, **kwargs)
        if not isinstance(made, torch.Tensor):
            raise UnsupportedError("several results of a constant")
        return made

    def _finish(self, node: FxNode) -> None:
        if self._mutated:
            raise UnsupportedError(f"{self._name}: the model changes its buffer '{self._mutated[0]}' while it runs")
        results = node.args[0]
        assert isinstance(results, list | tuple)
        for index, result in enumerate(results):
            if not isinstance(result, FxNode):
                raise UnsupportedError(f"{self._name}: output {index} of the model is {result!r}, not a tensor")
        if self.problems:
            return
        call = Call(self.builder, node, self.values, self._sites, False)
        self.outputs = tuple(call.value(result) for result in results)


_NO_NUMBERS = (
    "{}: traced on the meta device, by sizes alone, so it can be timed and shown but not executed; "
    "build it with its weights to compute numbers"
)


def _makes_node(node: FxNode) -> bool:
    target = target_name(node)
    return node.op == "call_function" and target in LOWERINGS


def _state(program: torch.export.ExportedProgram, module: torch.nn.Module) -> dict[str, tuple[str, torch.Tensor, bool]]:
    """Placeholders that are not inputs: (name in the user's module, tensor, whether the user named it)."""
    signature = program.graph_signature
    found: dict[str, tuple[str, torch.Tensor, bool]] = {}
    for placeholder, name in {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.items():
        tensor = program.state_dict[name] if name in program.state_dict else program.constants[name]
        found[placeholder] = (name, tensor, True)
    for placeholder, name in signature.inputs_to_lifted_tensor_constants.items():
        found[placeholder] = (name, program.constants[name], False)
    return found


def _with_removed(graph: Graph, removed: Mapping[str, list[str]]) -> Graph:
    """Calls that left no node are origins of the node whose output they passed on."""
    return graph.with_nodes(
        tuple(
            replace(
                node,
                origins=(
                    *node.origins,
                    *(o for name in node.outputs for o in removed.get(name, ()) if o not in node.origins),
                ),
            )
            for node in graph.nodes
        )
    )
