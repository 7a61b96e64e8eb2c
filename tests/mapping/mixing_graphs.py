"""Graphs of the ops whose weights depend on sample or task, small enough to count by hand."""

from __future__ import annotations

import numpy as np

from accelsim.ir import DType, Graph, Tensor
from accelsim.ops.build import GraphBuilder

KERNELS = 4


def given(builder: GraphBuilder, name: str, array: np.ndarray, dtype: str = "float32") -> str:
    return builder.add_parameter(name, array, Tensor(array.shape, DType.parse(dtype)))


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def mixed_conv(
    *, share: float = 1.0, form: str = "deployed", batch: int = 1, channels: int = 16, side: int = 14, bias: str = ""
) -> Graph:
    """A 3x3 `dynamic_conv2d` of 4 kernels with as many inputs as outputs; a share of 1 has no static part."""
    builder = GraphBuilder("mixed")
    builder.add_input("x", Tensor((batch, channels, side, side)))
    shape = (channels, channels, 3, 3)
    size = int(np.prod(shape))
    dynamic = round(size * share)
    whole = share == 1.0
    values = (KERNELS, *shape) if whole or form == "mask" else (KERNELS, dynamic)
    inputs = [
        "x",
        given(builder, "kernels", numbers(*values)),
        given(builder, "fc1", numbers(4, channels)),
        given(builder, "fc2", numbers(KERNELS, 4)),
        given(builder, "fc2_b", numbers(KERNELS)),
    ]
    if not whole:
        chosen = np.sort(np.random.default_rng(1).permutation(size)[:dynamic])
        mask = np.isin(np.arange(size), chosen).reshape(shape)
        inputs.append(given(builder, "static", numbers(*shape)))
        inputs.append(given(builder, "mask", mask, "bool") if form == "mask" else "")
        inputs.append("" if form == "mask" else given(builder, "places", chosen.astype(np.int64), "int64"))
    if bias:
        inputs += [""] * (8 - len(inputs))
        inputs.append(given(builder, "bias", numbers(KERNELS, channels) if bias == "mixed" else numbers(channels)))
    return builder.finish(builder.add("dynamic_conv2d", inputs, {"padding": (1, 1, 1, 1)}, name="conv")[:1])


def adapted(*, task: int = 0, rank: int = 4, kept: int | None = None, width: int = 64, tokens: int = 32) -> Graph:
    """An `adapted_linear` of a shared base and the task's own adapter; `kept` of 4 blocks of outputs."""
    builder = GraphBuilder("adapted")
    builder.add_input("x", Tensor((1, tokens, width)))
    outputs = width if kept is None else width // 4 * kept
    inputs = ["x", given(builder, "w", numbers(width, width))]
    inputs += (
        [
            given(builder, "a", numbers(rank, width, seed=10 + task)),
            given(builder, "b", numbers(outputs, rank, seed=20 + task)),
        ]
        if rank
        else ["", ""]
    )
    if kept is not None:
        inputs += ["", given(builder, "rows", np.arange(kept, dtype=np.int64), "int64")]
    return builder.finish(builder.add("adapted_linear", inputs, {"block": width // 4}, name="fc"))


def exchange(*, channels: int = 8, side: int = 8) -> Graph:
    """A `cross_task_attention` with all its branches."""
    from accelsim.ops.cross_task_forms import INPUTS

    builder = GraphBuilder("exchange")
    for name in ("target", "source"):
        builder.add_input(name, Tensor((1, channels, side, side)))
    one, three = (channels, channels, 1, 1), (channels, channels, 3, 3)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("q_w", "k_w", "v_w"), one)
    shapes |= dict.fromkeys(("extract_w", "self_w", "self_gate_w"), three)
    shapes["project_w"] = (channels, 2 * channels, 1, 1)
    names = [name.rstrip("?") for name in INPUTS[2:]]
    inputs = [given(builder, name, numbers(*shapes.get(name, (channels,)))) for name in names]
    made = builder.add("cross_task_attention", ["target", "source", *inputs], {"downsample": 2}, name="exchange")
    return builder.finish(made)


def difference(*, channels: int = 8, side: int = 8) -> Graph:
    """A `pixel_difference_conv2d` that no pass has folded."""
    builder = GraphBuilder("difference")
    builder.add_input("x", Tensor((1, channels, side, side)))
    inputs = ["x", given(builder, "w", numbers(channels, channels, 3, 3))]
    return builder.finish(
        builder.add("pixel_difference_conv2d", inputs, {"padding": (1, 1, 1, 1), "theta": 0.7}, name="conv")
    )
