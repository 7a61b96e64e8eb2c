"""Arrays of other people: AutoSA on a board, NVDLA's spreadsheet and primer, Gemmini's RTL, the first TPU, CHaiDNN."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from accelsim.cost.resources import resources
from accelsim.evaluate.suites.golden import PUBLISHED, GoldenRow, GoldenSuite, Simulated
from accelsim.evaluate.suites.timed import (
    Overrides,
    convolution,
    design,
    graph_on,
    model_on,
    product,
    seconds_without,
)
from accelsim.hw.memory import Buffer
from accelsim.hw.unit import SystolicUnit

_AUTOSA = PUBLISHED / "hardware" / "autosa-u250.yaml"
_GRID = re.compile(r"(\d+) x (\d+) PEs x SIMD (\d+)")
_GEMM = re.compile(r"GEMM (?:M=(\d+)\(padded\) N=(\d+) K=(\d+)|(\d+)x(\d+)x(\d+))")
_FORMATS = {"fp32": ("float32", 32), "int16": ("int16", 16), "int8": ("int8", 8)}
"""Format and width of the factors."""


def _autosa(row: GoldenRow) -> Simulated | None:
    grid, gemm = _GRID.search(row.array), _GEMM.match(row.model)
    if grid is None or row.precision not in _FORMATS:
        return None
    rows, cols, simd = (int(group) for group in grid.groups())
    name, bits = _FORMATS[row.precision]
    overrides: Overrides = (
        ("units.array.sides.rows", rows),
        ("units.array.sides.cols", cols),
        ("units.array.sides.simd", simd),
        ("units.array.unroll.rows.rows", rows),
        ("units.array.unroll.rows.oh", rows),
        ("units.array.unroll.cols.outputs", cols),
        ("units.array.unroll.cols.oc", cols),
        ("clocks.kernel.frequency", f"{row.clock_mhz} MHz"),
        ("precision.activation", name),
        ("precision.weight", name),
        ("units.array.multiplier.0", f"{bits} bit"),
        ("units.array.multiplier.1", f"{bits} bit"),
        ("units.array.dsp_packing", 2 if "2 MAC per DSP" in row.array else 1),
    )
    hardware = design(_AUTOSA, overrides)
    if row.metric == "dsp_used":
        return Simulated(resources(hardware)["dsp"].amount)
    if row.metric != "kernel_time":
        return None
    if gemm is not None:
        m, n, k = (int(size) for size in gemm.groups() if size)
        graph = product(m, n, k)
    elif row.model.startswith("Conv 512->512 3x3 on 56x56"):
        graph = convolution(512, 56, 512, 3, 1, pad=1)
    else:
        return None
    return Simulated(graph_on(graph, hardware).latency_s)


AUTOSA = GoldenSuite("autosa", ("AutoSA systolic array",), _autosa, {"kernel_time": 25.0, "dsp_used": 2.0})

_LARGE = PUBLISHED / "hardware" / "nvdla-2048.yaml"
_SHAPE = re.compile(r"C(\d+) H(\d+) W(\d+) K(\d+) R(\d+) S(\d+) strideH(\d+) P(\d+) Q(\d+)")
_SMALL = re.compile(r"(\d+) int8 MAC; (\d+) KB conv buffer; ([\d.]+) GB/s")


def _nvdla(row: GoldenRow) -> Simulated | None:
    return _sheet(row) if row.system == "NVDLA analytic sheet" else _primer(row)


def _sheet(row: GoldenRow) -> Simulated | None:
    """A layer of the spreadsheet. Its multiplier cycles assume full use; ours round channels and kernels up."""
    shape = _SHAPE.search(row.notes)
    if shape is None or "no second SRAM port" not in row.array:
        return None
    channels, height, _, kernels, kernel, _, stride, rows, _ = (int(group) for group in shape.groups())
    pad = max(0, -(-((rows - 1) * stride + kernel - height) // 2))
    fully = rows == 1 and height == kernel
    frames = 16 if fully and row.model != _UNBATCHED else 1
    if fully:
        graph = product(frames, kernels, channels * kernel * kernel)
    else:
        graph = convolution(channels, height, kernels, kernel, stride, pad=pad)
    result = graph_on(graph, design(_LARGE))
    metrics: Mapping[str, float] = {
        "layer_cycles": result.cycles / frames,
        "layer_mac_cycles": result.nodes[0].ideal_cycles / frames,
        "layer_dram_cycles": result.dram_bytes / 10 / frames,
    }
    if row.metric not in metrics:
        return None
    note = next((text for found, text in _DIFFERENT.items() if found in f"{row.notes} {row.model}"), "")
    if stride > 1 and not note:
        note = "it reads all of the input there, ours what a stride leaves"
    return Simulated(metrics[row.metric], note=note, scored=not note)


_UNBATCHED = "ResNet50 / fc1000"
"""The one fully connected layer that the sheet does not charge a sixteenth of its weights."""

_DIFFERENT = {
    "winograd=True": "Winograd halves its products there",
    "fused_pool=True": "its pooling is fused",
    "Elwise": "the operand of its addition is not part of the layer simulated",
}
"""What the sheet counts otherwise, by a word of a row's name or notes."""


