"""Models that nobody here wrote, straight from torch: our engine beside the module, on small configurations."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn

from accelsim.engine import compile
from accelsim.frontends.torch import trace

pytestmark = pytest.mark.slow

TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 50}
IMAGE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "image_size": 32}
SEGFORMER = {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "decoder_hidden_size": 16}

# Class, configuration, attribute of the result.
MODELS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "bert": ("BertModel", lambda: transformers.BertConfig(**TEXT), "last_hidden_state"),
    "gpt-2": (
        "GPT2LMHeadModel",
        lambda: transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=50, n_positions=32),
        "logits",
    ),
    "llama": ("LlamaForCausalLM", lambda: transformers.LlamaConfig(**TEXT, num_key_value_heads=2), "logits"),
    "vit": ("ViTForImageClassification", lambda: transformers.ViTConfig(**IMAGE, patch_size=8), "logits"),
    "swin": (
        "SwinForImageClassification",
        lambda: transformers.SwinConfig(image_size=32, patch_size=2, embed_dim=8, depths=[2, 2], num_heads=[2, 4]),
        "logits",
    ),
    "segformer": ("SegformerForSemanticSegmentation", lambda: transformers.SegformerConfig(**SEGFORMER), "logits"),
}


class Only(nn.Module):
    """A model of transformers with one tensor as its result."""

    def __init__(self, inner: nn.Module, result: str) -> None:
        super().__init__()
        self.inner, self.result = inner, result

    def forward(self, x: Tensor) -> Tensor:
        fixed = {"use_cache": False} if self.result == "logits" and not x.is_floating_point() else {}
        made: Tensor = getattr(self.inner(x, **fixed), self.result)
        return made


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", MODELS)
def test_the_engine_computes_what_the_module_computes(name: str) -> None:
    kind, config, result = MODELS[name]
    torch.manual_seed(0)
    module = Only(getattr(transformers, kind)(config()), result).eval()
    with torch.no_grad():
        for parameter in module.parameters():  # transformers begins with weights near zero, which prove little
            spread = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.3
            parameter.add_(torch.randn_like(parameter) * spread)
    inputs = [
        torch.randint(50, (2, 12)) if kind[:3] in ("Ber", "GPT", "Lla") else torch.randn(2, 3, 32, 32) for _ in range(2)
    ]
    executable = compile(trace(module, (inputs[0],), name=name))
    (given,), (made,) = executable.graph.inputs, executable.graph.outputs
    with torch.inference_mode():
        expected = [module(x).numpy() for x in inputs]
    for x, wanted in zip(inputs, expected, strict=True):
        found = executable({given: x.numpy()}).outputs[made]
        assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert np.abs(expected[0] - expected[1]).max() > 0.01 * np.abs(expected[0]).max()
