"""What a reader should know of how nodes were run: notes of their stages, what was assumed of zeros, what a task
dropped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from accelsim.hw.schema import Hardware
from accelsim.ir import Graph, Sparsity
from accelsim.mapping.stage import Stage
from accelsim.ops.registry import op_spec

_SHOWN = 2  # notes of a node that are written out


def stage_notes(stages: Iterable[Stage]) -> str:
    """The notes of a node's stages, each once; of many (experts with zeros of their own) the first few."""
    notes = list(dict.fromkeys(stage.note for stage in stages if stage.note))
    shown = notes if len(notes) <= _SHOWN + 1 else [*notes[:_SHOWN], f"{len(notes) - _SHOWN} more"]
    return "; ".join(shown)


def zero_lines(hardware: Hardware, declared: Sequence[Sparsity], stages: Sequence[Stage]) -> list[str]:
    """What was assumed of zeros in weights and activations, for the assumptions of a result."""
    skipping = [name for name, unit in hardware.units.items() if unit.sparse]
    told = [
        f"zeros: {one.source}{_patterns(one)}{f', seed {one.seed}' if _drawn(one) else ''}"
        for one in dict.fromkeys(declared)
    ]
    if not skipping:
        return [f"{line}; no unit of {hardware.name} skips zeros, so all is computed dense" for line in told]
    found = [*told, *([] if told else ["zeros: those that the weights have"])]
    noted = {stage.node for stage in stages if stage.note}
    dense = {stage.node for stage in stages if "computed dense" in stage.note}
    if noted:
        found[-1] += f"; {len(noted - dense)} nodes skip zeros on {', '.join(skipping)}"
        found[-1] += f", {len(dense)} are computed dense" if dense else ""
    else:
        found[-1] += f"; none that {', '.join(skipping)} could skip"
    return found


def _patterns(declared: Sparsity) -> str:
    patterns = [pattern.text if glob == "*" else f"{glob} {pattern.text}" for glob, pattern in declared.weights]
    patterns += [f"{100 * share:.3g} % of inputs{'' if g == '*' else f' of {g}'}" for g, share in declared.activations]
    return f" ({', '.join(patterns)})" if patterns and not declared.source.startswith("declared") else ""


def _drawn(declared: Sparsity) -> bool:
    """Whether a seed decides where zeros are."""
    return bool(declared.activations) or any(p.kind in ("unstructured", "block") for _, p in declared.weights)


def pruned_lines(graph: Graph) -> list[str]:
    """What the task of a graph dropped of its adapted layers, all layers together: blocks of outputs (in attention:
    heads) by the size of a block."""
    found: dict[object, list[int]] = {}
    for node in graph.nodes:
        if node.op != "adapted_linear" or not graph.in_scope(node):
            continue
        given = dict(zip(_ADAPTED, node.inputs, strict=False))
        kept, block = given.get("kept_rows"), node.attrs["block"]
        if kept and isinstance(block, int):
            whole = graph.tensors[given["w"]].shape[0] // block
            counts = found.setdefault(block, [0, 0, 0])
            for index, count in enumerate((whole - graph.tensors[kept].shape[0], whole, 1)):
                counts[index] += count
    return [
        f"pruned for the task: {removed} of {whole} blocks of {block} outputs (in attention: heads) in {layers} layers"
        for block, (removed, whole, layers) in found.items()
    ]


_ADAPTED = tuple(name.rstrip("?") for name in op_spec("adapted_linear").inputs)