def _primer(row: GoldenRow) -> Simulated | None:
    small = _SMALL.search(row.array)
    if small is None or row.metric != "fps" or int(small[1]) != 64:
        return None
    result = model_on("resnet50", "nvdla-small-like")
    return Simulated(1 / result.latency_s, scored=False, note="the published figure is recalled, not read")


NVDLA = GoldenSuite(
    "nvdla",
    ("NVDLA analytic sheet", "NVDLA primer estimates"),
    _nvdla,
    {"layer_cycles": 50.0},
)


def _gemmini(row: GoldenRow) -> Simulated | None:
    if row.metric not in ("total_cycles", "mac_utilization"):
        return None
    result = model_on("resnet50", "gemmini-16x16")
    value = 4.0 * result.cycles if row.metric == "total_cycles" else result.utilisation
    return Simulated(value, note=_GEMMINI_NOTE)


_GEMMINI_NOTE = (
    "four frames one after the other; the host that issues commands, its cache and address translation are not modelled"
)
GEMMINI = GoldenSuite("gemmini", ("Gemmini",), _gemmini, {"total_cycles": 50.0, "mac_utilization": 90.0})


def _tpu(row: GoldenRow) -> Simulated | None:
    hardware = design("tpu-v1-like")
    if row.metric == "peak_tops":
        unit = hardware.units["matrix"]
        assert isinstance(unit, SystolicUnit)
        return Simulated(2 * unit.macs_per_step * hardware.clock_hz / 1e12)
    if row.metric == "onchip_memory":
        buffers = [m for name, m in hardware.memories.items() if isinstance(m, Buffer) and name != "fifo"]
        return Simulated(sum(buffer.total_bytes for buffer in buffers) / 2.0**20)
    match = re.match(r"MLP0 batch (\d+)", row.model)
    if match is None:
        return None
    batch, layers, width = int(match[1]), 5, 2000
    result = graph_on(product(batch, width, width), hardware)
    tops = 2 * batch * width * width / result.latency_s / 1e12
    return Simulated(
        tops,
        scored=False,
        note=f"{layers} layers of {width} x {width} are 20 M weights, as recalled; so is the published figure",
    )


TPU = GoldenSuite("tpu", ("TPU v1",), _tpu, {"peak_tops": 2.0, "onchip_memory": 2.0})

_COMPUTE = re.compile(r"^(\d+) compute DSPs")
_NETWORKS = {"ResNet-50": "resnet50", "VGG-16": "vgg16"}
_SIDES = {128: (16, 8), 256: (16, 16), 512: (32, 16), 1024: (32, 32)}
"""Kernels x pixels; only the product is published."""


def _chaidnn(row: GoldenRow) -> Simulated | None:
    slices, model = _COMPUTE.search(row.array), _NETWORKS.get(row.model)
    clock = row.clock_mhz.split("/")[0]
    if slices is None or model is None or int(slices[1]) not in _SIDES or "ZU9EG" not in row.board:
        return None
    kernels, pixels = _SIDES[int(slices[1])]
    if row.precision == "6-bit":  # two products a slice where 8 bit has one
        kernels *= 2
    overrides: Overrides = (
        ("units.conv.sides.kernels", kernels),
        ("units.conv.sides.pixels", 2 * pixels),  # slices run at twice the clock
        ("units.conv.unroll.kernels.oc", kernels),
        ("units.conv.unroll.pixels.ow", 2 * pixels),
        ("units.conv.unroll.pixels.oh", 2 * pixels),
        ("clocks.pl.frequency", f"{clock} MHz"),
    )
    result = model_on(model, "chaidnn-zu9", overrides)
    rates: Mapping[str, Callable[[], Simulated]] = {
        "fps_without_fc": lambda: Simulated(1 / seconds_without(result, "linear")),
        "fps_with_fc": lambda: Simulated(
            1 / result.latency_s, scored=False, note="the original runs these layers on the processor"
        ),
    }
    return rates[row.metric]() if row.metric in rates else None


CHAIDNN = GoldenSuite("chaidnn", ("CHaiDNN-v2",), _chaidnn, {"fps_without_fc": 65.0})
