"""PAD-Net's weight traffic at several dynamic ratios."""

from __future__ import annotations

from accelsim.ir import Graph
from models.claims.page import Bar, Figure, Page, section, table
from models.claims.published import published
from models.claims.simulated import graph_of, run

RATIOS = (0, 0.1, 0.3, 0.5, 1)
NETWORKS = ("padnet-resnet50", "padnet-resnet18")
HARDWARE = ("systolic-32", "systolic-128")
MIXTURES = (0.1, 0.3, 0.5, 1)
_MIB = 2**20


def page() -> Page:
    read: dict[tuple[str, str, float], int] = {}
    sections = []
    for hardware in HARDWARE:
        for network in NETWORKS:
            rows = []
            for ratio in RATIOS:
                graph = graph_of(network, ratio=ratio)
                result = run(graph, hardware)
                read[hardware, network, ratio] = result.dram_read_bytes
                more = (result.dram_read_bytes - read[hardware, network, 0]) / _MIB
                rows.append(
                    (
                        f"{100 * ratio:g} %",
                        f"{_stored(graph) / 1e6:.1f}",
                        f"{result.dram_read_bytes / _MIB:.1f}",
                        f"{more:.1f}",
                        f"{1e3 * result.latency_s:.2f}",
                        f"{1e3 * result.energy_j:.1f}",
                    )
                )
            headings = ("dynamic", "weights, M", "read, MiB", "more than static, MiB", "ms", "mJ")
            sections.append(section(f"{network} on {hardware}", table(headings, rows)))
    sections.append(section("padnet-bert-moe on systolic-32", _EXPERTS, _experts()))

    def extra(network: str, hardware: str, ratio: float) -> float:
        return (read[hardware, network, ratio] - read[hardware, network, 0]) / _MIB

    saved = {n: 1 - extra(n, HARDWARE[0], 0.3) / extra(n, HARDWARE[0], 1) for n in NETWORKS}
    return Page(
        name="padnet",
        title="PAD-Net: weight traffic of partially dynamic convolutions",
        claim=(
            "a network of which 30 % is dynamic does what a fully dynamic one does (+0.7 points on ImageNet). The "
            "paper counts parameters; traffic follows from them only where a deployment stores what is static once."
        ),
        found=(
            f"on {HARDWARE[0]}, 30 % instead of 100 % dynamic saves "
            f"{100 * saved['padnet-resnet50']:.0f} % of what dynamic kernels of ResNet-50 add to the reads of the "
            f"static network ({100 * saved['padnet-resnet18']:.0f} % for ResNet-18); products stay the same. The rest "
            "is read for pooling, placing and the mixed kernels, which do not depend on the ratio."
        ),
        sections=(_HOW, *sections),
        figure=Figure(
            "Reads from DRAM beyond those of the static network, ResNet-50",
            "MiB for each image",
            tuple(
                Bar(f"{100 * ratio:g} % dynamic, {hardware}", extra("padnet-resnet50", hardware, ratio))
                for hardware in HARDWARE
                for ratio in RATIOS[1:]
            ),
        ),
        points=published("padnet"),
        commands=("accelsim run padnet-resnet50 systolic-32 --levers", "accelsim simulate padnet-bert-moe systolic-32"),
    )


def _stored(graph: Graph) -> int:
    """Weights that must be stored: statistics of norms as well, holes of static kernels not."""
    tensors = [graph.tensors[name] for name in graph.parameters]
    return sum(t.elements if t.dtype.is_float else -t.elements for t in tensors if t.shape)


def _experts() -> str:
    rows = []
    for ratio in MIXTURES:
        graph = graph_of("padnet-bert-moe", ratio=ratio)
        result = run(graph, "systolic-32")
        rows.append(
            (
                f"{100 * ratio:g} %",
                f"{_stored(graph) / 1e6:.1f}",
                f"{result.dram_read_bytes / _MIB:.1f}",
                f"{1e3 * result.latency_s:.1f}",
                f"{result.macs / 1e9:.2f}",
            )
        )
    return table(("dynamic", "weights, M", "read, MiB", "ms", "GMAC"), rows)


_HOW = section(
    "How it is deployed",
    "Static elements are stored once and dynamic ones four times, with their places as indices or a bit map. Each "
    "image mixes its own kernel: attention over the four kernels, mixing, placing, convolution. The static kernel is "
    "read whole, with the holes that dynamic elements fill. Batch 1, 224x224, one byte a weight. Which elements are "
    "dynamic is drawn by a seed at the ratio. The text of the paper could not be read: its parameter counts fit a "
    "ratio of 0.1, at which 31 % of the stored weights are dynamic, so that its 30 % may mean either row.",
)
_EXPERTS = (
    "Mixtures of 8 experts in both layers of each feed-forward part, tokens spread evenly. What experts share is one "
    "product more for every token; on an array that computes zeros the packed part is computed dense, so that fewer "
    "bytes come with more products."
)
