"""Models that nobody here wrote, as torch's own exporters write them: our engine beside ONNX Runtime.

`python -m tests.conformance.exported_models [NAME...]` takes all of them at full size. Weights are random: nothing is
downloaded.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from accelsim.engine import compile
from accelsim.evaluate.load import load_model
from accelsim.frontends.inputs import input_options
from accelsim.frontends.modelspec import ModelSpec
from accelsim.frontends.onnx_run import open_session, run_session
from accelsim.frontends.torch_build import build_model
from accelsim.ir.frozen import FrozenMap
from accelsim.shipped import shipped_dir
from tests.conformance.mobilenet_v3 import MobileNetV3

TOLERANCE = 1e-3  # of max|a - b| / max|b|


@dataclass(frozen=True)
class Exported:
    """A model and how it is exported. `build` gets the size of an image, or the length of a sequence.

    `sizes` are the full one and that of the ordinary tests. `open_axes` names open dimensions of inputs, for
    which `shapes` binds sizes again.
    """

    build: Callable[[int], tuple[nn.Module, tuple[Tensor, ...]]]
    sizes: tuple[int, int]
    dynamo: bool = True
    names: tuple[str, ...] = ("image",)
    open_axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def _image(size: int, batch: int = 1) -> Tensor:
    return torch.zeros(batch, 3, size, size)


class _Only(nn.Module):
    """A model of transformers with one tensor as its result."""

    def __init__(self, inner: nn.Module, result: str, **fixed: Any) -> None:
        super().__init__()
        self.inner, self.result, self.fixed = inner, result, fixed

    def forward(self, *inputs: Tensor) -> Tensor:
        made: Tensor = getattr(self.inner(*inputs, **self.fixed), self.result)
        return made


def _vision(kind: str, config: Any, result: str = "logits") -> Callable[[int], tuple[nn.Module, tuple[Tensor, ...]]]:
    """A model of transformers that takes an image."""

    def build(size: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        return randomised(_Only(getattr(transformers, kind)(config(size)), result), _image(size, 2)), (_image(size),)

    return build


def _text(kind: str, config: Any, result: str) -> Callable[[int], tuple[nn.Module, tuple[Tensor, ...]]]:
    """A model of transformers that takes token ids."""

    def build(length: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        ids = torch.zeros(2, length, dtype=torch.int64)
        return _Only(randomised(getattr(transformers, kind)(config())), result, use_cache=False), (ids,)

    return build


def _bert(length: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    ids = torch.zeros(2, length, dtype=torch.int64)
    model = randomised(transformers.BertModel(transformers.BertConfig()))
    return _Only(model, "last_hidden_state"), (ids, torch.ones_like(ids), torch.zeros_like(ids))


def _baseline(name: str) -> Callable[[int], tuple[nn.Module, tuple[Tensor, ...]]]:
    """A module of our baselines; these are plain torch."""

    def build(size: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        file = shipped_dir("models") / f"{name}.py"
        module, inputs, _ = build_model(ModelSpec(name, file, "build", FrozenMap({"size": size})), "")
        return module, inputs

    return build


_IDS = {"input_ids": {0: "batch", 1: "tokens"}}
_BERT = {name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask", "token_type_ids")}

MODELS: Mapping[str, Exported] = {
    "resnet-50": Exported(
        _vision("ResNetForImageClassification", lambda size: transformers.ResNetConfig()),
        (224, 64),
        open_axes={"image": {0: "batch"}},
    ),
    "resnet-50 (old exporter)": Exported(
        _vision("ResNetForImageClassification", lambda size: transformers.ResNetConfig()), (224, 64), dynamo=False
    ),
    "mobilenet-v2": Exported(
        _vision("MobileNetV2ForImageClassification", lambda size: transformers.MobileNetV2Config()), (224, 64)
    ),
    "mobilenet-v3-large": Exported(
        lambda size: (randomised(MobileNetV3(), _image(size, 2)), (_image(size),)), (224, 64)
    ),
    "vgg-16": Exported(_baseline("vgg"), (224, 224)),
    "inception-v3": Exported(_baseline("inception"), (299, 139)),
    "efficientnet-b0": Exported(
        _vision(
            "EfficientNetForImageClassification",
            lambda size: transformers.EfficientNetConfig(
                width_coefficient=1.0, depth_coefficient=1.0, image_size=224, hidden_dim=1280, dropout_rate=0.2
            ),
        ),
        (224, 64),
    ),
    "deeplab-v3 (mobilenet-v2)": Exported(
        _vision(
            "MobileNetV2ForSemanticSegmentation",
            lambda size: transformers.MobileNetV2Config(output_stride=8, num_labels=21),
        ),
        (513, 65),
    ),
    "u-net": Exported(_baseline("unet"), (256, 64)),
    "vit-small": Exported(
        _vision(
            "ViTForImageClassification",
            lambda size: transformers.ViTConfig(
                hidden_size=384, num_attention_heads=6, intermediate_size=1536, image_size=size
            ),
        ),
        (224, 64),
    ),
    "swin-tiny": Exported(
        _vision(
            "SwinForImageClassification",
            lambda size: transformers.SwinConfig(image_size=size, attn_implementation="eager"),
        ),
        (224, 224),
    ),
    "mobilevit-small": Exported(
        _vision("MobileViTForImageClassification", lambda size: transformers.MobileViTConfig(image_size=size)),
        (256, 64),
    ),
    "segformer-b0": Exported(
        _vision("SegformerForSemanticSegmentation", lambda size: transformers.SegformerConfig()), (512, 64)
    ),
    "bert-base": Exported(_bert, (128, 16), names=("input_ids", "attention_mask", "token_type_ids"), open_axes=_BERT),
    "bert-base (old exporter)": Exported(
        _bert,
        (128, 16),
        dynamo=False,
        names=("input_ids", "attention_mask", "token_type_ids"),
        open_axes=_BERT,
    ),
    "gpt-2": Exported(
        _text("GPT2LMHeadModel", transformers.GPT2Config, "logits"), (64, 16), names=("input_ids",), open_axes=_IDS
    ),
    "llama (2 layers)": Exported(
        _text(
            "LlamaForCausalLM",
            lambda: transformers.LlamaConfig(
                hidden_size=2048,
                intermediate_size=5632,
                num_hidden_layers=2,
                num_attention_heads=32,
                num_key_value_heads=4,
                vocab_size=32000,
            ),
            "logits",
        ),
        (64, 16),
        names=("input_ids",),
        open_axes=_IDS,
    ),
}


def randomised(module: nn.Module, images: Tensor | None = None) -> nn.Module:
    """The module in eval mode with seeded weights, and statistics of noise like `images` in its batch-norms."""
    rng = torch.Generator().manual_seed(0)
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    for part in module.modules():
        turned = type(part).__name__ == "Conv1D"  # how transformers calls a linear layer with its weight transposed
        if turned or isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight = part.weight.data
            fan_in = weight.shape[0] if turned else weight[0].numel()
            weight.normal_(0.0, (1.5 / fan_in) ** 0.5, generator=rng)
    for norm in norms:
        norm.weight.data.uniform_(0.8, 1.2, generator=rng)
        norm.bias.data.normal_(0.0, 0.1, generator=rng)
    if norms and images is not None:
        kept = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0
        with torch.no_grad():
            module.train()(torch.randn(images.shape, generator=rng))
        for norm, momentum in zip(norms, kept, strict=True):
            norm.momentum = momentum
    return module.eval()


def export(entry: Exported, size: int, path: Path) -> dict[str, int]:
    """Write the model to `path`; returns sizes of its open dimensions."""
    torch.manual_seed(0)
    module, inputs = entry.build(size)
    names = list(entry.names)
    axes = {name: dict(open_axes) for name, open_axes in entry.open_axes.items()}
    given: dict[str, Any] = {"dynamic_axes": axes} if not entry.dynamo else {}
    if entry.dynamo and axes:
        given["dynamic_shapes"] = (tuple(axes.get(name) for name in names),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), inputs, str(path), input_names=names, dynamo=entry.dynamo, verbose=False, **given
        )
    return {
        label: inputs[names.index(name)].shape[axis] for name, labels in axes.items() for axis, label in labels.items()
    }


@dataclass(frozen=True)
class Comparison:
    """The worst of max|a-b| / max|b| over both inputs and all outputs; `differ`: two inputs gave two outputs."""

    nodes: int
    error: float
    differ: bool
    load_s: float

    @property
    def ok(self) -> bool:
        return self.error <= TOLERANCE and self.differ


def compared(path: Path, shapes: Mapping[str, int]) -> Comparison:
    """Our engine on the file beside ONNX Runtime on the same file, on two seeded inputs."""
    started = time.process_time()
    loaded = load_model(str(path), options=input_options(shapes))
    load_s = time.process_time() - started
    executable = compile(loaded.graph, threads=2)
    session = open_session(path, threads=2)
    worst, differ = 0.0, True
    before: dict[str, np.ndarray] = {}
    for inputs in (loaded.inputs, loaded.other_inputs):
        ours, theirs = executable(dict(inputs)).outputs, run_session(session, inputs)
        for name in loaded.graph.outputs:
            scale = float(np.abs(theirs[name]).max())
            error = float(np.abs(ours[name] - theirs[name]).max()) / scale if scale else np.inf
            worst = max(worst, error if np.isfinite(error) else np.inf)
            if name in before:
                differ = differ and float(np.abs(ours[name] - before[name]).max()) > 10 * TOLERANCE * scale
        before = dict(ours)
    return Comparison(len(loaded.graph.nodes), worst, differ, load_s)


def main(arguments: Sequence[str]) -> int:
    """Print a line a model; 5 where one differs."""
    bad = 0
    print(f"{'model':28} {'size':>5} {'nodes':>5} {'load s':>6} {'max|a-b|/max|b|':>15}")
    for name in arguments or MODELS:
        entry = MODELS[name]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            found = compared(path, export(entry, entry.sizes[0], path))
        bad += not found.ok
        verdict = "equal" if found.ok else "DIFFERS" if found.differ else "TWO INPUTS, ONE OUTPUT"
        print(
            f"{name:28} {entry.sizes[0]:5} {found.nodes:5} {found.load_s:6.2f} {found.error:15.1e} {verdict}",
            flush=True,
        )
    return 5 if bad else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
