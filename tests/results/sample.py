"""A made-up result of the size and shape of a real one (12 blocks, odd ones with experts), for tests."""

from __future__ import annotations

from accelsim.ir.frozen import FrozenMap
from accelsim.results import (
    Alternative,
    Equivalence,
    EquivalenceEntry,
    EstimateEffect,
    Event,
    Executor,
    Failure,
    FrameResult,
    Lever,
    NodeDifference,
    NodeResult,
    Provenance,
    Range,
    ResourceUse,
    Result,
    Scenario,
    Stage,
    Stop,
    ValidationRow,
    compare,
)

CLOCK_HZ = 300e6


def stage(name: str, unit: str, macs: int = 0, **causes: int) -> Stage:
    return Stage(name, unit, sum(causes.values()), FrozenMap(causes), macs)


def node(name: str, op: str, start: int, *stages: Stage, bound: str = "compute", detail: str = "") -> NodeResult:
    causes: dict[str, int] = {}
    for part in stages:
        for cause, cycles in part.stalls.items():
            causes[cause] = causes.get(cause, 0) + cycles
    cycles, macs = sum(causes.values()), sum(part.macs for part in stages)
    return NodeResult(
        name=name,
        module=name.rpartition(".")[0],
        op=op,
        unit=stages[0].unit,
        start_cycle=start,
        cycles=cycles,
        ideal_cycles=causes.get("compute", 0),
        macs=macs,
        dram_read_bytes=cycles * 7,
        dram_write_bytes=cycles * 2,
        utilisation=round(macs / (cycles * 256), 4),
        bound=bound,
        stalls=FrozenMap(causes),
        energy_j=cycles * 6.1e-9,
        detail=detail,
        stages=stages,
    )


def _block(index: int) -> list[tuple[str, str, tuple[Stage, ...], str]]:
    prefix = f"encoder.blocks.{index}"
    norm = (
        stage("layer_norm.statistics", "norm", vector=16_000, fill_drain=895),
        stage("layer_norm.normalise", "norm", vector=16_000),
    )
    linear = (stage("linear.main", "linear", 4_755_456, compute=18_576, weight_load=7_432, fill_drain=250),)
    add = (stage("add.main", "adder", vector=6_192, fill_drain=142),)
    attention = (
        stage("attention.scores", "scores", 3_195_072, compute=102_168, input_wait=102_168, fill_drain=160),
        stage("attention.context", "context", 3_195_072, compute=102_168, input_wait=102_168, fill_drain=260),
    )
    rows = [(f"{prefix}.norm1", "layer_norm", norm, "vector lanes")]
    rows += [(f"{prefix}.attn.qkv.{part}", "linear", linear, "compute") for part in "qkv"]
    rows += [(f"{prefix}.attn.attention", "attention", attention, "link inout3 (K and V streaming)")]
    rows += [
        (f"{prefix}.attn.proj", "linear", linear, "compute"),
        (f"{prefix}.add_1", "add", add, "link inout2"),
    ]
    rows += [(f"{prefix}.norm2", "layer_norm", norm, "vector lanes")]
    if index % 2:
        moe = (
            stage("moe.gate", "gating", 396_288, compute=23_220, weight_load=768),
            stage("moe.fc1", "linear", 19_021_824, compute=74_304, weight_load=58_000),
            stage("moe.fc2", "linear", 19_021_824, compute=74_304, weight_load=32_000, input_wait=1_500),
        )
        rows += [(f"{prefix}.moe", "moe", moe, "weights of experts")]
    else:
        mlp = (stage("linear.main", "linear", 19_021_824, compute=74_304, weight_load=18_432, fill_drain=250),)
        rows += [(f"{prefix}.mlp.{part}", "linear", mlp, "compute") for part in ("fc1", "fc2")]
    return [*rows, (f"{prefix}.add_2", "add", add, "link inout2")]


