"""The JSON Schema that editors use is generated, so it must not go stale."""

from __future__ import annotations

import json

from accelsim.hw.load import json_schema
from accelsim.shipped import shipped_dir


def test_the_schema_file_is_fresh() -> None:
    """Make it anew with `accelsim schema > hwconfigs/schema.json`."""
    assert json.loads((shipped_dir("hwconfigs") / "schema.json").read_text(encoding="utf-8")) == json_schema()
