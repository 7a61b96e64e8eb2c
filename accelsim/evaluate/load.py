"""Models as every command takes them: loaded, and ONNX files with the ops that their exporters took apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from accelsim.frontends import catalogue
from accelsim.frontends.catalogue import LoadedModel
from accelsim.frontends.inputs import InputOptions
from accelsim.passes.fuse_patterns import fuse_patterns


def load_model(
    spec: str,
    *,
    task: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    options: InputOptions | None = None,
) -> LoadedModel:
    """The model of `frontends.catalogue.load_model`; the graph of an ONNX file with its patterns fused."""
    loaded = catalogue.load_model(spec, task=task, arguments=arguments, options=options)
    return replace(loaded, graph=fuse_patterns(loaded.graph)) if loaded.spec.is_onnx else loaded