def sample_levers(latency: float) -> tuple[Lever, ...]:
    """One that helps, one that helps and does not fit, one that does nothing, one that cannot run."""
    return (
        Lever(
            "2x frequency of clock pl",
            "clock",
            FrozenMap({"clocks.pl.frequency": "600 MHz"}),
            latency / 1.9,
            1.9,
            0.18,
            0.85,
            False,
            "clock of unit 'linear': needs 600 MHz, has 300 MHz",
        ),
        Lever(
            "2x port width of all 2 links",
            "bandwidth",
            FrozenMap({"links.inout2.port_width": "256 bit", "links.inout3.port_width": "256 bit"}),
            latency / 1.25,
            1.25,
            0.19,
            0.9,
            True,
        ),
        Lever(
            "2x bandwidth of memory ddr",
            "bandwidth",
            FrozenMap({"memories.ddr.bandwidth": "34128 MB/s"}),
            latency,
            1.0,
            0.211,
            1.0,
            True,
        ),
        Lever(
            "2x inputs of unit linear",
            "array",
            FrozenMap({"units.linear.inputs": "32"}),
            reason="node 'fc1' on unit 'linear': needs 300 KiB, has 288 KiB",
        ),
    )


def sample_stops(latency: float) -> tuple[Stop, ...]:
    """A DRAM with more than enough, a port with too little, a clock without end, a buffer without effect."""
    return (
        Stop("memories.ddr.bandwidth", "bandwidth", 17.064e9, "bytes_per_s", 7.2512e9, True, 266625e3, 1.09e12,
             latency * 0.999, 0.01, "held"),
        Stop("links.inout2.port_width", "bandwidth", 128, "bits", 256.0, True, 8.0, 512.0, latency * 0.88, 0.01,
             "held"),
        Stop("clocks.pl.frequency", "clock", 300e6, "hz", None, True, 5e6, 19.2e9, latency * 0.02, 0.01, "held"),
        Stop("memories.weights.words", "buffer", 576, "words of 4096 bit", None, False, 9.0, 36864.0, latency, 0.01,
             "searched"),
    )  # fmt: skip


