"""The reference of hardware files as Markdown, made from their JSON schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_PREFACE = """# Hardware files, key by key

Made by `accelsim schema --format markdown` from the schema that also checks the files; an editor reads
[schema.json](../hwconfigs/schema.json).

A *quantity* is a number with its unit and where it comes from: `{value: 17.064 GB/s, sourced: "data sheet, table 3"}`,
`{value: 60 cycles, estimate: "typical of this controller", range: [40 cycles, 120 cycles]}`, or
`{value: 0.81, calibrated: "accelsim calibrate", rows: [measured-1, measured-2]}`. Where a part has a `sourced` of its
own, plain values in it share that source. Every other number is a whole number or a share as the column says.
"""


def hardware_reference(schema: Schema) -> str:
    """Markdown: the top level, then every part that it names, each with its keys."""
    parts: Mapping[str, Schema] = schema["$defs"]
    lines = [_PREFACE, *_part("A hardware file", schema, parts)]
    for name in sorted(parts):
        lines += _part(name, parts[name], parts)
    return "\n".join(lines).rstrip() + "\n"


def _part(name: str, part: Schema, parts: Mapping[str, Schema]) -> Iterator[str]:
    yield f"## {name}\n"
    yield " ".join(part.get("description", "").split()) + "\n"
    yield "| key | value | default |"
    yield "| --- | --- | --- |"
    required = part.get("required", ())
    for key, entry in part.get("properties", {}).items():
        default = "required" if key in required else _default(entry)
        yield f"| `{key}` | {_cell(_kind(entry, parts))} | {_cell(default)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _kind(entry: Schema, parts: Mapping[str, Schema]) -> str:
    """What may stand there, in words."""
    if "description" in entry and "with its provenance" in entry["description"]:
        return f"quantity: {entry['description'].removesuffix(', with its provenance')}"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return " or ".join(f"`{value}`" for value in entry["enum"])
    if "$ref" in entry:
        name = entry["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in entry:
            return " or ".join(dict.fromkeys(_kind(one, parts) for one in entry[several] if one.get("type") != "null"))
    if entry.get("type") == "array":
        items = entry.get("items") or {"type": "value"}
        return f"list of {_kind(items, parts)}"
    if entry.get("type") == "object":
        values = [*entry.get("patternProperties", {}).values()]
        if isinstance(entry.get("additionalProperties"), dict):
            values.append(entry["additionalProperties"])
        return f"mapping: name -> {_kind(values[0], parts)}" if values else "mapping"
    return {"string": "text", "boolean": "true or false", "integer": "whole number"}.get(
        str(entry.get("type")), str(entry.get("type", "value"))
    )


def _default(entry: Schema) -> str:
    default = entry.get("default")
    if isinstance(default, Mapping):
        default = default.get("value", default)
    if default in (None, [], {}, ""):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
