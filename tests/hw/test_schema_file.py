"""The JSON Schema that editors use is generated, so it must not go stale."""

from __future__ import annotations

import json
from pathlib import Path

from accelsim.hw.load import json_schema
from accelsim.report.hardware_reference import hardware_reference
from accelsim.shipped import shipped_dir


def test_the_schema_file_is_fresh() -> None:
    """Make it anew with `accelsim schema > hwconfigs/schema.json`."""
    assert json.loads((shipped_dir("hwconfigs") / "schema.json").read_text(encoding="utf-8")) == json_schema()


def test_the_reference_is_fresh() -> None:
    """Make it anew with `accelsim schema --format markdown > docs/hwconfig.md`."""
    written = (Path(__file__).resolve().parents[2] / "docs" / "hwconfig.md").read_text(encoding="utf-8")
    assert written == hardware_reference(json_schema())


def test_the_reference_names_every_key_of_every_part() -> None:
    schema = json_schema()
    text = hardware_reference(schema)
    for name, part in schema["$defs"].items():
        section = text.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        assert part["description"].split()[0] in section, name
        assert all(f"| `{key}` |" in section for key in part["properties"]), name