def sample_result() -> Result:
    rows = [
        (
            "encoder.patch_embed.proj",
            "conv2d",
            (stage("conv2d.main", "patch", 18_874_368, compute=221_184, serial=6_000),),
            "compute",
        )
    ]
    for index in range(12):
        rows += _block(index)
    nodes: list[NodeResult] = []
    clock = 0
    for name, op, stages, bound in rows:
        nodes.append(node(name, op, clock, *stages, bound=bound))
        clock += nodes[-1].cycles
    causes: dict[str, int] = {}
    for item in nodes:
        for cause, cycles in item.stalls.items():
            causes[cause] = causes.get(cause, 0) + cycles
    latency = clock / CLOCK_HZ
    return Result(
        model="m3vit-tiny",
        hardware="edge-moe-zcu102",
        hardware_title="Edge-MoE on ZCU102, five AXI masters of 256 bit on ports of 128 bit",
        scenario=Scenario(
            ("semseg",),
            activity_source="recorded by the engine on the seeded example image",
            active_experts=FrozenMap({f"encoder.blocks.{i}.moe": (12 + i % 3, 16) for i in range(1, 12, 2)}),
        ),
        clock_hz=CLOCK_HZ,
        cycles=clock,
        latency_s=latency,
        initiation_interval_s=latency,
        throughput_per_s=1 / latency,
        energy=FrozenMap({"accelerator_dynamic": 0.112, "dram": 0.041, "device_static": 0.058, "board": 0.48}),
        macs=sum(item.macs for item in nodes),
        utilisation=0.298,
        on_chip_bytes=1_411_000,
        dram_read_bytes=98_700_000,
        dram_write_bytes=12_400_000,
        resources=FrozenMap(
            {
                "dsp": ResourceUse(1024, 2520, 1024, 1164),
                "bram36": ResourceUse(312.5, 912),
                "uram": ResourceUse(0, 0),
                "lut": ResourceUse(151_000, 274_080, 120_000, 182_000),
            }
        ),
        stalls=FrozenMap(causes),
        limited_by="link inout3 (K and V streaming) 48 %",
        nodes=tuple(nodes),
        board="zcu102",
        power_w=0.211 / latency,
        energy_components=FrozenMap(
            {
                "accelerator_dynamic.dsp": 0.049,
                "accelerator_dynamic.bram": 0.031,
                "accelerator_dynamic.clock_and_logic": 0.032,
                "dram.transfer": 0.030,
                "dram.standby": 0.011,
                "device_static.pl": 0.058,
                "board.processing_system": 0.15,
            }
        ),
        alternatives=(
            Alternative("released routing, task 0", clock - 220_000, (clock - 220_000) / CLOCK_HZ),
            Alternative("all 16 experts active", clock + 430_000, (clock + 430_000) / CLOCK_HZ),
        ),
        events=tuple(
            Event(f"unit {item.unit}", item.name, item.start_cycle, item.start_cycle + item.cycles, "compute")
            for item in nodes
        ),
        equivalence=Equivalence(
            (
                EquivalenceEntry("torch", 3.1e-6, 1.2e-6, True, 214, version="2.13.0+cpu"),
                EquivalenceEntry(
                    "onnxruntime",
                    4.4e-6,
                    1.9e-6,
                    True,
                    214,
                    routing_flips=1,
                    flip_margins=(2.2e-7,),
                    forced_ok=True,
                    forced_max_rel_err=1.8e-6,
                    version="1.23.0",
                    worst=(NodeDifference("encoder.blocks.11.mlp.fc2", 4.4e-6, 1.9e-6),),
                ),
            ),
            inputs_differ=True,
        ),
        executor=Executor(0.0413, 9_437_184, 2, ("resize",)),
        ranges=FrozenMap(
            {
                "latency_s": Range(latency * 0.93, latency * 1.07),
                "energy_j": Range(0.14, 0.33),
                "energy_dram_j": Range(0.03, 0.06),
            }
        ),
        assumptions=(
            "activity: recorded by the engine on the seeded example image; other images route differently",
            "64 layout nodes (reshape, transpose, slice) cost nothing: addresses are formed while streaming",
        ),
        not_modelled=(
            "DRAM refresh and row misses beyond the stated efficiency",
            "the host's call that starts a frame",
        ),
        provenance=Provenance(FrozenMap({"sourced": 71, "estimate": 12, "calibrated": 0})),
        sensitivities=(
            EstimateEffect(
                "units.norm.row_latency",
                "255 cycles",
                "200 cycles",
                "310 cycles",
                latency * 0.97,
                latency * 1.03,
                0.2,
                0.22,
                "sum of the two loop depths",
            ),
            EstimateEffect(
                "units.gating.row_latency",
                "180 cycles",
                "120 cycles",
                "240 cycles",
                latency * 0.998,
                latency * 1.002,
                0.211,
                0.211,
                "trip counts and depths",
            ),
        ),
        levers=sample_levers(latency),
        stops=sample_stops(latency),
        graph_digest="5f1d6c0a9be2",
        hardware_digest="a94be01c77d3",
        accelsim_version="0.1.0",
        folded_nodes=64,
    )


MISFIT = Failure(
    "on-chip memory",
    5_075_107,
    4_980_736,
    "bytes",
    (("expert weights", 2_365_440), ("activations", 2_709_667)),
    ("fewer experts in the cache (schedule.experts.cache.experts)", "activations of 8 bits"),
)


def sample_frames() -> tuple[FrameResult, ...]:
    return (
        FrameResult("semseg", 10_200_000, 0.034),
        FrameResult("depth", 10_400_000, 0.034667, 36_864, 4_680),
        FrameResult("semseg", 10_200_000, 0.034, 36_864, 4_680),
    )


def sample_rows() -> list[ValidationRow]:
    board = {"evidence": "measured on the board", "source": "Edge-MoE (ICCAD 2023), Table V"}
    return [
        compare(
            "edge-moe",
            "ViT-tiny",
            metric="latency",
            unit="ms",
            published=34.64,
            simulated=34.1,
            band_pct=8,
            low=31.5,
            high=36.8,
            **board,
        ),
        compare(
            "edge-moe",
            "ViT-tiny",
            metric="share of QK + AV",
            unit="",
            published=0.5,
            simulated=0.59,
            band_pct=6,
            **board,
        ),
        compare(
            "edge-moe",
            "baseline",
            metric="latency",
            unit="ms",
            published=650.3,
            simulated=512.0,
            note="assumed: token-major",
            **board,
        ),
        compare("edge-moe", "ViT-tiny", metric="energy", unit="J", published=None, simulated=0.211, **board),
    ]
