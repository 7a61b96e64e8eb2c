"""The share of DenseMTL's exchange block, and what the exact rewrites for inference save."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from accelsim.ir import Graph
from accelsim.passes import expand, fold_batch_norm, fold_constants, shrink_upsampled_conv, skip_padding
from accelsim.results import Result
from models.claims.page import Bar, Figure, Page, bar_of, section, table
from models.claims.published import published
from models.claims.simulated import graph_of, run

HARDWARE = ("systolic-32", "systolic-128")
MODELS = {
    "densemtl-resnet101": "2 tasks, 512x1024",
    "densemtl-resnet101-sdn": "3 tasks, 512x1024",
    "densemtl-resnet101-sdne": "4 tasks, 448x576",
}


def page() -> Page:
    rows, shares = [], {}
    for hardware in HARDWARE:
        for model, title in MODELS.items():
            result = run(graph_of(model), hardware)
            of_macs, of_time = (_share(result, what) for what in ("macs", "cycles"))
            shares[hardware, model] = of_macs, of_time
            pairs = sum(node.op == "cross_task_attention" for node in result.nodes)
            latency = f"{1e3 * result.latency_s:.0f}"
            gmac = f"{result.macs / 1e9:.1f}"
            rows.append((f"{title}, {hardware}", f"{pairs}", gmac, f"{of_macs:.1f}", latency, f"{of_time:.1f}"))
    saved = [_rewrites(hardware) for hardware in HARDWARE]
    points = published("densemtl")
    counted = [p for p in points if p.metric == "exchange block"]
    low, high = shares[HARDWARE[1], "densemtl-resnet101"], shares[HARDWARE[1], "densemtl-resnet101-sdne"]
    return Page(
        name="densemtl",
        title="DenseMTL: the exchange between tasks",
        claim="attention between every two tasks helps both; what it costs is not printed.",
        found=(
            f"on {HARDWARE[1]} the exchange block is {low[0]:.0f} % of the operations and {low[1]:.0f} % of the time "
            f"with two tasks, {high[0]:.0f} % and {high[1]:.0f} % with four: it grows with the pairs. {saved[1][0]}"
        ),
        sections=(
            section(
                "Share of the exchange block",
                "The pairs and the fusion of what they give to each task; the whole network, batch 1.",
                table(("network", "pairs", "GMAC", "exchange, % of MAC", "ms", "exchange, % of time"), rows),
            ),
            *(
                section(f"What exact rewrites save, 2 tasks, {h}", _REWRITES, text)
                for h, (_, text) in zip(HARDWARE, saved, strict=True)
            ),
        ),
        figure=Figure(
            "Exchange block, share of the operations and of the time",
            "%",
            (
                *(Bar(f"{title}, operations", shares[HARDWARE[1], model][0]) for model, title in MODELS.items()),
                *(
                    Bar(f"{title}, time on {HARDWARE[1]}", shares[HARDWARE[1], model][1])
                    for model, title in MODELS.items()
                ),
                *map(bar_of, counted),
            ),
        ),
        points=points,
        commands=(
            f"accelsim run densemtl-resnet101 {HARDWARE[1]}",
            f"accelsim simulate densemtl-resnet101-sdne {HARDWARE[1]}",
        ),
    )


STEPS: Mapping[str, Callable[[Graph], Graph]] = {
    "norms folded": fold_batch_norm,
    "exchange rewritten": lambda graph: fold_constants(expand(graph, "cross_task_attention", "rewritten")),
    "convolved before the resize": shrink_upsampled_conv,
    "no taps in padding": skip_padding,
}
"""The exact rewrites for inference, in the order in which they are done."""

_REWRITES = (
    "Each step on top of the one before. Norms fold into convolutions. In an exchange, 1 / sqrt(C) folds into the "
    "queries and alpha into the projection, and the part of the projection that sees the attention runs before the "
    "resize, at a sixteenth of the positions. A 3x3 convolution of a doubled image becomes four 2x2 of the small one. "
    "An atrous convolution is cut into regions that leave out the taps which fall into padding. Outputs before the "
    "exchange are left out in all rows."
)


def _share(result: Result, what: str) -> float:
    """Percent of a quantity of all nodes that the exchange block takes."""
    inside = sum(getattr(node, what) for node in result.nodes if node.name.startswith("exchange."))
    return 100 * inside / sum(getattr(node, what) for node in result.nodes)


def _rewrites(hardware: str) -> tuple[str, str]:
    """In a sentence, and as a table."""
    forms = {"as trained": graph_of("densemtl-resnet101", weights=True)}
    for name, step in STEPS.items():
        forms[name] = step(next(reversed(forms.values())))
    results = {name: run(graph, hardware) for name, graph in forms.items()}
    first = results["as trained"]
    rows = [
        (
            name,
            f"{one.macs / 1e9:.2f}",
            f"{1e3 * one.latency_s:.1f}",
            f"{100 * (one.latency_s / first.latency_s - 1):+.1f}",
            f"{one.dram_bytes / 2**20:.0f}",
        )
        for name, one in results.items()
    ]
    folded, last = results["norms folded"], next(reversed(results.values()))
    told = (
        f"With two tasks, folding norms saves {100 * (1 - folded.latency_s / first.latency_s):.1f} % of the time. All "
        f"rewrites leave out {100 * (1 - last.macs / first.macs):.1f} % of the operations and change the time by "
        f"{100 * (last.latency_s / first.latency_s - 1):+.1f} %: what they cut out and put together passes through "
        "memory."
    )
    return told, table(("form", "GMAC", "ms", "change, %", "DRAM, MiB"), rows)
