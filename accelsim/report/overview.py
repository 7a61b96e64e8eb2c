"""A model at a glance, as text: what is missing first, then the tree of its modules."""

from __future__ import annotations

import json
from collections.abc import Iterator

from accelsim.errors import CoverageError
from accelsim.report.scale import byte_scale, significant
from accelsim.report.table import Notes, Section, Table
from accelsim.results.overview import Made, Overview, Part

_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def overview_verdict(shown: Overview) -> tuple[str, ...]:
    """Name, size and work in a line, then what goes in and out."""
    total = shown.total
    name = f"{shown.model} ({shown.task})" if shown.task else shown.model
    return (
        f"{name}: {total.parameters:,} parameters, {total.macs:,} MACs, {total.nodes} nodes",
        f"in:  {_tensors(shown.inputs)}",
        f"out: {_tensors(total.outputs)}",
    )


def overview_sections(shown: Overview, *, depth: int) -> list[Section]:
    """The tree down to `depth` levels of modules, and what the counts mean."""
    rows = tuple(_row(part, level) for level, part in _walk(shown.total, depth))
    headings = ("module", "op", "output", ">parameters", ">MACs", ">weights", ">outputs")
    notes = [
        "MACs: multiply-accumulates of convolutions, linear layers, matrix products, attention and experts",
        "parameters: without buffers and constants"
        + (f" ({shown.buffers:,} elements), which weights take in" if shown.buffers else ""),
        "outputs: bytes that nodes make, without those that only rename or move elements",
        *shown.notes,
        f"graph {shown.digest}" + (f"; the accelerator runs '{shown.scope}'" if shown.scope else ""),
    ]
    return [Table("Modules", headings, rows), Notes("Notes", tuple(notes))]


def coverage_sections(error: CoverageError) -> list[Section]:
    """What a model asks for and accelsim lacks, where in the model, and what there is."""
    rows = tuple((missing.operator, missing.place, str(missing.count), missing.reason) for missing in error.missing)
    headings = ("operator", "first place in the model", ">places", "what is missing")
    return [Table("Missing operators", headings, rows), Notes("Supported operators", (", ".join(error.supported),))]


def coverage_json(error: CoverageError) -> str:
    """The same as JSON, ending in a newline."""
    missing = [vars(one) for one in error.missing]
    return json.dumps({"model": error.model, "missing": missing, "supported": list(error.supported)}, indent=1) + "\n"


def _walk(part: Part, depth: int, level: int = 0) -> Iterator[tuple[int, Part]]:
    yield level, part
    if level < depth:
        for child in part.parts:
            yield from _walk(child, depth, level + 1)


def _row(part: Part, level: int) -> tuple[str, ...]:
    hidden = f"{part.nodes} nodes" if not part.op else part.op
    return (
        "  " * level + part.name,
        hidden,
        _tensors(part.outputs),
        _count(part.parameters),
        _count(part.macs),
        byte_scale(part.weight_bytes).full(part.weight_bytes) if part.weight_bytes else "",
        byte_scale(part.output_bytes).full(part.output_bytes) if part.output_bytes else "",
    )


def _tensors(made: tuple[Made, ...]) -> str:
    if not made:
        return ""
    sizes = ["x".join(map(str, one.shape)) or "scalar" for one in made[:3]]
    return ", ".join(sizes) + (f" and {len(made) - 3} more" if len(made) > 3 else "")


def _count(number: int) -> str:
    if not number:
        return ""
    factor, unit = next(((factor, unit) for factor, unit in _COUNTS if number >= factor), (1.0, ""))
    return f"{significant(number / factor, 4) if unit else number}{f' {unit}' if unit else ''}"
