"""PDCNet's pixel differences, folded and not, and why its large kernels map badly."""

from __future__ import annotations

from accelsim.results import NodeResult, Result
from models.claims.page import Bar, Figure, Page, section, table
from models.claims.published import published
from models.claims.simulated import graph_of, run

HARDWARE = ("systolic-32", "systolic-128", "dpu-b4096-zcu102")
ARRAY = "systolic-128"
SEPARATE = {"schedule.differences": "separate"}
PARTS = {"near": "depthwise 5x5", "spread": "depthwise 7x7, dilation 3", "point": "1x1"}


def page() -> Page:
    graph = graph_of("pdcnet-resnet101")
    folded = {hardware: run(graph, hardware) for hardware in HARDWARE}
    beside = {hardware: run(graph, hardware, SEPARATE) for hardware in HARDWARE}
    array = folded[ARRAY]
    kernels = [node for node in array.nodes if node.name.startswith("large_kernels.")]
    wide = [node for node in kernels if not node.name.endswith(".point") and node.macs]
    macs, cycles = (sum(getattr(node, what) for node in wide) for what in ("macs", "cycles"))
    rest = sum(node.macs for node in kernels), sum(node.cycles for node in kernels)
    slower = {hardware: beside[hardware].latency_s / folded[hardware].latency_s for hardware in HARDWARE}
    return Page(
        name="pdcnet",
        title="PDCNet: differences folded, and depthwise large kernels",
        claim=(
            "differences to the centre pixel add the gradient to the intensity without parameters, and a cascade of "
            "large kernels is lightweight. Neither cost nor time could be read."
        ),
        found=(
            "folded into the weights, which is exact, a difference costs nothing; as a product of its own it takes "
            f"{100 * (slower[ARRAY] - 1):.0f} % more time on {ARRAY}. The depthwise layers of the large kernels are "
            f"{100 * macs / array.macs:.2f} % of the operations and {100 * cycles / _total(array):.0f} % of the "
            "cycles there."
        ),
        sections=(
            section(
                "Differences folded and beside",
                "480x640, 40 classes, batch 1; the whole network, whose layout is a reconstruction.",
                table(
                    ("hardware", "folded, ms", "beside, ms", "beside / folded", "GMAC folded", "GMAC beside"),
                    [
                        (
                            hardware,
                            f"{1e3 * folded[hardware].latency_s:.1f}",
                            f"{1e3 * beside[hardware].latency_s:.1f}",
                            f"{slower[hardware]:.3f}",
                            f"{folded[hardware].macs / 1e9:.2f}",
                            f"{beside[hardware].macs / 1e9:.2f}",
                        )
                        for hardware in HARDWARE
                    ],
                ),
            ),
            section(
                f"The cascade of large kernels on {ARRAY}",
                "A depthwise layer is one small product a channel: 25 or 49 weights in one of 128 columns, so at most "
                "0.15 % and 0.3 % of the array work, and 5x5 takes as many cycles as 7x7, because both fit the 128 "
                f"rows once. In the cascades the depthwise layers are {100 * macs / rest[0]:.1f} % of the operations "
                f"and {100 * cycles / rest[1]:.1f} % of the cycles; a 1x1 of many more operations fills the array.",
                table(
                    ("layer", "MMAC", "thousand cycles", "array busy, %"), [_row(node) for node in kernels if node.macs]
                ),
            ),
        ),
        figure=Figure(
            f"Array busy in the large kernels at 120x160, {ARRAY}",
            "% of the places, logarithmic",
            tuple(Bar(_label(n), 100 * n.utilisation) for n in kernels if n.macs and ".0." in n.name),
            log=True,
        ),
        points=published("pdcnet"),
        commands=(
            f"accelsim run pdcnet-resnet101 {ARRAY}",
            f"accelsim simulate pdcnet-resnet101 {ARRAY} -s schedule.differences=separate",
        ),
    )


def _total(result: Result) -> int:
    return sum(node.cycles for node in result.nodes)


def _label(node: NodeResult) -> str:
    _, stage, part = node.name.split(".")
    return f"{PARTS[part]}, stage {int(stage) + 1}"


def _row(node: NodeResult) -> tuple[str, ...]:
    return _label(node), f"{node.macs / 1e6:.0f}", f"{node.cycles / 1e3:.0f}", f"{100 * node.utilisation:.2f}"
