"""ONNX operators that normalise: softmax, and the norms over batch, layer, group and instance."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.frontends.onnx_call import Call, Translate, Value


def _softmax(op: str) -> Translate:
    def translate(call: Call) -> list[Value]:
        return [call.emit(op, [call.value(0)], {"axis": call.axis("axis", -1, call.rank())})]

    return translate


def _batch_norm(call: Call) -> list[Value]:
    if call.integer("training_mode", 0) or any(call.wants(index) for index in range(1, 5)):
        call.refuse("training_mode; a model for inference has it off")
    x = call.value(0)
    constants = [
        call.cast(call.value(index), x.type.dtype, name)
        for index, name in enumerate(("scale", "bias", "mean", "var"), start=1)
    ]
    return [call.emit("batch_norm", [x, *constants], {"epsilon": call.real("epsilon", 1e-5)})]


def _layer_norm(call: Call) -> list[Value] | None:
    if any(call.wants(index) for index in (1, 2)):
        return None
    x = call.value(0)
    rank = len(x.type.shape)
    axes = rank - call.axis("axis", -1, rank)
    scale, bias = (_as_row(call, index, x, axes) for index in (1, 2))
    attrs = {"axes": axes, "epsilon": call.real("epsilon", 1e-5)}
    return [call.emit("layer_norm", [x, scale, bias], attrs)]


def _rms_norm(call: Call) -> list[Value]:
    x = call.value(0)
    rank = len(x.type.shape)
    axes = rank - call.axis("axis", -1, rank)
    attrs = {"axes": axes, "epsilon": call.real("epsilon", 1e-5)}
    return [call.emit("rms_norm", [x, _as_row(call, 1, x, axes)], attrs)]


def _as_row(call: Call, index: int, x: Value, axes: int) -> Value | None:
    """A scale or bias in the sizes that are normalised, to which it broadcasts."""
    value = call.maybe(index)
    if value is None:
        return None
    wanted = x.type.shape[len(x.type.shape) - axes :]
    value = call.cast(value, x.type.dtype, f"cast{index}")
    if len(value.type.shape) > axes:
        value = call.reshaped(value, value.type.shape[-axes:], f"row{index}")
    return value if value.type.shape == wanted else call.emit("expand", [value], {"shape": wanted}, part=f"row{index}")


def _instance_norm(call: Call) -> list[Value]:
    attrs = {"epsilon": call.real("epsilon", 1e-5)}
    return [call.emit("instance_norm", [call.value(index) for index in range(3)], attrs)]


def _group_norm(call: Call) -> list[Value]:
    """Before opset 21 scale and bias are one number a group."""
    x, groups = call.value(0), call.integer("num_groups")
    channels = x.type.shape[1]
    if groups < 1 or channels % groups:
        call.fail(f"{channels} channels do not split into {groups} groups")
    scales = [call.value(1), call.value(2)]
    if call.opset < 21:
        spread = []
        for part, value in zip(("scale", "bias"), scales, strict=True):
            column = call.reshaped(value, (groups, 1), f"{part}s")
            wide = call.emit("expand", [column], {"shape": (groups, channels // groups)}, part=f"{part}_wide")
            spread.append(call.reshaped(wide, (channels,), part))
        scales = spread
    attrs = {"groups": groups, "epsilon": call.real("epsilon", 1e-5)}
    return [call.emit("group_norm", [x, *scales], attrs)]


NORM: Mapping[str, Translate] = {
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": _softmax("log_softmax"),
    "RMSNormalization": _rms_norm,
    "Softmax": _softmax("softmax"),
}
