"""What a reader should know of how nodes were run: notes of their stages, and what was assumed of zeros."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from accelsim.hw.schema import Hardware
from accelsim.ir import Sparsity
from accelsim.mapping.stage import Stage

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
