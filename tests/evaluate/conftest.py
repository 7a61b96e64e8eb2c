from __future__ import annotations

from tests.mapping.conftest import edge_moe, m3vit, small, small_file

__all__ = ["edge_moe", "m3vit", "small", "small_file"]
