"""AMD's DPU: frame rates of a model zoo and DRAM bandwidth, and the resources of the core in all its sizes.

Frame rates of several threads are those of the cores: the host's work hides behind them. Those of one thread, and
latencies, contain the host's work before and after, which is not modelled, so they are shown and not scored.
"""

from __future__ import annotations

import re

from accelsim.cost.blocks import ramb18
from accelsim.evaluate.suites.golden import GoldenRow, GoldenSuite, Simulated
from accelsim.evaluate.suites.timed import Overrides, model_on

_MODELS = (
    (re.compile(r"pt_resnet50_imagenet_224_224_8\.2G"), "resnet50"),
    (re.compile(r"tf_resnet(v1)?_?50_imagenet_224_224_6\.97G"), "resnet50"),
    (re.compile(r"cf_resnet50_imagenet_224_224_7\.7G|^ResNet-?50$"), "resnet50"),
    (re.compile(r"tf_resnetv1_101_imagenet_224_224_14\.4G"), "resnet101"),
    (re.compile(r"tf_resnetv1_152_imagenet_224_224_21\.83G"), "resnet152"),
    (re.compile(r"cf_resnet18_imagenet_224_224_3\.65G"), "resnet18"),
    (re.compile(r"tf_vgg16_imagenet_224_224_30\.96G"), "vgg16"),
    (re.compile(r"tf_vgg19_imagenet_224_224_39\.28G"), "vgg19"),
    (re.compile(r"tf_mobilenet(v1)?(_1\.0)?_imagenet_224_224_1\.14G"), "mobilenet-v1"),
    (re.compile(r"(tf|cf|pt)_mobilenetv2(_1\.0)?_imagenet_224_224_0\.6G?"), "mobilenet-v2"),
    (re.compile(r"(pt|tf)_inceptionv3_imagenet_299_299_11\.[0-9]+G$"), "inception-v3"),
)
"""Published names, unpruned, of models that ship with accelsim: the same network up to where its strides stand."""

_BOARDS = {
    "KV260": "dpu-b4096-kv260",
    "ZCU104": "dpu-b4096-zcu104",
    "ZCU102 rev 0432055-05": "dpu-b4096-zcu102",
    "ZCU102 (0432055-05)": "dpu-b4096-zcu102",
    "ZCU102 (0432055-04)": "dpu-b4096-zcu102",
}
_CORE = re.compile(r"B(\d+)")
_SIZE = re.compile(r"PP(\d+) x ICP(\d+) x OCP(\d+)")
_HOST = "the host's work before and after the core is not modelled"


def _model(name: str) -> str | None:
    return next((model for pattern, model in _MODELS if pattern.search(name)), None)


def _clock(row: GoldenRow) -> Overrides:
    return (("clocks.dpu.frequency", f"{row.clock_mhz} MHz"),) if row.clock_mhz.isdigit() else ()


def _rate(row: GoldenRow) -> Simulated | None:
    model, board = _model(row.model), _BOARDS.get(row.board)
    if model is None or board is None or "B4096" not in row.array:
        return None
    result = model_on(model, board, _clock(row))
    single = {
        "fps_single_thread": 1.0 / result.latency_s,
        "e2e_latency_1_thread": result.latency_s * 1e3,
    }
    if row.metric in single:
        return Simulated(single[row.metric], note=_HOST, scored=False)
    return Simulated(result.throughput_per_s) if row.metric == "fps_multi_thread" else None


_SIZES = {"B1152": (4, 12, 12), "B4096": (8, 16, 16)}


def _bandwidth(row: GoldenRow) -> Simulated | None:
    model, core = _model(row.model), _CORE.search(row.array)
    if model is None or core is None or core[0] not in _SIZES or row.metric != "io_bandwidth_average":
        return None
    pixels, inputs, outputs = _SIZES[core[0]]
    sides = (("pixels", pixels), ("inputs", inputs), ("outputs", outputs))
    result = model_on(model, "dpu-b4096-kv260", tuple((f"units.conv.sides.{side}", size) for side, size in sides))
    return Simulated(
        result.dram_bytes / result.latency_s / 1e6, note="clock and board are not stated; those of a KV260"
    )


_IDLE_MODEL = "idle"


def _power(row: GoldenRow) -> Simulated | None:
    """Power at the input of the board: at rest all that flows without the core, else with it at work."""
    if row.metric != "board_power_12V_rail":
        return None
    result = model_on("resnet50", "dpu-b4096-kv260")
    rest = sum(
        joules
        for name, joules in result.energy_components.items()
        if name.split(".")[-1] in ("device static", "processing system", "rest of the board", "DRAM standby")
    )
    watts = rest / result.latency_s if row.model == _IDLE_MODEL else (result.power_w or 0.0)
    return Simulated(watts)


def _dpu(row: GoldenRow) -> Simulated | None:
    return _bandwidth(row) or _power(row) or _rate(row)


DPU = GoldenSuite(
    "dpu",
    ("AMD/Xilinx DPU (Vitis AI 3.0)", "AMD/Xilinx DPU (Vitis AI 1.2)", "DPUCZDX8G"),
    _dpu,
    {"fps_multi_thread": 40.0, "io_bandwidth_average": 60.0, "board_power_12V_rail": 15.0},
)

_BANK_WORDS = 2048
_OTHER_SLICES = 2  # of a core in the mode that spends few


def _resources(row: GoldenRow) -> Simulated | None:
    """Slices of the array at two products each and twice the clock, and block RAMs of its banks by their geometry.

    How many banks of images there are, and where a core spends slices on sums, was read off the rows that calibrate.
    """
    size = _SIZE.search(row.array)
    if size is None:
        return None
    pixels, inputs, outputs = (int(group) for group in size.groups())
    if row.metric == "dsp_used":
        slices = pixels * inputs * outputs / 4
        if "high-DSP" in row.array:  # products of 16 channels are summed in slices too, one for four products
            slices += pixels * outputs
        return Simulated(slices + _OTHER_SLICES)
    if row.metric == "bram36_used":
        banks = outputs + 1 + 2 * pixels
        return Simulated(banks * ramb18(8 * inputs, _BANK_WORDS) / 2)
    return None


DPU_RESOURCES = GoldenSuite(
    "dpu-resources",
    ("DPUCZDX8G single core resources",),
    _resources,
    {"dsp_used": 5.0, "bram36_used": 5.0},
)
