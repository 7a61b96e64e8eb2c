"""Pruning-Adapter's latency against adapters alone and pruning alone, and other levels of pruning."""

from __future__ import annotations

from accelsim.evaluate.simulate import activity_of, hardware_for
from accelsim.ir import Graph
from accelsim.results import Result
from accelsim.sim.simulate import simulate
from models.claims.page import Bar, Figure, Page, section, table
from models.claims.published import published
from models.claims.simulated import graph_of, run

HARDWARE = ("systolic-32", "systolic-128")
MODEL = "pruning-adapter-bert-base"
FORMS = {
    "frozen base, all heads": "base",
    "adapters alone, beside the base": "adapter",
    "pruning alone": "pruned",
    "both, adapters beside": "adapted",
    "both, adapters merged": "merged",
}
SPARSE = "systolic-32-two-four"
LEVELS = {
    "heads only": None,
    "heads, and 2 of 4 weights": "n:m=2:4",
    "heads, and 90 % of weights anywhere": "unstructured=0.1",
    "heads, and half of the 4x4 blocks": "block=4x4:0.5",
}


def page() -> Page:
    sections, latency = [], {}
    for hardware in HARDWARE:
        results = {name: run(graph_of(MODEL, task="cola", form=form), hardware) for name, form in FORMS.items()}
        latency[hardware] = {name: result.latency_s for name, result in results.items()}
        sections.append(section(f"{hardware}, CoLA, 128 tokens, batch 1", _table(results)))
    merged = graph_of(MODEL, task="cola")
    levels = {name: _sparse(merged, pattern) for name, pattern in LEVELS.items()}
    first = latency[HARDWARE[0]]
    base = first["frozen base, all heads"]
    alone, pruned, beside, merged_change = (f"{100 * (first[name] / base - 1):+.1f} %" for name in list(FORMS)[1:])
    return Page(
        name="pruning_adapter",
        title="Pruning-Adapter: latency against adapters alone and pruning alone",
        claim=(
            "removing heads and training adapters on what is left saves memory and time in training and inference "
            "(stated without numbers that could be read)."
        ),
        found=(
            f"on {HARDWARE[0]}, against the latency of the base: adapters alone {alone}, pruning alone {pruned}, both "
            f"{beside} with adapters beside and {merged_change} merged. Merging takes back what adapters cost; the "
            "saving is that of pruning, and no more than the 10.5 % of the operations that 43 of 144 heads are."
        ),
        sections=(
            *sections,
            section(
                f"Other levels of pruning, merged, on {SPARSE}",
                "The paper removes heads only. These are further levels, declared on the same matrices; what an array "
                "cannot skip it computes dense.",
                _table(levels, first="level"),
            ),
        ),
        figure=Figure(
            "Latency of BERT-base for one task, 128 tokens",
            "ms",
            tuple(
                Bar(f"{name}, {hardware}", 1e3 * seconds)
                for hardware in HARDWARE
                for name, seconds in latency[hardware].items()
            ),
        ),
        points=published("pruning_adapter"),
        commands=(
            f"accelsim run {MODEL}-adapted {HARDWARE[0]} --task cola",
            f"accelsim simulate {MODEL} {SPARSE} --task cola --sparsity n:m=2:4",
        ),
    )


def _sparse(graph: Graph, pattern: str | None) -> Result:
    return simulate(graph, hardware_for(SPARSE), activity=activity_of(graph, "uniform", pattern))


def _table(results: dict[str, Result], *, first: str = "form") -> str:
    base = next(iter(results.values()))
    headings = (first, "ms", "change, %", "GMAC", "read, MiB", "mJ")
    rows = [
        (
            name,
            f"{1e3 * one.latency_s:.2f}",
            f"{100 * (one.latency_s / base.latency_s - 1):+.1f}",
            f"{one.macs / 1e9:.3f}",
            f"{one.dram_read_bytes / 2**20:.1f}",
            f"{1e3 * one.energy_j:.1f}",
        )
        for name, one in results.items()
    ]
    return table(headings, rows)
